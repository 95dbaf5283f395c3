//! When a read that has not been answered is asked again over another connection.
//!
//! A second request trims the part of the tail that is a connection's own: a lost packet, a stuck stream. It does nothing
//! about an org that is slow, and would make that worse; so hedges are few, and there are none while the org is in trouble
//! (Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013).

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How far back answers count.
const WINDOW: Duration = Duration::from_secs(300);
/// Most answers that are remembered: enough for the tail of the last moments.
const MOST_ANSWERS: usize = 1_024;
/// Answers before which their tail is not known.
const LEAST_ANSWERS: usize = 20;
/// The wait is within these bounds, and in the middle where nothing is known.
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_millis(800);
const UNKNOWN: Duration = Duration::from_millis(400);
/// Every read pays this many parts of a hedge, of [`WHOLE`].
const PART: u32 = 1;
const WHOLE: u32 = 20;
/// Hedges that can be saved up.
const MOST_SAVED: u32 = 5;

/// Waits for answers, and an allowance of one hedge for twenty reads.
#[derive(Debug)]
pub struct Hedge {
    answers: VecDeque<(Instant, Duration)>,
    saved: u32,
}

impl Default for Hedge {
    fn default() -> Self {
        Self { answers: VecDeque::new(), saved: WHOLE }
    }
}

impl Hedge {
    /// A read is sent: how long its answer is waited for before it is asked again. The 97th percentile of the last five minutes,
    /// within 200 and 800 ms: then the allowance is not used up by what would have come, and is there for what would not.
    pub fn read(&mut self, now: Instant) -> Duration {
        self.saved = (self.saved + PART).min(WHOLE * MOST_SAVED);
        self.forget(now);
        if self.answers.len() < LEAST_ANSWERS {
            return UNKNOWN;
        }
        let mut took: Vec<Duration> = self.answers.iter().map(|(_, took)| *took).collect();
        let place = took.len() * 97 / 100;
        let (_, tail, _) = took.select_nth_unstable(place);
        (*tail).clamp(SHORTEST, LONGEST)
    }

    /// A read was answered after so long, by whichever connection.
    pub fn answered(&mut self, now: Instant, took: Duration) {
        if self.answers.len() == MOST_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back((now, took));
    }

    /// Whether a read may be asked again now; if so it is counted.
    pub fn admit(&mut self) -> bool {
        match self.saved.checked_sub(WHOLE) {
            Some(saved) => {
                self.saved = saved;
                true
            }
            None => false,
        }
    }

    fn forget(&mut self, now: Instant) {
        while self.answers.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW) {
            self.answers.pop_front();
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an instant can only be made from the clock")]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_wait_is_the_tail_of_the_last_minutes_within_its_bounds() {
        let (start, mut hedge) = (Instant::now(), Hedge::default());
        assert_eq!(hedge.read(start), UNKNOWN);
        for number in 0..100 {
            hedge.answered(start, ms(201 + number));
        }
        assert_eq!(hedge.read(start), ms(298));
        for _ in 0..20 {
            hedge.answered(start, ms(3_000));
        }
        assert_eq!(hedge.read(start), LONGEST);
        let later = start + WINDOW + ms(1);
        assert_eq!(hedge.read(later), UNKNOWN, "all is forgotten");
        (0..30).for_each(|_| hedge.answered(later, ms(5)));
        assert_eq!(hedge.read(later), SHORTEST);
    }

    /// Latencies of an org by a model: lognormal with a median of 180 ms and 900 ms at 99 %, and one in a hundred stalls.
    struct Model(u64);

    impl Model {
        /// Evenly from 0 to 1 (xorshift64*).
        fn even(&mut self) -> f64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        }

        fn draw(&mut self) -> Duration {
            const STALL: f64 = 10.0;
            let normal = (-2.0 * self.even().ln()).sqrt() * (std::f64::consts::TAU * self.even()).cos();
            let usual = 0.180 * ((900.0_f64 / 180.0).ln() / 2.326 * normal).exp();
            Duration::from_secs_f64(if self.even() < 0.01 { usual + STALL } else { usual })
        }
    }

    enum Happens {
        Read,
        Late { began: Instant, first: Duration },
        Answered { began: Instant },
    }

    /// 50 reads a second for ten minutes: how many were asked twice, and how many were not answered in 1.8 s.
    fn ten_minutes(seed: u64) -> (usize, usize) {
        let (start, mut hedge, mut model) = (Instant::now(), Hedge::default(), Model(seed));
        let reads = (0..READS).map(|number| ((start + ms(20) * number, number), Happens::Read));
        let mut events: BTreeMap<(Instant, u32), Happens> = reads.collect();
        let (mut number, mut hedged, mut late) = (READS, 0, 0);
        while let Some(((now, _), event)) = events.pop_first() {
            number += 1;
            match event {
                Happens::Read => {
                    let (wait, first) = (hedge.read(now), model.draw());
                    let event = if first <= wait {
                        Happens::Answered { began: now }
                    } else {
                        Happens::Late { began: now, first }
                    };
                    events.insert((now + first.min(wait), number), event);
                }
                Happens::Late { began, first } => {
                    let second = hedge.admit().then(|| now.duration_since(began) + model.draw());
                    hedged += usize::from(second.is_some());
                    let took = second.map_or(first, |second| first.min(second));
                    events.insert((began + took, number), Happens::Answered { began });
                }
                Happens::Answered { began } if now.duration_since(began) > ms(1_800) => late += 1,
                Happens::Answered { began } => hedge.answered(now, now.duration_since(began)),
            }
        }
        (hedged, late)
    }

    const READS: u32 = 30_000;

    #[test]
    fn with_one_stall_in_a_hundred_999_in_1_000_are_answered_in_time() {
        for seed in 1..=5 {
            let (hedged, late) = ten_minutes(seed);
            assert!(hedged * 20 <= READS as usize, "seed {seed}: {hedged} were asked twice");
            assert!(late * 1_000 <= READS as usize, "seed {seed}: {late} were not answered in time");
        }
    }

    proptest! {
        #[test]
        fn hedges_are_at_most_one_in_twenty_and_what_was_saved(asks in prop::collection::vec(any::<bool>(), 0..2_000)) {
            let (now, mut hedge) = (Instant::now(), Hedge::default());
            let mut hedged = 0;
            for ask in &asks {
                hedge.read(now);
                hedged += usize::from(*ask && hedge.admit());
            }
            prop_assert!(hedged <= asks.len() / WHOLE as usize + 1);
        }
    }
}
