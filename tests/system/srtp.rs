//! Protected calls: a telephone with SRTP, under each policy of the trunk.

use std::time::Duration;

use rtp::srtp::Suite;
use testkit::{
    gateway::{Gateway, GatewayOptions},
    softphone::{CallRequest, PhoneError, PhoneEvent, Softphone},
};
use tokio::time::timeout;

use crate::{
    client::{eventually, metrics, sum},
    plant,
};

/// How long anything about a call may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Packets with sound that are enough to tell that the opening is heard.
const ENOUGH: usize = 50;

fn request(gateway: &Gateway, srtp: Option<Suite>) -> CallRequest {
    CallRequest { srtp, ..CallRequest::new(gateway.addresses().sip_udp, "+15555550199", "collections") }
}

/// Listens until enough of the gateway's voice was heard.
async fn hear(phone: &mut Softphone) {
    let mut heard = 0;
    while heard < ENOUGH {
        match timeout(PATIENCE, phone.next()).await.expect("sound in time") {
            Some(PhoneEvent::Audio { samples, .. }) => {
                heard += usize::from(samples.iter().any(|sample| sample.unsigned_abs() > 100));
            }
            Some(PhoneEvent::Silence { .. } | PhoneEvent::Idle | PhoneEvent::Referred { .. }) => {}
            Some(PhoneEvent::HungUp) | None => panic!("the gateway hung up"),
        }
    }
}

/// Packets that the media threads dropped for a reason, once `received` packets were taken.
async fn dropped(gateway: &Gateway, received: f64, reason: &str) -> f64 {
    let taken = async || {
        let exposed = metrics(gateway).await;
        let count = sum(&exposed, "tonegate_rtp_packets_total", &["direction=\"received\""]);
        (count >= received).then_some(exposed)
    };
    let exposed = eventually(PATIENCE, "packets", taken).await;
    sum(&exposed, "tonegate_drops_total", &["queue=\"rtp\"", &format!("reason=\"{reason}\"")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_suite_is_spoken_both_ways() {
    let gateway = plant::start(&plant::options("srtp-suites"));
    let mut received = 0.0;
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32, Suite::AeadAes128Gcm] {
        let mut phone = Softphone::call(&request(&gateway, Some(suite))).await.expect("an answer");
        hear(&mut phone).await;
        received += ENOUGH as f64;
        assert_eq!(dropped(&gateway, received, "authentication").await, 0.0, "{suite:?}");
        phone.hang_up().await.expect("a BYE that is answered");
    }
    assert!(!gateway.log().expect("a log").contains("inline:"), "no session description is logged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trunk_says_what_is_taken() {
    for (srtp, in_clear, protected) in [("off", true, false), ("optional", true, true), ("required", false, true)] {
        let options = GatewayOptions { srtp: srtp.to_owned(), ..plant::options(&format!("srtp-{srtp}")) };
        let gateway = plant::start(&options);
        for (suite, is_taken) in [(None, in_clear), (Some(Suite::AesCm128HmacSha1_80), protected)] {
            match Softphone::call(&request(&gateway, suite)).await {
                Ok(phone) if is_taken => phone.hang_up().await.expect("a BYE that is answered"),
                Err(PhoneError::Refused(488)) if !is_taken => {}
                Ok(_) => panic!("{srtp}: {suite:?} was taken"),
                Err(error) => panic!("{srtp}: {suite:?}: {error}"),
            }
        }
    }
}
