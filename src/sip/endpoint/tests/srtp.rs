//! Offers of protected audio, under each policy.

use super::*;
use crate::media::{CryptoSuite, KeyMaterial};

const CRYPTO: &str = "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20\r\n";

fn protected() -> String {
    OFFER.replace("RTP/AVP", "RTP/SAVP") + CRYPTO
}

pub(super) fn bench(srtp: SrtpPolicy) -> Bench {
    let mut config = config();
    config.trunks.iter_mut().for_each(|trunk| trunk.srtp = srtp);
    Bench::with(config)
}

/// The status of the last response to an INVITE with this body, and its warning.
pub(super) fn refusal(bench: &mut Bench, body: &str) -> (String, String) {
    let invite = Message::new("INVITE", "invite", 1);
    let invite = if body.is_empty() { invite } else { invite.body("application/sdp", body) };
    let sent = bench.feed(&invite.text());
    let last = sent.last().unwrap();
    (starts(&sent).pop().unwrap().to_owned(), header(last, "Warning").to_owned())
}

#[test]
fn a_protected_offer_is_answered_with_a_key_of_ours_and_refreshed_as_it_is() {
    let mut bench = bench(SrtpPolicy::Required);
    bench.feed(&Message::new("INVITE", "invite", 1).body("application/sdp", &protected()).text());
    let Some(Event::Incoming(incoming)) = bench.events.pop() else { panic!("no call came in") };
    let offer = incoming.offer.unwrap();
    let agreed = offer.negotiated().protection.crypto().cloned().unwrap();
    assert_eq!(agreed.remote.suite(), CryptoSuite::AesCm128HmacSha1_80);
    let local = LocalMedia { key: offer.local_key(&KeyMaterial::new([0; 30])), ..LOCAL };
    bench.endpoint.answer(bench.now, incoming.call, &local).unwrap();
    let sent = bench.drain().remove(0);
    assert!(sent.ends_with(&format!("a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{}\r\n", "A".repeat(40))));
    let answer = sent.split("\r\n\r\n").nth(1).unwrap().to_owned();
    let tag = to_tag(&sent);
    bench.feed(&Message::in_dialog("ACK", 1, &tag).text());
    let refresh = |sequence, body: &str| Message::in_dialog("INVITE", sequence, &tag).body("application/sdp", body);
    let sent = bench.feed(&refresh(2, &protected()).text());
    assert!(sent[0].starts_with("SIP/2.0 200 OK") && sent[0].ends_with(&answer));
    bench.feed(&Message::in_dialog("ACK", 2, &tag).text());
    for (sequence, changed) in [(3, protected().replace("inline:d0", "inline:e0")), (4, OFFER.to_owned())] {
        let sent = bench.feed(&refresh(sequence, &changed).text());
        assert_eq!(starts(&sent), ["SIP/2.0 488 Not Acceptable Here"]);
    }
    assert!(bench.ends().is_empty());
}

#[test]
fn where_srtp_is_required_clear_audio_and_no_offer_are_refused() {
    for body in [OFFER, ""] {
        let (status, warning) = refusal(&mut bench(SrtpPolicy::Required), body);
        assert_eq!(status, "SIP/2.0 488 Not Acceptable Here");
        assert_eq!(warning, "302 tonegate \"SRTP is required\"");
    }
}

#[test]
fn a_protected_offer_without_a_usable_key_or_where_srtp_is_off_is_refused() {
    let without_key = protected().replace("AES_CM_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_80");
    let (status, warning) = refusal(&mut bench(SrtpPolicy::Optional), &without_key);
    assert_eq!(status, "SIP/2.0 488 Not Acceptable Here");
    assert_eq!(warning, "302 tonegate \"No SRTP suite in common\"");
    let (status, warning) = refusal(&mut bench(SrtpPolicy::Off), &protected());
    assert_eq!(status, "SIP/2.0 488 Not Acceptable Here");
    assert_eq!(warning, "304 tonegate \"Media type not available\"");
}

#[test]
fn a_refresh_of_a_clear_session_beside_a_protected_line_is_a_refresh() {
    let mut bench = bench(SrtpPolicy::Off);
    let both = format!("{OFFER}m=audio 6002 RTP/SAVP 0\r\n{CRYPTO}");
    bench.feed(&Message::new("INVITE", "invite", 1).body("application/sdp", &both).text());
    let call = bench.call();
    bench.endpoint.answer(bench.now, call, &LOCAL).unwrap();
    let tag = to_tag(&bench.drain()[0]);
    bench.feed(&Message::in_dialog("ACK", 1, &tag).text());
    let sent = bench.feed(&Message::in_dialog("INVITE", 2, &tag).body("application/sdp", &both).text());
    assert!(sent[0].starts_with("SIP/2.0 200 OK"), "{sent:?}");
}
