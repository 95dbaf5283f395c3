//! Responses that arrive.

use super::Method;
use super::lines::{Lines, StartLine};
use super::request::{digits, sequence_parts};
use crate::Status;
use crate::header::{HeaderName, Via};

/// A response, as far as the transaction that waits for it needs it.
pub struct Response {
    /// The status.
    pub status: Status,
    /// The topmost Via: this side's own.
    pub via: Via,
    /// The method of CSeq.
    pub method: Method,
}

/// Reads a response; `None` where it cannot be matched to anything.
pub(super) fn read(lines: &Lines<'_>) -> Option<Response> {
    let StartLine::Response { version, status } = lines.start else { return None };
    if !version.eq_ignore_ascii_case("SIP/2.0") || status.len() != 3 || lines.fault.is_some() {
        return None;
    }
    let status = Status::new(digits(status)?.try_into().ok()?)?;
    let via = lines.headers.first(HeaderName::Via)?.parse().ok()?;
    let (_, method) = sequence_parts(lines.headers.first(HeaderName::CSeq)?)?;
    Some(Response { status, via, method: Method::parse(method)? })
}
