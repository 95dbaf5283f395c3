//! What came of a stream, by its sequence numbers (RFC 3550 A.1 and A.3). A number counts as lost for good only once so many
//! later ones came that it is too late for it; and what lies far ahead counts only once the packet after it came too, so that
//! one forged packet spoils nothing.

use crate::bursts::{Bursts, LossRuns};

/// Numbers that are remembered.
const WINDOW: u32 = 64;
/// A larger step forward is a new beginning.
const MAX_DROPOUT: i16 = 3_000;
/// A larger step back is a new beginning.
const MAX_MISORDER: i16 = -100;
/// How near after a packet far ahead the next must be to confirm it: of those between them some may be lost.
const CONFIRMS: u16 = 16;
/// Extended numbers begin one cycle up, so that what came before the first packet has one too.
const CYCLE: u64 = 1 << 16;

#[derive(Default)]
pub(crate) struct Tally {
    /// The sequence that is heard, and what was before it.
    sequence: Option<Sequence>,
    suspect: Option<Suspect>,
    before: Totals,
    given_up: u64,
    bursts: Bursts,
    earlier_runs: LossRuns,
}

/// A packet far from the sequence.
#[derive(Clone, Copy)]
struct Suspect {
    number: u16,
    is_heard: bool,
}

#[derive(Clone, Copy, Default)]
struct Totals {
    expected: u64,
    received: u64,
}

/// One sequence of numbers, extended by their cycles.
#[derive(Clone, Copy)]
struct Sequence {
    first: u64,
    highest: u64,
    received: u64,
    /// Bit `n` is about the number `n` below the highest.
    arrived: u64,
    heard: u64,
}

impl Tally {
    /// A packet came. Whether it was heard, as far as can be said now: not if it came twice or too late.
    pub(crate) fn observe(&mut self, number: u16, is_heard: bool) {
        let Some(highest) = self.sequence.map(|sequence| sequence.highest) else {
            return self.begin(number, is_heard);
        };
        if let Some(suspect) = self.suspect.take()
            && (1..=CONFIRMS).contains(&number.wrapping_sub(suspect.number))
        {
            self.believe(highest, suspect);
            return self.observe(number, is_heard);
        }
        match number.wrapping_sub(highest as u16).cast_signed() {
            step @ 1.. if step.unsigned_abs() <= WINDOW as u16 => self.advance(step.unsigned_abs(), is_heard),
            step @ MAX_MISORDER..=0 => self.fill(step.unsigned_abs(), is_heard),
            _ => self.suspect = Some(Suspect { number, is_heard }),
        }
    }

    /// The far end began a stream with another SSRC.
    pub(crate) fn begin_stream(&mut self) {
        self.finish();
        let runs = self.bursts.runs();
        self.earlier_runs.missing += runs.missing;
        self.earlier_runs.runs += runs.runs;
        self.bursts = Bursts::default();
    }

    /// Nothing more comes of this sequence: what did not is lost.
    pub(crate) fn finish(&mut self) {
        self.suspect = None;
        let Some(sequence) = self.sequence.take() else { return };
        let lost = sequence.settle_rest(&mut self.bursts);
        self.given_up += lost;
        self.before.expected += sequence.expected();
        self.before.received += sequence.received;
    }

    /// Packets that did not come until now, of all streams; some of them may still.
    pub(crate) fn lost(&self) -> u64 {
        let now = self.sequence.map_or_else(Totals::default, |sequence| sequence.totals());
        (self.before.expected + now.expected).saturating_sub(self.before.received + now.received)
    }

    /// Packets that can come no more. Never falls.
    pub(crate) fn given_up(&self) -> u64 {
        self.given_up
    }

    /// How losses lie together, of all streams.
    pub(crate) fn runs(&self) -> LossRuns {
        let now = self.bursts().runs();
        LossRuns { missing: self.earlier_runs.missing + now.missing, runs: self.earlier_runs.runs + now.runs }
    }

    /// Bursts of this stream, were it over now.
    pub(crate) fn bursts(&self) -> Bursts {
        let mut bursts = self.bursts;
        if let Some(sequence) = &self.sequence {
            sequence.settle_rest(&mut bursts);
        }
        bursts
    }

    /// Numbers of this sequence until the highest, and packets that came of them.
    pub(crate) fn expected_and_received(&self) -> (u64, u64) {
        self.sequence.map_or((0, 0), |sequence| (sequence.expected(), sequence.received))
    }

    /// The highest extended sequence number (RFC 3550 §6.4.1).
    pub(crate) fn highest(&self) -> u32 {
        self.sequence.map_or(0, |sequence| sequence.highest.wrapping_sub(CYCLE) as u32)
    }

    fn begin(&mut self, number: u16, is_heard: bool) {
        let first = CYCLE + u64::from(number);
        let heard = u64::from(is_heard);
        self.sequence = Some(Sequence { first, highest: first, received: 1, arrived: 1, heard });
    }

    /// A packet far away was none of a kind: the sequence goes on from there, or begins anew.
    fn believe(&mut self, highest: u64, suspect: Suspect) {
        let step = suspect.number.wrapping_sub(highest as u16).cast_signed();
        if (1..=MAX_DROPOUT).contains(&step) {
            return self.advance(step.unsigned_abs(), suspect.is_heard);
        }
        self.finish();
        self.begin(suspect.number, suspect.is_heard);
    }

    /// The highest number moves on; those that leave the window are settled.
    fn advance(&mut self, step: u16, is_heard: bool) {
        let Some(sequence) = &mut self.sequence else { return };
        for _ in 0..step {
            if let Some(fate) = sequence.fate(WINDOW - 1) {
                self.bursts.next(fate.is_heard);
                self.given_up += u64::from(!fate.has_arrived);
            }
            sequence.highest += 1;
            sequence.arrived <<= 1;
            sequence.heard <<= 1;
        }
        sequence.take(0, is_heard);
    }

    /// A number at or below the highest came.
    fn fill(&mut self, step: u16, is_heard: bool) {
        if let Some(sequence) = &mut self.sequence
            && u32::from(step) < WINDOW
        {
            sequence.first = sequence.first.min(sequence.highest - u64::from(step));
            sequence.take(step.into(), is_heard);
        }
    }
}

struct Fate {
    has_arrived: bool,
    is_heard: bool,
}

impl Sequence {
    fn take(&mut self, below: u32, is_heard: bool) {
        let bit = 1_u64 << below;
        if self.arrived & bit == 0 {
            self.received += 1;
            self.arrived |= bit;
            self.heard |= if is_heard { bit } else { 0 };
        }
    }

    /// What became of the number so far below the highest, if the sequence reaches back so far.
    fn fate(&self, below: u32) -> Option<Fate> {
        let bit = 1_u64 << below;
        let is_of_it = self.highest - u64::from(below) >= self.first;
        is_of_it.then_some(Fate { has_arrived: self.arrived & bit != 0, is_heard: self.heard & bit != 0 })
    }

    /// Settles all that is in the window, and says how many did not come.
    fn settle_rest(&self, bursts: &mut Bursts) -> u64 {
        let mut lost = 0;
        for fate in (0..WINDOW).rev().filter_map(|below| self.fate(below)) {
            bursts.next(fate.is_heard);
            lost += u64::from(!fate.has_arrived);
        }
        lost
    }

    fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }

    fn totals(&self) -> Totals {
        Totals { expected: self.expected(), received: self.received }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: impl IntoIterator<Item = u16>) -> Tally {
        let mut tally = Tally::default();
        numbers.into_iter().for_each(|number| tally.observe(number, true));
        tally
    }

    #[test]
    fn what_comes_late_was_never_lost_for_good() {
        let mut tally = of([65_534, 65_535, 1, 2]);
        assert_eq!((tally.lost(), tally.given_up(), tally.highest()), (1, 0, 65_538));
        tally.observe(0, true);
        tally.observe(0, true);
        assert_eq!((tally.lost(), tally.given_up(), tally.expected_and_received()), (0, 0, (5, 5)));
    }

    #[test]
    fn a_number_is_given_up_once_sixty_four_later_ones_came() {
        let mut tally = of((0..=64).filter(|&number| number != 1));
        assert_eq!((tally.lost(), tally.given_up()), (1, 0));
        tally.observe(65, true);
        assert_eq!((tally.lost(), tally.given_up()), (1, 1));
        tally.observe(1, true);
        assert_eq!((tally.lost(), tally.given_up()), (1, 1), "what was counted stays counted");
        tally.observe(67, true);
        tally.finish();
        assert_eq!((tally.lost(), tally.given_up()), (2, 2), "at the end nothing more comes");
        assert_eq!(tally.runs(), LossRuns { missing: 2, runs: 2 });
    }

    #[test]
    fn a_packet_before_the_first_belongs_to_the_stream() {
        assert_eq!(of([5, 4, 6]).expected_and_received(), (3, 3));
        assert_eq!(of([5, 3, 6]).lost(), 1);
    }

    #[test]
    fn a_forged_packet_far_ahead_is_no_loss_and_a_real_gap_is() {
        let mut tally = of([1, 2, 2_900, 3, 4]);
        assert_eq!((tally.lost(), tally.highest(), tally.expected_and_received()), (0, 4, (4, 4)));
        tally.observe(204, true);
        assert_eq!(tally.lost(), 0);
        tally.observe(206, true);
        assert_eq!((tally.lost(), tally.expected_and_received()), (200, (206, 6)), "the next one confirms it");
        tally.observe(205, true);
        assert_eq!((tally.lost(), tally.highest()), (199, 206));
    }

    #[test]
    fn a_new_beginning_is_no_loss() {
        let mut tally = of([1, 2, 4, 40_000, 40_001, 40_003]);
        assert_eq!((tally.lost(), tally.given_up(), tally.expected_and_received()), (2, 1, (4, 3)));
        tally.begin_stream();
        assert_eq!((tally.lost(), tally.given_up(), tally.bursts()), (2, 2, Bursts::default()));
        assert_eq!(tally.runs(), LossRuns { missing: 2, runs: 2 });
    }

    #[test]
    fn what_came_but_was_not_heard_is_missing_and_not_lost() {
        let mut tally = of([1, 2]);
        tally.observe(3, false);
        tally.observe(4, true);
        assert_eq!((tally.lost(), tally.runs()), (0, LossRuns { missing: 1, runs: 1 }));
    }

    proptest::proptest! {
        #[test]
        fn any_numbers_are_counted(numbers in proptest::collection::vec((proptest::prelude::any::<u16>(), 0_u8..4), 0..400)) {
            let mut tally = Tally::default();
            let (mut last, mut given_up) = (0_u16, 0);
            for (noise, kind) in numbers {
                last = if kind == 0 { noise } else { last.wrapping_add(noise % 7).wrapping_sub(2) };
                tally.observe(last, noise % 5 != 0);
                proptest::prop_assert!(tally.given_up() >= given_up);
                given_up = tally.given_up();
            }
            let (expected, received) = tally.expected_and_received();
            proptest::prop_assert!(received <= expected && tally.runs().runs <= tally.runs().missing);
            tally.finish();
            proptest::prop_assert!(tally.given_up() >= tally.lost());
        }
    }
}
