//! When a read that has not been answered is asked again over another connection.
//!
//! A second request trims the part of the tail that is a connection's own: a lost packet, a stuck stream. It does nothing
//! about an org that is slow, and would make that worse; so hedges are few, and there are none while the org is in trouble
//! (Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013).

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How far back answers count.
const WINDOW: Duration = Duration::from_secs(300);
/// Most answers that are remembered: enough for the tail of the last moments.
const MOST_ANSWERS: usize = 1_024;
/// Answers before which their tail is not known.
const LEAST_ANSWERS: usize = 20;
/// Of a hundred reads so many are answered before the wait is over. The rest, 3 %, is less than the allowance of 5 %: what is left is
/// saved up, so that a read that stalls finds a hedge, also just after others took them all.
const PATIENT: usize = 97;
/// The wait is within these bounds: at the longest half of what a look-up may take, so that the second request has as much.
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_millis(900);
/// The wait where nothing is known: long, because hedges that come too soon are missing later.
const UNKNOWN: Duration = Duration::from_millis(750);
/// Every read pays this many parts of a hedge, of [`WHOLE`].
const PART: u32 = 1;
const WHOLE: u32 = 20;
/// Hedges that can be saved up.
const MOST_SAVED: u32 = 5;

/// Waits for answers, and an allowance of one hedge for twenty reads.
#[derive(Debug)]
pub struct Hedge {
    answers: VecDeque<(Instant, Duration)>,
    saved: u32,
}

impl Default for Hedge {
    fn default() -> Self {
        Self { answers: VecDeque::new(), saved: WHOLE }
    }
}

impl Hedge {
    /// A read is sent: how long its answer is waited for before it is asked again. The 97th percentile of the last five
    /// minutes, within 200 and 900 ms; 750 ms where fewer than 20 answers are known.
    pub fn read(&mut self, now: Instant) -> Duration {
        self.saved = (self.saved + PART).min(WHOLE * MOST_SAVED);
        self.forget(now);
        if self.answers.len() < LEAST_ANSWERS {
            return UNKNOWN;
        }
        let mut took: Vec<Duration> = self.answers.iter().map(|(_, took)| *took).collect();
        let place = took.len() * PATIENT / 100;
        let (_, tail, _) = took.select_nth_unstable(place);
        (*tail).clamp(SHORTEST, LONGEST)
    }

    /// A read was answered after so long, by whichever connection.
    pub fn answered(&mut self, now: Instant, took: Duration) {
        if self.answers.len() == MOST_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back((now, took));
    }

    /// Whether a read may be asked again now; if so it is counted.
    pub fn admit(&mut self) -> bool {
        match self.saved.checked_sub(WHOLE) {
            Some(saved) => {
                self.saved = saved;
                true
            }
            None => false,
        }
    }

    fn forget(&mut self, now: Instant) {
        while self.answers.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW) {
            self.answers.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
