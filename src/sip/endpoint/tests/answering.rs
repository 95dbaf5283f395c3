use super::*;
use crate::media::Codec;

#[test]
fn a_call_is_tried_rung_answered_and_acknowledged() {
    let mut bench = Bench::new();
    assert_eq!(starts(&bench.feed(&Message::invite().text())), ["SIP/2.0 100 Trying"]);
    let call = bench.call();
    bench.endpoint.ring(bench.now, call);
    let ringing = bench.drain();
    assert_eq!(starts(&ringing), ["SIP/2.0 180 Ringing"]);
    bench.endpoint.answer(bench.now, call, &LOCAL).unwrap();
    let answer = bench.drain();
    assert_eq!(starts(&answer), ["SIP/2.0 200 OK"]);
    assert_eq!(to_tag(&ringing[0]), to_tag(&answer[0]));
    assert_eq!(header(&answer[0], "Contact"), "<sip:192.0.2.1>");
    assert_eq!(header(&answer[0], "Content-Type"), "application/sdp");
    assert!(answer[0].ends_with(ANSWER));
    assert_eq!(bench.acknowledged(), 0);
    bench.feed(&Message::in_dialog("ACK", 1, &to_tag(&answer[0])).text());
    assert_eq!(bench.acknowledged(), 1);
    assert!(bench.pass(Duration::from_secs(60)).is_empty());
}

#[test]
fn the_event_tells_the_numbers_the_trunk_and_the_offer() {
    let mut bench = Bench::new();
    bench.feed(&Message::invite().text());
    let Some(Event::Incoming(incoming)) = bench.events.first() else { panic!("no call") };
    assert_eq!(incoming.trunk, "carrier");
    assert_eq!(incoming.caller_number.as_deref(), Some("+15555550100"));
    assert_eq!(incoming.called_number, "+15555550199");
    assert_eq!(incoming.call_id, "call-1@203.0.113.5");
    assert_eq!(incoming.offer.as_ref().unwrap().negotiated().codec, Codec::Pcmu);
    let debug = format!("{incoming:?}");
    assert!(!debug.contains("5555"), "{debug}");
}

#[test]
fn a_repeated_invite_gets_the_latest_response_and_makes_no_second_call() {
    let mut bench = Bench::new();
    let invite = Message::invite().text();
    let trying = bench.feed(&invite);
    assert_eq!(bench.feed(&invite), trying);
    let call = bench.call();
    bench.endpoint.ring(bench.now, call);
    let ringing = bench.drain();
    assert_eq!(bench.feed(&invite), ringing);
    bench.endpoint.answer(bench.now, call, &LOCAL).unwrap();
    bench.drain();
    assert!(bench.feed(&invite).is_empty(), "the 200 is repeated by its own timer");
    assert_eq!(bench.events.len(), 1);
}

#[test]
fn a_200_is_repeated_until_64_t1_and_then_the_call_is_ended_by_bye() {
    let mut bench = Bench::new();
    bench.answered();
    let sent = bench.pass(Duration::from_millis(31_999));
    let moments: Vec<_> = sent.iter().map(|(moment, _)| *moment).collect();
    assert_eq!(moments, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert!(sent.iter().all(|(_, text)| text.starts_with("SIP/2.0 200 OK")) && bench.ends().is_empty());
    let sent = bench.pass(Duration::from_millis(1));
    assert!(sent.len() == 1 && sent[0].1.starts_with("BYE sip:sbc@203.0.113.5:5060 SIP/2.0"));
    assert_eq!((bench.ends(), bench.closed()), (vec![EndReason::AckTimeout], 0));
    bench.pass(Duration::from_secs(33));
    assert_eq!(bench.closed(), 1, "the BYE was given up");
    assert!(bench.endpoint.is_idle());
}

#[test]
fn a_200_is_repeated_over_a_stream_too() {
    let mut bench = Bench::new();
    bench.connection = Some(FlowId(7));
    let answer = bench.answered();
    assert_eq!(header(&answer, "Contact"), "<sip:192.0.2.1;transport=tcp>");
    assert_eq!(bench.pass(Duration::from_secs(2)).len(), 2);
    let last = bench.sent.last().unwrap();
    assert_eq!((last.transport, last.flow), (Transport::Tcp, Some(FlowId(7))));
}

#[test]
fn an_ack_of_another_sequence_does_not_stop_the_repetition() {
    let mut bench = Bench::new();
    let tag = to_tag(&bench.answered());
    bench.feed(&Message::in_dialog("ACK", 2, &tag).text());
    assert_eq!((bench.acknowledged(), bench.pass(Duration::from_millis(500)).len()), (0, 1));
}

#[test]
fn what_is_journalled_before_the_answer_is_what_the_dialog_will_be() {
    let mut bench = Bench::new();
    bench.feed(&Message::invite().header("Record-Route: <sip:203.0.113.9;lr>").text());
    let call = bench.call();
    let record = bench.endpoint.prepare_answer(call).unwrap();
    assert!(bench.drain().is_empty(), "nothing is sent before the record is durable");
    bench.endpoint.answer(bench.now, call, &LOCAL).unwrap();
    assert_eq!(to_tag(&bench.drain()[0]), record.local_tag);
    let json = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<DialogRecord>(&json).unwrap(), record);
    assert!(!format!("{record:?}").contains("5555"));
}

#[test]
fn a_call_is_answered_once() {
    let mut bench = Bench::new();
    bench.answered();
    let call = bench.call();
    assert_eq!(bench.endpoint.answer(bench.now, call, &LOCAL), Err(AnswerError::Answered));
    bench.endpoint.hang_up(bench.now, call, HangUp::Normal);
    assert_eq!(bench.endpoint.prepare_answer(call).err(), Some(AnswerError::Ended));
}

#[test]
fn without_an_offer_this_side_offers_and_the_ack_answers() {
    let mut bench = Bench::new();
    bench.feed(&Message::new("INVITE", "invite", 1).text());
    let call = bench.call();
    bench.endpoint.answer(bench.now, call, &LOCAL).unwrap();
    let tag = to_tag(&bench.drain()[0]);
    let answer = OFFER.replace("RTP/AVP 0 101", "RTP/AVP 8 101");
    bench.feed(&Message::in_dialog("ACK", 1, &tag).body("application/sdp", &answer).text());
    let Some(Event::Acknowledged { negotiated: Some(negotiated), .. }) = bench.events.last() else {
        panic!("not acknowledged")
    };
    assert_eq!((negotiated.codec, negotiated.remote_rtp), (Codec::Pcma, Some("203.0.113.5:6000".parse().unwrap())));
}

#[test]
fn without_an_offer_an_ack_without_an_answer_ends_the_call() {
    let mut bench = Bench::new();
    bench.feed(&Message::new("INVITE", "invite", 1).text());
    let call = bench.call();
    bench.endpoint.answer(bench.now, call, &LOCAL).unwrap();
    let tag = to_tag(&bench.drain()[0]);
    let sent = bench.feed(&Message::in_dialog("ACK", 1, &tag).text());
    assert!(sent[0].starts_with("BYE ") && bench.ends() == [EndReason::BadAnswer]);
}

#[test]
fn a_call_that_nobody_answers_ends_at_its_deadline_or_the_callers() {
    let mut bench = Bench::new();
    bench.feed(&Message::invite().text());
    let sent = bench.pass(Duration::from_secs(61));
    assert!(sent[0].0 == 60_000 && sent[0].1.starts_with("SIP/2.0 480 "));
    assert_eq!((bench.ends(), bench.closed()), (vec![EndReason::NotAnswered], 1));
    let mut bench = Bench::new();
    bench.feed(&Message::invite().header("Expires: 5").text());
    assert_eq!(bench.pass(Duration::from_secs(6))[0].0, 5_000);
}
