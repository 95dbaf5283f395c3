//! Messages: reading, checking and writing (RFC 3261 §7, §8.2, §18.3).

mod framer;
mod lines;
mod method;
mod outgoing;
mod request;
mod response;
mod wiped;

pub use framer::{FrameError, StreamFramer};
pub use method::Method;
pub use outgoing::{OutgoingRequest, OutgoingResponse};
pub use request::{Refusal, Request};
pub use response::Response;
pub use wiped::WipedBytes;

use lines::StartLine;

/// A message that can be worked with.
pub enum Message {
    /// A request that keeps the rules.
    Request(Box<Request>),
    /// A request that breaks a rule, with enough of it to answer.
    Refused(Box<Refusal>),
    /// A response.
    Response(Box<Response>),
}

/// Reads one message. `framed_by_length` says that it came from a stream, where Content-Length is a must.
/// `None` is a message that cannot even be answered.
#[must_use]
pub fn parse(bytes: &[u8], framed_by_length: bool) -> Option<Message> {
    let lines = lines::read(bytes)?;
    match lines.start {
        StartLine::Request { .. } => request::read(lines, framed_by_length),
        StartLine::Response { .. } => response::read(&lines).map(|response| Message::Response(Box::new(response))),
    }
}
