//! Telephone-events (RFC 4733): one key for each press, whatever senders and networks do to its packets.
//!
//! A press is known by SSRC, timestamp and code; the marker bit is never asked. Its key is told at its first packet,
//! also where that is an end. Only the press under way keeps its code; of the ones before, and of that one
//! [`CLOSED`] after its last packet, only the timestamp is remembered.

use std::time::{Duration, Instant};

use frame::RawEvent;
use zeroize::Zeroize;

use crate::key::Key;

/// A press without a packet for so long is over: its ends were lost.
pub(crate) const CLOSED: Duration = Duration::from_millis(100);
/// Ends repeated with another timestamp come within this of the last packet.
const RESTAMPED: Duration = Duration::from_millis(50);
/// A packet of a never seen press this much older than the latest came too late to keep the order of keys.
const LATE: Duration = Duration::from_secs(2);
/// Earlier presses that are remembered.
const REMEMBERED: usize = 16;
/// Records in one payload at most.
pub(crate) const MOST_RECORDS: usize = frame::MAX_EVENT_BYTES / RECORD;
const RECORD: usize = 4;
/// Durations from which a press may go on in a new segment (RFC 4733 §2.5.1.3), and the farthest that one may begin.
const SEGMENT: std::ops::RangeInclusive<u32> = 0xF000..=0x1_1000;

/// The keys that one payload began.
pub(crate) type Begun = [Option<Key>; MOST_RECORDS];

struct Press {
    code: u8,
    source: u32,
    start: u32,
    /// The end of what was told of it, as a timestamp.
    end: u32,
    duration: u32,
    ended: bool,
    last_packet: Instant,
}

struct Record {
    code: u8,
    source: u32,
    start: u32,
    duration: u32,
    end: bool,
    clock_rate: u32,
}

/// What became of a payload.
pub(crate) enum EventError {
    /// Not made of whole records.
    Malformed,
}

/// The telephone-events of one leg.
pub(crate) struct Events {
    latest: Option<Press>,
    /// The newest press's SSRC and timestamp, and when its last packet came.
    newest: Option<(u32, u32, Instant)>,
    earlier: [Option<(u32, u32)>; REMEMBERED],
    next: usize,
    ignored: u64,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { latest: None, newest: None, earlier: [None; REMEMBERED], next: 0, ignored: 0 }
    }

    /// Whether a key is held down.
    pub(crate) fn is_down(&self, now: Instant) -> bool {
        self.latest.as_ref().is_some_and(|press| !press.ended && now < press.last_packet + CLOSED)
    }

    /// Records that told nothing, since this was last asked.
    pub(crate) fn take_ignored(&mut self) -> u64 {
        std::mem::take(&mut self.ignored)
    }

    /// Takes a payload; the keys of the presses that it began, in order.
    pub(crate) fn handle(&mut self, now: Instant, event: &RawEvent) -> Result<Begun, EventError> {
        let payload = event.payload();
        if payload.is_empty() || !payload.len().is_multiple_of(RECORD) {
            return Err(EventError::Malformed);
        }
        let mut begun = Begun::default();
        let mut start = event.timestamp();
        for (bytes, slot) in payload.chunks_exact(RECORD).zip(&mut begun) {
            let duration = u32::from(u16::from_be_bytes([bytes[2], bytes[3]]));
            let end = bytes[1] & 0x80 != 0;
            let record =
                Record { code: bytes[0], source: event.source(), start, duration, end, clock_rate: event.clock_rate() };
            *slot = self.record(now, &record);
            start = start.wrapping_add(duration);
        }
        Ok(begun)
    }

    /// When [`Events::expire`] has something to forget.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.latest.as_ref().map(|press| press.last_packet + CLOSED)
    }

    /// Forgets the code of a press that is over.
    pub(crate) fn expire(&mut self, now: Instant) {
        if self.latest.as_ref().is_some_and(|press| now >= press.last_packet + CLOSED) {
            self.retire();
        }
    }

    fn record(&mut self, now: Instant, record: &Record) -> Option<Key> {
        self.expire(now);
        if let Some(press) = self.latest.as_mut().filter(|press| press.goes_on(now, record)) {
            let replaced = press.update(now, record);
            self.newest = Some((press.source, press.start, now));
            self.remember(replaced);
            return None;
        }
        if record.code > 15 || record.duration == 0 || self.is_known(record) || self.is_late(now, record) {
            self.ignored += 1;
            return None;
        }
        self.retire();
        self.latest = Some(Press::begin(now, record));
        self.newest = Some((record.source, record.start, now));
        Key::from_code(record.code)
    }

    fn is_known(&self, record: &Record) -> bool {
        self.earlier.contains(&Some((record.source, record.start)))
    }

    fn is_late(&self, now: Instant, record: &Record) -> bool {
        let ticks = record.clock_rate.saturating_mul(LATE.as_secs() as u32);
        self.newest.is_some_and(|(source, start, at)| {
            source == record.source && (1..ticks).contains(&start.wrapping_sub(record.start)) && now < at + LATE
        })
    }

    fn retire(&mut self) {
        self.remember(self.latest.as_ref().map(|press| (press.source, press.start)));
        // In its place, so that the code is wiped there.
        self.latest = None;
    }

    fn remember(&mut self, press: Option<(u32, u32)>) {
        if press.is_some() {
            self.earlier[self.next] = press;
            self.next = (self.next + 1) % REMEMBERED;
        }
    }
}

impl Press {
    fn begin(now: Instant, record: &Record) -> Self {
        let Record { code, source, start, duration, end, .. } = *record;
        Self { code, source, start, end: start.wrapping_add(duration), duration, ended: end, last_packet: now }
    }

    /// Whether the record tells more of this press.
    fn goes_on(&self, now: Instant, record: &Record) -> bool {
        if self.source != record.source || self.code != record.code {
            return false;
        }
        let apart = record.start.wrapping_sub(self.start);
        let grows = record.duration >= self.duration;
        let segment = !self.ended && self.duration >= *SEGMENT.start() && SEGMENT.contains(&apart);
        let within = grows && apart <= self.end.wrapping_sub(self.start).saturating_add(record.clock_rate / 50);
        let restamped = record.end && grows && now < self.last_packet + RESTAMPED;
        apart == 0 || segment || within || restamped
    }

    /// Takes the record in; the identity that a new segment replaced.
    fn update(&mut self, now: Instant, record: &Record) -> Option<(u32, u32)> {
        let replaced = (self.source, self.start);
        let segment = !self.ended && SEGMENT.contains(&record.start.wrapping_sub(self.start));
        if segment {
            self.start = record.start;
        }
        if segment || record.duration >= self.duration {
            self.duration = record.duration;
            self.end = record.start.wrapping_add(record.duration);
        }
        self.ended |= record.end;
        self.last_packet = now;
        segment.then_some(replaced)
    }
}

impl Drop for Press {
    fn drop(&mut self) {
        self.code.zeroize();
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.code.zeroize();
    }
}

#[cfg(test)]
mod tests;
