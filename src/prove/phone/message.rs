//! The few SIP messages that a caller needs (RFC 3261), and the session descriptions in them.

use std::net::SocketAddr;

use super::{Keying, Line, secure::Secure};

/// A message taken apart. Header names are in lower case.
pub(super) struct Message {
    pub(super) first_line: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Message {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let first_line = lines.next()?.to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect();
        Some(Self { first_line, headers, body: body.to_owned() })
    }

    /// The status of a response.
    pub(super) fn status(&self) -> Option<u16> {
        self.first_line.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    /// The method of a request.
    pub(super) fn method(&self) -> Option<&str> {
        let (method, rest) = self.first_line.split_once(' ')?;
        rest.ends_with("SIP/2.0").then_some(method)
    }

    pub(super) fn all(&self, name: &'static str) -> impl DoubleEndedIterator<Item = &str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn header(&self, name: &'static str) -> Option<&str> {
        self.all(name).next()
    }

    /// Whether it is a response to the request with this CSeq.
    pub(super) fn answers(&self, number: u32, method: &str) -> bool {
        let mut fields = self.header("cseq").unwrap_or_default().split_whitespace();
        self.status().is_some() && fields.next() == Some(number.to_string().as_str()) && fields.next() == Some(method)
    }

    /// The response to this request, without a body.
    pub(super) fn respond(&self, status: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for (name, value) in &self.headers {
            if matches!(name.as_str(), "via" | "from" | "to" | "call-id" | "cseq" | "record-route") {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        text
    }
}

/// What an answer agrees on.
pub(super) struct Agreed {
    pub(super) media: SocketAddr,
    /// The payload type of telephone-events, where there are any.
    pub(super) events: Option<u8>,
}

/// The payload type of speech in every offer, and of telephone-events.
pub(super) const EVENTS: u8 = 101;
const DYNAMIC: u8 = 96;

/// The payload type that a line's codec has.
pub(super) fn payload_type(line: &Line) -> u8 {
    line.codec.static_payload_type().unwrap_or(DYNAMIC)
}

/// An offer of one codec (RFC 3264), with telephone-events where keys are sent so.
pub(super) fn offer(local: SocketAddr, line: &Line, secure: Option<&Secure>) -> String {
    let family = if local.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, speech) = (local.ip(), payload_type(line));
    let channels = if line.codec.name() == "opus" { "/2" } else { "" };
    let mut types = speech.to_string();
    let mut attributes = format!("a=rtpmap:{speech} {}/{}{channels}\r\n", line.codec.name(), line.codec.clock_hertz());
    if line.keying == Keying::Events {
        types.push_str(&format!(" {EVENTS}"));
        let clock = line.events_hertz();
        attributes.push_str(&format!("a=rtpmap:{EVENTS} telephone-event/{clock}\r\na=fmtp:{EVENTS} 0-15\r\n"));
    }
    let profile = secure.map_or("RTP/AVP", Secure::profile);
    attributes.extend(secure.map(Secure::attributes));
    format!(
        "v=0\r\no=prove 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {} {profile} {types}\r\n\
         {attributes}a=ptime:20\r\na=sendrecv\r\n",
        local.port(),
    )
}

/// Reads an answer to such an offer.
pub(super) fn read_answer(body: &str, line: &Line) -> Option<Agreed> {
    let mut lines = body.lines().map(str::trim_end);
    let address = lines.clone().find_map(|line| line.strip_prefix("c=IN IP4 ").or(line.strip_prefix("c=IN IP6 ")))?;
    let media = lines.clone().find_map(|line| line.strip_prefix("m=audio "))?;
    let mut fields = media.split(' ');
    let port = fields.next()?.parse().ok()?;
    let types: Vec<u8> = fields.skip(1).filter_map(|field| field.parse().ok()).collect();
    if port == 0 || !types.contains(&payload_type(line)) {
        return None;
    }
    let is_events = lines.any(|line| line.starts_with(&format!("a=rtpmap:{EVENTS} telephone-event/")));
    Some(Agreed {
        media: SocketAddr::new(address.parse().ok()?, port),
        events: (is_events && types.contains(&EVENTS)).then_some(EVENTS),
    })
}

#[cfg(test)]
mod tests {
    use audio::Codec;
    use frame::SampleRate;

    use super::*;
    use crate::phone::Protection;

    fn line(codec: Codec, keying: Keying) -> Line {
        Line { codec, keying, protection: Protection::None }
    }

    #[test]
    fn an_offer_names_one_codec_and_its_events() {
        let local = "127.0.0.1:4000".parse().unwrap();
        let text = offer(local, &line(Codec::Opus(SampleRate::Hz16000), Keying::Events), None);
        assert!(text.contains("m=audio 4000 RTP/AVP 96 101\r\na=rtpmap:96 opus/48000/2\r\n"), "{text}");
        assert!(text.contains("a=rtpmap:101 telephone-event/48000\r\n"), "{text}");
        for (protection, profile, attribute) in [
            (Protection::Described, "RTP/SAVP", "a=crypto:1 "),
            (Protection::Handshake, "UDP/TLS/RTP/SAVP", "a=setup:passive\r\na=fingerprint:sha-256 "),
        ] {
            let secure = Secure::new(protection).unwrap();
            let text = offer(local, &line(Codec::Pcma, Keying::Tones), secure.as_ref());
            let offered = format!("m=audio 4000 {profile} 8\r\na=rtpmap:8 PCMA/8000\r\n{attribute}");
            assert!(text.contains(&offered), "{text}");
        }
    }

    #[test]
    fn an_answer_without_the_codec_is_none() {
        let body = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
        let agreed = read_answer(body, &line(Codec::Pcmu, Keying::Events)).unwrap();
        assert_eq!((agreed.media.port(), agreed.events), (40_000, Some(EVENTS)));
        assert!(read_answer(body, &line(Codec::Pcma, Keying::Events)).is_none());
    }

    #[test]
    fn a_response_repeats_what_it_must() {
        let request = "BYE sip:prove@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
                       To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 3 BYE\r\n\r\n";
        let request = Message::parse(request.as_bytes()).unwrap();
        assert_eq!(request.method(), Some("BYE"));
        let response = Message::parse(request.respond("200 OK").as_bytes()).unwrap();
        assert!(response.answers(3, "BYE") && !response.answers(2, "BYE"));
    }
}
