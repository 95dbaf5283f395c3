//! What is fuzzed of SIP (`fuzz/README.md`).

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::{Duration, Instant};

use self::script::{Script, beginning};
use crate::header::{NameAddr, Via};
use crate::media::{
    Codec, CryptoKey, Fingerprint, FingerprintHash, KeyMaterial, LocalMedia, MediaPolicy, Negotiated, Offer, Session,
    SrtpPolicy,
};
use crate::message::{Message, Request, StreamFramer, parse};
use crate::uri::Uri;
use crate::{
    Advertised, CallHandle, Endpoint, EndpointConfig, Event, FlowId, HangUp, Limits, Output, ReferTarget, Status,
    Transport, Trunk,
};

#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;
#[path = "../../fuzz/shared/script.rs"]
mod script;

/// What ends one text and begins the next, where an input holds several: the record separator of ASCII.
const SEPARATOR: u8 = 0x1e;
/// What stands for this side's tag of the newest answer: the group separator of ASCII.
const TAG: u8 = 0x1d;
const PEER: ([u8; 4], u16) = ([203, 0, 113, 5], 5060);
const STRANGER: ([u8; 4], u16) = ([198, 51, 100, 77], 5060);
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// One message, as a datagram and as what a framer cut: what is read prints as what reads the same.
pub fn sip_message(bytes: &[u8]) {
    for framed_by_length in [false, true] {
        match parse(bytes, framed_by_length) {
            Some(Message::Request(request)) => check_request(*request),
            Some(Message::Refused(refusal)) => {
                assert!(refusal.status.is_refusal(), "a request that breaks a rule is refused");
                same_again(&refusal.via);
            }
            Some(Message::Response(response)) => same_again(&response.via),
            None => {}
        }
    }
}

fn check_request(mut request: Request) {
    same_again(&request.via);
    same_again(&request.from);
    same_again(&request.to);
    same_again(&request.uri);
    let source = SocketAddr::from(PEER);
    request.via.note_source(source);
    assert_eq!(request.via.response_address(source).ip(), source.ip(), "an answer goes where the request came from");
    let (_, _, _) = (request.content_type(), request.from_tag().len(), request.to_tag());
    for (_, value) in request.headers.iter() {
        assert!(!value.contains(['\r', '\n']), "a value is one line");
    }
}

/// What was read is printed, and read again as the same.
fn same_again<T: FromStr + Display + PartialEq>(value: &T) {
    let text = value.to_string();
    assert!(!text.contains(['\r', '\n']), "no value brings a line of its own");
    assert!(text.parse::<T>().is_ok_and(|again| again == *value), "what is printed reads the same");
}

/// The values of headers, and URIs.
pub fn sip_header(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // A value is a line that was unfolded before.
    if text.contains(['\r', '\n']) {
        return;
    }
    text.parse::<Via>().iter().for_each(same_again);
    text.parse::<NameAddr>().iter().for_each(same_again);
    text.parse::<Uri>().iter().for_each(same_again);
}

/// A stream: the messages are the same however its bytes arrive, and what waits is bounded.
pub fn sip_stream(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let chunk = usize::from(script.byte()) + 1;
    let stream = script.rest();
    let whole = cut(stream, stream.len().max(1));
    let parts = cut(stream, chunk);
    assert!(whole.0.starts_with(&parts.0) || parts.0.starts_with(&whole.0), "the same messages");
    if !whole.1 && !parts.1 {
        assert_eq!(whole.0, parts.0);
    }
}

/// The messages of a stream, and whether it was lost.
fn cut(stream: &[u8], chunk: usize) -> (Vec<Vec<u8>>, bool) {
    const BOUND: usize = 2_000;
    let mut framer = StreamFramer::new(BOUND);
    let mut messages = Vec::new();
    for bytes in stream.chunks(chunk) {
        framer.push(bytes);
        loop {
            match framer.next_message() {
                Ok(Some(message)) => {
                    assert!(message.len() <= BOUND);
                    messages.push(message.to_vec());
                }
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}

/// A session: an offer or none, then what the other side says to each of this side's descriptions.
pub fn session_description(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let policy = script.byte();
    let srtp = [SrtpPolicy::Off, SrtpPolicy::Optional, SrtpPolicy::Required][usize::from(policy % 3)];
    let mut texts = script.rest().split(|&byte| byte == SEPARATOR);
    let first = texts.next().unwrap_or_default();
    let mut session = if policy & 0x80 == 0 {
        let Ok(offer) = Offer::parse(first, MediaPolicy { srtp, codecs: &Codec::ALL }) else { return };
        check_negotiated(offer.negotiated(), srtp);
        let _ = offer.check_family(LOCAL);
        let local = local_media(offer.local_key(&KeyMaterial::new([7; 30])));
        Session::open(local, Some(offer), &Codec::ALL)
    } else {
        let mut session = Session::open(local_media(None), None, &Codec::ALL);
        let _ = session.take_answer(first);
        session
    };
    check_text(session.text());
    for text in texts {
        match text.split_first() {
            Some((b'A', answer)) => {
                let _ = session.offer_again();
                let _ = session.take_answer(answer);
            }
            Some((_, offer)) => drop(session.take_offer(offer)),
            None => {}
        }
        check_text(session.text());
    }
}

fn local_media(key: Option<CryptoKey>) -> LocalMedia {
    let fingerprint = Some(Fingerprint { hash: FingerprintHash::Sha256, digest: [0xab; 32].into() });
    LocalMedia { address: LOCAL, port: 40_000, session: 77, key, fingerprint }
}

fn check_negotiated(agreed: &Negotiated, srtp: SrtpPolicy) {
    match srtp {
        SrtpPolicy::Off => assert!(agreed.protection.is_clear()),
        SrtpPolicy::Required => assert!(!agreed.protection.is_clear()),
        SrtpPolicy::Optional => {}
    }
    let is_host = |address: SocketAddr| !address.ip().is_unspecified() && !address.ip().is_multicast();
    assert!(agreed.remote_rtp.is_none_or(is_host) && agreed.remote_rtcp.is_none_or(is_host));
}

/// This side's description is one, and takes one line at most.
fn check_text(text: &str) {
    let session = sdp_types::Session::parse(text.as_bytes()).expect("a session description");
    assert!(session.medias.iter().filter(|line| line.port != 0).count() <= 1);
}

/// A whole endpoint, from messages of a trunk and of strangers, over datagrams and streams, and what its driver says
/// between them. In the end every call that came has ended and is closed, and nothing is left to wait for.
pub fn sip_endpoint(bytes: &[u8]) {
    let mut bench = Bench::new();
    for record in bytes.split(|&byte| byte == SEPARATOR) {
        let Some((step, rest)) = record.split_first() else { continue };
        bench.step(*step, rest);
        bench.drain();
    }
    bench.finish();
}

struct Bench {
    endpoint: Endpoint,
    now: Instant,
    calls: Vec<Known>,
    tag: String,
    target: ReferTarget,
}

/// A call that came in.
struct Known {
    call: CallHandle,
    key: Option<CryptoKey>,
    ended: bool,
    closed: bool,
}

impl Bench {
    const CALLS: usize = 4;
    const TRANSACTIONS: usize = 16;

    fn new() -> Self {
        let trunk = Trunk {
            name: "carrier".to_owned(),
            peers: vec!["203.0.113.0/28".parse().expect("a network")],
            transports: vec![Transport::Udp, Transport::Tcp],
            capacity: 3,
            srtp: SrtpPolicy::Optional,
            codecs: Codec::ALL.to_vec(),
        };
        let config = EndpointConfig {
            advertised_address: Advertised { host: LOCAL.to_string(), udp: None, tcp: None },
            media_address: LOCAL,
            trunks: vec![trunk],
            seed: [1; 32],
            limits: Limits { calls: Self::CALLS, transactions: Self::TRANSACTIONS, ..Limits::default() },
        };
        let target = "sip:desk@203.0.113.9".parse().expect("a target");
        Self { endpoint: Endpoint::new(config), now: beginning(), calls: Vec::new(), tag: String::new(), target }
    }

    fn step(&mut self, step: u8, rest: &[u8]) {
        let call = self.calls.last().map(|known| known.call);
        match (step, call) {
            (b'U', _) => self.message(PEER.into(), Transport::Udp, rest),
            (b'T', _) => self.message(PEER.into(), Transport::Tcp, rest),
            (b'S', _) => self.message(STRANGER.into(), Transport::Udp, rest),
            (b'W', _) => {
                let text = std::str::from_utf8(rest).unwrap_or_default();
                self.wait(Duration::from_millis(text.parse::<u16>().unwrap_or(500).into()));
            }
            (b'R', Some(call)) => self.endpoint.ring(self.now, call),
            (b'A', Some(call)) => {
                let local = local_media(self.calls.last().and_then(|known| known.key.clone()));
                let _ = self.endpoint.prepare_answer(call);
                let _ = self.endpoint.answer(self.now, call, &local);
            }
            (b'N', Some(call)) => self.endpoint.reject(self.now, call, Status::BUSY_HERE, Some(3)),
            (b'F', Some(call)) => self.endpoint.refer(self.now, call, &self.target),
            (b'H', Some(call)) => self.endpoint.hang_up(self.now, call, HangUp::Normal),
            _ => {}
        }
    }

    fn message(&mut self, from: SocketAddr, transport: Transport, bytes: &[u8]) {
        let mut message = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            match byte {
                TAG => message.extend(self.tag.bytes()),
                byte => message.push(byte),
            }
        }
        match transport {
            Transport::Udp => self.endpoint.handle_datagram(self.now, FlowId(1), from, &message),
            Transport::Tcp => self.endpoint.handle_stream_message(self.now, FlowId(2), from, &message),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit(transmit) => self.sent(&transmit.bytes),
                Output::Event(event) => self.told(*event),
                Output::Count(_) => {}
            }
        }
        assert!(self.endpoint.active_calls() <= Self::CALLS);
    }

    /// Everything that is sent is text, and one message.
    fn sent(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).expect("text");
        let (head, _) = text.split_once("\r\n\r\n").expect("headers with an end");
        assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "no line that this side did not write");
        let is_response = head.starts_with("SIP/2.0 ");
        let to = head.lines().find_map(|line| line.strip_prefix("To: ")).filter(|_| is_response).unwrap_or_default();
        if let Some((_, tag)) = to.rsplit_once("tag=") {
            tag.clone_into(&mut self.tag);
        }
    }

    fn told(&mut self, event: Event) {
        match event {
            Event::Incoming(incoming) => {
                let key = incoming.offer.and_then(|offer| offer.local_key(&KeyMaterial::new([9; 30])));
                self.calls.push(Known { call: incoming.call, key, ended: false, closed: false });
            }
            Event::Ended { call, .. } => {
                let known = self.known(call);
                assert!(!std::mem::replace(&mut known.ended, true), "a call ends once");
            }
            Event::Closed { call } => {
                let known = self.known(call);
                assert!(known.ended && !std::mem::replace(&mut known.closed, true), "what has ended is closed once");
            }
            Event::Acknowledged { call, .. }
            | Event::Changed { call, .. }
            | Event::Info { call, .. }
            | Event::Referral { call, .. } => {
                assert!(!self.known(call).ended, "an ended call tells nothing more");
            }
        }
    }

    fn known(&mut self, call: CallHandle) -> &mut Known {
        self.calls.iter_mut().find(|known| known.call == call).expect("a call that came in")
    }

    /// Lets time pass, a deadline at a time.
    fn wait(&mut self, span: Duration) {
        let until = self.now + span;
        let mut turns = 0;
        while let Some(due) = self.endpoint.poll_timeout().filter(|&due| due <= until) {
            self.now = self.now.max(due);
            self.endpoint.handle_timeout(self.now);
            self.drain();
            turns += 1;
            assert!(turns < 10_000, "a deadline that is met is over");
        }
        self.now = until;
    }

    fn finish(&mut self) {
        for call in self.calls.iter().map(|known| known.call).collect::<Vec<_>>() {
            self.endpoint.hang_up(self.now, call, HangUp::Shutdown);
        }
        self.drain();
        self.wait(Duration::from_secs(600));
        assert!(self.endpoint.is_idle() && self.endpoint.poll_timeout().is_none(), "nothing is left");
        assert!(self.calls.iter().all(|known| known.closed), "every call is closed");
    }
}

#[cfg(test)]
mod tests {
    super::replay::replay!(sip_message, sip_header, sip_stream, session_description, sip_endpoint);
}
