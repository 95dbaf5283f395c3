//! Writing messages.

use std::borrow::Cow;
use std::sync::Arc;

use super::Method;
use crate::Status;
use crate::header::{HeaderName, Headers, Via};

/// A response on its way out.
pub struct OutgoingResponse {
    status: Status,
    phrase: Cow<'static, str>,
    headers: Headers,
    body: String,
}

impl OutgoingResponse {
    /// The response to a request with these headers: Via, From, To, Call-ID and CSeq are copied (RFC 3261 §8.2.6.2),
    /// the topmost Via as `via` has it, and `to_tag` is added to a To that has none.
    #[must_use]
    pub fn new(status: Status, request: &Headers, via: &Via, to_tag: Option<&str>) -> Self {
        let mut headers = Headers::default();
        headers.push(HeaderName::Via, via.to_string());
        for value in request.all(HeaderName::Via).skip(1) {
            headers.push(HeaderName::Via, value);
        }
        for name in [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq] {
            let Some(value) = request.first(name) else { continue };
            match to_tag {
                Some(tag) if name == HeaderName::To && !has_tag(value) => {
                    headers.push(name, format!("{value};tag={tag}"));
                }
                Some(_) | None => headers.push(name, value),
            }
        }
        Self { status, phrase: status.phrase().into(), headers, body: String::new() }
    }

    /// With another reason phrase.
    #[must_use]
    pub fn phrase(mut self, phrase: Cow<'static, str>) -> Self {
        self.phrase = phrase;
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// With a session description as the body.
    #[must_use]
    pub fn sdp(mut self, sdp: &str) -> Self {
        self.body = sdp.to_owned();
        self.header(HeaderName::ContentType, "application/sdp")
    }

    /// The message's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Arc<[u8]> {
        let start = format!("SIP/2.0 {} {}", self.status.code(), self.phrase);
        write(&start, &self.headers, &self.body)
    }
}

/// A request on its way out.
pub struct OutgoingRequest {
    /// The method.
    pub method: Method,
    /// The Request-URI.
    pub uri: String,
    /// The headers in their order.
    pub headers: Headers,
}

impl OutgoingRequest {
    /// The message's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Arc<[u8]> {
        write(&format!("{} {} SIP/2.0", self.method.as_str(), self.uri), &self.headers, "")
    }
}

/// Whether a From or To value carries a tag after its URI.
fn has_tag(value: &str) -> bool {
    value.parse::<crate::header::NameAddr>().is_ok_and(|address| address.tag().is_some())
}

/// Writes a message with its Content-Length.
fn write(start: &str, headers: &Headers, body: &str) -> Arc<[u8]> {
    let mut text = String::with_capacity(512 + body.len());
    text.push_str(start);
    text.push_str("\r\n");
    for (name, value) in headers.iter() {
        for part in [name.as_str(), ": ", value, "\r\n"] {
            text.push_str(part);
        }
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    text.into_bytes().into()
}
