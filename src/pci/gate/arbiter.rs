//! One press is one key, by however many paths it is told.

use std::time::{Duration, Instant};

use crate::key::Key;

/// How a key was told, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Path {
    /// RFC 4733.
    Event,
    /// SIP INFO.
    Info,
    /// The detector.
    InBand,
}

/// While a better path has told a key within this, the worse ones are not listened to.
const PREFERRED: Duration = Duration::from_secs(10);
/// The same key by another path within this of the press's end is the same press.
const SAME_PRESS: Duration = Duration::from_millis(100);
/// The same where one of the paths is INFO, which signalling delays.
const SAME_PRESS_BY_INFO: Duration = Duration::from_millis(300);

struct Press {
    key: Key,
    path: Path,
    /// Paths that have told it.
    told: [bool; 3],
    /// When it was last held down.
    down: Instant,
}

/// Counts every press once. Holds the key of the last press until no other path can tell it again.
pub(crate) struct Arbiter {
    last: Option<Press>,
    heard: [Option<Instant>; 3],
}

impl Arbiter {
    pub(crate) fn new() -> Self {
        Self { last: None, heard: [None; 3] }
    }

    /// A path tells a press: the key where it is a new one.
    pub(crate) fn press(&mut self, now: Instant, path: Path, key: Key) -> Option<Key> {
        if self.is_outranked(now, path) {
            return None;
        }
        self.heard[path as usize] = Some(now);
        if let Some(last) = &mut self.last
            && last.is_retold(now, path, &key)
        {
            last.told[path as usize] = true;
            return None;
        }
        let mut told = [false; 3];
        told[path as usize] = true;
        self.last = Some(Press { key: key.duplicate(), path, told, down: now });
        Some(key)
    }

    /// The press told last by `path` is still down.
    pub(crate) fn hold(&mut self, now: Instant, path: Path) {
        if let Some(last) = self.last.as_mut().filter(|last| last.told[path as usize]) {
            last.down = now;
        }
    }

    /// When [`Arbiter::expire`] has something to wipe.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.last.as_ref().map(|last| last.down + SAME_PRESS_BY_INFO)
    }

    /// Wipes the key of a press that nobody can tell again.
    pub(crate) fn expire(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|due| now >= due) {
            self.last = None;
        }
    }

    fn is_outranked(&self, now: Instant, path: Path) -> bool {
        let better = &self.heard[..path as usize];
        better.iter().flatten().any(|&heard| now < heard + PREFERRED)
    }
}

impl Press {
    fn is_retold(&self, now: Instant, path: Path, key: &Key) -> bool {
        let within = if path.max(self.path) == Path::Info { SAME_PRESS_BY_INFO } else { SAME_PRESS };
        !self.told[path as usize] && self.key.is(key) && now < self.down + within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(symbol: u8) -> Key {
        Key::from_symbol(symbol).unwrap()
    }

    #[test]
    fn an_in_band_lead_and_its_event_are_one_press() {
        let (start, mut arbiter) = (crate::synthesis::beginning(), Arbiter::new());
        let at = |millis| start + Duration::from_millis(millis);
        assert!(arbiter.press(at(0), Path::InBand, key(b'5')).is_some());
        assert!(arbiter.press(at(90), Path::Event, key(b'5')).is_none());
        assert!(arbiter.press(at(180), Path::Event, key(b'5')).is_some(), "the same path again is a new press");
    }

    #[test]
    fn in_band_keys_are_not_listened_to_beside_events() {
        let (start, mut arbiter) = (crate::synthesis::beginning(), Arbiter::new());
        let at = |millis| start + Duration::from_millis(millis);
        assert!(arbiter.press(at(0), Path::Event, key(b'1')).is_some());
        assert!(arbiter.press(at(900), Path::InBand, key(b'2')).is_none());
        assert!(arbiter.press(at(10_001), Path::InBand, key(b'2')).is_some());
    }

    #[test]
    fn a_different_key_is_never_the_same_press() {
        let (start, mut arbiter) = (crate::synthesis::beginning(), Arbiter::new());
        assert!(arbiter.press(start, Path::InBand, key(b'5')).is_some());
        assert!(arbiter.press(start, Path::Event, key(b'6')).is_some());
    }

    #[test]
    fn a_held_press_is_remembered_and_a_released_one_is_wiped() {
        let (start, mut arbiter) = (crate::synthesis::beginning(), Arbiter::new());
        let at = |millis| start + Duration::from_millis(millis);
        assert!(arbiter.press(at(0), Path::InBand, key(b'5')).is_some());
        arbiter.hold(at(2_000), Path::InBand);
        assert!(arbiter.press(at(2_050), Path::Event, key(b'5')).is_none());
        arbiter.expire(at(2_300));
        assert!(arbiter.last.is_none());
    }
}
