//! Requests that arrive.

use std::borrow::Cow;
use std::fmt;

use super::lines::{Lines, StartLine};
use super::{Message, Method, WipedBytes};
use crate::Status;
use crate::header::{HeaderName, Headers, NameAddr, Via};
use crate::uri::Uri;

/// Largest CSeq number (RFC 3261 §8.1.1.5).
const MAX_SEQUENCE: u32 = (1 << 31) - 1;

/// A request whose mandatory headers are there and can be read (RFC 3261 §8.1.1).
pub struct Request {
    /// The method, of the request line and of CSeq.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// The topmost Via.
    pub via: Via,
    /// From.
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
    /// Call-ID.
    pub call_id: String,
    /// The number of CSeq.
    pub sequence: u32,
    /// Every header this side reads.
    pub headers: Headers,
    /// The body, as long as Content-Length says.
    pub body: WipedBytes,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// The From tag; empty where an RFC 2543 peer gave none (RFC 3261 §12.1.1).
    #[must_use]
    pub fn from_tag(&self) -> &str {
        self.from.tag().unwrap_or("")
    }

    /// The To tag, where there is one.
    #[must_use]
    pub fn to_tag(&self) -> Option<&str> {
        self.to.tag()
    }

    /// The body's type and subtype in lower case, without parameters.
    #[must_use]
    pub fn content_type(&self) -> Option<String> {
        let value = self.headers.first(HeaderName::ContentType)?;
        Some(value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase())
    }
}

/// A request that breaks a rule: what its answer needs, and the answer.
pub struct Refusal {
    /// The method of the request line, where it is one.
    pub method: Option<Method>,
    /// The topmost Via.
    pub via: Via,
    /// The headers as they came.
    pub headers: Headers,
    /// The status of the answer.
    pub status: Status,
    /// The reason phrase: it names the culprit.
    pub phrase: Cow<'static, str>,
}

/// Why a request is refused, before its headers are at hand.
struct Fault(Status, Cow<'static, str>);

impl Fault {
    fn bad(phrase: impl Into<Cow<'static, str>>) -> Self {
        Self(Status::BAD_REQUEST, phrase.into())
    }

    fn header(name: HeaderName) -> Self {
        Self::bad(format!("Bad {} Header", name.as_str()))
    }
}

/// Reads a request. `None` where its topmost Via cannot be read: no answer would find its way.
pub(super) fn read(lines: Lines<'_>, framed_by_length: bool) -> Option<Message> {
    let via: Via = lines.headers.first(HeaderName::Via)?.parse().ok()?;
    match check(&lines, &via, framed_by_length) {
        Ok(request) => Some(Message::Request(Box::new(Request { headers: lines.headers, ..request }))),
        Err(Fault(status, phrase)) => {
            let method = match lines.start {
                StartLine::Request { method, .. } => Method::parse(method),
                StartLine::Response { .. } => None,
            };
            Some(Message::Refused(Box::new(Refusal { method, via, headers: lines.headers, status, phrase })))
        }
    }
}

/// Checks every mandatory part. The request it makes has no headers yet.
fn check(lines: &Lines<'_>, via: &Via, framed_by_length: bool) -> Result<Request, Fault> {
    let StartLine::Request { method, uri, version } = lines.start else { return Err(Fault::bad("Not A Request")) };
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Err(Fault(Status::VERSION_NOT_SUPPORTED, Status::VERSION_NOT_SUPPORTED.phrase().into()));
    }
    if let Some(fault) = &lines.fault {
        return Err(Fault::bad(fault.clone()));
    }
    let headers = &lines.headers;
    let method = Method::parse(method).ok_or_else(|| Fault::bad("Bad Method"))?;
    let uri: Uri = uri.parse().map_err(|_| Fault::bad("Bad Request-URI"))?;
    let from = address(headers, HeaderName::From)?;
    let to = address(headers, HeaderName::To)?;
    let call_id = call_id(headers)?;
    let sequence = sequence(headers, &method)?;
    check_max_forwards(headers)?;
    let body = body(headers, lines.body, framed_by_length)?;
    if headers.all(HeaderName::Via).skip(1).any(|value| value.parse::<Via>().is_err()) {
        return Err(Fault::header(HeaderName::Via));
    }
    Ok(Request { method, uri, via: via.clone(), from, to, call_id, sequence, headers: Headers::default(), body })
}

/// The one value of a header that must be there once.
fn single(headers: &Headers, name: HeaderName) -> Result<&str, Fault> {
    let mut values = headers.all(name);
    let Some(value) = values.next() else { return Err(Fault::bad(format!("Missing {} Header", name.as_str()))) };
    if values.next().is_some() {
        return Err(Fault::bad(format!("Repeated {} Header", name.as_str())));
    }
    Ok(value)
}

fn address(headers: &Headers, name: HeaderName) -> Result<NameAddr, Fault> {
    single(headers, name)?.parse().map_err(|_| Fault::header(name))
}

fn call_id(headers: &Headers) -> Result<String, Fault> {
    let value = single(headers, HeaderName::CallId)?;
    let fits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(value.to_owned()) } else { Err(Fault::header(HeaderName::CallId)) }
}

fn sequence(headers: &Headers, method: &Method) -> Result<u32, Fault> {
    let (number, name) = sequence_parts(single(headers, HeaderName::CSeq)?).ok_or(Fault::header(HeaderName::CSeq))?;
    if name != method.as_str() {
        return Err(Fault::bad("CSeq Method Mismatch"));
    }
    Ok(number)
}

/// Splits a CSeq value: a number below 2³¹ and a method.
pub(super) fn sequence_parts(value: &str) -> Option<(u32, &str)> {
    let (number, method) = value.split_once([' ', '\t'])?;
    let number = digits(number).filter(|&number| number <= MAX_SEQUENCE)?;
    Some((number, method.trim()))
}

/// Max-Forwards may be missing (RFC 2543 peers), but what is there must be 0 to 255.
fn check_max_forwards(headers: &Headers) -> Result<(), Fault> {
    if headers.first(HeaderName::MaxForwards).is_none() {
        return Ok(());
    }
    match digits(single(headers, HeaderName::MaxForwards)?) {
        Some(0..=255) => Ok(()),
        Some(_) | None => Err(Fault::header(HeaderName::MaxForwards)),
    }
}

/// The body by Content-Length (RFC 3261 §18.3): a datagram may hold more, which is dropped, but not less.
fn body(headers: &Headers, bytes: &[u8], framed_by_length: bool) -> Result<WipedBytes, Fault> {
    if headers.first(HeaderName::ContentLength).is_none() {
        if framed_by_length {
            return Err(Fault::bad("Missing Content-Length Header"));
        }
        return Ok(WipedBytes::copied(bytes));
    }
    let length = digits(single(headers, HeaderName::ContentLength)?).ok_or(Fault::header(HeaderName::ContentLength))?;
    match bytes.get(..length as usize) {
        Some(body) => Ok(WipedBytes::copied(body)),
        None => Err(Fault::bad("Content-Length Exceeds Body")),
    }
}

/// A number of digits alone: no sign, no blanks.
pub(super) fn digits(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
