//! Messages that are strange and must be taken, and messages that are wrong and must be refused by name, after the
//! ideas of RFC 4475.

use super::*;

fn answer_to(text: &str) -> Option<String> {
    let mut bench = Bench::new();
    let sent = bench.feed(text);
    assert!(sent.len() <= 1, "{text}");
    sent.first().map(|answer| answer.lines().next().unwrap()[8..].to_owned())
}

#[test]
fn a_strange_but_lawful_invite_becomes_a_call() {
    let text = "INVITE sip:vivekg@192.0.2.1;unknownparam SIP/2.0\r\n\
        TO :\r\n sip:vivekg@192.0.2.1 ;   tag    = \r\n\
        \r\n";
    assert_eq!(answer_to(text), None, "without a Via there is no way back");
    let text = format!(
        "\r\n\r\nINVITE sip:+15555550199;x=y@192.0.2.1;unknownparam SIP/2.0\n\
         tO:\t\"Coll \\\"x\\\" ,;<>\"\n <sip:+15555550199@192.0.2.1>\n\
         fROM:sip:+15555550100@203.0.113.5;\n  tag=caller;unknown\n\
         NewFangledHeader: a, \"b\n  c\n\
         Max-forwards :   0068\n\
         i\t: 0ha0isndaksdj@10.0.0.1\n\
         cseq:  0009\n  INVITE\n\
         V:SIP  / 2.0  /UDP 203.0.113.5 ;rport\n\t;branch=z9hG4bKs, SIP / 2.0/UDP 10.0.0.2:5061 ;branch = z9hG4bKt\n\
         m:\"Q \\\\ \" <sip:ua@203.0.113.5;p>;newparam =newvalue;q=0.33\n\
         s:\n\
         c: application/sdp\n\
         L:  {}\n\n{OFFER}trailing bytes that Content-Length leaves out",
        OFFER.len()
    );
    let mut bench = Bench::new();
    assert_eq!(starts(&bench.feed(&text)), ["SIP/2.0 100 Trying"]);
    let Some(Event::Incoming(incoming)) = bench.events.first() else { panic!("no call") };
    assert_eq!(
        (incoming.called_number.as_str(), incoming.caller_number.as_deref()),
        ("+15555550199", Some("+15555550100"))
    );
}

/// A lawful OPTIONS with one thing changed.
fn changed(what: &str, into: &str) -> String {
    let text = Message::new("OPTIONS", "o", 1).text();
    assert!(text.contains(what), "{what}");
    text.replace(what, into)
}

#[test]
fn what_is_strange_and_lawful_is_answered() {
    for (what, into) in [
        ("Max-Forwards: 70\r\n", ""),
        (";tag=caller", ""),
        ("SIP/2.0\r\nVia", "sip/2.0\r\nVia"),
        ("CSeq: 1", "CSeq: 2147483647"),
        ("Call-ID: call-1@203.0.113.5", "Call-ID: !#$%&'*+-./:;<=>?@[]^_`{|}~\""),
        ("\"A\" <sip:", "A B <sip:"),
        ("\"A\" <sip:", "\"\u{4e2d}\" <sip:"),
        ("sip:+15555550199@192.0.2.1 SIP", "tel:+1-555-555-0199 SIP"),
        ("sip:+15555550199@192.0.2.1 SIP", "sip:sip%3Auser%40example.com@192.0.2.1;other-param=summit SIP"),
        ("branch=z9hG4bKo", "branch=1"),
        ("Content-Length: 0\r\n\r\n", "\r\nunframed rest"),
    ] {
        assert_eq!(answer_to(&changed(what, into)).as_deref(), Some("200 OK"), "{into}");
    }
}

#[test]
fn what_is_wrong_is_refused_by_name() {
    for (what, into, answer) in [
        ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", "505 Version Not Supported"),
        ("CSeq: 1 OPTIONS", "CSeq: 1 INVITE", "400 CSeq Method Mismatch"),
        ("CSeq: 1 OPTIONS", "CSeq: 36893488147419103232 OPTIONS", "400 Bad CSeq Header"),
        ("CSeq: 1 OPTIONS", "CSeq: 2147483648 OPTIONS", "400 Bad CSeq Header"),
        ("CSeq: 1 OPTIONS", "CSeq: -1 OPTIONS", "400 Bad CSeq Header"),
        ("CSeq: 1 OPTIONS\r\n", "", "400 Missing CSeq Header"),
        ("CSeq: 1 OPTIONS", "CSeq: 1 OPTIONS\r\nCSeq: 1 OPTIONS", "400 Repeated CSeq Header"),
        ("From: \"A\" <", "Frm: \"A\" <", "400 Missing From Header"),
        ("From: \"A\" <", "From: \"A <", "400 Bad From Header"),
        ("To: <sip:+15555550199@192.0.2.1>", "To: <sip:+15555550199@192.0.2.1", "400 Bad To Header"),
        ("To: <", "t: <sip:x@y>\r\nTo: <", "400 Repeated To Header"),
        ("Call-ID: call-1@203.0.113.5\r\n", "", "400 Missing Call-ID Header"),
        ("Call-ID: call-1@203.0.113.5", "Call-ID: two words", "400 Bad Call-ID Header"),
        ("Max-Forwards: 70", "Max-Forwards: 300", "400 Bad Max-Forwards Header"),
        ("Max-Forwards: 70", "Max-Forwards: many", "400 Bad Max-Forwards Header"),
        ("Content-Length: 0", "Content-Length: 9999", "400 Content-Length Exceeds Body"),
        ("Content-Length: 0", "Content-Length: -999", "400 Bad Content-Length Header"),
        ("Content-Length: 0", "l: 0\r\nContent-Length: 0", "400 Repeated Content-Length Header"),
        ("Max-Forwards: 70", "no colon here", "400 Header Without Colon"),
        ("Max-Forwards: 70", "bad name: x", "400 Bad Header Name"),
        ("Max-Forwards: 70", "Contact: a\rb", "400 Control Character In Contact"),
        ("sip:+15555550199@192.0.2.1 SIP", "<sip:+15555550199@192.0.2.1> SIP", "400 Bad Request-URI"),
        ("sip:+15555550199@192.0.2.1 SIP", "sip:a@192.0.2.1; lr SIP", "400 Bad Request-URI"),
        ("OPTIONS sip:", "OPTIONS  sip:", "400 Bad Request-URI"),
        ("Max-Forwards: 70", "Via: nonsense", "400 Bad Via Header"),
        ("Content-Length: 0\r\n\r\n", "Content-Length: 0\r\n", "400 Missing Empty Line After Headers"),
    ] {
        assert_eq!(answer_to(&changed(what, into)).as_deref(), Some(answer), "{into}");
    }
}

#[test]
fn too_many_and_too_long_headers_are_refused() {
    let many = format!("{}Content-Length", "X: y\r\n".repeat(300));
    assert_eq!(answer_to(&changed("Content-Length", &many)).as_deref(), Some("400 Too Many Headers"));
    let long = format!("Subject: {}", "x".repeat(9_000));
    assert_eq!(answer_to(&changed("Max-Forwards: 70", &long)).as_deref(), Some("400 Header Too Long"));
    let values = format!("Route: {}<sip:a>", "<sip:a>,".repeat(600));
    assert_eq!(answer_to(&changed("Max-Forwards: 70", &values)).as_deref(), Some("400 Too Many Header Values"));
}

#[test]
fn what_cannot_be_answered_is_dropped_and_counted() {
    for text in [
        "nonsense\r\n\r\n",
        "OPTIONS sip:a SIP/2.0\r\n\r\n",
        "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP\r\n\r\n",
        "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a.example\r\n\r\n",
        "OPTIONS sip:a\r\nVia: SIP/2.0/UDP a.example\r\n\r\n",
        "OPTIONS\r\n\r\n",
        "SIP/2.0 abc Nonsense\r\n\r\n",
    ] {
        let mut bench = Bench::new();
        assert!(bench.feed(text).is_empty(), "{text}");
        assert_eq!(bench.counts, [Count::Dropped(DropReason::Malformed)], "{text}");
    }
    assert!(Bench::new().feed(&changed("OPTIONS", "ACK").replace("1 ACK", "1 INVITE")).is_empty());
    assert!(Bench::new().feed("\r\n\r\n").is_empty());
}

#[test]
fn a_stream_message_without_a_length_is_refused() {
    let mut bench = Bench::new();
    bench.connection = Some(FlowId(1));
    let sent = bench.feed(&changed("Content-Length: 0\r\n", ""));
    assert_eq!(starts(&sent), ["SIP/2.0 400 Missing Content-Length Header"]);
}

#[test]
fn a_response_to_nothing_is_counted() {
    let mut bench = Bench::new();
    bench.feed(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(bench.counts, [Count::Dropped(DropReason::StrayResponse)]);
}
