//! When the next checkpoint is due, and when a destination that failed is tried again. Told the time.

use std::time::{Duration, Instant};

/// Longest without a checkpoint, so that who collects them notices one that is missing.
const HEARTBEAT: Duration = Duration::from_secs(3_600);
/// Wait after the first failure of a destination.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Decides when checkpoints are made.
#[derive(Debug)]
pub(super) struct Schedule {
    every: Duration,
    records: u64,
    /// When the last one was made, and of how many records.
    last: Option<(Instant, u64)>,
}

impl Schedule {
    pub(super) fn new(every: Duration, records: u64) -> Self {
        Self { every, records, last: None }
    }

    /// Whether one is due for a chain of so many records.
    pub(super) fn is_due(&self, now: Instant, records: u64) -> bool {
        let Some((at, seen)) = self.last else { return true };
        let (age, new) = (now.saturating_duration_since(at), records.saturating_sub(seen));
        new >= self.records || (new > 0 && age >= self.every) || age >= HEARTBEAT
    }

    /// One was made.
    pub(super) fn made(&mut self, now: Instant, records: u64) {
        self.last = Some((now, records));
    }
}

/// Spares a destination that fails: it is tried again after 1 s, 2 s, 4 s and so on up to a minute, and not meanwhile.
#[derive(Debug, Default)]
pub(super) struct Patience {
    failures: u32,
    until: Option<Instant>,
}

impl Patience {
    pub(super) fn allows(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    pub(super) fn record(&mut self, succeeded: bool, now: Instant) {
        if succeeded {
            *self = Self::default();
            return;
        }
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(6)).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_due_by_time_by_records_and_now_and_then() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Duration::from_secs(30), 100);
        assert!(schedule.is_due(start, 1), "at once");
        schedule.made(start, 1);
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(!schedule.is_due(after(29), 100) && schedule.is_due(after(30), 2) && schedule.is_due(after(1), 101));
        assert!(!schedule.is_due(after(3_599), 1) && schedule.is_due(after(3_600), 1));
    }

    #[test]
    fn a_destination_that_fails_is_asked_less_and_less_and_at_once_when_it_works() {
        let (mut patience, mut now) = (Patience::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..9 {
            patience.record(false, now);
            assert!(!patience.allows(now));
            let wait = (0..).map(Duration::from_secs).find(|wait| patience.allows(now + *wait)).unwrap();
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        patience.record(true, now);
        assert!(patience.allows(now));
    }
}
