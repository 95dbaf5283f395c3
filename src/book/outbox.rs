//! What happens to a record that the account book did not take: tried again later, or parked.

use std::time::Duration;

/// Why a delivery failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The book did not answer, was too slow, or is in trouble itself. Trying again will help.
    Unavailable,
    /// The book answered that it will not take this record. Trying again may not help.
    Rejected,
}

/// What to do with the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again after this long.
    Retry {
        /// The wait.
        after: Duration,
    },
    /// Keep it, count it, and let a person look: it no longer holds up the others of its account.
    Park,
}

/// How long to wait between tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The wait after the first failure; it doubles with each further one.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
    /// How many rejections a record survives before it is parked.
    pub rejections: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), most: Duration::from_secs(60), rejections: 3 }
    }
}

impl RetryPolicy {
    /// Decides after a failed delivery. `tries` counts all deliveries tried, and `rejections` those that were rejected, this one
    /// included; `seed` spreads the wait over its upper half, so that many records do not return at once.
    ///
    /// An unavailable book is tried for ever: a record is never given up because the other side is down.
    #[must_use]
    pub fn decide(&self, tries: u32, rejections: u32, fault: Fault, seed: u64) -> Next {
        if fault == Fault::Rejected && rejections >= self.rejections {
            return Next::Park;
        }
        let doubled = self.first.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
        let longest = doubled.min(self.most);
        let half = longest / 2;
        let spread = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        Next::Retry { after: half + Duration::from_millis(seed % spread) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rejected_record_is_parked_at_its_limit() {
        let policy = RetryPolicy::default();
        assert!(matches!(policy.decide(2, 2, Fault::Rejected, 0), Next::Retry { .. }));
        assert_eq!(policy.decide(3, 3, Fault::Rejected, 0), Next::Park);
    }

    #[test]
    fn an_outage_takes_nothing_from_what_a_record_survives() {
        let policy = RetryPolicy::default();
        assert!(matches!(policy.decide(1_000, 2, Fault::Rejected, 0), Next::Retry { .. }));
        assert!(matches!(policy.decide(1_000, 3, Fault::Unavailable, 0), Next::Retry { .. }));
    }

    proptest! {
        #[test]
        fn an_unavailable_book_is_tried_for_ever_within_the_bound(tries in 1_u32.., seed in any::<u64>()) {
            let policy = RetryPolicy::default();
            let Next::Retry { after } = policy.decide(tries, 0, Fault::Unavailable, seed) else {
                return Err(TestCaseError::fail("given up"));
            };
            let longest = policy.most.min(policy.first * 2_u32.pow((tries - 1).min(10)));
            prop_assert!(after <= longest && after >= longest / 2);
        }
    }
}
