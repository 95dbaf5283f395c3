//! Verifying the chain, record by record.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use uuid::Uuid;

use super::Kind;
use super::chain::{Record, link};
use super::signer::is_signed;
use super::{GENESIS, Hash, to_hex};

/// What an unbroken chain holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Records.
    pub records: u64,
    /// Calls. A call that is known only by a request about it, which was refused, is none.
    pub calls: u64,
    /// The last hash.
    pub head: Hash,
    /// Whether the head bears a valid signature of the given key; `None` where no key was given.
    pub is_signed: Option<bool>,
}

/// What is wrong with the first bad record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A number is missing: a record was removed.
    #[error("the record before it is missing")]
    Missing,
    /// The record is not the JSON that the gateway writes.
    #[error("it is not a record in canonical form")]
    Unreadable,
    /// Its number or call is not the one it is stored under.
    #[error("it is stored under another number or call")]
    Misplaced,
    /// Its hash does not follow from the record and the hash before.
    #[error("its hash does not follow from its content and the record before it")]
    Altered,
    /// It does not follow the record before it in its call.
    #[error("it does not follow the record before it in its call")]
    CallBroken,
    /// The chain ends elsewhere than its head says: records were cut off or added.
    #[error("the chain ends here, but its head says otherwise")]
    HeadDiffers,
    /// The head's signature is missing or not of the given key.
    #[error("the signature of the head is missing or not by the given key")]
    BadSignature,
}

/// The first bad record of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// The chain is broken.
    #[error(transparent)]
    Bad(#[from] FirstBad),
}

fn in_call(call: &Option<Uuid>) -> String {
    call.map_or_else(String::new, |call| format!(" (call {call})"))
}

/// Verifies the chain of the store at `path`, from its first record to its head, without changing the file.
/// `public_key` is the 32-byte Ed25519 key that must have signed the head.
///
/// # Errors
/// [`VerifyError::Bad`] with the first bad record, [`VerifyError::Unavailable`] where the file cannot be read.
pub fn verify(path: &Path, public_key: Option<&[u8]>) -> Result<Summary, VerifyError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    // One read transaction, so that a running gateway cannot move the head meanwhile.
    let transaction = connection.transaction()?;
    let mut walk = Walk::default();
    let mut statement = transaction.prepare("SELECT sequence, call, record, hash FROM audit ORDER BY sequence")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let stored = Stored {
            sequence: row.get(0)?,
            call: row.get(1)?,
            record: row.get_ref(2)?.as_str().map(str::to_owned).unwrap_or_default(),
            hash: row.get_ref(3)?.as_blob().ok().and_then(|blob| blob.try_into().ok()).unwrap_or(GENESIS),
        };
        walk.step(&stored)?;
    }
    let head = transaction
        .query_row("SELECT sequence, hash, signature FROM audit_head WHERE one = 1", [], |row| {
            Ok(Head { sequence: row.get(0)?, hash: row.get(1)?, signature: row.get(2)? })
        })
        .optional()?;
    Ok(walk.finish(head.as_ref(), public_key)?)
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
struct Walk {
    sequence: i64,
    hash: Hash,
    calls: HashMap<Uuid, Call>,
}

impl Default for Walk {
    fn default() -> Self {
        Self { sequence: 0, hash: GENESIS, calls: HashMap::new() }
    }
}

impl Walk {
    fn step(&mut self, stored: &Stored) -> Result<(), FirstBad> {
        let bad = |call, fault| FirstBad { sequence: self.sequence.unsigned_abs() + 1, call, fault };
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
        let before = self.calls.get(&call);
        let sequence = before.map_or(1, |before| before.sequence + 1);
        if record.call_sequence != sequence || record.call_previous != before.map(|before| to_hex(&before.hash)) {
            return Err(bad(Some(call), Fault::CallBroken));
        }
        let took_place = before.is_some_and(|before| before.took_place) || record.kind != Kind::Access;
        self.calls.insert(call, Call { sequence, hash: stored.hash, took_place });
        (self.sequence, self.hash) = (stored.sequence, stored.hash);
        Ok(())
    }

    fn finish(self, head: Option<&Head>, public_key: Option<&[u8]>) -> Result<Summary, FirstBad> {
        let bad = |fault| FirstBad { sequence: self.sequence.unsigned_abs(), call: None, fault };
        let (sequence, hash) = head.map_or((0, GENESIS), |head| (head.sequence, head.hash));
        if (sequence, hash) != (self.sequence, self.hash) {
            return Err(bad(Fault::HeadDiffers));
        }
        let signature = head.and_then(|head| head.signature.as_deref());
        let is_signed = public_key.map(|key| signature.is_some_and(|bytes| is_signed(key, sequence, &hash, bytes)));
        if is_signed == Some(false) {
            return Err(bad(Fault::BadSignature));
        }
        Ok(Summary {
            records: self.sequence.unsigned_abs(),
            calls: self.calls.values().filter(|call| call.took_place).count() as u64,
            head: self.hash,
            is_signed,
        })
    }
}
