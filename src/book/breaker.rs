//! A circuit breaker: after repeated failures the book is left alone for a while, and then asked once.

use std::time::{Duration, Instant};

/// When a breaker opens and how long it stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that open it, once nothing has been answered for the time of `silence`. So do more than half of the last fifty
    /// answers.
    pub failures: u32,
    /// How long nothing was answered before failures in a row count: where many ask at once, a few fail in a row by chance.
    pub silence: Duration,
    /// How long it stays open before one question is let through.
    pub open_for: Duration,
    /// After each such question that fails twice as long, up to this: what was short trouble is over soon after it ends, and who is in
    /// long trouble is asked seldom.
    pub open_at_most: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failures: 5,
            silence: Duration::from_secs(1),
            open_for: Duration::from_millis(500),
            open_at_most: Duration::from_secs(5),
        }
    }
}

/// Whether the breaker lets questions through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32, answered: Option<Instant>, recent: Recent },
    Open { until: Instant, pause: Duration },
    Probing { until: Instant, pause: Duration },
}

/// The last answers, of which failures are the ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Recent {
    answers: u64,
    count: u32,
}

/// How many answers are remembered.
const WINDOW: u32 = 50;

impl Recent {
    const fn with(self, is_failure: bool) -> Self {
        let answers = ((self.answers << 1) | is_failure as u64) & ((1 << WINDOW) - 1);
        let count = if self.count < WINDOW { self.count + 1 } else { WINDOW };
        Self { answers, count }
    }

    const fn is_mostly_failures(self) -> bool {
        self.count == WINDOW && self.answers.count_ones() * 2 > WINDOW
    }
}

/// The breaker. Ask [`admit`](Self::admit) before each question and report each answer.
#[derive(Debug)]
pub struct Breaker {
    policy: BreakerPolicy,
    state: State,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub const fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: State::Closed { failures: 0, answered: None, recent: Recent { answers: 0, count: 0 } } }
    }

    /// Whether a question may be asked now. An open breaker whose time is over lets one through; if that one never
    /// reports, another is let through after the same time again.
    pub fn admit(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until, .. } | State::Probing { until, .. } if now < until => false,
            State::Open { pause, .. } | State::Probing { pause, .. } => {
                self.state = State::Probing { until: now + pause, pause };
                true
            }
        }
    }

    /// Reports an answer. While it is open nothing was asked: such an answer is to a question of before, and changes nothing.
    pub fn succeeded(&mut self, now: Instant) {
        self.state = match self.state {
            State::Closed { recent, .. } => {
                State::Closed { failures: 0, answered: Some(now), recent: recent.with(false) }
            }
            State::Probing { .. } => State::Closed { failures: 0, answered: Some(now), recent: Recent::default() },
            State::Open { until, pause } => State::Open { until, pause },
        };
    }

    /// Reports a failure or a deadline missed.
    pub fn failed(&mut self, now: Instant) {
        self.state = match self.state {
            State::Closed { failures, answered, recent } => {
                let (failures, recent) = (failures.saturating_add(1), recent.with(true));
                let is_silent = answered.is_none_or(|at| now.saturating_duration_since(at) >= self.policy.silence);
                if (failures >= self.policy.failures && is_silent) || recent.is_mostly_failures() {
                    State::Open { until: now + self.policy.open_for, pause: self.policy.open_for }
                } else {
                    State::Closed { failures, answered, recent }
                }
            }
            State::Probing { pause, .. } => {
                let pause = (pause * 2).min(self.policy.open_at_most);
                State::Open { until: now + pause, pause }
            }
            State::Open { until, pause } => State::Open { until, pause },
        };
    }

    /// Whether questions pass freely.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an instant can only be made from the clock")]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_probes_once() {
        let (start, policy) = (Instant::now(), BreakerPolicy::default());
        let mut breaker = Breaker::new(policy);
        for _ in 0..4 {
            breaker.failed(start);
        }
        breaker.succeeded(start);
        let start = start + policy.silence;
        for _ in 0..5 {
            assert!(breaker.admit(start));
            breaker.failed(start);
        }
        assert!(!breaker.admit(start) && !breaker.is_closed());
        let later = start + policy.open_for;
        assert!(breaker.admit(later), "one probe");
        assert!(!breaker.admit(later), "and only one");
        breaker.failed(later);
        assert!(!breaker.admit(later + policy.open_for), "a second time it waits for longer");
        assert!(breaker.admit(later + policy.open_for * 2));
        breaker.succeeded(later);
        assert!(breaker.is_closed() && breaker.admit(later));
    }

    #[test]
    fn the_longer_the_trouble_the_seldomer_it_asks_and_an_answer_ends_that() {
        let policy = BreakerPolicy::default();
        let (mut breaker, mut now) = (Breaker::new(policy), Instant::now());
        (0..policy.failures).for_each(|_| breaker.failed(now));
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let since = now;
            while !breaker.admit(now) {
                now += Duration::from_millis(100);
            }
            pauses.push((now - since).as_millis());
            breaker.failed(now);
        }
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 5_000, 5_000]);
        assert!(breaker.admit(now + policy.open_at_most));
        breaker.succeeded(now);
        now += policy.silence;
        (0..policy.failures).for_each(|_| breaker.failed(now));
        assert!(!breaker.admit(now));
        assert!(breaker.admit(now + policy.open_for), "trouble anew is short until it is long");
    }

    #[test]
    fn it_opens_where_most_of_the_last_answers_are_failures() {
        let (start, mut breaker) = (Instant::now(), Breaker::new(BreakerPolicy::default()));
        for number in 0..49 {
            // Never five in a row, and not yet fifty.
            if number % 3 == 0 {
                breaker.succeeded(start);
            } else {
                breaker.failed(start);
            }
            assert!(breaker.is_closed(), "{number}");
        }
        breaker.failed(start);
        assert!(!breaker.is_closed(), "33 of fifty");
    }

    #[test]
    fn failures_in_a_row_are_chance_while_others_are_answered() {
        let (start, policy) = (Instant::now(), BreakerPolicy::default());
        let mut breaker = Breaker::new(policy);
        // Where many ask at once, six fail in a row now and then.
        for number in 0..20_u32 {
            let now = start + policy.silence / 2 * number;
            (0..5).for_each(|_| breaker.succeeded(now));
            (0..6 * (number % 2)).for_each(|_| breaker.failed(now));
            assert!(breaker.is_closed(), "{number}");
        }
        let since = start + policy.silence / 2 * 19;
        breaker.failed(since + policy.silence - Duration::from_millis(1));
        assert!(breaker.is_closed());
        breaker.failed(since + policy.silence);
        assert!(!breaker.is_closed(), "nothing was answered for a second");
    }

    #[test]
    fn a_probe_that_never_reports_is_replaced() {
        let (start, policy) = (Instant::now(), BreakerPolicy { failures: 1, ..BreakerPolicy::default() });
        let mut breaker = Breaker::new(policy);
        breaker.failed(start);
        assert!(breaker.admit(start + policy.open_for));
        assert!(breaker.admit(start + policy.open_for * 2));
    }
}
