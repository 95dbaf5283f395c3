//! Verifying the chain, record by record, and against its checkpoints.

mod evidence;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use uuid::Uuid;

use super::chain::{Record, head_message, link};
use super::checkpoint::NotBelieved;
use super::wipe::Vaults;
use super::{CONTROLS, GENESIS, Hash, Kind, NO_CALL, to_hex};

use evidence::Seen;
pub(super) use evidence::{EXTENSION, files};
pub use evidence::{Evidence, Remark};

/// Records of calls that last are written in the order in which they came, not in which they happened: only what is further
/// back than this is a clock that was set.
const DISORDER: SignedDuration = SignedDuration::from_secs(10);

/// What an unbroken chain holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Records.
    pub records: u64,
    /// Calls. A call that is known only by a request about it, which was refused, is none.
    pub calls: u64,
    /// Runs of the gateway.
    pub runs: u64,
    /// The last hash.
    pub head: Hash,
    /// Whether the head bears a valid signature of a given key; `None` where no key was given.
    pub is_signed: Option<bool>,
    /// Checkpoints of this chain that agree with it.
    pub checkpoints: u64,
    /// The records that the newest checkpoint from outside the store covers, and when it was made.
    pub covered: Option<(u64, Timestamp)>,
    /// What an auditor should know although it is no fault.
    pub remarks: Vec<Remark>,
}

/// What is wrong with the first bad record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A number is missing: a record was removed.
    #[error("the record before it is missing, or it is itself")]
    Missing,
    /// The record is not the JSON that the gateway writes.
    #[error("it is not a record in canonical form")]
    Unreadable,
    /// The file that holds it is broken there.
    #[error("the store is broken where it should be")]
    Broken,
    /// Its number or call is not the one it is stored under.
    #[error("it is stored under another number or call")]
    Misplaced,
    /// Its hash does not follow from the record and the hash before.
    #[error("its hash does not follow from its content and the record before it")]
    Altered,
    /// It does not follow the record before it in its call.
    #[error("it does not follow the record before it in its call")]
    CallBroken,
    /// It says that a card was wiped, and no vault that the chain knows has signed that.
    #[error("no vault of this chain has signed what it says of a wipe")]
    WipeUnsigned,
    /// It opens a run with another head than the one before it.
    #[error("it opens a run of the gateway after another head than the record before it")]
    OpeningDiffers,
    /// The chain ends elsewhere than its head says: records were cut off or added.
    #[error("the chain ends here, but its head says otherwise")]
    HeadDiffers,
    /// The head's signature is missing or not of a given key.
    #[error("the signature of the head is missing or not by the given key")]
    BadSignature,
    /// A checkpoint has seen another record in this place.
    #[error(
        "{place} has seen another record in this place; records up to {agreed} agree with the checkpoints before it"
    )]
    CheckpointDiffers {
        /// The checkpoint.
        place: String,
        /// The last record that a checkpoint agrees with.
        agreed: u64,
    },
    /// A checkpoint is of a run that the chain does not open in this way.
    #[error("{place} is of a run of the gateway that the chain does not know, or knows to begin after another head")]
    UnknownRun {
        /// The checkpoint.
        place: String,
    },
    /// A checkpoint has seen more records than there are.
    #[error(
        "{place} has seen {records} records, and the chain ends here: its tail was cut off, or the store was rolled back"
    )]
    RolledBack {
        /// The checkpoint.
        place: String,
        /// The records that it has seen.
        records: u64,
    },
    /// Two checkpoints have one number.
    #[error("{place} has a number that {other} has too: the store was rolled back and went on")]
    Forked {
        /// One checkpoint.
        place: String,
        /// The other.
        other: String,
    },
    /// A checkpoint is missing between others.
    #[error("{place} is not the one that follows {other}: a checkpoint between them is missing, or was replaced")]
    CheckpointMissing {
        /// The checkpoint after the gap.
        place: String,
        /// The one before it.
        other: String,
    },
    /// A checkpoint is not where later ones are.
    #[error("{place} arrived, but not {other}, which was shipped before it: it was taken away")]
    NotArrived {
        /// The later one.
        place: String,
        /// The one that is missing there.
        other: String,
    },
    /// The store does not know its own checkpoint any more.
    #[error("{place} is newer than {other}: checkpoints were taken out of the store, or it was rolled back")]
    Unknown {
        /// The checkpoint.
        place: String,
        /// The newest that the store has.
        other: String,
    },
    /// A checkpoint has seen a chain that neither is here nor was before.
    #[error("{place} has seen a chain of {records} records that is not this one and that this one does not follow")]
    ChainGone {
        /// The checkpoint.
        place: String,
        /// Its records.
        records: u64,
    },
}

/// The first bad record of a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audit record {sequence}{}: {fault}", in_call(.call))]
pub struct FirstBad {
    /// Its number in the chain, from 1; 0 for the head of an empty chain.
    pub sequence: u64,
    /// Its call, where it can be read.
    pub call: Option<Uuid>,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Why a chain is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The file cannot be read, which says nothing about the chain.
    #[error("the audit chain cannot be read: {0}")]
    Unavailable(#[from] rusqlite::Error),
    /// A file of checkpoints cannot be read, which says nothing about them.
    #[error("the checkpoints cannot be read: {}: {source}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A checkpoint is forged, changed, or signed by a key that was not given.
    #[error("bad checkpoint: {0}")]
    Checkpoint(#[from] NotBelieved),
    /// The chain is broken.
    #[error(transparent)]
    Bad(#[from] FirstBad),
}

impl VerifyError {
    /// Whether something is wrong with the chain or its checkpoints, and not only with reading them.
    #[must_use]
    pub const fn is_bad(&self) -> bool {
        match self {
            Self::Checkpoint(_) | Self::Bad(_) => true,
            Self::Unavailable(_) | Self::File { .. } => false,
        }
    }
}

fn in_call(call: &Option<Uuid>) -> String {
    let call = call.filter(|call| !is_no_call(*call));
    call.map_or_else(String::new, |call| format!(" (call {call})"))
}

fn is_no_call(call: Uuid) -> bool {
    call == NO_CALL || call == CONTROLS
}

/// Verifies the chain of the store at `path`, from its first record to its head, and against what is known of it from
/// elsewhere, without changing the file.
///
/// # Errors
/// [`VerifyError::Bad`] with the first bad record, [`VerifyError::Checkpoint`] with a checkpoint that is not to be
/// believed; the others where something cannot be read.
pub fn verify(path: &Path, evidence: &Evidence) -> Result<Summary, VerifyError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    // One read transaction, so that a running gateway cannot move the head meanwhile.
    let transaction = connection.transaction()?;
    let own = evidence::of_store(&transaction, evidence)?;
    let mut walk = Walk::new(Seen::new(evidence, &own));
    let mut statement = transaction.prepare("SELECT sequence, call, record, hash FROM audit ORDER BY sequence")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next().map_err(|error| walk.broken(error))? {
        let stored = Stored {
            sequence: row.get(0)?,
            call: row.get_ref(1)?.as_str().map(str::to_owned).unwrap_or_default(),
            record: row.get_ref(2)?.as_str().map(str::to_owned).unwrap_or_default(),
            hash: row.get_ref(3)?.as_blob().ok().and_then(|blob| blob.try_into().ok()).unwrap_or(GENESIS),
        };
        walk.step(&stored)?;
    }
    let head = transaction
        .query_row("SELECT sequence, hash, signature FROM audit_head WHERE one = 1", [], |row| {
            let hash = row.get_ref(1)?.as_blob().ok().and_then(|blob| blob.try_into().ok()).unwrap_or(GENESIS);
            Ok(Head { sequence: row.get(0)?, hash, signature: row.get(2)? })
        })
        .optional()?;
    Ok(walk.finish(head.as_ref(), evidence)?)
}

struct Stored {
    sequence: i64,
    call: String,
    record: String,
    hash: Hash,
}

struct Head {
    sequence: i64,
    hash: Hash,
    signature: Option<Vec<u8>>,
}

/// What the chain says of one call so far.
struct Call {
    sequence: i64,
    hash: Hash,
    /// Whether more is known than that somebody asked for it.
    took_place: bool,
}

/// Where the walk along the chain has come to.
struct Walk<'a> {
    sequence: i64,
    hash: Hash,
    calls: HashMap<Uuid, Call>,
    seen: Seen<'a>,
    vaults: Vaults,
    latest: Option<Timestamp>,
    remarks: Vec<Remark>,
}

impl<'a> Walk<'a> {
    fn new(seen: Seen<'a>) -> Self {
        let (calls, vaults) = (HashMap::new(), Vaults::default());
        Self { sequence: 0, hash: GENESIS, calls, seen, vaults, latest: None, remarks: Vec::new() }
    }

    /// What it means that the next record cannot be read.
    fn broken(&self, error: rusqlite::Error) -> VerifyError {
        let broken = FirstBad { sequence: self.sequence.unsigned_abs() + 1, call: None, fault: Fault::Broken };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => broken.into(),
            _ => error.into(),
        }
    }

    fn step(&mut self, stored: &Stored) -> Result<(), FirstBad> {
        let number = self.sequence.unsigned_abs() + 1;
        let bad = |call, fault| FirstBad { sequence: number, call, fault };
        if stored.sequence != self.sequence + 1 {
            return Err(bad(None, Fault::Missing));
        }
        let record: Record = serde_json::from_str(&stored.record).map_err(|_| bad(None, Fault::Unreadable))?;
        let call = record.call;
        if serde_json::to_string(&record).ok().as_ref() != Some(&stored.record) {
            return Err(bad(Some(call), Fault::Unreadable));
        }
        if link(&self.hash, &stored.record) != stored.hash {
            return Err(bad(Some(call), Fault::Altered));
        }
        if record.sequence != stored.sequence || call.to_string() != stored.call {
            return Err(bad(Some(call), Fault::Misplaced));
        }
        self.follow_call(&record, stored.hash).map_err(|fault| bad(Some(call), fault))?;
        if matches!(record.kind, Kind::LogStarted | Kind::LogStopped) {
            let remark = self.seen.run(&record, number, &self.hash).map_err(|fault| bad(Some(call), fault))?;
            self.remarks.extend(remark);
        }
        if !self.vaults.take(record.kind, &record.details) {
            return Err(bad(Some(call), Fault::WipeUnsigned));
        }
        self.look_at_clock(number, record.at);
        self.seen.record(number, &stored.hash).map_err(|fault| bad(Some(call), fault))?;
        (self.sequence, self.hash) = (stored.sequence, stored.hash);
        Ok(())
    }

    fn follow_call(&mut self, record: &Record, hash: Hash) -> Result<(), Fault> {
        let before = self.calls.get(&record.call);
        let sequence = before.map_or(1, |before| before.sequence + 1);
        if record.call_sequence != sequence || record.call_previous != before.map(|before| to_hex(&before.hash)) {
            return Err(Fault::CallBroken);
        }
        let is_known = record.kind != Kind::Access && !is_no_call(record.call);
        let took_place = before.is_some_and(|before| before.took_place) || is_known;
        self.calls.insert(record.call, Call { sequence, hash, took_place });
        Ok(())
    }

    fn look_at_clock(&mut self, sequence: u64, at: Timestamp) {
        let back = self.latest.map_or(SignedDuration::ZERO, |latest| latest.duration_since(at));
        if back > DISORDER {
            self.remarks.push(Remark::ClockBack { sequence, seconds: back.as_secs().unsigned_abs() });
        } else if self.latest.is_some_and(|latest| latest > at) {
            return;
        }
        self.latest = Some(at);
    }

    fn finish(mut self, head: Option<&Head>, evidence: &Evidence) -> Result<Summary, FirstBad> {
        let records = self.sequence.unsigned_abs();
        let bad = |fault| FirstBad { sequence: records, call: None, fault };
        let (sequence, hash) = head.map_or((0, GENESIS), |head| (head.sequence, head.hash));
        if (sequence, hash) != (self.sequence, self.hash) {
            return Err(bad(Fault::HeadDiffers));
        }
        let ending = self.seen.finish(records).map_err(|(at, fault)| FirstBad { sequence: at, call: None, fault })?;
        let signature = head.and_then(|head| head.signature.as_deref()).unwrap_or_default();
        let message = head_message(sequence, &hash);
        // Nothing to sign yet.
        let is_signed = records == 0 || evidence.keys().iter().any(|key| key.verifies(&message, signature));
        if !evidence.keys().is_empty() && !is_signed {
            return Err(bad(Fault::BadSignature));
        }
        self.remarks.extend(ending.remarks);
        Ok(Summary {
            records,
            calls: self.calls.values().filter(|call| call.took_place).count() as u64,
            runs: ending.runs,
            head: self.hash,
            is_signed: (!evidence.keys().is_empty()).then_some(is_signed),
            checkpoints: ending.checkpoints,
            covered: ending.covered,
            remarks: self.remarks,
        })
    }
}
