//! Offers of audio over DTLS.

use super::srtp::{bench, refusal};
use super::*;
use crate::media::{Fingerprint, FingerprintHash};

fn over_dtls(setup: &str) -> String {
    let print = ["4A"; 32].join(":");
    let transport = OFFER.replace("RTP/AVP", "UDP/TLS/RTP/SAVP");
    format!("{transport}a=setup:{setup}\r\na=fingerprint:sha-256 {print}\r\na=rtcp-mux\r\n")
}

#[test]
fn an_offer_over_dtls_is_answered_with_our_certificate_and_keeps_its_association() {
    let mut bench = bench(SrtpPolicy::Required);
    bench.feed(&Message::new("INVITE", "invite", 1).body("application/sdp", &over_dtls("actpass")).text());
    let call = bench.call();
    let fingerprint = Fingerprint { hash: FingerprintHash::Sha256, digest: [0xab; 32].into() };
    let local = LocalMedia { fingerprint: Some(fingerprint), ..LOCAL };
    bench.endpoint.answer(bench.now, call, &local).unwrap();
    let sent = bench.drain().remove(0);
    assert!(sent.ends_with(":AB:AB\r\na=setup:active\r\na=rtcp-mux\r\n"), "{sent}");
    let tag = to_tag(&sent);
    bench.feed(&Message::in_dialog("ACK", 1, &tag).text());
    let again = |sequence, body: &str| Message::in_dialog("INVITE", sequence, &tag).body("application/sdp", body);
    let sent = bench.feed(&again(2, &over_dtls("passive")).text());
    assert!(sent[0].starts_with("SIP/2.0 200 OK") && sent[0].contains("a=setup:active\r\n"), "{sent:?}");
    bench.feed(&Message::in_dialog("ACK", 2, &tag).text());
    let other = over_dtls("actpass").replace("4A", "4B");
    for (sequence, changed) in [(3, over_dtls("active")), (4, over_dtls("holdconn")), (5, other)] {
        let sent = bench.feed(&again(sequence, &changed).text());
        assert_eq!(starts(&sent), ["SIP/2.0 488 Not Acceptable Here"]);
        assert_eq!(header(&sent[0], "Warning"), "399 tonegate \"The session cannot be changed so\"");
    }
    assert!(bench.ends().is_empty());
}

#[test]
fn an_offer_over_dtls_without_certificate_or_role_is_refused() {
    let without = |start: &str| {
        let kept = over_dtls("actpass").split_inclusive("\r\n").filter(|line| !line.starts_with(start)).collect();
        refusal(&mut bench(SrtpPolicy::Optional), &String::clone(&kept))
    };
    let refused = |text: &str| ("SIP/2.0 488 Not Acceptable Here".to_owned(), format!("302 tonegate \"{text}\""));
    assert_eq!(without("a=fingerprint"), refused("No certificate fingerprint that is taken"));
    assert_eq!(without("a=setup"), refused("No DTLS role that is taken"));
    let off = refusal(&mut bench(SrtpPolicy::Off), &over_dtls("actpass"));
    assert_eq!(off.1, "304 tonegate \"Media type not available\"");
}
