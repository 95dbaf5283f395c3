use super::*;
use crate::media::Direction;

/// A re-INVITE with this body.
fn reinvite(sequence: u32, tag: &str, body: &str) -> Message {
    Message::in_dialog("INVITE", sequence, tag).body("application/sdp", body)
}

/// Sends a re-INVITE and its ACK; returns the 200.
fn changed(bench: &mut Bench, sequence: u32, tag: &str, body: &str) -> String {
    let sent = bench.feed(&reinvite(sequence, tag, body).text()).remove(0);
    assert!(sent.starts_with("SIP/2.0 200 OK"), "{sent}");
    bench.feed(&Message::in_dialog("ACK", sequence, tag).text());
    sent
}

#[test]
fn holding_and_resuming_are_answered_and_told() {
    let mut bench = Bench::new();
    let tag = bench.established();
    let held = changed(&mut bench, 2, &tag, &format!("{OFFER}a=sendonly\r\n"));
    assert!(held.ends_with("a=recvonly\r\n") && held.contains("o=- 2 2 IN IP4 192.0.2.1\r\n"), "{held}");
    let silent = changed(&mut bench, 3, &tag, &format!("{OFFER}a=inactive\r\n"));
    assert!(silent.ends_with("a=inactive\r\n") && silent.contains("o=- 2 3 IN"), "{silent}");
    let resumed = changed(&mut bench, 4, &tag, OFFER);
    assert!(resumed.ends_with("a=sendrecv\r\n") && resumed.contains("o=- 2 4 IN"), "{resumed}");
    let directions: Vec<_> = bench.changes().iter().map(|change| change.direction).collect();
    assert_eq!(directions, [Direction::ReceiveOnly, Direction::Inactive, Direction::SendReceive]);
    assert_eq!(bench.acknowledged(), 1, "the call came up once");
    assert!(bench.ends().is_empty() && bench.pass(Duration::from_secs(40)).is_empty());
}

#[test]
fn a_repeated_hold_is_told_once() {
    let mut bench = Bench::new();
    let tag = bench.established();
    let hold = reinvite(2, &tag, &format!("{OFFER}a=sendonly\r\n")).text();
    let first = bench.feed(&hold);
    assert_eq!((bench.feed(&hold), bench.changes().len()), (Vec::new(), 1), "the 200 repeats by its own timer");
    assert_eq!(bench.pass(Duration::from_millis(600))[0].1, first[0]);
}

#[test]
fn a_hold_whose_ack_is_lost_ends_the_call() {
    let mut bench = Bench::new();
    let tag = bench.established();
    bench.feed(&reinvite(2, &tag, &format!("{OFFER}a=sendonly\r\n")).text());
    let sent = bench.pass(Duration::from_secs(40));
    assert!(sent.last().is_some_and(|(_, text)| text.starts_with("BYE ")) && bench.ends() == [EndReason::AckTimeout]);
}

#[test]
fn media_may_move() {
    let mut bench = Bench::new();
    let tag = bench.established();
    changed(
        &mut bench,
        2,
        &tag,
        &OFFER.replace("c=IN IP4 203.0.113.5", "c=IN IP4 203.0.113.6").replace("6000", "6002"),
    );
    assert_eq!(bench.changes()[0].remote_rtp, Some("203.0.113.6:6002".parse().unwrap()));
}

#[test]
fn an_empty_reinvite_gets_an_offer_and_its_ack_answers() {
    let mut bench = Bench::new();
    let tag = bench.established();
    changed(&mut bench, 2, &tag, &format!("{OFFER}a=sendonly\r\n"));
    let offer = bench.feed(&Message::in_dialog("INVITE", 3, &tag).text()).remove(0);
    assert!(offer.starts_with("SIP/2.0 200 OK") && offer.ends_with("a=sendrecv\r\n"), "{offer}");
    assert!(offer.contains("o=- 2 3 IN") && offer.contains("m=audio 40000 RTP/AVP 0 101\r\n"), "{offer}");
    assert_eq!(bench.changes().len(), 1, "nothing holds before the answer");
    let answer = OFFER.replace("6000", "6004");
    bench.feed(&Message::in_dialog("ACK", 3, &tag).body("application/sdp", &answer).text());
    let change = bench.changes()[1];
    assert_eq!((change.direction, change.remote_rtp), (Direction::SendReceive, "203.0.113.5:6004".parse().ok()));
    assert_eq!(bench.acknowledged(), 1);
}

#[test]
fn an_offer_anew_without_a_usable_answer_ends_the_call() {
    for body in [String::new(), OFFER.replace("audio 6000", "audio 0"), OFFER.replace("AVP 0 101", "AVP 8 101")] {
        let mut bench = Bench::new();
        let tag = bench.established();
        bench.feed(&Message::in_dialog("INVITE", 2, &tag).text());
        let sent = bench.feed(&Message::in_dialog("ACK", 2, &tag).body("application/sdp", &body).text());
        assert!(sent[0].starts_with("BYE ") && bench.ends() == [EndReason::BadAnswer], "{body}");
    }
}

#[test]
fn what_cannot_be_taken_is_refused_and_the_call_goes_on() {
    let mut bench = Bench::new();
    let tag = bench.established();
    let other_codec = OFFER.replace("AVP 0 101", "AVP 8 101");
    let other_keys = OFFER.replace("101", "96");
    let no_audio = OFFER.replace("audio 6000", "audio 0");
    let video = OFFER.replace("audio 6000 RTP/AVP 0 101", "video 6000 RTP/AVP 31");
    for (sequence, body) in (2..).zip([other_codec.as_str(), &other_keys, &no_audio, &video, "v=0\r\n"]) {
        let refused = reinvite(sequence, &tag, body);
        let refused = Message { headers: refused.headers.replace("203.0.113.5:5060", "203.0.113.6:5066"), ..refused };
        assert_eq!(starts(&bench.feed(&refused.text())), ["SIP/2.0 488 Not Acceptable Here"], "{body}");
    }
    let text = Message::in_dialog("INVITE", 8, &tag).body("text/plain", OFFER).text();
    assert_eq!(starts(&bench.feed(&text)), ["SIP/2.0 488 Not Acceptable Here"]);
    assert_eq!(starts(&bench.feed(&Message::in_dialog("UPDATE", 9, &tag).text())), ["SIP/2.0 405 Method Not Allowed"]);
    assert!(bench.changes().is_empty() && bench.ends().is_empty() && bench.pass(Duration::from_secs(40)).is_empty());
    let call = bench.call();
    bench.endpoint.hang_up(bench.now, call, HangUp::Normal);
    assert!(bench.drain()[0].starts_with("BYE sip:sbc@203.0.113.5:5060 SIP/2.0"), "the target stayed as well");
}
