//! Changes of the outbox, inside the writer's transaction.

use std::collections::BTreeSet;

use book::{Record, RecordKind};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::FLAGS;
use super::entry::OutboxChange;

/// How long it is remembered what was delivered.
pub(super) const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Puts a record, as its JSON, in its lane. Flags have a lane of their own, so that nothing holds them up: they only forbid.
pub(in crate::store) fn put(
    connection: &Connection,
    record: &Record,
    json: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let owner = record.account().map_or_else(|| record.call().to_string(), |account| account.as_str().to_owned());
    let lane = if record.kind() == RecordKind::AccountUpdate { format!("{FLAGS}{owner}") } else { owner };
    let (kind, key, call) = (record.kind().name(), record.external_id().as_str(), record.call().to_string());
    let statement = "INSERT INTO outbox (lane, kind, record, created_ms, next_ms, call, key) \
                     VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)";
    execute(connection, statement, params![lane, kind, json, now.as_millisecond(), call, key])
}

/// Makes a change. An entry that is gone meanwhile stays gone.
pub(in crate::store) fn change(connection: &Connection, change: OutboxChange) -> rusqlite::Result<()> {
    match change {
        OutboxChange::Sending { entry } => {
            execute(connection, "UPDATE outbox SET unclear = 1 WHERE entry = ?1", [entry])
        }
        OutboxChange::Delivered { entry, at } => deliver(connection, entry, at),
        OutboxChange::Done { entry } => {
            execute(connection, "DELETE FROM outbox WHERE entry = ?1 AND parked = 0", [entry])
        }
        OutboxChange::WithCall { entry } => {
            let statement = "UPDATE outbox SET lane = substr(lane, length(?2) + 1), tries = 0, rejections = 0, \
                             unclear = 0, failure = NULL WHERE entry = ?1";
            execute(connection, statement, params![entry, FLAGS])
        }
        OutboxChange::Retry { entry, tries, rejections, at, is_unclear, failure } => {
            let statement = "UPDATE outbox SET tries = ?2, rejections = ?3, next_ms = ?4, unclear = ?5, failure = ?6 \
                             WHERE entry = ?1";
            let values = params![entry, tries, rejections, at.as_millisecond(), is_unclear, failure];
            execute(connection, statement, values)
        }
        OutboxChange::Park { entry, tries, at, failure } => {
            let statement = "UPDATE outbox SET parked = 1, tries = ?2, finished_ms = ?3, unclear = 0, failure = ?4 \
                             WHERE entry = ?1";
            execute(connection, statement, params![entry, tries, at.as_millisecond(), failure])
        }
        OutboxChange::Replay { entry } => {
            again(connection, "SELECT call FROM outbox WHERE entry = ?1 AND parked = 1", [entry])?;
            // It may have been loaded by hand.
            let statement = "UPDATE outbox SET parked = 0, tries = 0, rejections = 0, unclear = 1, \
                             next_ms = created_ms, failure = NULL, finished_ms = NULL WHERE entry = ?1 AND parked = 1";
            execute(connection, statement, [entry])
        }
    }
}

/// Offers everything again that was given up: what the book objected to may have been mended meanwhile.
pub(in crate::store) fn replay_all(connection: &Connection) -> rusqlite::Result<()> {
    again(connection, "SELECT call FROM outbox WHERE parked = 1", [])?;
    // It may have been loaded by hand.
    execute(
        connection,
        "UPDATE outbox SET parked = 0, tries = 0, rejections = 0, unclear = 1, finished_ms = NULL WHERE parked = 1",
        [],
    )
}

/// Has what was delivered of calls beside what was given up go again: it may have been written without a link to that.
fn again(connection: &Connection, calls: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
    let statement = format!(
        "UPDATE outbox SET parked = 0, tries = 0, rejections = 0, unclear = 1, next_ms = created_ms, finished_ms = NULL \
         WHERE parked = 2 AND kind IN ('payment_transaction', 'payment_arrangement', 'compliance_record') AND call IN ({calls})"
    );
    execute(connection, &statement, values)
}

/// Puts what was delivered of a call, of some kinds, into the outbox again: flags into their own lane, and the rest a little
/// later, so that a dispute is there again when it is linked to its call.
pub(in crate::store) fn redeliver(
    connection: &Connection,
    call: Uuid,
    kinds: &BTreeSet<RecordKind>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let statement = "UPDATE outbox INDEXED BY outbox_delivered_calls SET parked = 0, tries = 0, rejections = 0, \
                     next_ms = ?3, created_ms = ?3, finished_ms = NULL, lane = ?4 || lane \
                     WHERE call = ?1 AND kind = ?2 AND parked = 2";
    for kind in kinds {
        let lane = if *kind == RecordKind::AccountUpdate { FLAGS } else { "" };
        let values = params![call.to_string(), kind.name(), now.as_millisecond(), lane];
        execute(connection, statement, values)?;
    }
    Ok(())
}

/// Forgets what was delivered before a moment.
pub(in crate::store) fn forget(connection: &Connection, before: Timestamp) -> rusqlite::Result<()> {
    let statement = "DELETE FROM outbox INDEXED BY outbox_delivered WHERE parked = 2 AND finished_ms < ?1";
    execute(connection, statement, [before.as_millisecond()])
}

/// What was delivered stays where it is, and what is old goes.
fn deliver(connection: &Connection, entry: i64, at: Timestamp) -> rusqlite::Result<()> {
    let statement = "UPDATE outbox SET parked = 2, unclear = 0, failure = NULL, finished_ms = ?2 \
                     WHERE entry = ?1 AND parked = 0";
    execute(connection, statement, params![entry, at.as_millisecond()])?;
    forget(connection, at.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN))
}

fn execute(connection: &Connection, statement: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute(values).map(drop)
}
