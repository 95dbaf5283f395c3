//! What became of look-ups.

use std::time::Duration;

use backends::book::BookError;
use book::LookUp;

use crate::samples::Percentiles;

/// Look-ups by how they ended.
#[derive(Clone, Default)]
pub(super) struct Tally {
    /// How long each took that found its account, and each that did not.
    found: Vec<Duration>,
    other: Vec<Duration>,
    /// Not answered before the deadline.
    pub(super) late: usize,
    /// Refused at once, because the breaker was open.
    pub(super) left_alone: usize,
    /// Answered without the account, or failed in another way.
    pub(super) failed: usize,
    /// Counted at the org.
    pub(super) requests: u64,
}

impl Tally {
    pub(super) fn note(&mut self, answer: &Result<LookUp, BookError>, took: Duration) {
        match answer {
            Ok(LookUp::Found(_)) => return self.found.push(took),
            Err(BookError::Deadline) => self.late += 1,
            Err(BookError::BreakerOpen) => self.left_alone += 1,
            Ok(LookUp::Nothing | LookUp::Several) | Err(_) => self.failed += 1,
        }
        self.other.push(took);
    }

    pub(super) fn add(&mut self, more: Self) {
        self.found.extend(more.found);
        self.other.extend(more.other);
        self.late += more.late;
        self.left_alone += more.left_alone;
        self.failed += more.failed;
        self.requests += more.requests;
    }

    pub(super) fn count(&self) -> usize {
        self.found.len() + self.other.len()
    }

    pub(super) fn answered(&self) -> usize {
        self.found.len()
    }

    /// So many of all, in percent.
    pub(super) fn percent(&self, some: usize) -> f64 {
        some as f64 * 100.0 / self.count() as f64
    }

    /// Of the look-ups that found their account.
    pub(super) fn percentiles(&self) -> Percentiles {
        Percentiles::of(self.found.iter().map(|took| took.as_nanos() as u64))
    }

    /// Whatever came of it.
    pub(super) fn longest_milliseconds(&self) -> f64 {
        let longest = self.found.iter().chain(&self.other).max().copied().unwrap_or_default();
        longest.as_secs_f64() * 1e3
    }

    pub(super) fn requests_each(&self) -> f64 {
        self.requests as f64 / self.count() as f64
    }

    /// Requests beyond one for each look-up that was asked at all.
    pub(super) fn hedges_percent(&self) -> f64 {
        let asked = self.count() - self.left_alone;
        (self.requests as f64 - asked as f64) * 100.0 / asked as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_no_account_is_not_answered_and_who_was_not_asked_needed_no_request() {
        let mut tally = Tally::default();
        for answer in
            [Ok(LookUp::Nothing), Err(BookError::Deadline), Err(BookError::Failed), Err(BookError::BreakerOpen)]
        {
            tally.note(&answer, Duration::from_millis(1_800));
        }
        tally.requests = 6;
        assert_eq!((tally.count(), tally.answered()), (4, 0));
        assert_eq!((tally.late, tally.left_alone, tally.failed), (1, 1, 2));
        assert_eq!((tally.hedges_percent(), tally.requests_each()), (100.0, 1.5));
        let mut both = Tally::default();
        both.add(tally);
        assert_eq!((both.count(), both.percent(both.late), both.longest_milliseconds()), (4, 25.0, 1_800.0));
    }
}
