//! How many messages one address may send.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Most addresses remembered at one time.
const MAX_SOURCES: usize = 4_096;
/// A bucket holds this many seconds' worth of messages.
const BURST_SECONDS: u32 = 2;

/// A bucket of allowance for each address.
#[derive(Default)]
pub(super) struct RateLimiter {
    buckets: HashMap<IpAddr, Bucket>,
}

/// The allowance of one address: when its bucket will be full again. Each message moves that moment on.
#[derive(Clone, Copy)]
struct Bucket {
    full_at: Instant,
}

impl RateLimiter {
    /// Whether `source` may send one more message at `per_second`.
    pub(super) fn admits(&mut self, now: Instant, source: IpAddr, per_second: u32) -> bool {
        if !self.buckets.contains_key(&source) && !self.make_room(now) {
            return false;
        }
        let bucket = self.buckets.entry(source).or_insert(Bucket { full_at: now });
        let cost = Duration::from_secs(1) / per_second.max(1);
        let full_at = bucket.full_at.max(now) + cost;
        if full_at - now > Duration::from_secs(1) * BURST_SECONDS {
            return false;
        }
        bucket.full_at = full_at;
        true
    }

    /// Forgets addresses whose buckets are full again, once there are too many.
    fn make_room(&mut self, now: Instant) -> bool {
        if self.buckets.len() >= MAX_SOURCES {
            self.buckets.retain(|_, bucket| bucket.full_at > now);
        }
        self.buckets.len() < MAX_SOURCES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::epoch;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));

    #[test]
    fn a_burst_of_two_seconds_passes_and_then_the_rate() {
        let start = epoch();
        let mut limiter = RateLimiter::default();
        let admitted = (0..100).filter(|_| limiter.admits(start, SOURCE, 10)).count();
        assert_eq!(admitted, 20);
        let later = start + Duration::from_secs(1);
        let admitted = (0..100).filter(|_| limiter.admits(later, SOURCE, 10)).count();
        assert_eq!(admitted, 10);
    }

    #[test]
    fn memory_is_bounded_and_idle_addresses_make_room() {
        let start = epoch();
        let mut limiter = RateLimiter::default();
        for number in 0..10_000_u32 {
            limiter.admits(start, IpAddr::V4(number.into()), 1);
        }
        assert_eq!(limiter.buckets.len(), MAX_SOURCES);
        assert!(!limiter.admits(start, SOURCE, 1));
        assert!(limiter.admits(start + Duration::from_secs(3), SOURCE, 1));
    }
}
