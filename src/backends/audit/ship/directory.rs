//! Checkpoints in files: one for each day and run, to which each is appended.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::super::checkpoint::{believe, split};
use super::super::verify::{EXTENSION, files};
use super::super::{Predecessor, Verifier};
use crate::store::Waiting;

/// Characters of a day.
const DAY: usize = "2026-11-29".len();
/// Files looked at for the newest checkpoint of a node: those of the last days.
const RECENT: usize = 8;

/// The files of one run.
pub(super) struct Directory {
    path: PathBuf,
    node: String,
    instance: Uuid,
    /// Counts the files that could not be put right after a failed write.
    part: u32,
    /// A write that did not end within its deadline. It is waited for: another one would not end either.
    pending: Option<JoinHandle<io::Result<()>>>,
}

impl Directory {
    pub(super) fn new(path: PathBuf, node: &str, instance: Uuid) -> Self {
        Self { path, node: node.to_owned(), instance, part: 0, pending: None }
    }

    /// Appends a checkpoint, durably.
    pub(super) async fn append(&mut self, waiting: &Waiting, deadline: Duration) -> io::Result<()> {
        let (path, note) = (self.file(waiting), waiting.note.clone());
        let pending = self.pending.take();
        let mut writing = pending.unwrap_or_else(|| tokio::task::spawn_blocking(move || append(&path, &note)));
        match tokio::time::timeout(deadline, &mut writing).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => {
                // Part of it may be in the file.
                self.part += 1;
                Err(error)
            }
            Ok(Err(_)) => Err(io::Error::other("the write was given up")),
            Err(_) => {
                self.pending = Some(writing);
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    fn file(&self, waiting: &Waiting) -> PathBuf {
        let day = waiting.made_at.to_zoned(TimeZone::UTC).date();
        let part = if self.part == 0 { String::new() } else { format!("-{}", self.part) };
        self.path.join(format!("{}-{day}-{}{part}.{EXTENSION}", self.node, self.instance.simple()))
    }
}

fn append(path: &Path, note: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let is_new = !path.exists();
    let mut file = OpenOptions::new().create(true).append(true).mode(0o644).open(path)?;
    file.write_all(note.as_bytes())?;
    file.sync_data()?;
    if is_new {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// What the newest believed checkpoint of a node has seen.
pub(super) fn newest(directory: &Path, node: &str, key: &Verifier) -> Option<Predecessor> {
    // Other nodes' files may lie beside them, of which one's name may begin with another's.
    let named = |path: &PathBuf| {
        let rest = path.file_name().and_then(|name| name.to_str()?.strip_prefix(node)?.strip_prefix('-'));
        rest.and_then(|rest| rest.get(..DAY)).is_some_and(|day| day.parse::<jiff::civil::Date>().is_ok())
    };
    let mut found: Vec<PathBuf> = files(directory).ok()?.into_iter().filter(named).collect();
    let recent = found.split_off(found.len().saturating_sub(RECENT));
    let keys = [key.clone()];
    let texts = recent.iter().filter_map(|path| std::fs::read(path).ok());
    let mut newest = None;
    for text in texts {
        let text = String::from_utf8_lossy(&text).into_owned();
        let believed = split(&text).0.into_iter().filter_map(|(_, note)| believe("", note, &keys).ok());
        for checkpoint in believed.map(|found| found.checkpoint).filter(|checkpoint| checkpoint.node == node) {
            if newest.as_ref().is_none_or(|(at, _)| *at <= checkpoint.at) {
                let seen = Predecessor { chain: checkpoint.chain, records: checkpoint.records, head: checkpoint.head };
                newest = Some((checkpoint.at, seen));
            }
        }
    }
    newest.map(|(_, seen)| seen)
}
