//! Where a packet stands beside stream time, by its timestamp.

use std::time::{Duration, Instant};

use frame::{FRAME_MILLIS, INDEX_STEP};

use super::Timeline;

/// A larger step of the timestamp is a new beginning.
const MAX_STEP: Duration = Duration::from_secs(1);
/// Stream time of an index in a second.
const INDEX_HZ: u64 = INDEX_STEP * 1_000 / FRAME_MILLIS as u64;
/// Late packets in a row that prove the path has become slower.
const LATE_RUN: u8 = 5;
/// Most frames marked lost at once when a stream is found again: five seconds.
const MAX_CATCH_UP: u64 = 250;

/// Where a payload stands beside stream time, in units of the clock.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    /// What is missing before it.
    pub(super) missing: u32,
    /// How much of it is past already.
    pub(super) past: u32,
}

impl Timeline {
    /// Where a packet stands beside stream time. `None` where all of it is past.
    pub(super) fn align(&mut self, now: Instant, timestamp: u32, length: u32) -> Option<Place> {
        let Some(next) = self.next else {
            self.anchor(now);
            return Some(Place::default());
        };
        let step = timestamp.wrapping_sub(next).cast_signed();
        let distance = step.unsigned_abs();
        if u64::from(distance) > self.clock.elapsed(MAX_STEP) {
            self.counts.resynchronised += 1;
            self.anchor(now);
            return Some(Place::default());
        }
        self.patience.observe(self.lateness(now, step));
        if step >= 0 || distance < length {
            self.late_run = 0;
            return Some(if step >= 0 {
                Place { missing: distance, past: 0 }
            } else {
                Place { missing: 0, past: distance }
            });
        }
        self.late_run += 1;
        if self.late_run < LATE_RUN {
            return None;
        }
        self.late_run = 0;
        self.counts.resynchronised += 1;
        self.drift.restart();
        Some(Place::default())
    }

    /// How long after its due time a packet comes that is so far from the next.
    fn lateness(&self, now: Instant, step: i32) -> Duration {
        let span = self.clock.span(step.unsigned_abs());
        let Some(due) = self.due else { return Duration::ZERO };
        let due = if step < 0 { due.checked_sub(span).unwrap_or(due) } else { due + span };
        now.saturating_duration_since(due)
    }

    /// Ties the stream to the leg's own count of stream time.
    fn anchor(&mut self, now: Instant) {
        self.drift.restart();
        let elapsed = now.saturating_duration_since(self.began).as_micros() as u64 * INDEX_HZ / 1_000_000;
        let due = elapsed / INDEX_STEP * INDEX_STEP;
        match self.index {
            None => self.index = Some(due),
            Some(index) => {
                let filled = self.filled as u64 * INDEX_STEP / self.frame_samples();
                let behind = due.saturating_sub(index + filled) / INDEX_STEP;
                if behind >= 2 {
                    self.push_absent(behind.min(MAX_CATCH_UP) * self.frame_samples());
                }
            }
        }
    }
}
