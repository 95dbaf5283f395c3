//! Spares a processor that fails: after several failures in a row it is not asked for a while. Told the time.

use std::time::{Duration, Instant};

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Failures in a row that open it.
    pub(super) const FAILURES: u32 = 5;
    /// How long it stays open; then one attempt is let through.
    pub(super) const OPEN: Duration = Duration::from_secs(10);

    /// Whether the processor may be asked now. Where it was open, the first to ask tries for all.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        match self.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                self.open_until = Some(now + Self::OPEN);
                true
            }
            None => true,
        }
    }

    /// An attempt has ended.
    pub(super) fn record(&mut self, succeeded: bool, now: Instant) {
        if succeeded {
            *self = Self::default();
            return;
        }
        self.failures += 1;
        if self.failures >= Self::FAILURES {
            self.open_until = Some(now + Self::OPEN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_try_again() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 1..Breaker::FAILURES {
            breaker.record(false, now);
        }
        assert!(breaker.allows(now));
        breaker.record(false, now);
        assert!(!breaker.allows(now) && !breaker.allows(now + Breaker::OPEN - Duration::from_millis(1)));
        let later = now + Breaker::OPEN;
        assert!(breaker.allows(later) && !breaker.allows(later));
        breaker.record(true, later);
        assert!(breaker.allows(later) && breaker.allows(later));
    }
}
