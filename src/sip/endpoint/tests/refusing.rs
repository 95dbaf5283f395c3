use super::*;

fn status_of(message: &Message) -> String {
    status_and_text(message).0
}

fn status_and_text(message: &Message) -> (String, String) {
    let mut bench = Bench::new();
    let mut sent = bench.feed(&message.text());
    assert_eq!((sent.len(), bench.events.len()), (1, 0), "{}", message.text());
    let text = sent.remove(0);
    (text.lines().next().unwrap()[8..].to_owned(), text)
}

#[test]
fn a_stranger_gets_a_bare_403_and_leaves_nothing_behind() {
    let mut bench = Bench::new();
    bench.peer = "198.51.100.66:5060".parse().unwrap();
    let sent = bench.feed(&Message::invite().text());
    assert_eq!(starts(&sent), ["SIP/2.0 403 Forbidden"]);
    let names: Vec<_> = sent[0].lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    assert_eq!(names, ["Via", "From", "To", "Call-ID", "CSeq", "Content-Length"]);
    let options = bench.feed(&Message::new("OPTIONS", "o", 1).text());
    assert_eq!(starts(&options), ["SIP/2.0 403 Forbidden"]);
    assert!(bench.feed(&Message::in_dialog("ACK", 1, "x").text()).is_empty());
    assert!(bench.feed("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nCSeq: 1 BYE\r\n\r\n").is_empty());
    assert!(bench.events.is_empty() && bench.endpoint.is_idle() && bench.endpoint.servers.len() == 0);
}

#[test]
fn a_stranger_learns_nothing_from_a_malformed_message_either() {
    let mut bench = Bench::new();
    bench.peer = "198.51.100.66:5060".parse().unwrap();
    let sent = bench.feed(&Message::invite().text().replace("CSeq: 1 INVITE", "CSeq: 1 BYE"));
    assert_eq!(starts(&sent), ["SIP/2.0 403 Forbidden"]);
}

#[test]
fn a_trunk_that_uses_a_transport_it_may_not_is_a_stranger() {
    let mut config = config();
    config.trunks[0].transports = vec![Transport::Udp];
    let mut bench = Bench::with(config);
    bench.connection = Some(FlowId(1));
    assert_eq!(starts(&bench.feed(&Message::invite().text())), ["SIP/2.0 403 Forbidden"]);
}

#[test]
fn methods_that_are_not_allowed_are_told_what_is() {
    for (method, status) in [("REGISTER", "405"), ("REFER", "405"), ("NEWMETHOD", "501"), ("invite", "501")] {
        let (line, text) = status_and_text(&Message::new(method, "m", 1));
        assert!(line.starts_with(status), "{method}: {line}");
        assert_eq!(header(&text, "Allow"), "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, NOTIFY");
    }
}

#[test]
fn a_required_option_is_named_as_unsupported() {
    let (line, text) = status_and_text(&Message::invite().header("Require: 100rel, timer").header("Require: x"));
    assert_eq!((line.as_str(), header(&text, "Unsupported")), ("420 Bad Extension", "100rel, timer, x"));
}

#[test]
fn schemes_types_and_encodings_that_are_not_supported() {
    for uri in ["nobodyKnowsThisScheme:totallyopaque", "sips:a@192.0.2.1", "http://example.com/"] {
        let message = Message { uri: uri.to_owned(), ..Message::invite() };
        assert_eq!(status_of(&message), "416 Unsupported URI Scheme");
    }
    let isup = Message::new("INVITE", "i", 1).body("application/isup", "x");
    let (line, text) = status_and_text(&isup);
    assert_eq!((line.as_str(), header(&text, "Accept")), ("415 Unsupported Media Type", "application/sdp"));
    let (line, text) = status_and_text(&Message::invite().header("Content-Encoding: gzip"));
    assert_eq!((line.as_str(), header(&text, "Accept-Encoding")), ("415 Unsupported Media Type", "identity"));
}

#[test]
fn offers_that_cannot_be_taken_are_told_why() {
    let invite = |body: &str| Message::new("INVITE", "i", 1).body("application/sdp", body);
    let (line, text) = status_and_text(&invite(&OFFER.replace("RTP/AVP 0 101", "RTP/AVP 18 101")));
    assert_eq!(line, "488 Not Acceptable Here");
    assert_eq!(header(&text, "Warning"), "305 tonegate \"Incompatible media format\"");
    let (line, text) = status_and_text(&invite(&OFFER.replace("c=IN IP4 203.0.113.5", "c=IN IP6 2001:db8::5")));
    assert_eq!(line, "488 Not Acceptable Here");
    assert_eq!(header(&text, "Warning"), "300 tonegate \"Incompatible network protocol\"");
    let (_, text) = status_and_text(&invite(&OFFER.replace("m=audio", "m=video")));
    assert_eq!(header(&text, "Warning"), "304 tonegate \"Media type not available\"");
    assert_eq!(status_of(&invite("nonsense")), "400 Bad Session Description");
}

#[test]
fn an_invite_must_say_where_the_caller_is() {
    let without = Message { headers: String::new(), ..Message::new("INVITE", "i", 1) };
    assert_eq!(status_of(&without), "400 Missing Contact Header");
    assert_eq!(status_of(&Message::new("INVITE", "i", 1).header("m: <sip:b@c>")), "400 Repeated Contact Header");
    assert_eq!(
        status_of(&Message::new("INVITE", "i", 1).header("Record-Route: <http://x>")),
        "400 Bad Record-Route Header"
    );
}

#[test]
fn a_request_without_hops_is_refused_only_where_its_route_leads_on() {
    let ended = |route: &str| {
        let mut text = Message::new("OPTIONS", "o", 1).header(route).text();
        text = text.replace("Max-Forwards: 70", "Max-Forwards: 0");
        Bench::new().feed(&text).remove(0)
    };
    assert!(ended("Route: <sip:elsewhere.example;lr>").starts_with("SIP/2.0 483 Too Many Hops"));
    assert!(ended("Route: <sip:192.0.2.1;lr>").starts_with("SIP/2.0 200 OK"));
    assert!(ended("Subject: x").starts_with("SIP/2.0 200 OK"));
}

#[test]
fn a_merged_request_is_refused() {
    let mut bench = Bench::new();
    bench.feed(&Message::invite().text());
    let other_path = Message { via: Message::new("INVITE", "fork", 1).via, ..Message::invite() };
    assert_eq!(starts(&bench.feed(&other_path.text())), ["SIP/2.0 482 Loop Detected"]);
    assert_eq!(bench.events.len(), 1);
}

#[test]
fn requests_of_no_dialog_are_refused() {
    for method in ["BYE", "INFO", "INVITE", "NOTIFY", "OPTIONS"] {
        let status = status_of(&Message::in_dialog(method, 2, "gone"));
        assert_eq!(status, "481 Call/Transaction Does Not Exist", "{method}");
    }
    assert_eq!(status_of(&Message::new("BYE", "b", 2)), "481 Call/Transaction Does Not Exist");
}

#[test]
fn the_same_request_gets_the_same_tag_again() {
    let mut bench = Bench::new();
    let message = Message::new("OPTIONS", "o", 1).text();
    assert_eq!(bench.feed(&message), bench.feed(&message));
}
