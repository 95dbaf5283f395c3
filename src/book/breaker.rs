//! A circuit breaker: after repeated failures the book is left alone for a while, and then asked once.

use std::time::{Duration, Instant};

/// When a breaker opens and how long it stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open before one question is let through.
    pub open_for: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 5, open_for: Duration::from_secs(5) }
    }
}

/// Whether the breaker lets questions through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Probing { until: Instant },
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
        Self { policy, state: State::Closed { failures: 0 } }
    }

    /// Whether a question may be asked now. An open breaker whose time is over lets one through; if that one never
    /// reports, another is let through after the same time again.
    pub fn admit(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } | State::Probing { until } if now < until => false,
            State::Open { .. } | State::Probing { .. } => {
                self.state = State::Probing { until: now + self.policy.open_for };
                true
            }
        }
    }

    /// Reports an answer.
    pub fn succeeded(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// Reports a failure or a deadline missed.
    pub fn failed(&mut self, now: Instant) {
        let failures = match self.state {
            State::Closed { failures } => failures + 1,
            State::Open { .. } | State::Probing { .. } => self.policy.failures,
        };
        self.state = if failures >= self.policy.failures {
            State::Open { until: now + self.policy.open_for }
        } else {
            State::Closed { failures }
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
        breaker.succeeded();
        for _ in 0..5 {
            assert!(breaker.admit(start));
            breaker.failed(start);
        }
        assert!(!breaker.admit(start) && !breaker.is_closed());
        let later = start + policy.open_for;
        assert!(breaker.admit(later), "one probe");
        assert!(!breaker.admit(later), "and only one");
        breaker.failed(later);
        assert!(!breaker.admit(later));
        assert!(breaker.admit(later + policy.open_for));
        breaker.succeeded();
        assert!(breaker.is_closed() && breaker.admit(later));
    }

    #[test]
    fn a_probe_that_never_reports_is_replaced() {
        let (start, policy) = (Instant::now(), BreakerPolicy { failures: 1, open_for: Duration::from_secs(5) });
        let mut breaker = Breaker::new(policy);
        breaker.failed(start);
        assert!(breaker.admit(start + policy.open_for));
        assert!(breaker.admit(start + policy.open_for * 2));
    }
}
