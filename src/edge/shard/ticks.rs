//! How punctual media threads are, in sum: what admission looks at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Ticks since the start, of all media threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks {
    /// How many there were.
    pub count: u64,
    /// How late they began, added up.
    pub lag: Duration,
}

/// The ticks of one thread.
#[derive(Debug, Default)]
pub(super) struct Counted {
    count: AtomicU64,
    lag_microseconds: AtomicU64,
}

impl Counted {
    /// One more tick, which began so late.
    pub(super) fn add(&self, lag: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        self.lag_microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }
}

/// Tells the ticks of a pool's threads, for as long as it is asked.
#[derive(Clone, Debug)]
pub struct TickReader(pub(super) Vec<Arc<Counted>>);

impl TickReader {
    /// All ticks so far.
    #[must_use]
    pub fn total(&self) -> Ticks {
        self.0.iter().fold(Ticks::default(), |total, thread| Ticks {
            count: total.count + thread.count.load(Ordering::Relaxed),
            lag: total.lag + Duration::from_micros(thread.lag_microseconds.load(Ordering::Relaxed)),
        })
    }
}
