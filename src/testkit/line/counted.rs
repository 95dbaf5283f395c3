//! Whether a gateway has counted what the line did to a call's packets.

use std::{fmt, ops::RangeInclusive};

use rtp::Rejection;

use super::Passage;
use crate::relay::Counts;

/// By how much counts may differ: nobody can count the run of losses with which a call begins or ends, the end of the stream is a
/// gap, and a packet may come when the gate has waited for half of it.
const TOLERANCE: u64 = 10;
/// Packets that may come too late, of a thousand.
const LATE_PER_MILLE: u64 = 10;

/// What a gateway counted of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Packets that came, late ones among them.
    pub received: u64,
    /// Packets that did not come.
    pub lost: u64,
    /// Gaps that were filled.
    pub gaps: u64,
    /// Packets dropped because they came too late.
    pub late: u64,
    /// Packets dropped for another reason.
    pub dropped: u64,
}

/// A count that is not what it should be after what the line did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// What was counted.
    pub count: &'static str,
    /// By the gateway.
    pub counted: u64,
    /// What it may be.
    pub expected: RangeInclusive<u64>,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, counted, expected } = self;
        let (least, most) = (*expected.start(), *expected.end());
        let by = if *counted > most { (counted - most, "more") } else { (least.saturating_sub(*counted), "fewer") };
        write!(
            formatter,
            "{count}: {counted} counted, {} {} than the {least} to {most} after what the line did",
            by.0, by.1
        )
    }
}

impl Counted {
    /// What a leg has counted.
    #[must_use]
    pub fn of(passage: &Passage) -> Self {
        let counted = &passage.report.statistics;
        let late = counted.rejected.count(Rejection::Late);
        Self {
            received: counted.received,
            lost: counted.lost,
            gaps: passage.concealed,
            late,
            dropped: counted.rejected.total() - late,
        }
    }

    /// Where it is not what a line did that has these counts.
    #[must_use]
    pub fn disagreements(&self, line: &Counts) -> Vec<Disagreement> {
        let passed = line.came - line.lost + line.doubled;
        let about = |count: u64| count.saturating_sub(TOLERANCE)..=count + TOLERANCE;
        // A packet too late for the gate is a gap of its own, or makes one of two.
        let gaps = line.bursts.saturating_sub(self.late + TOLERANCE)..=line.bursts + self.late + TOLERANCE;
        let checks = [
            ("packets received", self.received, about(passed)),
            ("packets lost", self.lost, about(line.lost)),
            ("gaps filled", self.gaps, gaps),
            ("packets too late", self.late, 0..=passed * LATE_PER_MILLE / 1_000),
            ("packets dropped for other reasons", self.dropped, 0..=0),
        ];
        let wrong = checks.into_iter().filter(|(_, counted, expected)| !expected.contains(counted));
        wrong.map(|(count, counted, expected)| Disagreement { count, counted, expected }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Counts = Counts { came: 15_000, lost: 450, bursts: 150, doubled: 0, overtook: 0 };
    const COUNTED: Counted = Counted { received: 14_550, lost: 450, gaps: 151, late: 0, dropped: 0 };

    #[test]
    fn what_the_line_did_agrees_and_so_does_what_nobody_can_know() {
        assert_eq!(COUNTED.disagreements(&LINE), []);
        let ends = Counted { received: 14_548, lost: 443, gaps: 149, ..COUNTED };
        assert_eq!(ends.disagreements(&LINE), []);
        let late = Counted { gaps: 172, late: 12, ..COUNTED };
        assert_eq!(late.disagreements(&LINE), []);
        let doubled = Counts { doubled: 20, ..LINE };
        assert_eq!(Counted { received: 14_570, ..COUNTED }.disagreements(&doubled), []);
    }

    #[test]
    fn each_count_that_is_wrong_is_named_with_by_how_much() {
        let wrong = [
            (
                Counted { received: 14_500, ..COUNTED },
                "packets received: 14500 counted, 40 fewer than the 14540 to 14560",
            ),
            (Counted { lost: 500, ..COUNTED }, "packets lost: 500 counted, 40 more than the 440 to 460"),
            (Counted { gaps: 170, ..COUNTED }, "gaps filled: 170 counted, 10 more than the 140 to 160"),
            (Counted { gaps: 100, ..COUNTED }, "gaps filled: 100 counted, 40 fewer than the 140 to 160"),
            (Counted { late: 200, ..COUNTED }, "packets too late: 200 counted, 55 more than the 0 to 145"),
            (Counted { dropped: 1, ..COUNTED }, "packets dropped for other reasons: 1 counted, 1 more than the 0 to 0"),
        ];
        for (counted, told) in wrong {
            let found = counted.disagreements(&LINE);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].to_string().starts_with(told), "{}", found[0]);
        }
        assert_eq!(Counted::default().disagreements(&LINE).len(), 3, "nothing was counted");
    }
}
