//! When things are due on a thread: a pacing slot for every leg, and a heap of timers, both in milliseconds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::line::LegId;

/// Milliseconds of one frame, and so pacing slots of a thread.
const SLOTS: u64 = 20;

/// A slot whose moment has come.
pub(super) struct Slot {
    /// Which one.
    pub(super) number: usize,
    /// When it was due.
    pub(super) due: Instant,
}

/// Legs in their pacing slots, and timers.
pub(super) struct Wheel {
    began: Instant,
    /// The next millisecond whose slot has not run.
    cursor: u64,
    slots: [Vec<LegId>; SLOTS as usize],
    timers: BinaryHeap<Reverse<(u64, LegId)>>,
}

impl Wheel {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, cursor: 0, slots: Default::default(), timers: BinaryHeap::new() }
    }

    /// Puts a leg into the slot with the fewest, so that the legs spread over the 20 ms. The time before the first leg is
    /// not made up for.
    pub(super) fn join(&mut self, leg: LegId, now: Instant) {
        if self.slots.iter().all(Vec::is_empty) {
            self.cursor = self.cursor.max(self.elapsed(now));
        }
        if let Some(slot) = self.slots.iter_mut().min_by_key(|slot| slot.len()) {
            slot.push(leg);
        }
    }

    pub(super) fn leave(&mut self, leg: LegId) {
        for slot in &mut self.slots {
            slot.retain(|&known| known != leg);
        }
    }

    /// The legs of a slot.
    pub(super) fn legs(&self, slot: usize) -> &[LegId] {
        &self.slots[slot]
    }

    /// The next slot with legs that is due; each once per round.
    pub(super) fn next_slot(&mut self, now: Instant) -> Option<Slot> {
        let last = self.elapsed(now);
        while self.cursor <= last {
            let millisecond = self.cursor;
            self.cursor += 1;
            let number = (millisecond % SLOTS) as usize;
            if !self.slots[number].is_empty() {
                return Some(Slot { number, due: self.moment(millisecond) });
            }
            // Rounds in which nobody had a slot need not be walked through.
            if self.slots.iter().all(Vec::is_empty) {
                self.cursor = last + 1;
            }
        }
        None
    }

    /// Sets a timer for a leg, rounded up to the millisecond, which is returned.
    pub(super) fn arm(&mut self, leg: LegId, due: Instant) -> u64 {
        let millisecond = self.millisecond_of(due);
        self.timers.push(Reverse((millisecond, leg)));
        millisecond
    }

    /// The millisecond that [`Wheel::arm`] would return.
    pub(super) fn millisecond_of(&self, due: Instant) -> u64 {
        let span = due.saturating_duration_since(self.began);
        span.as_secs() * 1_000 + u64::from(span.subsec_nanos().div_ceil(1_000_000))
    }

    /// The next timer that is due.
    pub(super) fn next_timer(&mut self, now: Instant) -> Option<(u64, LegId)> {
        let elapsed = self.elapsed(now);
        let Reverse((millisecond, _)) = self.timers.peek()?;
        if *millisecond > elapsed {
            return None;
        }
        self.timers.pop().map(|Reverse(timer)| timer)
    }

    /// When the next millisecond begins.
    pub(super) fn next_millisecond(&self, now: Instant) -> Instant {
        self.moment(self.elapsed(now) + 1)
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let slot = (self.cursor..self.cursor + SLOTS)
            .find(|millisecond| !self.slots[(millisecond % SLOTS) as usize].is_empty());
        let timer = self.timers.peek().map(|Reverse((millisecond, _))| *millisecond);
        [slot, timer].into_iter().flatten().min().map(|millisecond| self.moment(millisecond))
    }

    fn elapsed(&self, now: Instant) -> u64 {
        let span = now.saturating_duration_since(self.began);
        span.as_secs() * 1_000 + u64::from(span.subsec_millis())
    }

    fn moment(&self, millisecond: u64) -> Instant {
        self.began + Duration::from_millis(millisecond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn slots(wheel: &mut Wheel, now: Instant) -> Vec<(usize, Instant)> {
        std::iter::from_fn(|| wheel.next_slot(now)).map(|slot| (slot.number, slot.due)).collect()
    }

    #[test]
    fn legs_spread_over_the_slots() {
        let now = Instant::now();
        let mut wheel = Wheel::new(now);
        (0..40).for_each(|leg| wheel.join(LegId(leg), now));
        assert!((0..20).all(|slot| wheel.legs(slot).len() == 2));
    }

    #[test]
    fn a_slot_comes_once_every_twenty_milliseconds() {
        let now = Instant::now();
        let mut wheel = Wheel::new(now);
        wheel.join(LegId(1), now);
        assert_eq!(slots(&mut wheel, now), [(0, now)]);
        assert_eq!(wheel.next_due(), Some(now + millis(20)));
        assert_eq!(slots(&mut wheel, now + millis(19)), []);
        assert_eq!(slots(&mut wheel, now + millis(45)), [(0, now + millis(20)), (0, now + millis(40))]);
    }

    #[test]
    fn idle_time_is_not_made_up_for() {
        let now = Instant::now();
        let mut wheel = Wheel::new(now);
        wheel.join(LegId(1), now + millis(10_000));
        assert_eq!(slots(&mut wheel, now + millis(10_000)), [(0, now + millis(10_000))]);
        assert_eq!(slots(&mut wheel, now + millis(10_020)), [(0, now + millis(10_020))]);
        wheel.leave(LegId(1));
        wheel.join(LegId(2), now + millis(20_005));
        assert_eq!(slots(&mut wheel, now + millis(20_020)), [(0, now + millis(20_020))]);
    }

    #[test]
    fn timers_ring_in_order_and_never_early() {
        let now = Instant::now();
        let mut wheel = Wheel::new(now);
        wheel.arm(LegId(1), now + Duration::from_micros(2_100));
        wheel.arm(LegId(2), now + millis(1));
        assert_eq!(wheel.next_due(), Some(now + millis(1)));
        assert_eq!(wheel.next_timer(now + millis(1)), Some((1, LegId(2))));
        assert_eq!(wheel.next_timer(now + Duration::from_micros(2_900)), None);
        assert_eq!(wheel.next_timer(now + millis(3)), Some((3, LegId(1))));
        assert_eq!(wheel.next_due(), None);
    }
}
