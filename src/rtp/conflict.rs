//! Our own SSRC in the far end's packets (RFC 3550 §8.2): a collision, after which ours changes, or a loop, after which it
//! would change for ever.

use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long an address is remembered after it conflicted: ten intervals of reports (§8.2).
const REMEMBERED: Duration = Duration::from_secs(50);
/// Addresses remembered at once; a leg hears one at a time.
const MOST: usize = 4;
/// Changes of one session. Nobody collides by chance so often.
const MOST_CHANGES: u64 = 8;

/// Times that our SSRC was somebody else's too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conflicts {
    /// Times it was changed.
    pub changed: u64,
    /// Packets under it from where it had been changed for: what we send comes back.
    pub looped: u64,
}

#[derive(Default)]
pub(crate) struct ConflictWatch {
    addresses: [Option<(IpAddr, Instant)>; MOST],
    counts: Conflicts,
}

impl ConflictWatch {
    pub(crate) fn counts(&self) -> Conflicts {
        self.counts
    }

    /// A packet under our SSRC came from there. Whether ours is to change.
    pub(crate) fn observe(&mut self, now: Instant, from: IpAddr) -> bool {
        let age = |at: Instant| now.saturating_duration_since(at);
        let known = self.addresses.iter_mut().flatten().find(|(known, at)| *known == from && age(*at) < REMEMBERED);
        if let Some((_, at)) = known {
            *at = now;
            self.counts.looped += 1;
            return false;
        }
        if self.counts.changed == MOST_CHANGES {
            return false;
        }
        self.counts.changed += 1;
        // The oldest gives way; none is older than any.
        if let Some(oldest) = self.addresses.iter_mut().min_by_key(|entry| entry.map(|(_, at)| at)) {
            *oldest = Some((from, now));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    #[test]
    fn the_first_of_an_address_is_a_collision_and_what_follows_a_loop_until_it_is_forgotten() {
        let (mut watch, now) = (ConflictWatch::default(), crate::an_instant());
        assert!(watch.observe(now, at(1)));
        assert!(!watch.observe(now + REMEMBERED / 2, at(1)));
        assert!(!watch.observe(now + REMEMBERED, at(1)), "it was heard again meanwhile");
        assert!(watch.observe(now + REMEMBERED, at(2)));
        assert!(watch.observe(now + REMEMBERED * 3, at(1)));
        assert_eq!(watch.counts(), Conflicts { changed: 3, looped: 2 });
    }

    #[test]
    fn nobody_has_it_changed_without_end() {
        let (mut watch, now) = (ConflictWatch::default(), crate::an_instant());
        let changes = (0..=255).filter(|&number| watch.observe(now, at(number))).count();
        assert_eq!(changes, 8);
    }
}
