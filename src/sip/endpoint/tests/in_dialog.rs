use super::*;

#[test]
fn info_goes_to_the_gate_once_and_unread() {
    let mut bench = Bench::new();
    let tag = bench.established();
    let info =
        Message::in_dialog("INFO", 2, &tag).body("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n").text();
    assert_eq!(starts(&bench.feed(&info)), ["SIP/2.0 200 OK"]);
    assert_eq!(starts(&bench.feed(&info)), ["SIP/2.0 200 OK"]);
    let infos: Vec<_> = bench.events.iter().filter(|event| matches!(event, Event::Info { .. })).collect();
    let [Event::Info { info, .. }] = infos.as_slice() else { panic!("{} infos", infos.len()) };
    assert!(info.is_relay() && info.body() == b"Signal=5\r\nDuration=160\r\n");
}

#[test]
fn info_of_another_kind_is_refused() {
    let mut bench = Bench::new();
    let tag = bench.established();
    let mut status = |sequence: u32, message: Message| {
        let sent = bench.feed(&Message { sequence: format!("{sequence} INFO"), ..message }.text());
        sent[0][8..11].to_owned()
    };
    let info = |sequence| Message::in_dialog("INFO", sequence, &tag);
    assert_eq!(status(2, info(2).body("text/plain", "x")), "415");
    assert_eq!(status(3, info(3).header("Info-Package: x").body("application/dtmf", "5")), "469");
    assert_eq!(status(4, info(4).body("application/dtmf", &"5".repeat(300))), "413");
    assert_eq!(status(5, info(5)), "200");
    assert_eq!(status(6, info(6).body("application/dtmf; charset=utf-8", "5")), "200");
    assert_eq!(bench.events.iter().filter(|event| matches!(event, Event::Info { .. })).count(), 1);
}

#[test]
fn info_before_the_answer_is_counted_and_goes_nowhere() {
    let mut bench = Bench::new();
    bench.feed(&Message::invite().text());
    let call = bench.call();
    bench.endpoint.ring(bench.now, call);
    let tag = to_tag(&bench.drain()[0]);
    bench.feed(&Message::in_dialog("INFO", 2, &tag).body("application/dtmf", "5").text());
    assert!(bench.counts.contains(&Count::Dropped(DropReason::EarlyInfo)) && bench.events.len() == 1);
}

#[test]
fn options_in_a_dialog_is_a_sign_of_life() {
    let mut bench = Bench::new();
    let tag = bench.established();
    assert_eq!(starts(&bench.feed(&Message::in_dialog("OPTIONS", 2, &tag).text())), ["SIP/2.0 200 OK"]);
    assert_eq!(
        starts(&bench.feed(&Message::in_dialog("OPTIONS", 3, "other").text())),
        ["SIP/2.0 481 Call/Transaction Does Not Exist"]
    );
}

#[test]
fn an_older_sequence_is_out_of_order() {
    let mut bench = Bench::new();
    let tag = bench.established();
    bench.feed(&Message::in_dialog("OPTIONS", 9, &tag).text());
    let sent = bench.feed(&Message::in_dialog("BYE", 8, &tag).text());
    assert_eq!(starts(&sent), ["SIP/2.0 500 Server Internal Error"]);
    assert!(bench.ends().is_empty());
}

#[test]
fn a_refresh_gets_the_session_as_it_is_and_waits_for_its_ack() {
    let mut bench = Bench::new();
    let tag = bench.established();
    let again = OFFER.replace("o=- 1 1", "o=- 1 2");
    let refresh = Message::in_dialog("INVITE", 2, &tag).body("application/sdp", &again);
    let sent = bench.feed(&refresh.text());
    assert!(sent.len() == 1 && sent[0].starts_with("SIP/2.0 200 OK") && sent[0].ends_with(ANSWER));
    assert_eq!(bench.pass(Duration::from_millis(600)).len(), 1);
    bench.feed(&Message::in_dialog("ACK", 2, &tag).text());
    assert!(bench.pass(Duration::from_secs(40)).is_empty() && bench.ends().is_empty());
    assert_eq!(bench.acknowledged(), 1, "only the call's own answer is told");
}

#[test]
fn a_refresh_moves_the_remote_target() {
    let mut bench = Bench::new();
    let tag = bench.established();
    let mut refresh = Message::in_dialog("INVITE", 2, &tag).body("application/sdp", OFFER);
    refresh.headers = refresh.headers.replace("203.0.113.5:5060", "203.0.113.6:5066");
    bench.feed(&refresh.text());
    bench.feed(&Message::in_dialog("ACK", 2, &tag).text());
    let call = bench.call();
    bench.endpoint.hang_up(bench.now, call, HangUp::Normal);
    assert!(bench.drain()[0].starts_with("BYE sip:sbc@203.0.113.6:5066 SIP/2.0"));
    assert_eq!(bench.sent.last().unwrap().to, "203.0.113.6:5066".parse().unwrap());
}

#[test]
fn a_reinvite_too_early_is_to_come_again() {
    let mut bench = Bench::new();
    bench.feed(&Message::invite().text());
    let call = bench.call();
    bench.endpoint.ring(bench.now, call);
    let tag = to_tag(&bench.drain()[0]);
    let sent = bench.feed(&Message::in_dialog("INVITE", 2, &tag).body("application/sdp", OFFER).text());
    assert_eq!((starts(&sent), header(&sent[0], "Retry-After")), (vec!["SIP/2.0 500 Server Internal Error"], "5"));
    bench.endpoint.answer(bench.now, call, &LOCAL).unwrap();
    bench.drain();
    let sent = bench.feed(&Message::in_dialog("INVITE", 3, &tag).body("application/sdp", OFFER).text());
    assert_eq!(starts(&sent), ["SIP/2.0 491 Request Pending"]);
    bench.feed(&Message::in_dialog("ACK", 1, &tag).text());
    assert_eq!(bench.acknowledged(), 1, "the first INVITE's ACK still counts");
}

#[test]
fn another_trunk_cannot_touch_the_call() {
    let mut bench = Bench::new();
    let tag = bench.established();
    bench.peer = "203.0.113.70:5060".parse().unwrap();
    let sent = bench.feed(&Message::in_dialog("BYE", 2, &tag).text());
    assert_eq!(starts(&sent), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    assert!(bench.ends().is_empty());
}
