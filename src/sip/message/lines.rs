//! From bytes to a start line, headers and a body.

use std::borrow::Cow;

use crate::grammar::is_token;
use crate::header::{HeaderName, Headers};

/// Most header lines in one message.
const MAX_HEADER_LINES: usize = 256;
/// Longest header, folded lines joined, in bytes.
const MAX_HEADER_BYTES: usize = 8_192;
/// Most values of headers this side reads in one message.
const MAX_HEADER_VALUES: usize = 512;

/// The lines of a message, with the first fault found among the headers.
pub(super) struct Lines<'a> {
    pub(super) start: StartLine<'a>,
    pub(super) headers: Headers,
    pub(super) body: &'a [u8],
    pub(super) fault: Option<Cow<'static, str>>,
}

/// The first line, split.
pub(super) enum StartLine<'a> {
    Request { method: &'a str, uri: &'a str, version: &'a str },
    Response { version: &'a str, status: &'a str },
}

/// Splits a message. Line feeds without carriage returns are tolerated, and empty lines before the start line are
/// ignored (RFC 3261 §7.5). `None` where the start line is no start line.
pub(super) fn read(bytes: &[u8]) -> Option<Lines<'_>> {
    let mut rest = skip_empty_lines(bytes);
    let start = start_line(std::str::from_utf8(next_line(&mut rest)?).ok()?)?;
    let mut collector = Collector::default();
    let ended = loop {
        match next_line(&mut rest) {
            Some([]) => break true,
            Some(line) => collector.take(line),
            None => break false,
        }
    };
    collector.flush();
    if !ended {
        collector.note("Missing Empty Line After Headers");
    }
    Some(Lines { start, headers: collector.headers, body: rest, fault: collector.fault })
}

/// The bytes after any empty lines at the start.
pub(super) fn skip_empty_lines(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(bytes.len());
    &bytes[start..]
}

/// Cuts the next line off, without its end; `None` where no line ends any more.
fn next_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|&byte| byte == b'\n')?;
    let (line, after) = rest.split_at(end);
    *rest = &after[1..];
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// Splits a start line: exactly two blanks in a request's, at least two words in a response's.
fn start_line(line: &str) -> Option<StartLine<'_>> {
    let (first, rest) = line.split_once(' ')?;
    if first.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/")) {
        let status = rest.split(' ').next().unwrap_or(rest);
        return Some(StartLine::Response { version: first, status });
    }
    let (uri, version) = rest.rsplit_once(' ')?;
    let is_version = version.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/"));
    (is_token(first) && is_version).then_some(StartLine::Request { method: first, uri, version })
}

/// Joins folded lines and sorts headers into their store.
#[derive(Default)]
struct Collector {
    headers: Headers,
    pending: Vec<u8>,
    lines: usize,
    fault: Option<Cow<'static, str>>,
}

impl Collector {
    /// Takes one line: a header, or the rest of the one before (RFC 3261 §7.3.1).
    fn take(&mut self, line: &[u8]) {
        self.lines += 1;
        if self.lines > MAX_HEADER_LINES {
            return self.note("Too Many Headers");
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            self.pending.push(b' ');
        } else {
            self.flush();
        }
        if self.pending.len() + line.len() > MAX_HEADER_BYTES {
            return self.note("Header Too Long");
        }
        self.pending.extend_from_slice(line.trim_ascii());
    }

    /// Stores the header that is complete.
    fn flush(&mut self) {
        let line = std::mem::take(&mut self.pending);
        if line.is_empty() {
            return;
        }
        let line = String::from_utf8_lossy(&line);
        let Some((name, value)) = line.split_once(':') else { return self.note("Header Without Colon") };
        let (name, value) = (name.trim_end(), value.trim());
        if !is_token(name) {
            return self.note("Bad Header Name");
        }
        let Some(name) = HeaderName::find(name) else { return };
        if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return self.note(format!("Control Character In {}", name.as_str()));
        }
        self.headers.push_line(name, value);
        if self.headers.len() > MAX_HEADER_VALUES {
            self.note("Too Many Header Values");
        }
    }

    /// Keeps the first fault.
    fn note(&mut self, fault: impl Into<Cow<'static, str>>) {
        if self.fault.is_none() {
            self.fault = Some(fault.into());
        }
    }
}
