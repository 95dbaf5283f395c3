//! When the next deliveries may begin, by how the last ones ended.

use std::time::{Duration, Instant};

use super::{LONGEST_SLEEP, Round};
use crate::store::StoreError;

/// For how long a book is left alone that takes nothing. Flags are not held up: each has its own time to be tried again.
const TROUBLE: Duration = Duration::from_secs(1);

/// So many deliveries that fail in a row, and none that does not, are trouble of the book and not of a record.
const MOST_FAILED: u32 = 3;

/// The pace of deliveries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    calls_from: Instant,
    all_from: Instant,
    /// How many deliveries failed in a row.
    failed: u32,
}

/// What is worth telling of how a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The book takes nothing any more.
    Down,
    /// It takes something again.
    Up,
}

impl Pace {
    /// Everything may begin.
    pub(super) const fn new(now: Instant) -> Self {
        Self { calls_from: now, all_from: now, failed: 0 }
    }

    /// A delivery is over.
    pub(super) fn heard(&mut self, now: Instant, ended: Result<Round, &StoreError>) -> Option<News> {
        match ended {
            Err(_) => {
                self.all_from = now + LONGEST_SLEEP;
                None
            }
            Ok(round) if round.delivered > 0 => {
                self.calls_from = now;
                let failed = std::mem::take(&mut self.failed);
                (failed >= MOST_FAILED).then_some(News::Up)
            }
            Ok(round) if round.retried > 0 => {
                self.calls_from = now + TROUBLE;
                self.failed = self.failed.saturating_add(1);
                (self.failed == MOST_FAILED).then_some(News::Down)
            }
            Ok(_) => None,
        }
    }

    /// How long nothing may begin.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        self.all_from.saturating_duration_since(now)
    }

    /// How long no call may begin.
    pub(super) fn pause_of_calls(&self, now: Instant) -> Duration {
        self.all_from.max(self.calls_from).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKEN: Round = Round { delivered: 1, retried: 0, parked: 0 };
    const FAILED: Round = Round { delivered: 0, retried: 1, parked: 0 };

    #[test]
    fn a_book_that_takes_nothing_is_left_alone_for_a_moment_but_flags_go() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        assert_eq!(pace.pause_of_calls(now), Duration::ZERO);
        pace.heard(now, Ok(FAILED));
        assert_eq!((pace.pause(now), pace.pause_of_calls(now)), (Duration::ZERO, TROUBLE));
        assert_eq!(pace.pause_of_calls(now + TROUBLE), Duration::ZERO);
    }

    #[test]
    fn a_book_that_takes_something_is_not_left_alone() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.heard(now, Ok(FAILED));
        pace.heard(now, Ok(TAKEN));
        assert_eq!(pace.pause_of_calls(now), Duration::ZERO);
        pace.heard(now, Ok(FAILED));
        pace.heard(now, Ok(Round { delivered: 0, retried: 0, parked: 1 }));
        assert_eq!(pace.pause_of_calls(now), TROUBLE, "what is parked says nothing of the book");
    }

    #[test]
    fn an_outage_is_told_once_and_its_end_once() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        let mut heard = |round| pace.heard(now, Ok(round));
        assert_eq!([FAILED, TAKEN, FAILED, FAILED, TAKEN].map(&mut heard), [None; 5], "records, not the book");
        assert_eq!([FAILED; 5].map(&mut heard), [None, None, Some(News::Down), None, None]);
        assert_eq!([TAKEN; 2].map(&mut heard), [Some(News::Up), None]);
    }

    #[test]
    fn nothing_begins_while_the_store_does_not_keep_what_comes_of_it() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.heard(now, Err(&StoreError::Full));
        pace.heard(now, Ok(TAKEN));
        assert_eq!((pace.pause(now), pace.pause_of_calls(now)), (LONGEST_SLEEP, LONGEST_SLEEP));
    }
}
