//! Who writes a chain: one run of the gateway, with its key. It opens its part of the chain with its predecessor's head, and
//! makes checkpoints of it.

use jiff::Timestamp;
use metrics::counter;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::chain::{Record, append, head};
use super::checkpoint::{Checkpoint, NONE_BEFORE};
use super::entry::{Details, Entry, Kind};
use super::key::Signer;
use super::{GENESIS, Hash, NO_CALL, sha256};

/// Checkpoints that the store keeps after they were shipped: the newest.
const KEPT: u64 = 1_000;
/// Checkpoints that wait to be shipped at most: a month of one every half minute.
const MOST_WAITING: u64 = 100_000;

/// One run of a program that writes the chain.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The gateway's name, `audit.node`.
    pub node: String,
    /// A fresh id of this run.
    pub id: Uuid,
    /// What runs: `serve`, or `check`.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// How far the newest checkpoint that is kept beside the store has seen this node's chain.
    pub predecessor: Option<Predecessor>,
}

/// What is known of the chain from a checkpoint outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predecessor {
    /// The chain, by the hash of its first record.
    pub chain: Hash,
    /// Its records.
    pub records: u64,
    /// The hash of the last of them.
    pub head: Hash,
}

/// Who signs, and what run it is.
#[derive(Debug, Default)]
pub(crate) struct Author {
    pub(crate) signer: Option<Signer>,
    pub(crate) instance: Option<Instance>,
    /// The head before this run's opening record.
    pub(crate) opened_after: Hash,
}

/// Begins this run's part of the chain; whether the chain is shorter than, or another than, what its checkpoints have seen.
pub(crate) fn open_instance(connection: &Connection, author: &mut Author, now: Timestamp) -> rusqlite::Result<bool> {
    let Some(instance) = author.instance.clone() else { return Ok(false) };
    let (records, hash) = head(connection)?;
    let found =
        Predecessor { chain: first(connection)?.unwrap_or(GENESIS), records: records.unsigned_abs(), head: hash };
    let seen = instance.predecessor;
    // A new store goes on from what the old one was known to be.
    let before = if records == 0 { seen.unwrap_or(found) } else { found };
    let is_rolled_back = records > 0 && is_behind(connection, &found, seen)?;
    let mut details = Details::new()
        .id("instance", instance.id)
        .text("node", &instance.node)
        .text("program", instance.program)
        .text("version", instance.version)
        .hash("previous_head", &before.head)
        .count("previous_records", before.records);
    if before.chain != found.chain {
        details = details.hash("previous_chain", &before.chain);
    }
    if let Some(previous) = last_run(connection)? {
        details = details.id("previous_instance", previous.0).flag("previous_closed", previous.1);
    }
    if let Some(signer) = &author.signer {
        details = details.hash("key", signer.verifier().key());
    }
    author.opened_after = before.head;
    let opening = Entry { call: NO_CALL, at: now, kind: Kind::LogStarted, details };
    append(connection, &opening, author.signer.as_ref())?;
    if let (true, Some(seen)) = (is_rolled_back, seen) {
        let details = Details::new()
            .text("control", "audit_rolled_back")
            .count("records_seen", seen.records)
            .hash("head_seen", &seen.head)
            .count("records_found", found.records);
        let entry = Entry { call: NO_CALL, at: now, kind: Kind::ControlFailed, details };
        append(connection, &entry, author.signer.as_ref())?;
    }
    Ok(is_rolled_back)
}

/// Whether the chain lacks what a checkpoint of it has seen.
fn is_behind(connection: &Connection, found: &Predecessor, seen: Option<Predecessor>) -> rusqlite::Result<bool> {
    let Some(seen) = seen else { return Ok(false) };
    let there = connection
        .prepare_cached("SELECT hash FROM audit WHERE sequence = ?1")?
        .query_row([i64::try_from(seen.records).unwrap_or(i64::MAX)], |row| row.get::<_, Hash>(0))
        .optional()?;
    Ok(seen.chain != found.chain || there != Some(seen.head))
}

/// The hash of the first record.
fn first(connection: &Connection) -> rusqlite::Result<Option<Hash>> {
    connection.prepare_cached("SELECT hash FROM audit WHERE sequence = 1")?.query_row([], |row| row.get(0)).optional()
}

/// The run before, and whether it closed its part of the chain.
fn last_run(connection: &Connection) -> rusqlite::Result<Option<(Uuid, bool)>> {
    let text: Option<String> = connection
        .prepare_cached(
            "SELECT record FROM audit WHERE call = ?1 AND record ->> '$.kind' IN ('log_started', 'log_stopped') \
             ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row([NO_CALL.to_string()], |row| row.get(0))
        .optional()?;
    let record = text.and_then(|text| serde_json::from_str::<Record>(&text).ok());
    Ok(record.and_then(|record| Some((record.details.uuid("instance")?, record.kind == Kind::LogStopped))))
}

/// Makes a checkpoint of the chain as it is now, and keeps it to be shipped: `kept` and `posted` say where it need not go.
pub(crate) fn make_checkpoint(
    connection: &Connection,
    author: &Author,
    at: Timestamp,
    (kept, posted): (bool, bool),
) -> rusqlite::Result<()> {
    let (Some(signer), Some(instance)) = (&author.signer, &author.instance) else { return Ok(()) };
    let ((records, head), Some(chain)) = (head(connection)?, first(connection)?) else { return Ok(()) };
    let last: Option<(u64, String)> = connection
        .prepare_cached("SELECT number, note FROM audit_checkpoints ORDER BY number DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?)))
        .optional()?;
    let (number, previous) = last.map_or((1, NONE_BEFORE), |(number, note)| (number + 1, sha256(note.as_bytes())));
    let checkpoint = Checkpoint {
        node: instance.node.clone(),
        instance: instance.id,
        opened_after: author.opened_after,
        chain,
        number,
        previous,
        records: records.unsigned_abs(),
        head,
        at,
    };
    connection
        .prepare_cached(
            "INSERT INTO audit_checkpoints (number, note, made_ms, kept, posted) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![number.cast_signed(), checkpoint.note(signer), at.as_millisecond(), kept, posted])?;
    trim(connection, number)
}

/// Forgets what was shipped long ago, and what waits beyond the bound.
fn trim(connection: &Connection, newest: u64) -> rusqlite::Result<()> {
    let before = |kept: u64| newest.saturating_sub(kept).cast_signed();
    let lost = connection
        .prepare_cached("DELETE FROM audit_checkpoints WHERE number <= ?1 AND NOT (kept AND posted)")?
        .execute([before(MOST_WAITING)])?;
    if lost > 0 {
        counter!("tonegate_drops_total", "queue" => "audit_checkpoints", "reason" => "full").increment(lost as u64);
    }
    connection
        .prepare_cached("DELETE FROM audit_checkpoints WHERE number <= ?1 AND kept AND posted")?
        .execute([before(KEPT)])
        .map(drop)
}
