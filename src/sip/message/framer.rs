//! Cutting messages out of a stream by Content-Length (RFC 3261 §18.3).

use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use super::WipedBytes;
use super::request::digits;
use crate::header::HeaderName;

/// Most bytes before the empty line that ends the headers.
const MAX_HEAD_BYTES: usize = 32_768;

/// Cuts one connection's bytes into messages. What has been cut is wiped here: it may hold a keyed digit.
pub struct StreamFramer {
    buffer: Zeroizing<Vec<u8>>,
    max_message_bytes: usize,
}

/// Why a stream cannot be followed any further: the connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The headers do not end within the bound.
    #[error("the headers of a message exceed their bound")]
    HeadTooLong,
    /// The message is longer than the bound.
    #[error("a message exceeds its bound")]
    MessageTooLong,
    /// Content-Length is missing, repeated or no number.
    #[error("a message without a usable Content-Length")]
    ContentLength,
}

impl StreamFramer {
    /// A framer of an empty stream for messages of at most `max_message_bytes`.
    #[must_use]
    pub fn new(max_message_bytes: usize) -> Self {
        Self { buffer: Zeroizing::new(Vec::new()), max_message_bytes }
    }

    /// Takes the stream's next bytes. Drain [`StreamFramer::next_message`] before giving more.
    pub fn push(&mut self, bytes: &[u8]) {
        let needed = self.buffer.len() + bytes.len();
        if needed > self.buffer.capacity() {
            // A vector that grows by itself would leave the old bytes behind unwiped.
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two()));
            larger.extend_from_slice(&self.buffer);
            self.buffer = larger;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, or `None` until more bytes arrive. After an error the stream is lost.
    pub fn next_message(&mut self) -> Result<Option<WipedBytes>, FrameError> {
        let blank = self.buffer.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(self.buffer.len());
        self.consume(blank);
        let Some(head) = head_length(&self.buffer) else {
            let too_long = self.buffer.len() > MAX_HEAD_BYTES.min(self.max_message_bytes);
            return if too_long { Err(FrameError::HeadTooLong) } else { Ok(None) };
        };
        let body = content_length(&self.buffer[..head]).ok_or(FrameError::ContentLength)?;
        let total = head.checked_add(body).filter(|&total| total <= self.max_message_bytes);
        let total = total.ok_or(FrameError::MessageTooLong)?;
        if self.buffer.len() < total {
            return Ok(None);
        }
        let message = WipedBytes::copied(&self.buffer[..total]);
        self.consume(total);
        Ok(Some(message))
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub fn is_inside_message(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Drops and wipes the first `count` bytes.
    fn consume(&mut self, count: usize) {
        let rest = self.buffer.len() - count;
        self.buffer.copy_within(count.., 0);
        self.buffer[rest..].zeroize();
        self.buffer.truncate(rest);
    }
}

/// The length of the headers with the empty line after them.
fn head_length(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (index, _) in bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'\n') {
        let line = &bytes[line_start..index];
        if line.is_empty() || line == b"\r" {
            return Some(index + 1);
        }
        line_start = index + 1;
    }
    None
}

/// The one Content-Length among the header lines.
fn content_length(head: &[u8]) -> Option<usize> {
    let mut found = None;
    for line in head.split(|&byte| byte == b'\n') {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let Ok(name) = std::str::from_utf8(&line[..colon]) else { continue };
        if HeaderName::find(name.trim_end()) != Some(HeaderName::ContentLength) {
            continue;
        }
        if found.is_some() {
            return None;
        }
        found = Some(digits(std::str::from_utf8(&line[colon + 1..]).ok()?.trim()).filter(|_| colon > 0)? as usize);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nl: 4\r\n\r\nbody";

    fn cut(framer: &mut StreamFramer) -> Option<Vec<u8>> {
        framer.next_message().unwrap().map(|message| message.to_vec())
    }

    #[test]
    fn messages_are_cut_however_the_bytes_arrive() {
        let stream = [b"\r\n\r\n".as_slice(), OPTIONS, b"\r\n", OPTIONS].concat();
        for chunk in 1..stream.len() {
            let mut framer = StreamFramer::new(1_000);
            let mut messages = Vec::new();
            for bytes in stream.chunks(chunk) {
                framer.push(bytes);
                while let Some(message) = cut(&mut framer) {
                    messages.push(message);
                }
            }
            assert_eq!(messages, [OPTIONS, OPTIONS], "chunks of {chunk}");
            assert!(!framer.is_inside_message());
        }
    }

    #[test]
    fn a_stream_without_a_usable_length_is_lost() {
        for (head, error) in [
            ("OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n", FrameError::ContentLength),
            ("OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n", FrameError::ContentLength),
            ("OPTIONS sip:a SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\n", FrameError::ContentLength),
            ("OPTIONS sip:a SIP/2.0\r\nContent-Length: 4000000000\r\n\r\n", FrameError::MessageTooLong),
        ] {
            let mut framer = StreamFramer::new(1_000);
            framer.push(head.as_bytes());
            assert_eq!(framer.next_message().err(), Some(error), "{head}");
        }
    }

    #[test]
    fn headers_without_an_end_are_cut_off_at_the_bound() {
        let mut framer = StreamFramer::new(1_000);
        framer.push(&[b'a'; 1_001]);
        assert_eq!(framer.next_message().err(), Some(FrameError::HeadTooLong));
    }
}
