//! Strategies, kept for minutes: what may be arranged changes rarely, and a look-up that leaves it out is a smaller question.
//! Flags and balances are never kept.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::account::{Strategy, StrategyId};

/// How long what was read is used without a thought.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// How long it is used at all, while it is being read again.
const USABLE: Duration = Duration::from_secs(60 * 60);
/// How long a reading may be under way before another begins.
const READING: Duration = Duration::from_secs(10);

/// Every strategy that may be used, as they were read.
#[derive(Debug, Default)]
pub struct Shelf {
    strategies: BTreeMap<StrategyId, Strategy>,
    read_at: Option<Instant>,
    reading_since: Option<Instant>,
}

impl Shelf {
    /// Whether look-ups may leave strategies out.
    #[must_use]
    pub fn is_usable(&self, now: Instant) -> bool {
        !self.strategies.is_empty() && self.is_younger(now, USABLE)
    }

    /// A strategy, where it may still be used.
    #[must_use]
    pub fn find(&self, now: Instant, id: &StrategyId) -> Option<&Strategy> {
        self.strategies.get(id).filter(|_| self.is_younger(now, USABLE))
    }

    /// Whether to read them all now: they are not fresh, and nobody reads them. From then on somebody does.
    pub fn begin_reading(&mut self, now: Instant) -> bool {
        let is_read = self.reading_since.is_some_and(|since| now.saturating_duration_since(since) < READING);
        let is_due = !is_read && !self.is_younger(now, FRESH);
        if is_due {
            self.reading_since = Some(now);
        }
        is_due
    }

    /// They were read, all of them: what is not among them is used no more.
    pub fn put(&mut self, now: Instant, strategies: Vec<Strategy>) {
        self.strategies = strategies.into_iter().map(|strategy| (strategy.id.clone(), strategy)).collect();
        (self.read_at, self.reading_since) = (Some(now), None);
    }

    fn is_younger(&self, now: Instant, age: Duration) -> bool {
        self.read_at.is_some_and(|at| now.saturating_duration_since(at) < age)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an instant can only be made from the clock")]
mod tests {
    use super::*;
    use crate::import::{BUILT_IN_STRATEGIES, strategies};

    fn filled(now: Instant) -> (Shelf, StrategyId) {
        let (mut shelf, strategies) = (Shelf::default(), strategies(BUILT_IN_STRATEGIES).unwrap().rows);
        let id = strategies[0].id.clone();
        shelf.put(now, strategies);
        (shelf, id)
    }

    #[test]
    fn what_is_stale_is_used_while_one_reads_it_again() {
        let start = Instant::now();
        let (mut shelf, id) = filled(start);
        assert!(!shelf.begin_reading(start + FRESH - Duration::from_millis(1)));
        let stale = start + FRESH;
        assert!(shelf.begin_reading(stale) && !shelf.begin_reading(stale), "one at a time");
        assert!(shelf.is_usable(stale) && shelf.find(stale, &id).is_some());
        assert!(shelf.begin_reading(stale + READING), "the other has given up");
        shelf.put(stale + READING, Vec::new());
        assert!(shelf.find(stale + READING, &id).is_none(), "it is no longer to be used");
        assert!(!shelf.begin_reading(stale + READING));
    }

    #[test]
    fn what_is_too_old_or_was_never_read_is_not_used() {
        let start = Instant::now();
        let (shelf, id) = filled(start);
        assert!(shelf.find(start + USABLE, &id).is_none() && !shelf.is_usable(start + USABLE));
        let mut empty = Shelf::default();
        assert!(!empty.is_usable(start) && empty.begin_reading(start));
    }
}
