//! How long to wait for what has not come: as long as this line has lately been seen to take.

use std::time::Duration;

/// A longest wait shrinks by this share with each packet: by half in half a minute of 20 ms packets.
const FORGETTING: u32 = 2_048;
/// What is waited beyond the longest that was seen, as a share of it.
const MARGIN: u32 = 4;

/// A wait that follows the line, within bounds.
pub(crate) struct Patience {
    least: Duration,
    most: Duration,
    longest: Duration,
}

impl Patience {
    pub(crate) const fn new(least: Duration, most: Duration) -> Self {
        Self { least, most, longest: Duration::ZERO }
    }

    /// How long to wait now.
    pub(crate) fn wait(&self) -> Duration {
        (self.longest + self.longest / MARGIN).clamp(self.least, self.most)
    }

    /// A packet came, and would have had to be waited for so long.
    pub(crate) fn observe(&mut self, needed: Duration) {
        self.longest -= self.longest / FORGETTING;
        self.longest = self.longest.max(needed.min(self.most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn it_follows_the_line_at_once_and_forgets_slowly() {
        let mut patience = Patience::new(millis(60), millis(200));
        assert_eq!(patience.wait(), millis(60));
        patience.observe(millis(100));
        assert_eq!(patience.wait(), millis(125));
        patience.observe(millis(30));
        assert!((millis(124)..millis(125)).contains(&patience.wait()));
        (0..50 * 60).for_each(|_| patience.observe(Duration::ZERO));
        assert_eq!(patience.wait(), millis(60), "a minute later it is impatient again");
    }

    #[test]
    fn it_never_waits_longer_than_it_may() {
        let mut patience = Patience::new(millis(10), millis(150));
        patience.observe(Duration::from_secs(3));
        assert_eq!(patience.wait(), millis(150));
        (0..50 * 180).for_each(|_| patience.observe(Duration::ZERO));
        assert_eq!(patience.wait(), millis(10), "one stall is not held against the line for ever");
    }
}
