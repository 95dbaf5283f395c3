//! The space that recordings may take, shared by all that are being written.
//!
//! The directory is looked at once, and from then on it is known what was written. That files were moved away, or that somebody
//! else writes there, is found by looking again, at most once a minute and without holding up those who write.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The directory is looked at again after this time at the earliest.
const INTERVAL: Duration = Duration::from_secs(60);

/// What the recordings of one directory may take together.
#[derive(Debug)]
pub(super) struct Quota {
    directory: PathBuf,
    bytes: u64,
    ledger: Mutex<Ledger>,
}

#[derive(Debug)]
pub(super) struct Ledger {
    /// Bytes of every file that nobody here writes.
    closed: u64,
    /// What is being written, and the bytes it has been given.
    open: BTreeMap<u64, (PathBuf, u64)>,
    next: u64,
    /// When the directory was last looked at.
    looked: Instant,
    look: Option<Look>,
}

/// What happens while the directory is looked at.
#[derive(Debug)]
struct Look {
    /// What has been written here since: its bytes are known.
    ours: BTreeSet<PathBuf>,
    /// Bytes of those of them that are closed again.
    closed: u64,
}

impl Ledger {
    fn used(&self) -> u64 {
        self.closed + self.open.values().map(|(_, given)| given).sum::<u64>()
    }
}

/// The part of one recording. What it was given counts until the directory is looked at again.
#[derive(Debug)]
pub(super) struct Share {
    quota: Arc<Quota>,
    number: u64,
}

impl Quota {
    /// A quota of so many bytes, of which what lies in the directory `now` is taken.
    pub(super) fn new(directory: PathBuf, bytes: u64, now: Instant) -> io::Result<Self> {
        let closed = size(&directory, |_| false)?;
        let ledger = Ledger { closed, open: BTreeMap::new(), next: 0, looked: now, look: None };
        Ok(Self { directory, bytes, ledger: Mutex::new(ledger) })
    }

    /// Begins a share for the file at `path`; `None` where nothing is left.
    pub(super) fn share(self: &Arc<Self>, path: &Path) -> Option<Share> {
        let mut ledger = self.ledger();
        if ledger.used() >= self.bytes {
            return None;
        }
        let number = ledger.next;
        ledger.next += 1;
        ledger.open.insert(number, (path.to_owned(), 0));
        if let Some(look) = &mut ledger.look {
            look.ours.insert(path.to_owned());
        }
        Some(Share { quota: Arc::clone(self), number })
    }

    /// Looks at the directory again, where that is due and nobody else does.
    pub(super) fn reconcile(&self, now: Instant) -> io::Result<()> {
        {
            let mut ledger = self.ledger();
            if ledger.look.is_some() || now.saturating_duration_since(ledger.looked) < INTERVAL {
                return Ok(());
            }
            ledger.looked = now;
            let ours = ledger.open.values().map(|(path, _)| path.clone()).collect();
            ledger.look = Some(Look { ours, closed: 0 });
        }
        let others = size(&self.directory, |path| self.is_ours(path));
        let mut ledger = self.ledger();
        let look = ledger.look.take();
        ledger.closed = others? + look.map_or(0, |look| look.closed);
        Ok(())
    }

    fn is_ours(&self, path: &Path) -> bool {
        self.ledger().look.as_ref().is_some_and(|look| look.ours.contains(path))
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Every change is one step, so what a thread that died has left is whole.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes so many bytes, all or none; whether there was room.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let mut ledger = self.quota.ledger();
        let fits = ledger.used().saturating_add(bytes) <= self.quota.bytes;
        if let Some((_, given)) = ledger.open.get_mut(&self.number).filter(|_| fits) {
            *given += bytes;
        }
        fits
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut ledger = self.quota.ledger();
        let Some((_, given)) = ledger.open.remove(&self.number) else { return };
        ledger.closed += given;
        if let Some(look) = &mut ledger.look {
            look.closed += given;
        }
    }
}

/// The bytes of all files of a directory but those to be left out.
fn size(directory: &Path, is_left_out: impl Fn(&Path) -> bool) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if is_left_out(&entry.path()) {
            continue;
        }
        // One that is moved away meanwhile takes no space.
        bytes += entry.metadata().map_or(0, |metadata| if metadata.is_file() { metadata.len() } else { 0 });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(directory: &Path, now: Instant) -> Arc<Quota> {
        Arc::new(Quota::new(directory.to_owned(), 100, now).unwrap())
    }

    #[test]
    fn shares_that_are_open_together_never_exceed_the_quota() {
        let directory = tempfile::tempdir().unwrap();
        let quota = quota(directory.path(), Instant::now());
        let one = quota.share(&directory.path().join("one")).unwrap();
        let other = quota.share(&directory.path().join("other")).unwrap();
        assert!(one.take(60) && !other.take(41) && other.take(40) && !one.take(1));
        assert!(quota.share(&directory.path().join("next")).is_none());
    }

    #[test]
    fn a_file_counts_once_whoever_wrote_it_and_no_more_when_it_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let began = Instant::now();
        fs::write(directory.path().join("before"), [0; 10]).unwrap();
        let quota = quota(directory.path(), began);
        let path = directory.path().join("one");
        let one = quota.share(&path).unwrap();
        assert!(one.take(60));
        fs::write(&path, [0; 60]).unwrap();
        let other = quota.share(&directory.path().join("other")).unwrap();
        assert!(!other.take(31) && other.take(20));
        drop(one);
        quota.reconcile(began + INTERVAL).unwrap();
        assert!(!other.take(11) && other.take(10), "closed and looked at, it still counts once");
        fs::remove_file(path).unwrap();
        quota.reconcile(began + INTERVAL * 2).unwrap();
        assert!(!other.take(61) && other.take(60));
    }

    #[test]
    fn the_directory_is_looked_at_no_oftener_than_once_a_minute() {
        let directory = tempfile::tempdir().unwrap();
        let began = Instant::now();
        let quota = quota(directory.path(), began);
        fs::write(directory.path().join("other"), [0; 100]).unwrap();
        quota.reconcile(began + INTERVAL - Duration::from_millis(1)).unwrap();
        assert!(quota.share(&directory.path().join("one")).is_some());
        quota.reconcile(began + INTERVAL).unwrap();
        assert!(quota.share(&directory.path().join("one")).is_none());
        fs::remove_file(directory.path().join("other")).unwrap();
        quota.reconcile(began + INTERVAL).unwrap();
        assert!(quota.share(&directory.path().join("one")).is_none());
        quota.reconcile(began + INTERVAL * 2).unwrap();
        assert!(quota.share(&directory.path().join("one")).is_some());
    }

    #[test]
    fn what_is_begun_and_ended_while_the_directory_is_looked_at_counts_once() {
        let directory = tempfile::tempdir().unwrap();
        let quota = quota(directory.path(), Instant::now());
        let before = quota.share(&directory.path().join("before")).unwrap();
        assert!(before.take(10));
        fs::write(directory.path().join("before"), [0; 10]).unwrap();
        quota.ledger().look = Some(Look { ours: [directory.path().join("before")].into(), closed: 0 });
        let meanwhile = quota.share(&directory.path().join("meanwhile")).unwrap();
        assert!(meanwhile.take(20));
        fs::write(directory.path().join("meanwhile"), [0; 20]).unwrap();
        drop((before, meanwhile));
        assert_eq!(size(directory.path(), |path| quota.is_ours(path)).unwrap(), 0);
        let look = quota.ledger().look.take().unwrap();
        assert_eq!((look.closed, quota.ledger().closed), (30, 30));
    }
}
