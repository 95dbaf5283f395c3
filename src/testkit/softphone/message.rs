//! SIP messages as text: enough to place one call.

use std::net::SocketAddr;

use super::secure::Secure;

/// A message taken apart. Header names are in lower case.
#[derive(Clone, Debug)]
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
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (long_name(name.trim()), value.trim().to_owned()))
            .collect();
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

    pub(super) fn header(&self, name: &'static str) -> Option<&str> {
        self.all(name).next()
    }

    pub(super) fn all(&self, name: &'static str) -> impl DoubleEndedIterator<Item = &str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The method in CSeq.
    pub(super) fn sequence_method(&self) -> Option<&str> {
        self.header("cseq")?.split_whitespace().nth(1)
    }

    /// The response to this request with nothing in its body.
    pub(super) fn respond(&self, status: &str, local_tag: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for (name, value) in &self.headers {
            match name.as_str() {
                "via" | "from" | "call-id" | "cseq" | "record-route" => text.push_str(&format!("{name}: {value}\r\n")),
                "to" if value.contains(";tag=") => text.push_str(&format!("to: {value}\r\n")),
                "to" => text.push_str(&format!("to: {value};tag={local_tag}\r\n")),
                _ => {}
            }
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        text
    }
}

fn long_name(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "v" => "via".to_owned(),
        "f" => "from".to_owned(),
        "t" => "to".to_owned(),
        "i" => "call-id".to_owned(),
        "m" => "contact".to_owned(),
        "l" => "content-length".to_owned(),
        "c" => "content-type".to_owned(),
        _ => name,
    }
}

/// What the answer's session description says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) media: SocketAddr,
    pub(super) codec: u8,
    pub(super) events: Option<u8>,
}

/// Reads an answer; `None` where it agrees on no G.711.
pub(super) fn read_answer(body: &str) -> Option<Answer> {
    let lines: Vec<&str> = body.lines().map(str::trim_end).collect();
    let address = lines.iter().find_map(|line| line.strip_prefix("c=IN IP4 ").or(line.strip_prefix("c=IN IP6 ")))?;
    let media = lines.iter().find_map(|line| line.strip_prefix("m=audio "))?;
    let mut fields = media.split(' ');
    let port = fields.next()?.parse().ok()?;
    let types: Vec<u8> = fields.skip(1).filter_map(|field| field.parse().ok()).collect();
    let codec = types.iter().copied().find(|kind| matches!(kind, 0 | 8))?;
    let is_event = |kind: &u8| lines.iter().any(|line| line.starts_with(&format!("a=rtpmap:{kind} telephone-event/")));
    Some(Answer {
        media: SocketAddr::new(address.parse().ok()?, port),
        codec,
        events: types.iter().copied().find(is_event),
    })
}

/// The offer: G.711 and telephone-events, protected or in clear.
pub(super) fn offer(local: SocketAddr, codecs: &[u8], has_events: bool, secure: Option<&Secure>) -> String {
    let family = if local.is_ipv4() { "IP4" } else { "IP6" };
    let ip = local.ip();
    let mut types: Vec<String> = codecs.iter().map(u8::to_string).collect();
    let mut attributes: String = codecs
        .iter()
        .map(|kind| format!("a=rtpmap:{kind} {}/8000\r\n", if *kind == 8 { "PCMA" } else { "PCMU" }))
        .collect();
    if has_events {
        types.push("101".to_owned());
        attributes.push_str("a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n");
    }
    let profile = if secure.is_some() { "RTP/SAVP" } else { "RTP/AVP" };
    attributes.extend(secure.map(Secure::attribute));
    format!(
        "v=0\r\no=debtor 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {} {profile} {}\r\n\
         {attributes}a=ptime:20\r\na=sendrecv\r\n",
        local.port(),
        types.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_where_to_send_what() {
        let body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 96\r\n\
                    a=rtpmap:8 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\n";
        let answer = read_answer(body).unwrap();
        assert_eq!(answer, Answer { media: "127.0.0.1:40000".parse().unwrap(), codec: 8, events: Some(96) });
        assert!(read_answer("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4 RTP/AVP 18\r\n").is_none());
    }

    #[test]
    fn a_response_repeats_what_it_must() {
        let request = "BYE sip:debtor@127.0.0.1 SIP/2.0\r\nv: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\n\
                       From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\ni: x@y\r\nCSeq: 3 BYE\r\n\r\n";
        let request = Message::parse(request.as_bytes()).unwrap();
        assert_eq!((request.method(), request.sequence_method()), (Some("BYE"), Some("BYE")));
        let response = Message::parse(request.respond("200 OK", "9").as_bytes()).unwrap();
        assert_eq!(response.status(), Some(200));
        assert_eq!(response.header("to"), Some("<sip:c@d>;tag=2"));
        assert_eq!(response.header("call-id"), Some("x@y"));
    }
}
