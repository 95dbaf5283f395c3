//! What goes wrong again and again, told once a minute.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long the same is not told again.
const QUIET: Duration = Duration::from_secs(60);

/// What was told, and when.
#[derive(Debug, Default)]
pub(super) struct Remarks(BTreeMap<(&'static str, &'static str), Told>);

#[derive(Debug)]
struct Told {
    at: Instant,
    /// How often it was not told since.
    since: u32,
}

impl Remarks {
    /// Whether it is to be told now that something went wrong for a reason; if so, how often it did untold.
    pub(super) fn admit(&mut self, now: Instant, what: &'static str, why: &'static str) -> Option<u32> {
        match self.0.get_mut(&(what, why)) {
            Some(told) if now.saturating_duration_since(told.at) < QUIET => {
                told.since = told.since.saturating_add(1);
                None
            }
            known => {
                let untold = known.map_or(0, |told| told.since);
                self.0.insert((what, why), Told { at: now, since: 0 });
                Some(untold)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_once_a_minute_with_how_often_it_was() {
        let (mut remarks, now) = (Remarks::default(), Instant::now());
        assert_eq!(remarks.admit(now, "call", "unavailable"), Some(0));
        for second in 0..59 {
            assert_eq!(remarks.admit(now + Duration::from_secs(second), "call", "unavailable"), None);
        }
        assert_eq!(remarks.admit(now + Duration::from_secs(1), "call", "locked"), Some(0), "another reason");
        assert_eq!(remarks.admit(now + Duration::from_secs(1), "look-up", "unavailable"), Some(0), "another thing");
        assert_eq!(remarks.admit(now + QUIET, "call", "unavailable"), Some(59));
        assert_eq!(remarks.admit(now + QUIET, "call", "unavailable"), None);
    }
}
