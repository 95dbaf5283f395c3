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
        Percentiles::of(std::mem::take(&mut *self.lock()))
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
    /// Those of values in nanoseconds.
    pub(crate) fn of(values: impl IntoIterator<Item = u64>) -> Self {
        let values = sorted(values.into_iter().map(|value| value as f64 / 1e6));
        Self { count: values.len(), milliseconds: [0.5, 0.99, 0.999].map(|share| at(&values, share)) }
    }

    /// The median over rounds, percentile by percentile; the counts are added.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let of = |place: usize| median(rounds.iter().map(|round| round.milliseconds[place]));
        Self { count: rounds.iter().map(|round| round.count).sum(), milliseconds: [of(0), of(1), of(2)] }
    }
}

/// Values in order.
pub(crate) fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The value below which a share of sorted ones lies; not a number where there are none.
pub(crate) fn at(sorted: &[f64], share: f64) -> f64 {
    let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

/// The middle one of what was measured, or the mean of the two there; not a number where nothing was.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let values = sorted(values.filter(|value| !value.is_nan()));
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[length / 2],
        length => f64::midpoint(values[length / 2 - 1], values[length / 2]),
    }
}
