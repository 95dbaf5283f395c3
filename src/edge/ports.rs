//! The pool of media ports: pairs of an even port for RTP and the odd one above it for RTCP (RFC 3550 §11).

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use rand::seq::SliceRandom;

/// Free ports and ports that rest after their call, so that late packets of one call never reach the next.
pub struct PortPool {
    free: VecDeque<u16>,
    resting: VecDeque<(Instant, u16)>,
    quarantine: Duration,
}

impl PortPool {
    /// A pool of the pairs that lie wholly within `range`, in random order.
    #[must_use]
    pub fn new(range: RangeInclusive<u16>, quarantine: Duration) -> Self {
        let mut free: Vec<u16> = range
            .clone()
            .filter(|port| port % 2 == 0 && *port > 0 && range.contains(&port.saturating_add(1)))
            .collect();
        free.shuffle(&mut rand::rng());
        Self { free: free.into(), resting: VecDeque::new(), quarantine }
    }

    /// Takes the even port of a pair; `None` where none is free or rested.
    pub fn take(&mut self, now: Instant) -> Option<u16> {
        self.wake(now);
        self.free.pop_front()
    }

    /// Puts a port to rest.
    pub fn give_back(&mut self, now: Instant, port: u16) {
        self.resting.push_back((now + self.quarantine, port));
    }

    /// How many pairs could be taken.
    pub fn available(&mut self, now: Instant) -> usize {
        self.wake(now);
        self.free.len()
    }

    /// How many pairs there are that are not in use, resting ones included.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.free.len() + self.resting.len()
    }

    fn wake(&mut self, now: Instant) {
        while let Some((rested, port)) = self.resting.front().copied()
            && rested <= now
        {
            self.resting.pop_front();
            self.free.push_back(port);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARANTINE: Duration = Duration::from_secs(30);

    #[test]
    fn pairs_lie_within_the_range() {
        let now = Instant::now();
        let mut pool = PortPool::new(10_001..=10_006, QUARANTINE);
        let mut taken = [pool.take(now).unwrap(), pool.take(now).unwrap()];
        taken.sort_unstable();
        assert_eq!((taken, pool.take(now)), ([10_002, 10_004], None));
    }

    #[test]
    fn the_last_port_of_all_has_no_pair() {
        assert_eq!(PortPool::new(65_534..=65_535, QUARANTINE).idle(), 1);
        assert_eq!(PortPool::new(65_535..=65_535, QUARANTINE).idle(), 0);
    }

    #[test]
    fn a_port_rests_after_its_call() {
        let now = Instant::now();
        let mut pool = PortPool::new(10_000..=10_001, QUARANTINE);
        let port = pool.take(now).unwrap();
        pool.give_back(now, port);
        assert_eq!(pool.take(now + QUARANTINE - Duration::from_millis(1)), None);
        assert_eq!(pool.take(now + QUARANTINE), Some(port));
    }
}
