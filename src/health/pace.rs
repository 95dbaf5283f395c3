//! Whether the media threads keep up. Where they do not, one more call harms all that are up, and its own opening is
//! not heard in time: so it is refused, and the carrier may take it elsewhere.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use edge::Ticks;

/// The time over which lag is averaged: a moment without a core is no overload.
const WINDOW: Duration = Duration::from_secs(5);
/// How far apart two looks are at least; others are not kept.
const APART: Duration = Duration::from_millis(250);

/// What the threads had counted at each look of the window, and at one before it.
#[derive(Debug, Default)]
pub(super) struct Pace {
    looks: VecDeque<(Instant, Ticks)>,
}

impl Pace {
    /// Whether the ticks of the last five seconds began later than `bound` on average. Threads without calls have no
    /// ticks and are never late; nor is anybody before five seconds were seen.
    pub(super) fn is_late(&mut self, now: Instant, total: Ticks, bound: Duration) -> bool {
        if self.looks.back().is_none_or(|(last, _)| now.saturating_duration_since(*last) >= APART) {
            self.looks.push_back((now, total));
        }
        while self.looks.get(1).is_some_and(|(look, _)| now.saturating_duration_since(*look) >= WINDOW) {
            self.looks.pop_front();
        }
        let Some((began, before)) = self.looks.front() else { return false };
        let count = u32::try_from(total.count.saturating_sub(before.count)).unwrap_or(u32::MAX);
        let is_whole = now.saturating_duration_since(*began) >= WINDOW;
        is_whole && count > 0 && total.lag.saturating_sub(before.lag) / count > bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_millis(50);
    const HALF: Duration = Duration::from_millis(500);

    /// Threads that are looked at every half second.
    struct Bench {
        pace: Pace,
        now: Instant,
        total: Ticks,
    }

    impl Bench {
        fn new() -> Self {
            Self { pace: Pace::default(), now: Instant::now(), total: Ticks::default() }
        }

        /// Half a second in which so many ticks began so many milliseconds late each.
        fn pass(&mut self, ticks: u32, late: u64) -> bool {
            self.now += HALF;
            self.total.count += u64::from(ticks);
            self.total.lag += Duration::from_millis(late) * ticks;
            self.pace.is_late(self.now, self.total, BOUND)
        }
    }

    #[test]
    fn threads_that_lag_for_a_whole_window_are_late_until_they_are_punctual_again() {
        let mut bench = Bench::new();
        let found: Vec<bool> = (0..12).map(|_| bench.pass(100, 80)).collect();
        assert!(found[..10].iter().all(|late| !late) && found[10..].iter().all(|late| *late), "{found:?}");
        let recovering: Vec<bool> = (0..10).map(|_| bench.pass(100, 1)).collect();
        assert!(recovering[0] && !recovering[9], "{recovering:?}");
    }

    #[test]
    fn a_stall_of_half_a_second_is_forgiven() {
        let mut bench = Bench::new();
        for _ in 0..20 {
            assert!(!bench.pass(500, 2));
        }
        assert!(!bench.pass(500, 250));
        assert!(!bench.pass(500, 2));
    }

    #[test]
    fn nobody_is_late_without_calls() {
        let mut bench = Bench::new();
        for _ in 0..12 {
            bench.pass(100, 80);
        }
        for _ in 0..12 {
            bench.pass(0, 0);
        }
        assert!(!bench.pass(0, 0));
    }

    #[test]
    fn looks_are_few_however_often_it_is_asked() {
        let mut bench = Bench::new();
        for _ in 0..100_000 {
            bench.now += Duration::from_millis(1);
            bench.pace.is_late(bench.now, bench.total, BOUND);
        }
        assert!(bench.pace.looks.len() <= 22, "{}", bench.pace.looks.len());
    }
}
