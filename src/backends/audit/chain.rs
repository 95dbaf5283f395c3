//! Appending to the chain, inside a transaction of the store.

use ring::digest;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entry::{Details, Entry, Kind};
use super::key::Signer;
use super::{GENESIS, Hash, to_hex};

/// What is signed of the head begins with this, so that the key's signatures cannot be taken for anything else.
const HEAD: &[u8] = b"tonegate audit head 1\0";

/// One record of the chain. Its fields stand in the order of the alphabet, which makes its JSON canonical.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) at: jiff::Timestamp,
    pub(super) call: Uuid,
    /// The hash of the call's record before this one; `None` in its first.
    pub(super) call_previous: Option<String>,
    /// The record's number in its call, from 1.
    pub(super) call_sequence: i64,
    pub(super) details: Details,
    pub(super) kind: Kind,
    /// The record's number in the chain, from 1.
    pub(super) sequence: i64,
}

/// The hash of a record after `previous`.
pub(super) fn link(previous: &Hash, record: &str) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(previous);
    context.update(record.as_bytes());
    let mut hash = GENESIS;
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Appends an entry and moves the head; the caller's transaction makes it all or nothing. Returns the entry's hash.
pub(crate) fn append(connection: &Connection, entry: &Entry, signer: Option<&Signer>) -> rusqlite::Result<Hash> {
    let (last, previous) = head(connection)?;
    let sequence = last + 1;
    let call = entry.call.to_string();
    let before: Option<(String, Hash)> = connection
        .prepare_cached("SELECT record, hash FROM audit WHERE call = ?1 ORDER BY sequence DESC LIMIT 1")?
        .query_row([&call], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let call_last = before.as_ref().and_then(|(record, _)| serde_json::from_str::<Record>(record).ok());
    let record = Record {
        at: entry.at,
        call: entry.call,
        call_previous: before.map(|(_, hash)| to_hex(&hash)),
        call_sequence: call_last.map_or(1, |record| record.call_sequence + 1),
        details: entry.details.clone(),
        kind: entry.kind,
        sequence,
    };
    let text = serde_json::to_string(&record).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let hash = link(&previous, &text);
    connection
        .prepare_cached("INSERT INTO audit (sequence, call, record, hash) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![sequence, call, text, hash])?;
    let signature = signer.map(|signer| signer.sign(&head_message(sequence, &hash)));
    connection
        .prepare_cached("INSERT OR REPLACE INTO audit_head (one, sequence, hash, signature) VALUES (1, ?1, ?2, ?3)")?
        .execute(params![sequence, hash, signature])?;
    Ok(hash)
}

/// The hash of the record that proves how much of `prompt` was sent in `call`: of one that was sent to its end, or else
/// of the last one.
pub(crate) fn proof(connection: &Connection, call: Uuid, prompt: &str) -> rusqlite::Result<Option<Hash>> {
    connection
        .prepare_cached(
            "SELECT hash FROM audit WHERE call = ?1 AND record ->> '$.kind' = 'proof' AND record ->> '$.details.prompt' = ?2 \
             ORDER BY record ->> '$.details.complete' DESC, sequence DESC LIMIT 1",
        )?
        .query_row(params![call.to_string(), prompt], |row| row.get(0))
        .optional()
}

/// What a record says, where it is one.
pub(crate) fn read(record: &str) -> Option<(Kind, Details)> {
    serde_json::from_str::<Record>(record).ok().map(|record| (record.kind, record.details))
}

/// What is signed of a head.
pub(super) fn head_message(sequence: i64, hash: &Hash) -> Vec<u8> {
    [HEAD, &sequence.to_be_bytes(), hash].concat()
}

/// How many records there are and the last hash.
pub(crate) fn head(connection: &Connection) -> rusqlite::Result<(i64, Hash)> {
    let found = connection
        .prepare_cached("SELECT sequence, hash FROM audit_head WHERE one = 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.unwrap_or((0, GENESIS)))
}
