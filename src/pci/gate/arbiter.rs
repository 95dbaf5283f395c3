//! One press is one key, by however many paths it is told.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::key::Key;

/// How a key was told, the best first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// RFC 4733.
    Event,
    /// SIP INFO.
    Info,
    /// The detector.
    InBand,
}

const PATHS: usize = 3;

/// While a better path has told a key within this, the worse ones are not listened to.
const PREFERRED: Duration = Duration::from_secs(10);
/// The same key by another path within this of the press's end is the same press.
const SAME_PRESS: Duration = Duration::from_millis(100);
/// The same where one of the paths is INFO, which signalling delays.
const SAME_PRESS_BY_INFO: Duration = Duration::from_millis(300);

struct Press {
    key: Key,
    /// Paths that have told it.
    told: [bool; PATHS],
    /// When it was last held down.
    down: Instant,
}

/// Most presses that wait for their INFO: more than a telephone makes in [`SAME_PRESS_BY_INFO`].
const MOST_UNTOLD: usize = 16;

/// Counts every press once. Holds the key of the last press until no other path can tell it again; of those before it,
/// their number.
#[derive(Default)]
pub(crate) struct Arbiter {
    last: Option<Press>,
    /// When the presses before it were last down that INFO has not told, of the last [`SAME_PRESS_BY_INFO`].
    untold: VecDeque<Instant>,
    /// When each path last told a key, or that it is still down.
    heard: [Option<Instant>; PATHS],
}

impl Arbiter {
    /// A path tells a press: the key where it is a new one.
    pub(crate) fn press(&mut self, now: Instant, path: Path, key: Key) -> Option<Key> {
        let mut better = self.heard[..path as usize].iter().flatten();
        if better.any(|&heard| now < heard + PREFERRED) {
            return None;
        }
        self.heard[path as usize] = Some(now);
        self.untold.retain(|&down| now < down + SAME_PRESS_BY_INFO);
        // Signalling keeps the order of keys: INFO that is late tells those before the last one first.
        if path == Path::Info && self.untold.pop_front().is_some() {
            return None;
        }
        if let Some(last) = self.last.as_mut().filter(|last| last.is_retold(now, path, &key)) {
            last.told[path as usize] = true;
            return None;
        }
        let untold = self.last.as_ref().filter(|last| path != Path::Info && !last.told[Path::Info as usize]);
        if self.untold.len() < MOST_UNTOLD {
            self.untold.extend(untold.map(|last| last.down));
        }
        let told = std::array::from_fn(|place| place == path as usize);
        self.last = Some(Press { key: key.duplicate(), told, down: now });
        Some(key)
    }

    /// The press told last by `path` is still down.
    pub(crate) fn hold(&mut self, now: Instant, path: Path) {
        if let Some(last) = self.last.as_mut().filter(|last| last.told[path as usize]) {
            last.down = now;
            self.heard[path as usize] = Some(now);
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
            self.untold.clear();
        }
    }
}

impl Press {
    fn is_retold(&self, now: Instant, path: Path, key: &Key) -> bool {
        let by_info = path == Path::Info || self.told[Path::Info as usize];
        let within = if by_info { SAME_PRESS_BY_INFO } else { SAME_PRESS };
        !self.told[path as usize] && self.key.is(key) && now < self.down + within
    }
}
