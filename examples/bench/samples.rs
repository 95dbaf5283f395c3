//! Collected measurements and their percentiles.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// What is measured while a window is open. Values are nanoseconds.
#[derive(Default)]
pub(crate) struct Samples {
    open: AtomicBool,
    values: Mutex<Vec<u64>>,
}

impl Samples {
    pub(crate) fn open(&self) {
        self.lock().clear();
        self.open.store(true, Ordering::Release);
    }

    pub(crate) fn record(&self, value: u64) {
        if self.open.load(Ordering::Acquire) {
            self.lock().push(value);
        }
    }

    /// Ends the window and gives its percentiles.
    pub(crate) fn close(&self) -> Percentiles {
        self.open.store(false, Ordering::Release);
        let mut values = std::mem::take(&mut *self.lock());
        values.sort_unstable();
        let at = |share: f64| {
            let place = (share * values.len().saturating_sub(1) as f64).round() as usize;
            values.get(place).map_or(f64::NAN, |value| *value as f64 / 1e6)
        };
        Percentiles { count: values.len(), milliseconds: [at(0.5), at(0.99), at(0.999)] }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// p50, p99 and p99.9 of one window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percentiles {
    pub(crate) count: usize,
    pub(crate) milliseconds: [f64; 3],
}

impl Percentiles {
    /// The median over rounds, percentile by percentile; the counts are added.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let of = |place: usize| median(rounds.iter().map(|round| round.milliseconds[place]));
        Self { count: rounds.iter().map(|round| round.count).sum(), milliseconds: [of(0), of(1), of(2)] }
    }
}

/// The middle one of what was measured; not a number where nothing was.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.filter(|value| !value.is_nan()).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
