//! The space that recordings may take, shared by all that are being written.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What the recordings of one directory may take together.
#[derive(Debug)]
pub(super) struct Quota {
    directory: PathBuf,
    bytes: u64,
    ledger: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    /// Bytes of every file that nobody here writes.
    closed: u64,
    /// What is being written, and the bytes it has been given.
    open: BTreeMap<u64, (PathBuf, u64)>,
    next: u64,
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
    /// A quota of so many bytes.
    pub(super) fn new(directory: PathBuf, bytes: u64) -> Self {
        Self { directory, bytes, ledger: Mutex::default() }
    }

    /// Looks at the directory, and begins a share for the file at `path`; `None` where nothing is left.
    pub(super) fn share(self: &Arc<Self>, path: &Path) -> io::Result<Option<Share>> {
        let mut ledger = self.ledger();
        ledger.closed = closed(&self.directory, &ledger)?;
        if ledger.used() >= self.bytes {
            return Ok(None);
        }
        let number = ledger.next;
        ledger.next += 1;
        ledger.open.insert(number, (path.to_owned(), 0));
        Ok(Some(Share { quota: Arc::clone(self), number }))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
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
        if let Some((_, given)) = ledger.open.remove(&self.number) {
            ledger.closed += given;
        }
    }
}

/// The bytes of all files but those that are being written.
fn closed(directory: &Path, ledger: &Ledger) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if ledger.open.values().any(|(open, _)| *open == path) {
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

    fn quota(directory: &Path) -> Arc<Quota> {
        Arc::new(Quota::new(directory.to_owned(), 100))
    }

    #[test]
    fn shares_that_are_open_together_never_exceed_the_quota() {
        let directory = tempfile::tempdir().unwrap();
        let quota = quota(directory.path());
        let one = quota.share(&directory.path().join("one")).unwrap().unwrap();
        let other = quota.share(&directory.path().join("other")).unwrap().unwrap();
        assert!(one.take(60) && !other.take(41) && other.take(40) && !one.take(1));
        assert!(quota.share(&directory.path().join("next")).unwrap().is_none());
    }

    #[test]
    fn a_file_counts_once_whoever_wrote_it_and_no_more_when_it_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let quota = quota(directory.path());
        let path = directory.path().join("one");
        let one = quota.share(&path).unwrap().unwrap();
        assert!(one.take(60));
        fs::write(&path, [0; 60]).unwrap();
        let other = quota.share(&directory.path().join("other")).unwrap().unwrap();
        assert!(!other.take(41) && other.take(30));
        drop((one, other));
        fs::remove_file(path).unwrap();
        assert!(quota.share(&directory.path().join("next")).unwrap().unwrap().take(100));
    }
}
