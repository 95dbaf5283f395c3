//! SIP as a carrier's tester sees it: the SIPp scenarios of `tests/sipp` against the real gateway.
//!
//! A CANCEL before the answer is not here: the gateway answers within milliseconds. The tests of `edge` run that
//! scenario against signalling that lets every call ring.

use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};

use rustix::process::Signal;
use testkit::{
    gateway::{Gateway, GatewayOptions},
    softphone::{CallRequest, Softphone},
};
use tokio::{process::Command, time::timeout};

use crate::{
    client::{eventually, metrics, sum},
    plant,
};

/// How long a scenario may take; the longest waits out 64·T1 = 32 s.
const SCENARIO: Duration = Duration::from_secs(60);
/// How long the gateway may take to notice that a call is over, or that it drains.
const SETTLE: Duration = Duration::from_secs(10);

/// Runs one scenario over a transport (SIPp's `u1` or `t1`) and panics with its words unless it succeeds.
pub(crate) async fn scenario(name: &str, transport: &str, calls: u32, to: SocketAddr) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp");
    let run = Command::new("sipp")
        .args(["-sf", &format!("{name}.xml"), "-s", "collections", "-i", "127.0.0.1", "-t", transport])
        .args(["-m", &calls.to_string(), "-r", "20", "-nostdin", "-timeout", "50s", "-timeout_error"])
        .arg(to.to_string())
        .current_dir(folder)
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(SCENARIO, run).await.unwrap_or_else(|_| panic!("{name} does not end"));
    let output = output.expect("SIPp runs (Debian package sip-tester)");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} over {transport}: {}\n{words}", output.status);
}

/// Waits until as many calls ended for a reason, and none is left.
pub(crate) async fn ended(gateway: &Gateway, count: f64, reason: &str) {
    let reason = format!("reason=\"{reason}\"");
    eventually(SETTLE, &reason, async || {
        let exposed = metrics(gateway).await;
        let done = sum(&exposed, "tonegate_calls_ended_total", &[&reason]);
        let left = sum(&exposed, "tonegate_calls_active", &[]);
        (done == count && left == 0.0).then_some(())
    })
    .await;
}

/// A call that stays up for as long as the telephone is kept.
async fn occupy(gateway: &Gateway) -> Softphone {
    let request = CallRequest::new(gateway.addresses().sip_udp, "+15555550199", "collections");
    Softphone::call(&request).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_and_ended_over_udp_and_tcp() {
    let gateway = plant::start(&plant::options("signalling-answer"));
    let (udp, tcp) = (gateway.addresses().sip_udp, gateway.addresses().sip_tcp);
    scenario("answer_and_bye", "u1", 3, udp).await;
    scenario("answer_and_bye", "t1", 3, tcp).await;
    scenario("retransmitted_invite", "u1", 2, udp).await;
    scenario("options", "u1", 3, udp).await;
    scenario("options", "t1", 3, tcp).await;
    scenario("hold_and_resume", "u1", 3, udp).await;
    scenario("hold_and_resume", "t1", 3, tcp).await;
    // Fourteen INVITEs that opened a call, although more came.
    ended(&gateway, 14.0, "caller_hung_up").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_ack_is_lost_ends_after_32_seconds() {
    let gateway = plant::start(&plant::options("signalling-lost-ack"));
    scenario("lost_ack", "u1", 1, gateway.addresses().sip_udp).await;
    ended(&gateway, 1.0, "ack_timeout").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_is_no_trunk_is_refused_without_a_hint() {
    let options = GatewayOptions { peers: "203.0.113.0/24".to_owned(), ..plant::options("signalling-stranger") };
    let gateway = plant::start(&options);
    scenario("wrong_trunk", "u1", 2, gateway.addresses().sip_udp).await;
    scenario("wrong_trunk", "t1", 2, gateway.addresses().sip_tcp).await;
    assert_eq!(sum(&metrics(&gateway).await, "tonegate_calls_active", &[]), 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_trunk_says_when_to_come_again() {
    let options = GatewayOptions { capacity: 1, ..plant::options("signalling-full") };
    let gateway = plant::start(&options);
    let phone = occupy(&gateway).await;
    scenario("refused_while_draining", "u1", 2, gateway.addresses().sip_udp).await;
    scenario("refused_while_draining", "t1", 2, gateway.addresses().sip_tcp).await;
    phone.hang_up().await.expect("a BYE that is answered");
    ended(&gateway, 1.0, "caller_hung_up").await;
    scenario("answer_and_bye", "u1", 1, gateway.addresses().sip_udp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_drains_takes_no_call_but_keeps_its_own() {
    let options = GatewayOptions { drain_seconds: 120, ..plant::options("signalling-drain") };
    let gateway = plant::start(&options);
    let phone = occupy(&gateway).await;
    gateway.signal(Signal::TERM).expect("a signal");
    eventually(SETTLE, "draining", async || gateway.log().ok()?.contains("\"draining\"").then_some(())).await;
    scenario("refused_while_draining", "u1", 1, gateway.addresses().sip_udp).await;
    scenario("options_while_draining", "u1", 1, gateway.addresses().sip_udp).await;
    assert_eq!(sum(&metrics(&gateway).await, "tonegate_calls_active", &[]), 1.0, "the call is still up");
    phone.hang_up().await.expect("a BYE that is answered");
    assert!(gateway.stop().expect("an end").success());
}
