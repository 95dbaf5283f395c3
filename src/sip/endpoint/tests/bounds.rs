use super::*;

fn invite(number: usize) -> String {
    let message = Message { via: Message::new("INVITE", &format!("n{number}"), 1).via, ..Message::invite() };
    message.text().replace("call-1", &format!("call-{number}"))
}

#[test]
fn a_full_trunk_gets_503_and_the_other_one_calls_on() {
    let mut bench = Bench::new();
    bench.feed(&invite(1));
    bench.feed(&invite(2));
    let sent = bench.feed(&invite(3));
    assert_eq!(starts(&sent), ["SIP/2.0 503 Service Unavailable"]);
    assert_eq!(header(&sent[0], "Retry-After"), "5");
    assert!(bench.feed(&Message::new("OPTIONS", "o", 1).text())[0].starts_with("SIP/2.0 503 "));
    assert_eq!(bench.endpoint.active_calls(), 2);
    let call = bench.call();
    bench.endpoint.reject(bench.now, call, crate::Status::BUSY_HERE, None);
    bench.drain();
    assert_eq!(starts(&bench.feed(&invite(4))), ["SIP/2.0 100 Trying"]);
    bench.peer = "203.0.113.70:5060".parse().unwrap();
    assert_eq!(starts(&bench.feed(&invite(5))), ["SIP/2.0 100 Trying"]);
}

#[test]
fn draining_refuses_new_calls_and_keeps_the_old_ones() {
    let mut bench = Bench::new();
    let tag = bench.established();
    bench.endpoint.set_availability(Availability::Unavailable { reason: "drain", retry_after_seconds: 17 });
    for text in [invite(2), Message::new("OPTIONS", "o", 1).text()] {
        let sent = bench.feed(&text);
        assert_eq!(starts(&sent), ["SIP/2.0 503 Service Unavailable"]);
        assert_eq!(header(&sent[0], "Retry-After"), "17");
    }
    let refused = bench.counts.iter().filter(|count| matches!(count, Count::Refused { .. }));
    assert_eq!(refused.collect::<Vec<_>>(), [&Count::Refused { reason: "drain" }], "an INVITE, not OPTIONS");
    assert_eq!(starts(&bench.feed(&Message::in_dialog("OPTIONS", 2, &tag).text())), ["SIP/2.0 200 OK"]);
    assert_eq!(starts(&bench.feed(&Message::in_dialog("BYE", 3, &tag).text())), ["SIP/2.0 200 OK"]);
    bench.endpoint.set_availability(Availability::Available);
    assert_eq!(starts(&bench.feed(&invite(3))), ["SIP/2.0 100 Trying"]);
}

#[test]
fn the_bounds_on_calls_and_transactions_hold() {
    let limits = Limits { calls: 1, ..Limits::default() };
    let mut bench = Bench::with(EndpointConfig { limits, ..config() });
    bench.feed(&invite(1));
    assert_eq!(starts(&bench.feed(&invite(2))), ["SIP/2.0 503 Service Unavailable"]);
    bench.endpoint.set_most_calls(2);
    assert_eq!(starts(&bench.feed(&invite(3))), ["SIP/2.0 100 Trying"]);
    assert_eq!(starts(&bench.feed(&invite(4))), ["SIP/2.0 503 Service Unavailable"]);
    let limits = Limits { transactions: 1, ..Limits::default() };
    let mut bench = Bench::with(EndpointConfig { limits, ..config() });
    let tag = bench.established();
    assert_eq!(starts(&bench.feed(&invite(2))), ["SIP/2.0 503 Service Unavailable"]);
    let info = Message::in_dialog("INFO", 2, &tag).body("application/dtmf", "5").text();
    assert_eq!(starts(&bench.feed(&info)), ["SIP/2.0 503 Service Unavailable"]);
    assert_eq!(starts(&bench.feed(&Message::in_dialog("BYE", 3, &tag).text())), ["SIP/2.0 200 OK"]);
    assert_eq!(bench.endpoint.servers.len(), 1);
    assert_eq!(bench.ends(), [EndReason::RemoteBye]);
}

#[test]
fn one_address_cannot_send_without_end() {
    let mut bench = Bench::new();
    bench.peer = "198.51.100.66:5060".parse().unwrap();
    let answered = (0..100).filter(|_| !bench.feed(&Message::new("OPTIONS", "o", 1).text()).is_empty()).count();
    assert_eq!(answered, 10, "two seconds' worth of a stranger's five a second");
    assert_eq!(bench.counts.iter().filter(|count| **count == Count::Dropped(DropReason::Rate)).count(), 90);
    bench.peer = "203.0.113.5:5060".parse().unwrap();
    assert_eq!(bench.feed(&Message::new("OPTIONS", "o", 1).text()).len(), 1);
}

#[test]
fn a_message_beyond_the_bound_is_dropped() {
    let limits = Limits { message_bytes: 400, ..Limits::default() };
    let mut bench = Bench::with(EndpointConfig { limits, ..config() });
    assert!(bench.feed(&Message::invite().text()).is_empty());
    assert_eq!(bench.counts, [Count::Dropped(DropReason::TooLong)]);
}

#[test]
fn calls_leave_no_memory_behind() {
    let mut bench = Bench::new();
    for number in 0..200 {
        bench.feed(&invite(number));
        let call = bench.call();
        bench.endpoint.answer(bench.now, call, &LOCAL).unwrap();
        let tag = to_tag(&bench.drain()[0]);
        let in_dialog = |method, sequence| {
            let mut message = Message::in_dialog(method, sequence, &tag);
            message.via.push_str(&number.to_string());
            message.text().replace("call-1", &format!("call-{number}"))
        };
        bench.feed(&in_dialog("ACK", 1));
        bench.feed(&in_dialog("BYE", 2));
    }
    assert_eq!((bench.ends().len(), bench.closed(), bench.endpoint.active_calls()), (200, 200, 0));
    bench.pass(Duration::from_secs(33));
    assert!(bench.endpoint.servers.len() == 0 && bench.endpoint.is_idle() && bench.endpoint.poll_timeout().is_none());
}
