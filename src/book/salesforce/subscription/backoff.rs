//! Waits between tries: each twice as long as the one before, and by chance up to a half shorter, so that gateways that lost
//! the same server do not come back together.

use std::time::Duration;

/// Doublings after which a wait is the longest in any case.
const MOST_DOUBLINGS: u32 = 16;

#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    random: u64,
}

impl Backoff {
    pub(super) const fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, failures: 0, random: seed }
    }

    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.first.saturating_mul(1 << self.failures.min(MOST_DOUBLINGS)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        self.spread(wait)
    }

    /// A time from the half of this one to all of it.
    pub(super) fn spread(&mut self, time: Duration) -> Duration {
        let share = f64::from((self.number() >> 40) as u32) / f64::from(1_u32 << 24);
        time.mul_f64(share.mul_add(0.5, 0.5))
    }

    /// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    const fn number(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_double_to_the_longest_and_are_spread(seed: u64, failures in 1_u32..100) {
            let (first, longest) = (Duration::from_secs(1), Duration::from_secs(60));
            let mut backoff = Backoff::new(first, longest, seed);
            for failure in 0..failures {
                let whole = first.saturating_mul(1 << failure.min(20)).min(longest);
                let wait = backoff.next();
                prop_assert!(wait <= whole && wait >= whole / 2);
            }
            backoff.reset();
            prop_assert!(backoff.next() <= first);
        }
    }

    #[test]
    fn seeds_differ() {
        let waits = |seed| {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), seed);
            [(); 4].map(|()| backoff.next())
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
