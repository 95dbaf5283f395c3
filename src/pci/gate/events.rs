//! Telephone-events (RFC 4733): one key for each press, whatever senders and networks do to its packets.
//!
//! A press is known by SSRC, timestamp and code; the marker bit is never asked. Its key is told at its first packet,
//! also where that is an end. Packets come in the order of their sequence numbers: `rtp` waits for what was overtaken.
//! Only the press under way keeps its key, until [`CLOSED`] after its last packet; of the ones before, only the
//! timestamps are remembered.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use frame::RawEvent;

use crate::key::Key;

/// A press without a packet for so long is over: its ends were lost.
const CLOSED: Duration = Duration::from_millis(100);
/// Ends repeated with another timestamp come within this of the last packet: an interval of 50 ms, and some jitter.
const RESTAMPED: Duration = Duration::from_millis(70);
/// A packet of a never seen press this much older than the latest came too late to keep the order of keys.
const LATE: Duration = Duration::from_secs(2);
/// Timestamps that are remembered.
const REMEMBERED: usize = 16;
/// Records in one payload at most.
const MOST_RECORDS: usize = frame::MAX_EVENT_BYTES / RECORD;
const RECORD: usize = 4;
/// How far from a segment's beginning the next one of a long press may begin (RFC 4733 §2.5.1.3).
const SEGMENT: RangeInclusive<u32> = 0xF000..=0x1_1000;

/// One record of a payload (RFC 4733 §2.3) but for its code, in units of its clock.
struct Record {
    source: u32,
    start: u32,
    duration: u32,
    is_end: bool,
    clock_rate: u32,
}

struct Press {
    /// None once it is over.
    key: Option<Key>,
    /// The segment under way, and whether the press was told to have ended.
    told: Record,
    /// The end of what was told, as a timestamp.
    end: u32,
    last_packet: Instant,
}

/// The telephone-events of one leg.
#[derive(Default)]
pub(crate) struct Events {
    latest: Option<Press>,
    /// The SSRC and timestamp of presses and of their segments, those of the latest among them.
    known: [Option<(u32, u32)>; REMEMBERED],
    next: usize,
    /// Records that told nothing.
    pub(crate) ignored: u64,
}

impl Events {
    /// Whether a key is held down.
    pub(crate) fn is_down(&self, now: Instant) -> bool {
        self.latest.as_ref().is_some_and(|press| !press.told.is_end && now < press.last_packet + CLOSED)
    }

    /// Takes a payload: the keys of the presses that it began, in order, or `None` where it is not made of whole records.
    pub(crate) fn handle(&mut self, now: Instant, event: &RawEvent) -> Option<[Option<Key>; MOST_RECORDS]> {
        let (records, rest) = event.payload().as_chunks::<RECORD>();
        if records.is_empty() || !rest.is_empty() {
            return None;
        }
        let mut begun = [const { None }; MOST_RECORDS];
        let mut start = event.timestamp();
        for (&[code, flags, high, low], slot) in records.iter().zip(&mut begun) {
            let duration = u32::from(u16::from_be_bytes([high, low]));
            let (source, clock_rate, is_end) = (event.source(), event.clock_rate(), flags & 0x80 != 0);
            *slot = self.record(now, Key::from_code(code), Record { source, start, duration, is_end, clock_rate });
            start = start.wrapping_add(duration);
        }
        Some(begun)
    }

    /// When [`Events::expire`] has something to forget.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.latest.as_ref().filter(|press| press.key.is_some()).map(|press| press.last_packet + CLOSED)
    }

    /// Forgets the key of a press that is over.
    pub(crate) fn expire(&mut self, now: Instant) {
        if let Some(press) = self.latest.as_mut().filter(|press| now >= press.last_packet + CLOSED) {
            // In its place, so that the key is wiped there.
            press.key = None;
        }
    }

    fn record(&mut self, now: Instant, key: Option<Key>, record: Record) -> Option<Key> {
        self.expire(now);
        if let (Some(press), Some(key)) = (&mut self.latest, &key)
            && press.goes_on(now, key, &record)
        {
            press.update(now, &record);
            self.remember();
            return None;
        }
        let told = key.filter(|_| record.duration > 0 && !self.is_known(&record) && !self.is_late(now, &record));
        if let Some(key) = &told {
            let (key, end) = (Some(key.duplicate()), record.start.wrapping_add(record.duration));
            self.latest = Some(Press { key, told: record, end, last_packet: now });
            self.remember();
        } else {
            self.ignored += 1;
        }
        told
    }

    /// Whether an earlier press had this timestamp. Another press under that of the latest is none of the earlier ones.
    fn is_known(&self, record: &Record) -> bool {
        let name = Some(record.name());
        self.known.contains(&name) && self.latest.as_ref().map(|press| press.told.name()) != name
    }

    fn is_late(&self, now: Instant, record: &Record) -> bool {
        let ticks = record.clock_rate.saturating_mul(LATE.as_secs() as u32);
        self.latest.as_ref().is_some_and(|Press { told, last_packet, .. }| {
            let behind = told.start.wrapping_sub(record.start);
            told.source == record.source && (1..ticks).contains(&behind) && now < *last_packet + LATE
        })
    }

    fn remember(&mut self) {
        let name = self.latest.as_ref().map(|press| press.told.name());
        if !self.known.contains(&name) {
            self.known[self.next] = name;
            self.next = (self.next + 1) % REMEMBERED;
        }
    }
}

impl Record {
    fn name(&self) -> (u32, u32) {
        (self.source, self.start)
    }
}

impl Press {
    /// Whether the record tells more of this press.
    fn goes_on(&self, now: Instant, key: &Key, record: &Record) -> bool {
        if self.told.source != record.source || self.key.as_ref().is_some_and(|own| !own.is(key)) {
            return false;
        }
        let (apart, grows) = (record.start.wrapping_sub(self.told.start), record.duration >= self.told.duration);
        if apart == 0 {
            // A sender that gives every press the same timestamp begins the next one with a short duration again.
            return grows || record.is_end || now < self.last_packet + CLOSED;
        }
        let moved = apart <= self.end.wrapping_sub(self.told.start).saturating_add(record.clock_rate / 50);
        let restamped = record.is_end && now < self.last_packet + RESTAMPED;
        self.is_followed_by(record) || (self.key.is_some() && grows && (moved || restamped))
    }

    /// Whether the record is of the next segment of this press: it begins where this one was told to end, but for a few
    /// updates that were lost.
    fn is_followed_by(&self, record: &Record) -> bool {
        let (apart, lost) = (record.start.wrapping_sub(self.told.start), record.start.wrapping_sub(self.end));
        !self.told.is_end && SEGMENT.contains(&apart) && lost <= record.clock_rate / 5
    }

    fn update(&mut self, now: Instant, record: &Record) {
        if self.is_followed_by(record) {
            (self.told.start, self.told.duration) = (record.start, 0);
        }
        if record.duration >= self.told.duration {
            (self.told.duration, self.end) = (record.duration, record.start.wrapping_add(record.duration));
        }
        self.told.is_end |= record.is_end;
        self.last_packet = now;
    }
}

#[cfg(test)]
mod tests;
