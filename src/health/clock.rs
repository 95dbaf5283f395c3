//! Whether the time of day can be believed, as far as one machine can know.
//!
//! Without another clock to ask, a machine knows two things: its wall clock may not show a time before this program was
//! made, and it may not move against the clock that only ever runs on. Synchronisation by slewing moves both alike; only
//! a clock that is *set* parts them. Then either the time before or the time after was wrong, and nobody here can say
//! which. So the steps since the start are added up, and the time stays in doubt while their sum is beyond the bound:
//! until the clock is set back, or a person who knows the time starts the gateway again. Whether the time was right at
//! the start, and how far a slow drift has come, only a comparison with other clocks tells (see the runbook).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// 2026-01-01: an earlier time cannot be right, because this program was made after it.
pub(crate) const MADE_AFTER: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// What one look at the clocks found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    /// By how much the wall clock was set since the reference, forwards where positive.
    pub(super) offset: SignedDuration,
    /// Why the time of day cannot be believed.
    pub(super) problem: Option<&'static str>,
}

/// Adds up the steps of the wall clock.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// Both clocks at the first look at which the wall clock showed a time that can be right.
    reference: Option<(Timestamp, Duration)>,
}

impl Clock {
    /// Looks at the wall clock and at the time that the machine has been running, sleep included. The time of day is
    /// believed while it was set by no more than `bound` in sum.
    pub(super) fn look(&mut self, wall: Timestamp, running: Duration, bound: Duration) -> Look {
        if self.reference.is_none() && wall < MADE_AFTER {
            return Look { offset: SignedDuration::ZERO, problem: Some("the clock is before this program was made") };
        }
        let (began, began_running) = *self.reference.get_or_insert((wall, running));
        let passed = SignedDuration::try_from(running.saturating_sub(began_running)).unwrap_or(SignedDuration::MAX);
        let offset = wall.duration_since(began).saturating_sub(passed);
        let is_beyond = offset.unsigned_abs() > bound;
        Look { offset, problem: is_beyond.then_some("the wall clock was set while running") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(1);
    /// The machine's running time at the first look.
    const BOOTED: Duration = Duration::from_secs(500);

    fn start() -> Timestamp {
        MADE_AFTER + SignedDuration::from_hours(24 * 30)
    }

    /// Looks after so many seconds of running, with the wall clock off by so many milliseconds.
    fn look(clock: &mut Clock, seconds: u64, off: i64) -> Look {
        let running = Duration::from_secs(seconds);
        let wall = start() + SignedDuration::try_from(running).unwrap() + SignedDuration::from_millis(off);
        clock.look(wall, BOOTED + running, BOUND)
    }

    #[test]
    fn a_clock_that_keeps_its_pace_is_believed() {
        let mut clock = Clock::default();
        for seconds in [0, 1, 60, 86_400] {
            assert_eq!(look(&mut clock, seconds, 0), Look { offset: SignedDuration::ZERO, problem: None });
        }
    }

    #[test]
    fn a_step_is_in_doubt_until_the_clock_is_set_back_however_long_that_takes() {
        for off in [5_000, -5_000, 1_001, -1_001] {
            let mut clock = Clock::default();
            assert_eq!(look(&mut clock, 0, 0).problem, None);
            for seconds in [1, 2, 31, 600, 86_400] {
                let seen = look(&mut clock, seconds, off);
                assert_eq!(seen.offset, SignedDuration::from_millis(off));
                assert!(seen.problem.is_some(), "{off} ms after {seconds} s");
            }
            assert_eq!(look(&mut clock, 86_401, 20).problem, None);
        }
    }

    #[test]
    fn small_steps_add_up() {
        let mut clock = Clock::default();
        let found: Vec<bool> = (0..6).map(|step| look(&mut clock, step, 300 * step as i64).problem.is_some()).collect();
        assert_eq!(found, [false, false, false, false, true, true]);
    }

    #[test]
    fn a_time_before_the_program_is_not_believed_and_is_no_reference() {
        let mut clock = Clock::default();
        let seen = clock.look(Timestamp::UNIX_EPOCH, BOOTED, BOUND);
        assert_eq!(seen.offset, SignedDuration::ZERO);
        assert!(seen.problem.is_some());
        assert_eq!(look(&mut clock, 1, 0), Look { offset: SignedDuration::ZERO, problem: None });
        assert!(look(&mut clock, 2, 2_000).problem.is_some());
    }
}
