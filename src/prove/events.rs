//! Telephone-events in whatever holds RTP packets: a capture file, a dump, a buffer.

use std::collections::VecDeque;

use crate::canary::{Canary, DIGITS, RUN};

/// Streams that are followed at a time.
const MOST_STREAMS: usize = 64;
/// Bytes of a packet with one event: the header (RFC 3550 §5.1) and one record (RFC 4733 §2.3).
const PACKET: usize = 16;
/// The first dynamic payload type (RFC 3551 §6).
const DYNAMIC: u8 = 96;

/// The keys of one stream.
struct Stream {
    source: [u8; 4],
    timestamp: [u8; 4],
    keys: VecDeque<u8>,
}

/// Follows the events of every stream.
pub(crate) struct Packets<'a> {
    canaries: &'a [Canary],
    streams: VecDeque<Stream>,
}

impl<'a> Packets<'a> {
    pub(crate) fn new(canaries: &'a [Canary]) -> Self {
        Self { canaries, streams: VecDeque::new() }
    }

    /// Looks at one place of masked bytes. The canary of which enough digits have passed in a row, where that is just so.
    pub(crate) fn look(&mut self, masked: &[u8], mask: u8) -> Option<usize> {
        let packet: &[u8; PACKET] = masked.first_chunk()?;
        // Version 2, no padding, extension or contributors.
        if packet[0] ^ mask != 0x80 || (packet[1] ^ mask) & 0x7f < DYNAMIC {
            return None;
        }
        let packet = packet.map(|byte| byte ^ mask);
        let [code, level, high, low] = [packet[12], packet[13], packet[14], packet[15]];
        let is_key = code < 10 && level & 0x40 == 0 && (high, low) != (0, 0);
        let (timestamp, source) = (packet[4..8].try_into().ok()?, packet[8..12].try_into().ok()?);
        if is_key { self.heard(source, timestamp, code) } else { None }
    }

    fn heard(&mut self, source: [u8; 4], timestamp: [u8; 4], code: u8) -> Option<usize> {
        let known = self.streams.iter().position(|stream| stream.source == source);
        let mut stream = match known.and_then(|place| self.streams.remove(place)) {
            Some(stream) if stream.timestamp == timestamp => {
                self.streams.push_front(stream);
                return None;
            }
            Some(stream) => stream,
            None => Stream { source, timestamp, keys: VecDeque::with_capacity(DIGITS) },
        };
        if stream.keys.len() == DIGITS {
            stream.keys.pop_front();
        }
        stream.keys.push_back(code);
        stream.timestamp = timestamp;
        let found = ends_with_a_run(self.canaries, &stream.keys);
        self.streams.push_front(stream);
        self.streams.truncate(MOST_STREAMS);
        found
    }
}

/// The canary of which the last values are a run.
pub(crate) fn ends_with_a_run(canaries: &[Canary], values: &VecDeque<u8>) -> Option<usize> {
    let first = values.len().checked_sub(RUN)?;
    let is_run = |canary: &Canary, begin: usize| {
        values.range(first..).enumerate().all(|(place, value)| *value == canary.digit(begin + place))
    };
    canaries.iter().position(|canary| Canary::runs(RUN).any(|begin| is_run(canary, begin)))
}
