use super::*;
use crate::Status;

const RINGS: Duration = Duration::from_secs(3);

#[test]
fn a_bye_of_the_caller_ends_the_call_and_its_repetition_is_answered_again() {
    let mut bench = Bench::new();
    let tag = bench.established();
    let bye = Message::in_dialog("BYE", 2, &tag).text();
    let ok = bench.feed(&bye);
    assert_eq!(starts(&ok), ["SIP/2.0 200 OK"]);
    assert_eq!((bench.ends(), bench.closed()), (vec![EndReason::RemoteBye], 1));
    assert_eq!(bench.feed(&bye), ok);
    assert_eq!(bench.ends().len(), 1);
    bench.pass(Duration::from_secs(33));
    assert_eq!(starts(&bench.feed(&bye)), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    assert!(bench.endpoint.servers.len() == 0 && bench.endpoint.poll_timeout().is_none(), "nothing is kept");
}

#[test]
fn a_bye_before_the_ack_ends_the_repetition_of_the_200() {
    let mut bench = Bench::new();
    let tag = to_tag(&bench.answered());
    bench.feed(&Message::in_dialog("BYE", 2, &tag).text());
    assert!(bench.pass(Duration::from_secs(40)).is_empty() && bench.ends() == [EndReason::RemoteBye]);
}

#[test]
fn cancel_before_the_answer_is_answered_and_ends_the_invite() {
    let mut bench = Bench::new();
    bench.feed(&Message::invite().text());
    bench.pass(RINGS);
    let mut cancel = Message::new("CANCEL", "invite", 1);
    cancel.headers.clear();
    let sent = bench.feed(&cancel.text());
    assert_eq!(starts(&sent), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
    assert_eq!(to_tag(&sent[0]), to_tag(&sent[1]));
    assert_eq!((bench.ends(), bench.closed()), (vec![EndReason::Cancelled], 1));
    let mut ack = Message::in_dialog("ACK", 1, &to_tag(&sent[1]));
    ack.via = Message::invite().via;
    assert!(bench.feed(&ack.text()).is_empty());
    assert!(bench.pass(Duration::from_secs(40)).is_empty(), "the ACK stops the 487");
    assert_eq!(bench.endpoint.servers.len(), 0);
}

#[test]
fn cancel_after_the_answer_changes_nothing() {
    let mut bench = Bench::new();
    bench.answered();
    let sent = bench.feed(&Message::new("CANCEL", "invite", 1).text());
    assert_eq!(starts(&sent), ["SIP/2.0 200 OK"]);
    assert!(bench.ends().is_empty());
}

#[test]
fn cancel_of_nothing_is_refused() {
    let sent = Bench::new().feed(&Message::new("CANCEL", "unknown", 1).text());
    assert_eq!(starts(&sent), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
}

#[test]
fn a_bye_in_an_early_dialog_ends_the_invite() {
    let mut bench = Bench::new();
    bench.feed(&Message::invite().text());
    let call = bench.call();
    bench.endpoint.ring(bench.now, call);
    let tag = to_tag(&bench.drain()[0]);
    let sent = bench.feed(&Message::in_dialog("BYE", 2, &tag).text());
    assert_eq!(starts(&sent), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
    assert_eq!(bench.ends(), [EndReason::RemoteBye]);
}

#[test]
fn a_rejection_is_repeated_until_its_ack() {
    let mut bench = Bench::new();
    bench.feed(&Message::invite().text());
    let call = bench.call();
    bench.endpoint.reject(bench.now, call, Status::SERVICE_UNAVAILABLE, Some(30));
    let sent = bench.drain();
    assert_eq!(starts(&sent), ["SIP/2.0 503 Service Unavailable"]);
    assert_eq!(header(&sent[0], "Retry-After"), "30");
    assert_eq!((bench.ends(), bench.pass(Duration::from_secs(2)).len()), (vec![EndReason::Rejected], 2));
    let mut ack = Message::in_dialog("ACK", 1, &to_tag(&sent[0]));
    ack.via = Message::invite().via;
    bench.feed(&ack.text());
    assert!(bench.pass(Duration::from_secs(40)).is_empty());
}

#[test]
fn hanging_up_sends_bye_and_closes_with_its_answer() {
    let mut bench = Bench::new();
    let tag = bench.established();
    let call = bench.call();
    bench.endpoint.hang_up(bench.now, call, HangUp::Normal);
    let bye = bench.drain().remove(0);
    assert!(bye.starts_with("BYE sip:sbc@203.0.113.5:5060 SIP/2.0\r\n"));
    assert_eq!(header(&bye, "From"), format!("<sip:+15555550199@192.0.2.1>;tag={tag}"));
    assert_eq!(header(&bye, "To"), "\"A\" <sip:+15555550100@203.0.113.5>;tag=caller");
    assert_eq!(header(&bye, "CSeq"), "1 BYE");
    assert!(header(&bye, "Reason").starts_with("Q.850;cause=16"));
    assert_eq!((bench.ends(), bench.closed()), (vec![EndReason::HungUp], 0));
    bench.feed(&ok_to(&bye));
    assert_eq!(bench.closed(), 1);
    assert!(bench.pass(Duration::from_secs(40)).is_empty() && bench.endpoint.poll_timeout().is_none());
}

#[test]
fn an_unanswered_bye_is_repeated_and_given_up() {
    let mut bench = Bench::new();
    bench.established();
    let call = bench.call();
    bench.endpoint.hang_up(bench.now, call, HangUp::Normal);
    bench.drain();
    assert_eq!(bench.pass(Duration::from_secs(33)).len(), 10);
    assert!(bench.closed() == 1 && bench.endpoint.is_idle());
}

#[test]
fn hanging_up_before_the_ack_waits_for_it() {
    let mut bench = Bench::new();
    let tag = to_tag(&bench.answered());
    let call = bench.call();
    bench.endpoint.hang_up(bench.now, call, HangUp::Normal);
    assert!(bench.drain().is_empty() && bench.ends() == [EndReason::HungUp]);
    let sent = bench.feed(&Message::in_dialog("ACK", 1, &tag).text());
    assert!(sent[0].starts_with("BYE ") && bench.acknowledged() == 0);
}

#[test]
fn both_sides_may_hang_up_at_once() {
    let mut bench = Bench::new();
    let tag = bench.established();
    let call = bench.call();
    bench.endpoint.hang_up(bench.now, call, HangUp::Normal);
    let bye = bench.drain().remove(0);
    assert_eq!(starts(&bench.feed(&Message::in_dialog("BYE", 2, &tag).text())), ["SIP/2.0 200 OK"]);
    bench.feed(&ok_to(&bye).replace("200 OK", "481 Call/Transaction Does Not Exist"));
    assert_eq!((bench.ends(), bench.closed()), (vec![EndReason::HungUp], 1));
}

#[test]
fn a_journalled_dialog_is_ended_by_a_fresh_endpoint() {
    let mut before = Bench::new();
    before.feed(&Message::invite().header("Record-Route: <sip:203.0.113.9:5070;lr>").text());
    let record = before.endpoint.prepare_answer(before.call()).unwrap();
    let mut after = Bench::with(EndpointConfig { seed: [2; 32], ..config() });
    let call = after.endpoint.restore_and_hang_up(after.now, &record).unwrap();
    let bye = after.drain().remove(0);
    assert_eq!(header(&bye, "Call-ID"), "call-1@203.0.113.5");
    assert_eq!(header(&bye, "Route"), "<sip:203.0.113.9:5070;lr>");
    assert!(header(&bye, "From").ends_with(&record.local_tag) && header(&bye, "To").ends_with(";tag=caller"));
    assert_eq!(header(&bye, "CSeq"), "1001 BYE", "above whatever was sent meanwhile");
    assert_eq!(after.sent[0].to, "203.0.113.9:5070".parse().unwrap());
    assert_eq!(after.ends(), [EndReason::Restored]);
    after.feed(&ok_to(&bye));
    assert!(matches!(after.events.last(), Some(Event::Closed { call: closed }) if *closed == call));
}

/// The 200 to a request of the endpoint.
fn ok_to(request: &str) -> String {
    response("200 OK", request)
}
