use super::*;

/// The BYE of a call whose INVITE had these headers, and where it went.
fn bye_after(via: &str, headers: &str, peer: &str) -> (String, SocketAddr) {
    let mut bench = Bench::new();
    bench.peer = peer.parse().unwrap();
    let invite = Message { via: via.to_owned(), headers: headers.to_owned(), ..Message::new("INVITE", "i", 1) };
    bench.feed(&invite.body("application/sdp", OFFER).text());
    let call = bench.call();
    bench.endpoint.answer(bench.now, call, &LOCAL).unwrap();
    let tag = to_tag(&bench.drain()[0]);
    bench.feed(&Message::in_dialog("ACK", 1, &tag).text());
    bench.endpoint.hang_up(bench.now, call, HangUp::Normal);
    (bench.drain().remove(0), bench.sent.last().unwrap().to)
}

const VIA: &str = "SIP/2.0/UDP 203.0.113.5:5060;rport;branch=z9hG4bKi";
const PEER: &str = "203.0.113.5:5060";

#[test]
fn loose_routes_are_followed_in_their_order() {
    let headers =
        "Contact: <sip:ua@203.0.113.7:5080>\r\nRecord-Route: <sip:203.0.113.8:5070;lr>, <sip:203.0.113.9;lr>\r\n";
    let (bye, to) = bye_after(VIA, headers, PEER);
    assert!(bye.starts_with("BYE sip:ua@203.0.113.7:5080 SIP/2.0\r\n"));
    let routes: Vec<_> = bye.lines().filter(|line| line.starts_with("Route:")).collect();
    assert_eq!(routes, ["Route: <sip:203.0.113.8:5070;lr>", "Route: <sip:203.0.113.9;lr>"]);
    assert_eq!(to, "203.0.113.8:5070".parse().unwrap());
}

#[test]
fn a_strict_route_takes_the_request_line() {
    let headers = "Contact: <sip:ua@203.0.113.7:5080>\r\nRecord-Route: <sip:203.0.113.8:5070>\r\nRecord-Route: <sip:203.0.113.9;lr>\r\n";
    let (bye, to) = bye_after(VIA, headers, PEER);
    assert!(bye.starts_with("BYE sip:203.0.113.8:5070 SIP/2.0\r\n"));
    let routes: Vec<_> = bye.lines().filter(|line| line.starts_with("Route:")).collect();
    assert_eq!(routes, ["Route: <sip:203.0.113.9;lr>", "Route: <sip:ua@203.0.113.7:5080>"]);
    assert_eq!(to, "203.0.113.8:5070".parse().unwrap());
}

#[test]
fn the_route_set_comes_back_in_responses() {
    let mut bench = Bench::new();
    let route = "Record-Route: <sip:203.0.113.8;lr>, \"x, y\" <sip:203.0.113.9;lr>";
    bench.feed(&Message::invite().header(route).text());
    let call = bench.call();
    bench.endpoint.ring(bench.now, call);
    bench.endpoint.answer(bench.now, call, &LOCAL).unwrap();
    for text in bench.drain() {
        let routes: Vec<_> = text.lines().filter(|line| line.starts_with("Record-Route:")).collect();
        assert_eq!(routes, ["Record-Route: <sip:203.0.113.8;lr>", "Record-Route: \"x, y\" <sip:203.0.113.9;lr>"]);
    }
}

#[test]
fn a_caller_behind_nat_is_reached_where_it_came_from() {
    let via = "SIP/2.0/UDP 203.0.113.6:5060;rport;branch=z9hG4bKi";
    let (bye, to) = bye_after(via, "Contact: <sip:ua@203.0.113.6:5060>\r\n", "203.0.113.5:41000");
    assert!(bye.starts_with("BYE sip:ua@203.0.113.6:5060 SIP/2.0"), "the target stays what Contact says");
    assert_eq!(to, "203.0.113.5:41000".parse().unwrap());
}

#[test]
fn no_contact_can_make_this_side_send_to_somebody_else() {
    for contact in ["sip:ua@198.51.100.80", "sip:ua@host.example.com", "sip:ua@10.0.0.1:5060"] {
        let (_, to) = bye_after(VIA, &format!("Contact: <{contact}>\r\n"), PEER);
        assert_eq!(to, PEER.parse().unwrap(), "{contact}");
    }
}

#[test]
fn responses_go_back_through_nat() {
    let mut bench = Bench::new();
    bench.peer = "203.0.113.5:41000".parse().unwrap();
    let message = Message { via: "SIP/2.0/UDP 10.0.0.9:5062;rport;branch=z9hG4bKn".to_owned(), ..Message::invite() };
    let sent = bench.feed(&message.text());
    assert_eq!(header(&sent[0], "Via"), "SIP/2.0/UDP 10.0.0.9:5062;rport=41000;branch=z9hG4bKn;received=203.0.113.5");
    assert_eq!((bench.sent[0].to, bench.sent[0].flow), (bench.peer, Some(SOCKET)));
    let message =
        Message { via: "SIP/2.0/UDP 10.0.0.9:5062;branch=z9hG4bKo".to_owned(), ..Message::new("OPTIONS", "o", 1) };
    bench.feed(&message.text());
    assert_eq!(bench.sent.last().unwrap().to, "203.0.113.5:5062".parse().unwrap());
}

#[test]
fn every_via_comes_back_in_order() {
    let message =
        Message::new("OPTIONS", "o", 1).header("Via: SIP/2.0/TCP b.example;branch=z9hG4bK2, SIP/2.0/UDP c.example");
    let text = message.text().replace("Via: SIP/2.0/UDP", "v: SIP/2.0/UDP");
    let sent = Bench::new().feed(&text);
    let hosts: Vec<_> =
        sent[0].lines().filter_map(|line| line.strip_prefix("Via: SIP/2.0/")).map(|via| &via[4..13]).collect();
    assert_eq!(hosts, ["203.0.113", "b.example", "c.example"]);
}

#[test]
fn over_a_stream_a_bye_uses_the_connection_last_used() {
    let mut bench = Bench::new();
    bench.connection = Some(FlowId(4));
    bench.peer = "203.0.113.5:49152".parse().unwrap();
    let tag = to_tag(&bench.answered());
    bench.connection = Some(FlowId(5));
    bench.feed(&Message::in_dialog("ACK", 1, &tag).text());
    bench.feed(&Message::in_dialog("OPTIONS", 2, &tag).text());
    let call = bench.call();
    bench.endpoint.hang_up(bench.now, call, HangUp::Normal);
    let bye = bench.drain().remove(0);
    assert!(header(&bye, "Via").starts_with("SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK"));
    let last = bench.sent.last().unwrap();
    assert_eq!((last.flow, last.to), (Some(FlowId(5)), "203.0.113.5:5060".parse().unwrap()));
    assert!(bench.pass(Duration::from_secs(31)).is_empty(), "a stream repeats nothing");
}

#[test]
fn the_advertised_address_is_what_peers_see() {
    let advertised_address = Advertised { host: "2001:db8::1".to_owned(), udp: Some(5080), tcp: Some(5070) };
    let mut bench = Bench::with(EndpointConfig { advertised_address: advertised_address.clone(), ..config() });
    assert_eq!(header(&bench.answered(), "Contact"), "<sip:[2001:db8::1]:5080>");
    let mut bench = Bench::with(EndpointConfig { advertised_address, ..config() });
    bench.connection = Some(FlowId(4));
    assert_eq!(header(&bench.answered(), "Contact"), "<sip:[2001:db8::1]:5070;transport=tcp>");
}
