//! How unevenly frames come: when each came, beside its stream time.

use std::time::Instant;

use crate::playout::PLAYOUT_HZ;

/// Frames that are remembered: about ten seconds.
const REMEMBERED: usize = 512;
/// The share of frames that should be there in time, in thousandths.
const IN_TIME: usize = 995;
/// Of a stream's first frames little is known: until so many have come, a second's worth,
const CAUTIOUS: usize = 50;
/// it is taken to be at least so uneven, in samples: 40 ms.
const CAUTION: i64 = 320;
/// Frames between two looks at what is remembered.
const LOOK_EVERY: usize = 8;

/// The newest frames' arrivals. A frame's lateness is when it came, less its stream time; what matters is how
/// latenesses differ.
pub(super) struct Arrivals {
    began: Option<Instant>,
    /// In samples.
    lateness: Vec<i64>,
    newest: usize,
    since_look: usize,
    earliest: i64,
    spread: i64,
    sorted: Vec<i64>,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self {
            began: None,
            lateness: Vec::with_capacity(REMEMBERED),
            newest: 0,
            since_look: 0,
            earliest: 0,
            spread: 0,
            sorted: Vec::with_capacity(REMEMBERED),
        }
    }

    /// A frame of this stream time came.
    pub(super) fn add(&mut self, now: Instant, index: u64) {
        let began = *self.began.get_or_insert(now);
        let lateness = elapsed(began, now) - index as i64;
        if self.lateness.len() < REMEMBERED {
            self.lateness.push(lateness);
        } else {
            self.newest = (self.newest + 1) % REMEMBERED;
            self.lateness[self.newest] = lateness;
        }
        self.since_look += 1;
        let is_known = (self.earliest..=self.earliest + self.spread).contains(&lateness);
        if !is_known || self.since_look >= LOOK_EVERY {
            self.look();
        }
    }

    /// How much later than the earliest nearly all frames come, in samples.
    pub(super) fn spread(&self) -> i64 {
        self.spread
    }

    /// How long a frame of this stream time would have waited by now, had it come as early as any; in samples.
    pub(super) fn delay(&self, now: Instant, index: u64) -> i64 {
        let since_first = self.began.map_or(0, |began| elapsed(began, now));
        since_first - index as i64 - self.earliest
    }

    fn look(&mut self) {
        self.since_look = 0;
        self.sorted.clear();
        self.sorted.extend_from_slice(&self.lateness);
        let place = (self.sorted.len() * IN_TIME / 1_000).min(self.sorted.len() - 1);
        let (before, late, _) = self.sorted.select_nth_unstable(place);
        self.earliest = before.iter().copied().min().unwrap_or(*late);
        let spread = *late - self.earliest;
        self.spread = if self.lateness.len() < CAUTIOUS { spread.max(CAUTION) } else { spread };
    }
}

fn elapsed(began: Instant, now: Instant) -> i64 {
    (now.saturating_duration_since(began).as_micros() * u128::from(PLAYOUT_HZ) / 1_000_000) as i64
}
