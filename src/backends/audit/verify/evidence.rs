//! What is known of a chain from elsewhere: keys and checkpoints.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

use super::super::chain::Record;
use super::super::checkpoint::{self, Checkpoint, Found, NONE_BEFORE, NoteFault, believe};
use super::super::key::Verifier;
use super::super::note::{Note, NoteError};
use super::super::{Hash, Kind, from_hex, to_hex};
use super::{Fault, VerifyError};

/// How the names of files with checkpoints end.
pub(in super::super) const EXTENSION: &str = "checkpoints";

/// Keys, and checkpoints that are believed by them.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    keys: Vec<Verifier>,
    found: Vec<Found>,
    has_directories: bool,
    remarks: Vec<Remark>,
}

/// Something that an auditor should know although it is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Remark {
    /// The clock was set back.
    #[error("record {sequence}: the clock was {seconds} s behind a record before it")]
    ClockBack {
        /// The record.
        sequence: u64,
        /// By how much.
        seconds: u64,
    },
    /// A run did not end in order.
    #[error("record {sequence}: the run before it has no last record of its own: it was killed, or it crashed")]
    Killed {
        /// The opening record of the run after it.
        sequence: u64,
    },
    /// A file ends in the middle of a checkpoint.
    #[error("{place}: ends in the middle of a checkpoint, as a crash or a cut leaves it; that one was not looked at")]
    Cut {
        /// The file.
        place: String,
    },
    /// Checkpoints of other gateways.
    #[error("{count} checkpoints are of other gateways, by keys that were not given; they were not looked at")]
    OtherNodes {
        /// How many.
        count: u64,
    },
    /// A chain that this one follows is elsewhere.
    #[error("checkpoints have seen a chain of {records} records before this one ({}…): verify its archive too", &to_hex(chain)[..8])]
    Before {
        /// The chain, by the hash of its first record.
        chain: Hash,
        /// Its records.
        records: u64,
    },
    /// The first checkpoints are not there.
    #[error("the checkpoints before number {number} were not given")]
    FirstMissing {
        /// The first that was.
        number: u64,
    },
    /// The store knows of checkpoints that did not arrive.
    #[error("{count} checkpoints are in the store alone: they have not arrived where the others are")]
    NotShipped {
        /// How many.
        count: u64,
    },
    /// No key was given.
    #[error("without a key no signature was verified: whoever holds the store can have computed the chain anew")]
    NoKey,
}

impl Evidence {
    /// Keys alone: the store's own checkpoints and its head are held against them.
    #[must_use]
    pub fn of_keys(keys: Vec<Verifier>) -> Self {
        Self { keys, ..Self::default() }
    }

    /// Reads every checkpoint in the files `*.checkpoints` of some directories.
    ///
    /// # Errors
    /// [`VerifyError::Checkpoint`] for one that is not to be believed, [`VerifyError::File`] where a file cannot be read.
    pub fn gather(keys: Vec<Verifier>, directories: &[PathBuf]) -> Result<Self, VerifyError> {
        let mut evidence = Self { keys, has_directories: !directories.is_empty(), ..Self::default() };
        let mut others = 0;
        for file in directories.iter().map(|directory| files(directory)).collect::<Result<Vec<_>, _>>()?.concat() {
            let failed = |source| VerifyError::File { path: file.clone(), source };
            let bytes = std::fs::read(&file).map_err(failed)?;
            // What is not text is no checkpoint, and is told as one that is not to be believed.
            let text = String::from_utf8_lossy(&bytes);
            let (notes, is_cut) = checkpoint::split(&text);
            for (line, note) in notes {
                let place = format!("the checkpoint at {}, line {line},", file.display());
                match believe(&place, note, &evidence.keys) {
                    Ok(found) => evidence.found.push(found),
                    Err(error) if is_of_another(note, error.fault, &evidence.keys) => others += 1,
                    Err(error) => return Err(error.into()),
                }
            }
            if is_cut {
                evidence.remarks.push(Remark::Cut { place: file.display().to_string() });
            }
        }
        evidence.remarks.extend((others > 0).then_some(Remark::OtherNodes { count: others }));
        Ok(evidence)
    }

    /// The keys.
    pub(super) fn keys(&self) -> &[Verifier] {
        &self.keys
    }
}

/// Whether a note is a checkpoint of a gateway whose key was not given.
fn is_of_another(note: &str, fault: NoteFault, keys: &[Verifier]) -> bool {
    let node = || Note::parse(note).ok().and_then(|note| Checkpoint::parse(note.text)).map(|found| found.node);
    fault == NoteFault::Note(NoteError::UnknownKey)
        && node().is_some_and(|node| keys.iter().all(|key| key.name() != node))
}

/// The files with checkpoints in a directory, by name.
pub(in super::super) fn files(directory: &Path) -> Result<Vec<PathBuf>, VerifyError> {
    let failed = |source| VerifyError::File { path: directory.to_owned(), source };
    let entries = std::fs::read_dir(directory).map_err(failed)?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The checkpoints that the store itself keeps.
pub(super) fn of_store(connection: &Connection, evidence: &Evidence) -> Result<Vec<Found>, VerifyError> {
    let tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'audit_checkpoints'";
    let is_there = connection.query_row(tables, [], |row| row.get::<_, i64>(0))? > 0;
    if !is_there || evidence.keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT number, note FROM audit_checkpoints ORDER BY number")?;
    let rows = statement.query_map([], |row| {
        let note = row.get_ref(1)?.as_str().map(str::to_owned).unwrap_or_default();
        Ok((row.get::<_, i64>(0)?, note))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let (number, note) = row?;
        found.push(believe(&format!("checkpoint {number} of the store"), &note, &evidence.keys)?);
    }
    Ok(found)
}

/// The checkpoints, held against the chain as the walk goes along it.
pub(super) struct Seen<'a> {
    /// Everything that is believed, from outside first.
    all: Vec<(&'a Found, bool)>,
    has_directories: bool,
    remarks: Vec<Remark>,
    chain: Option<Hash>,
    /// Those of this chain, by the records that they have seen.
    here: BTreeMap<u64, Vec<(&'a Found, bool)>>,
    /// The last record that a checkpoint agrees with.
    agreed: u64,
    covered: Option<(u64, Timestamp)>,
    /// Each run with the head that it opened after.
    runs: HashMap<Uuid, Hash>,
    /// The head that the chain's first record follows.
    begins_after: Option<Hash>,
    is_open: bool,
}

/// What the walk ends with.
pub(super) struct Ending {
    pub(super) runs: u64,
    pub(super) checkpoints: u64,
    pub(super) covered: Option<(u64, Timestamp)>,
    pub(super) remarks: Vec<Remark>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(evidence: &'a Evidence, own: &'a [Found]) -> Self {
        let outside = evidence.found.iter().map(|found| (found, true));
        let mut remarks = evidence.remarks.clone();
        remarks.extend(evidence.keys.is_empty().then_some(Remark::NoKey));
        Self {
            all: outside.chain(own.iter().map(|found| (found, false))).collect(),
            has_directories: evidence.has_directories,
            remarks,
            chain: None,
            here: BTreeMap::new(),
            agreed: 0,
            covered: None,
            runs: HashMap::new(),
            begins_after: None,
            is_open: false,
        }
    }

    /// A run begins or ends after the record of hash `before`.
    pub(super) fn run(&mut self, record: &Record, sequence: u64, before: &Hash) -> Result<Option<Remark>, Fault> {
        if record.kind == Kind::LogStopped {
            self.is_open = false;
            return Ok(None);
        }
        let after = record.details.text_of("previous_head").and_then(from_hex).ok_or(Fault::OpeningDiffers)?;
        if sequence == 1 {
            self.begins_after = Some(after);
        } else if after != *before {
            return Err(Fault::OpeningDiffers);
        }
        self.runs.extend(record.details.uuid("instance").map(|instance| (instance, after)));
        let was_killed = std::mem::replace(&mut self.is_open, true);
        Ok(was_killed.then_some(Remark::Killed { sequence }))
    }

    /// The chain's record of this number has this hash.
    pub(super) fn record(&mut self, sequence: u64, hash: &Hash) -> Result<(), Fault> {
        if sequence == 1 {
            self.chain = Some(*hash);
            for (found, is_outside) in self.all.iter().filter(|(found, _)| found.checkpoint.chain == *hash) {
                self.here.entry(found.checkpoint.records).or_default().push((*found, *is_outside));
            }
        }
        for (found, is_outside) in self.here.get(&sequence).into_iter().flatten() {
            let place = || found.place.clone();
            let Checkpoint { head, instance, opened_after, records, at, .. } = &found.checkpoint;
            if head != hash {
                return Err(Fault::CheckpointDiffers { place: place(), agreed: self.agreed });
            }
            if self.runs.get(instance) != Some(opened_after) {
                return Err(Fault::UnknownRun { place: place() });
            }
            self.agreed = *records;
            if *is_outside {
                self.covered = Some((*records, *at));
            }
        }
        Ok(())
    }

    /// The chain ends after so many records. An error names the record it is about.
    pub(super) fn finish(mut self, records: u64) -> Result<Ending, (u64, Fault)> {
        if let Some((_, ahead)) = self.here.range(records + 1..).next()
            && let Some((found, _)) = ahead.first()
        {
            let (place, seen) = (found.place.clone(), found.checkpoint.records);
            return Err((records, Fault::RolledBack { place, records: seen }));
        }
        let checkpoints = self.follow()?;
        self.look_elsewhere(records)?;
        let Self { runs, covered, remarks, .. } = self;
        Ok(Ending { runs: runs.len() as u64, checkpoints, covered, remarks })
    }

    /// Each checkpoint of this chain names the one before it.
    fn follow(&mut self) -> Result<u64, (u64, Fault)> {
        let mut each: Vec<(&Found, bool)> = self.here.values().flatten().copied().collect();
        // Those from outside come first, so that of two equal ones the one from outside stays.
        each.sort_by_key(|(found, is_outside)| (found.checkpoint.number, !is_outside));
        each.dedup_by_key(|(found, _)| found.hash);
        let first = each.first().map_or(1, |(found, _)| found.checkpoint.number);
        self.remarks.extend((first > 1).then_some(Remark::FirstMissing { number: first }));
        let mut before: Option<&Found> = None;
        for (found, _) in &each {
            let at = found.checkpoint.records;
            let place = || found.place.clone();
            match before {
                Some(other) if other.checkpoint.number == found.checkpoint.number => {
                    return Err((at, Fault::Forked { place: place(), other: other.place.clone() }));
                }
                Some(other) if found.checkpoint.previous != other.hash => {
                    return Err((at, Fault::CheckpointMissing { place: place(), other: other.place.clone() }));
                }
                None if first == 1 && found.checkpoint.previous != NONE_BEFORE => {
                    let other = "the beginning of the chain".to_owned();
                    return Err((at, Fault::CheckpointMissing { place: place(), other }));
                }
                Some(_) | None => before = Some(found),
            }
        }
        self.follow_own()?;
        self.follow_shipped(&each)?;
        let inside = each.iter().filter(|(_, is_outside)| !is_outside).count() as u64;
        self.remarks.extend((self.has_directories && inside > 0).then_some(Remark::NotShipped { count: inside }));
        Ok(each.len() as u64)
    }

    /// Checkpoints are shipped in order: what the store alone has is newer than what arrived, or older than all of it.
    fn follow_shipped(&self, each: &[(&Found, bool)]) -> Result<(), (u64, Fault)> {
        let arrived = each.iter().skip_while(|(_, is_outside)| !is_outside);
        let mut lacking: Option<&Found> = None;
        for (found, is_outside) in arrived {
            match lacking {
                Some(before) if *is_outside => {
                    let (place, other) = (found.place.clone(), before.place.clone());
                    return Err((found.checkpoint.records, Fault::NotArrived { place, other }));
                }
                Some(_) | None => lacking = lacking.or((!is_outside).then_some(found)),
            }
        }
        Ok(())
    }

    /// The store itself has every checkpoint from some number on to the newest: it forgets old ones alone.
    fn follow_own(&self) -> Result<(), (u64, Fault)> {
        let numbers = |outside: bool| {
            let of = move |(_, is_outside): &&(&Found, bool)| *is_outside == outside;
            self.here.values().flatten().filter(of).map(|(found, _)| (found.checkpoint.number, *found))
        };
        let own: BTreeMap<u64, &Found> = numbers(false).collect();
        let gap = own.iter().zip(own.keys().skip(1)).find(|((number, _), next)| **number + 1 != **next);
        if let Some(((_, before), next)) = gap {
            let (place, other) = (format!("checkpoint {next} of the store"), before.place.clone());
            return Err((before.checkpoint.records, Fault::CheckpointMissing { place, other }));
        }
        let (newest, last) = (numbers(true).max_by_key(|(number, _)| *number), own.last_key_value());
        match (newest, last) {
            (Some((number, found)), last) if last.is_none_or(|(last, _)| *last < number) => {
                let place = found.place.clone();
                let other = last.map_or_else(|| "what the store keeps".to_owned(), |(_, last)| last.place.clone());
                Err((found.checkpoint.records, Fault::Unknown { place, other }))
            }
            (None | Some(_), _) => Ok(()),
        }
    }

    /// Other chains must be those that this one follows.
    fn look_elsewhere(&mut self, records: u64) -> Result<(), (u64, Fault)> {
        let mut newest: HashMap<Hash, &Found> = HashMap::new();
        let elsewhere =
            || self.all.iter().map(|(found, _)| *found).filter(|found| Some(found.checkpoint.chain) != self.chain);
        for found in elsewhere() {
            let known = newest.entry(found.checkpoint.chain).or_insert(found);
            if found.checkpoint.number > known.checkpoint.number {
                *known = found;
            }
        }
        // Heads that a chain which is known to be this one's predecessor, or this one, opened after.
        let mut heads: HashSet<Hash> = self.begins_after.into_iter().collect();
        while let Some(chain) =
            newest.iter().find(|(_, found)| heads.contains(&found.checkpoint.head)).map(|(chain, _)| *chain)
        {
            let of_chain = elsewhere().filter(|found| found.checkpoint.chain == chain);
            heads.extend(of_chain.map(|found| found.checkpoint.opened_after));
            if let Some(found) = newest.remove(&chain) {
                self.remarks.push(Remark::Before { chain, records: found.checkpoint.records });
            }
        }
        match newest.values().min_by_key(|found| found.checkpoint.at) {
            None => Ok(()),
            Some(found) => {
                let (place, seen) = (found.place.clone(), found.checkpoint.records);
                Err((records, Fault::ChainGone { place, records: seen }))
            }
        }
    }
}
