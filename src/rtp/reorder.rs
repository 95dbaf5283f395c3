//! Puts packets back in order, within a bounded wait.

use std::ops::Range;
use std::time::{Duration, Instant};

use zeroize::Zeroize;

use crate::patience::Patience;

/// How long a packet waits for an earlier one at least: what equal paths differ by.
const LEAST_WAIT: Duration = Duration::from_millis(10);
/// And at most, where packets have been seen to overtake each other by so much.
const MOST_WAIT: Duration = Duration::from_millis(150);
/// Most packets that wait.
const WINDOW: u64 = 32;
/// A larger step forward is a new beginning (RFC 3550 A.1).
const MAX_DROPOUT: i16 = 3_000;
/// A larger step back is a new beginning (RFC 3550 A.1).
const MAX_MISORDER: i16 = 100;
/// Extended numbers begin one cycle up, so that what came before the first packet has one too.
const CYCLE: u64 = 1 << 16;

/// What a payload is, to this leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio,
    Event,
    /// Events that come again, and then audio or an event (RFC 2198).
    Redundant,
    /// A pause, and what it sounds like.
    Noise,
    /// Nothing to decode; it still takes its place in the sequence.
    Nothing,
}

/// Where a packet belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the next one.
    Next,
    /// It must wait for earlier ones; its extended number.
    Early(u64),
    /// Its place was given up.
    Late,
    Duplicate,
    /// Far from the sequence; it may be a stray.
    Stray,
    /// Far from the sequence and the second in a row: the sender began anew.
    Restart,
}

/// A packet that waits.
pub(crate) struct Held {
    number: u64,
    arrived: Option<Instant>,
    pub(crate) kind: Kind,
    pub(crate) timestamp: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Reorder {
    next: Option<u64>,
    highest: u64,
    seen: u64,
    suspect: Option<u16>,
    slots: Vec<Held>,
    held: usize,
    /// Numbers were given up, and nothing was released since.
    skipped: bool,
    after_loss: bool,
    patience: Patience,
    /// The hole that was given up last, and since when it had been waited for.
    given_up: Option<(Range<u64>, Instant)>,
}

impl Held {
    const fn empty() -> Self {
        Self { number: 0, arrived: None, kind: Kind::Nothing, timestamp: 0, payload: Vec::new() }
    }
}

impl Reorder {
    pub(crate) fn new() -> Self {
        let slots = (0..WINDOW).map(|_| Held::empty()).collect();
        Self {
            next: None,
            highest: 0,
            seen: 0,
            suspect: None,
            slots,
            held: 0,
            skipped: false,
            after_loss: false,
            patience: Patience::new(LEAST_WAIT, MOST_WAIT),
            given_up: None,
        }
    }

    /// Forgets the sequence and wipes what waits. How many packets that were to be heard are lost by it.
    pub(crate) fn reset(&mut self) -> usize {
        let mut lost = 0;
        for slot in 0..self.slots.len() {
            let held = self.take(slot);
            lost += usize::from(held.arrived.is_some() && held.kind != Kind::Nothing);
            self.put_back(slot, held);
        }
        self.next = None;
        self.suspect = None;
        self.given_up = None;
        (self.skipped, self.after_loss) = (false, false);
        lost
    }

    /// Decides where a packet belongs. [`Place::Next`] moves the sequence on; [`Place::Early`] asks for [`Reorder::hold`].
    pub(crate) fn place(&mut self, now: Instant, sequence: u16) -> Place {
        let Some(next) = self.next else {
            self.begin(sequence);
            return Place::Next;
        };
        let step = sequence.wrapping_sub(self.highest as u16).cast_signed();
        if !(-MAX_MISORDER..=MAX_DROPOUT).contains(&step) {
            return self.suspect(sequence);
        }
        self.suspect = None;
        let number = self.highest.saturating_add_signed(i64::from(step));
        if self.is_seen(step) {
            return Place::Duplicate;
        }
        self.patience.observe(self.waited(now, number));
        if number < next {
            return Place::Late;
        }
        if number == next {
            self.next = Some(next + 1);
            self.after_loss = std::mem::take(&mut self.skipped);
            return Place::Next;
        }
        Place::Early(number)
    }

    /// Whether a number is too far ahead to wait: the oldest must go first.
    pub(crate) fn is_beyond(&self, number: u64) -> bool {
        self.next.is_some_and(|next| number >= next + WINDOW)
    }

    /// Keeps a packet until its turn.
    pub(crate) fn hold(&mut self, now: Instant, number: u64, kind: Kind, timestamp: u32, payload: &[u8]) {
        let slot = &mut self.slots[(number % WINDOW) as usize];
        slot.payload.clear();
        slot.payload.extend_from_slice(payload);
        (slot.number, slot.arrived, slot.kind, slot.timestamp) = (number, Some(now), kind, timestamp);
        self.held += 1;
    }

    /// The slot of the next packet in order, or of the first after a hole that has lasted too long.
    pub(crate) fn release(&mut self, now: Instant) -> Option<usize> {
        if self.held == 0 {
            return None;
        }
        let next = self.next?;
        let slot = (next % WINDOW) as usize;
        if self.slots[slot].arrived.is_some() {
            self.next = Some(next + 1);
            self.after_loss = std::mem::take(&mut self.skipped);
            return Some(slot);
        }
        if self.deadline().is_some_and(|deadline| now >= deadline) { self.release_oldest() } else { None }
    }

    /// The slot of the oldest packet that waits, giving up the ones before it.
    pub(crate) fn release_oldest(&mut self) -> Option<usize> {
        let Held { number: oldest, arrived, .. } = *self.oldest()?;
        if let (Some(next), Some(arrived)) = (self.next, arrived)
            && next < oldest
        {
            self.given_up = Some((next..oldest, arrived));
        }
        self.after_loss = std::mem::take(&mut self.skipped) || self.next.is_some_and(|next| oldest > next);
        self.next = Some(oldest + 1);
        Some((oldest % WINDOW) as usize)
    }

    /// Gives up everything before a number; nothing may be waiting.
    pub(crate) fn skip_to(&mut self, number: u64) {
        self.next = Some(number);
        self.skipped = true;
    }

    /// Whether the number before the packet whose turn it was last did not come.
    pub(crate) fn is_after_loss(&self) -> bool {
        self.after_loss
    }

    /// What a slot holds; [`Reorder::put_back`] follows.
    pub(crate) fn take(&mut self, slot: usize) -> Held {
        let held = std::mem::replace(&mut self.slots[slot], Held::empty());
        self.held -= usize::from(held.arrived.is_some());
        held
    }

    /// Wipes what a slot held and keeps its room.
    pub(crate) fn put_back(&mut self, slot: usize, mut held: Held) {
        held.payload.zeroize();
        held.arrived = None;
        self.slots[slot] = held;
    }

    /// When the packet that has waited longest for its turn is let go.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.held == 0 {
            return None;
        }
        self.oldest().and_then(|held| held.arrived).map(|arrived| arrived + self.patience.wait())
    }

    /// How long a later packet has been waiting for this one, or had before it was given up.
    fn waited(&self, now: Instant, number: u64) -> Duration {
        let given_up = self.given_up.as_ref().filter(|(hole, _)| hole.contains(&number)).map(|(_, since)| *since);
        let waiting = || self.slots.iter().filter(|held| held.number > number).filter_map(|held| held.arrived).min();
        let since = given_up.or_else(|| if self.held > 0 { waiting() } else { None });
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn oldest(&self) -> Option<&Held> {
        self.slots.iter().filter(|held| held.arrived.is_some()).min_by_key(|held| held.number)
    }

    fn begin(&mut self, sequence: u16) {
        self.highest = CYCLE + u64::from(sequence);
        self.next = Some(self.highest + 1);
        self.seen = 1;
        self.suspect = None;
        (self.skipped, self.after_loss) = (false, false);
    }

    fn suspect(&mut self, sequence: u16) -> Place {
        if self.suspect == Some(sequence) {
            return Place::Restart;
        }
        self.suspect = Some(sequence.wrapping_add(1));
        Place::Stray
    }

    /// Notes a number by its distance from the highest, and says whether it had come before. Remembers the last 64.
    fn is_seen(&mut self, step: i16) -> bool {
        if step > 0 {
            self.highest += u64::from(step.unsigned_abs());
            self.seen = self.seen.checked_shl(u32::from(step.unsigned_abs())).unwrap_or(0) | 1;
            return false;
        }
        let bit = 1_u64.checked_shl(u32::from(step.unsigned_abs())).unwrap_or(0);
        let seen = self.seen & bit != 0;
        self.seen |= bit;
        seen
    }
}

impl Drop for Reorder {
    fn drop(&mut self) {
        self.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(reorder: &mut Reorder, now: Instant) -> Vec<u32> {
        let mut out = Vec::new();
        while let Some(slot) = reorder.release(now) {
            let held = reorder.take(slot);
            out.push(held.timestamp);
            reorder.put_back(slot, held);
        }
        out
    }

    fn early(reorder: &mut Reorder, now: Instant, sequence: u16) {
        let Place::Early(number) = reorder.place(now, sequence) else { panic!("{sequence} is not early") };
        reorder.hold(now, number, Kind::Audio, u32::from(sequence), &[1]);
    }

    #[test]
    fn the_sequence_goes_on_across_the_wrap() {
        let (mut reorder, now) = (Reorder::new(), crate::an_instant());
        for sequence in [65_534, 65_535, 0, 1] {
            assert_eq!(reorder.place(now, sequence), Place::Next);
        }
    }

    #[test]
    fn a_swapped_pair_comes_out_in_order_at_once() {
        let (mut reorder, now) = (Reorder::new(), crate::an_instant());
        reorder.place(now, 65_535);
        early(&mut reorder, now, 1);
        assert_eq!(numbers(&mut reorder, now), []);
        assert_eq!(reorder.place(now, 0), Place::Next);
        assert_eq!(numbers(&mut reorder, now), [1]);
    }

    #[test]
    fn a_hole_is_given_up_soon_where_nothing_was_ever_overtaken() {
        let (mut reorder, now) = (Reorder::new(), crate::an_instant());
        reorder.place(now, 9);
        early(&mut reorder, now, 11);
        early(&mut reorder, now, 13);
        let due = now + LEAST_WAIT;
        assert_eq!(reorder.deadline(), Some(due));
        assert_eq!(numbers(&mut reorder, due - Duration::from_micros(1)), []);
        assert_eq!(numbers(&mut reorder, due), [11, 13]);
        assert_eq!(reorder.place(now, 10), Place::Late);
    }

    #[test]
    fn what_was_overtaken_once_is_waited_for_from_then_on() {
        let (mut reorder, began) = (Reorder::new(), crate::an_instant());
        let at = |millis| began + Duration::from_millis(millis);
        reorder.place(began, 9);
        early(&mut reorder, at(0), 11);
        assert_eq!(numbers(&mut reorder, at(10)), [11]);
        assert_eq!(reorder.place(at(40), 10), Place::Late, "overtaken by 40 ms: 10 were not enough");
        early(&mut reorder, at(100), 13);
        assert!(reorder.deadline() > Some(at(149)));
        assert_eq!(reorder.place(at(149), 12), Place::Next);
        assert_eq!(numbers(&mut reorder, at(149)), [13]);
    }

    #[test]
    fn a_packet_knows_that_the_one_before_it_is_missing() {
        let (mut reorder, now) = (Reorder::new(), crate::an_instant());
        reorder.place(now, 9);
        early(&mut reorder, now, 11);
        assert!(!reorder.is_after_loss());
        assert_eq!(numbers(&mut reorder, now + LEAST_WAIT), [11]);
        assert!(reorder.is_after_loss());
        assert_eq!((reorder.place(now, 12), reorder.is_after_loss()), (Place::Next, false));
        let Place::Early(far) = reorder.place(now, 200) else { panic!("200 is not early") };
        reorder.skip_to(far);
        reorder.hold(now, far, Kind::Audio, 200, &[1]);
        assert_eq!(numbers(&mut reorder, now), [200]);
        assert!(reorder.is_after_loss());
    }

    #[test]
    fn a_packet_that_comes_twice_is_known() {
        let (mut reorder, now) = (Reorder::new(), crate::an_instant());
        reorder.place(now, 5);
        reorder.place(now, 6);
        assert_eq!((reorder.place(now, 6), reorder.place(now, 5)), (Place::Duplicate, Place::Duplicate));
    }

    #[test]
    fn a_stray_is_ignored_and_a_restart_believed() {
        let (mut reorder, now) = (Reorder::new(), crate::an_instant());
        reorder.place(now, 5);
        assert_eq!(reorder.place(now, 20_000), Place::Stray);
        assert_eq!(reorder.place(now, 6), Place::Next);
        assert_eq!((reorder.place(now, 40_000), reorder.place(now, 40_001)), (Place::Stray, Place::Restart));
    }
}
