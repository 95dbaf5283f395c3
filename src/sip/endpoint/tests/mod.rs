//! The endpoint over a virtual network in virtual time.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::*;
use crate::media::{Codec, LocalMedia, Negotiated, SrtpPolicy};
use crate::tests::epoch;
use crate::{DialogRecord, Transmit};

mod answering;
mod bounds;
mod dtls;
mod ending;
mod in_dialog;
mod refer;
mod refusing;
mod reinvite;
mod robustness;
mod routing;
mod srtp;
mod torture;

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 203.0.113.5\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
const LOCAL: LocalMedia = LocalMedia {
    address: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    port: 40_000,
    session: 2,
    key: None,
    fingerprint: None,
};
const ANSWER: &str = "v=0\r\no=- 2 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

/// The socket that datagrams arrive on.
const SOCKET: FlowId = FlowId(1);

/// An endpoint, the time, and what came out since last asked.
struct Bench {
    endpoint: Endpoint,
    start: Instant,
    now: Instant,
    peer: SocketAddr,
    connection: Option<FlowId>,
    sent: Vec<Transmit>,
    events: Vec<Event>,
    counts: Vec<Count>,
}

fn config() -> EndpointConfig {
    let trunk = |name: &str, peer: &str| Trunk {
        name: name.to_owned(),
        peers: vec![peer.parse().unwrap()],
        transports: vec![Transport::Udp, Transport::Tcp],
        capacity: 2,
        srtp: SrtpPolicy::Optional,
        codecs: Codec::ALL.to_vec(),
    };
    EndpointConfig {
        advertised_address: Advertised { host: "192.0.2.1".to_owned(), udp: None, tcp: None },
        media_address: "192.0.2.1".parse().unwrap(),
        trunks: vec![trunk("carrier", "203.0.113.0/28"), trunk("other", "203.0.113.64/28")],
        seed: [1; 32],
        limits: Limits::default(),
    }
}

impl Bench {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: EndpointConfig) -> Self {
        let now = epoch();
        Self {
            endpoint: Endpoint::new(config),
            start: now,
            now,
            peer: "203.0.113.5:5060".parse().unwrap(),
            connection: None,
            sent: Vec::new(),
            events: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// Hands a message in and returns what was sent for it.
    fn feed(&mut self, text: &str) -> Vec<String> {
        self.feed_bytes(text.as_bytes())
    }

    fn feed_bytes(&mut self, bytes: &[u8]) -> Vec<String> {
        match self.connection {
            None => self.endpoint.handle_datagram(self.now, SOCKET, self.peer, bytes),
            Some(connection) => self.endpoint.handle_stream_message(self.now, connection, self.peer, bytes),
        }
        self.drain()
    }

    /// Takes every output and returns the messages sent.
    fn drain(&mut self) -> Vec<String> {
        let before = self.sent.len();
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit(transmit) => self.sent.push(transmit),
                Output::Event(event) => self.events.push(*event),
                Output::Count(count) => self.counts.push(count),
            }
        }
        self.sent[before..].iter().map(|transmit| String::from_utf8(transmit.bytes.to_vec()).unwrap()).collect()
    }

    /// Lets time pass; returns each message sent with its moment in milliseconds since the start.
    fn pass(&mut self, span: Duration) -> Vec<(u128, String)> {
        let until = self.now + span;
        let mut sent = Vec::new();
        while let Some(due) = self.endpoint.poll_timeout().filter(|&due| due <= until) {
            self.now = self.now.max(due);
            self.endpoint.handle_timeout(self.now);
            let moment = (self.now - self.start).as_millis();
            sent.extend(self.drain().into_iter().map(|text| (moment, text)));
        }
        self.now = until;
        sent
    }

    /// The call of the latest [`Event::Incoming`].
    fn call(&self) -> CallHandle {
        let incoming = |event: &Event| match event {
            Event::Incoming(incoming) => Some(incoming.call),
            Event::Acknowledged { .. }
            | Event::Changed { .. }
            | Event::Info { .. }
            | Event::Referral { .. }
            | Event::Ended { .. }
            | Event::Closed { .. } => None,
        };
        self.events.iter().rev().find_map(incoming).expect("a call came in")
    }

    /// The ends told so far.
    fn ends(&self) -> Vec<EndReason> {
        let end = |event: &Event| match event {
            Event::Ended { reason, .. } => Some(*reason),
            Event::Acknowledged { .. }
            | Event::Changed { .. }
            | Event::Info { .. }
            | Event::Referral { .. }
            | Event::Incoming(_)
            | Event::Closed { .. } => None,
        };
        self.events.iter().filter_map(end).collect()
    }

    fn closed(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Closed { .. })).count()
    }

    fn acknowledged(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Acknowledged { .. })).count()
    }

    /// The changes of the session told so far.
    fn changes(&self) -> Vec<&Negotiated> {
        self.events
            .iter()
            .filter_map(|event| if let Event::Changed { negotiated, .. } = event { Some(negotiated) } else { None })
            .collect()
    }

    /// Sends an INVITE and answers it; returns the 200.
    fn answered(&mut self) -> String {
        self.feed(&Message::invite().text());
        let call = self.call();
        self.endpoint.answer(self.now, call, &LOCAL).unwrap();
        self.drain().remove(0)
    }

    /// A call that is up; returns this side's tag.
    fn established(&mut self) -> String {
        let tag = to_tag(&self.answered());
        self.feed(&Message::in_dialog("ACK", 1, &tag).text());
        tag
    }
}

/// A request under construction.
#[derive(Clone)]
struct Message {
    method: String,
    uri: String,
    via: String,
    to: String,
    sequence: String,
    headers: String,
    body: String,
}

impl Message {
    fn new(method: &str, branch: &str, sequence: u32) -> Self {
        Self {
            method: method.to_owned(),
            uri: "sip:+15555550199@192.0.2.1".to_owned(),
            via: format!("SIP/2.0/UDP 203.0.113.5:5060;rport;branch=z9hG4bK{branch}"),
            to: "<sip:+15555550199@192.0.2.1>".to_owned(),
            sequence: format!("{sequence} {method}"),
            headers: "Contact: <sip:sbc@203.0.113.5:5060>\r\n".to_owned(),
            body: String::new(),
        }
    }

    fn invite() -> Self {
        Self::new("INVITE", "invite", 1).body("application/sdp", OFFER)
    }

    fn in_dialog(method: &str, sequence: u32, tag: &str) -> Self {
        let mut message = Self::new(method, &format!("{method}{sequence}"), sequence);
        message.to.push_str(&format!(";tag={tag}"));
        message
    }

    fn header(mut self, line: &str) -> Self {
        self.headers.push_str(line);
        self.headers.push_str("\r\n");
        self
    }

    fn body(mut self, content_type: &str, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self.header(&format!("Content-Type: {content_type}"))
    }

    fn text(&self) -> String {
        let Self { method, uri, via, to, sequence, headers, body } = self;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: \"A\" <sip:+15555550100@203.0.113.5>;tag=caller\r\n\
             To: {to}\r\nCall-ID: call-1@203.0.113.5\r\nCSeq: {sequence}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// A response to a request of the endpoint.
fn response(status: &str, request: &str) -> String {
    let copied: String = request
        .lines()
        .filter(|line| ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name)))
        .map(|line| format!("{line}\r\n"))
        .collect();
    format!("SIP/2.0 {status}\r\n{copied}Content-Length: 0\r\n\r\n")
}

/// The To tag of a response.
fn to_tag(response: &str) -> String {
    header(response, "To").split("tag=").nth(1).expect("a To tag").to_owned()
}

/// The first header of this name.
fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// The first lines of messages.
fn starts(messages: &[String]) -> Vec<&str> {
    messages.iter().map(|text| text.lines().next().unwrap_or("")).collect()
}
