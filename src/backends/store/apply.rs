//! Changes as SQL, inside the writer's transaction.

use book::{ComplianceRecord, ContactAttempt, Record, RecordKind};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::row::{CallRow, OutboxChange, PaymentRow, Write};
use super::{Receipt, StoreError};
use crate::audit::{self, Entry, Hash, Signer};

/// Makes the changes of one write.
pub(super) fn apply(connection: &Connection, writes: &[Write], signer: Option<&Signer>) -> rusqlite::Result<Receipt> {
    let mut receipt = Receipt::default();
    for write in writes {
        match write {
            Write::CallStarted(row) => start_call(connection, row)?,
            Write::CallProgress { attempt, compliance } => {
                let values = params![attempt.call.to_string(), json(attempt)?, json(compliance)?];
                execute(connection, "UPDATE calls SET attempt = ?2, compliance = ?3 WHERE call = ?1", values)?;
            }
            Write::CallEnded { call, at, reason } => end_call(connection, &call.to_string(), *at, reason)?,
            Write::CallConcluded { attempt, compliance, entry, reason } => {
                receipt.audit.push(conclude(connection, (attempt, compliance), entry, reason, signer)?);
            }
            Write::DialogSaved { call, journal } => {
                let statement = "INSERT OR REPLACE INTO dialogs (call, journal) VALUES (?1, ?2)";
                execute(connection, statement, params![call.to_string(), journal])?;
            }
            Write::DialogRemoved { call } => {
                execute(connection, "DELETE FROM dialogs WHERE call = ?1", params![call.to_string()])?;
            }
            Write::PaymentOpened(row) => open_payment(connection, row)?,
            Write::PaymentState { payment, state, at } => {
                let statement = "UPDATE payments SET state = ?2, updated_at = ?3 WHERE payment = ?1";
                execute(connection, statement, params![payment.to_string(), state.name(), at.to_string()])?;
            }
            Write::Record(record) => put_in_outbox(connection, record, Timestamp::now())?,
            Write::Audit(entry) => receipt.audit.push(audit::append(connection, entry, signer)?),
            Write::Outbox(change) => change_outbox(connection, *change)?,
        }
    }
    Ok(receipt)
}

/// Ends a call with its last audit entry, whose hash is the evidence of its compliance record; each disclosure in it names
/// the entry that proves it.
pub(super) fn conclude(
    connection: &Connection,
    (attempt, compliance): (&ContactAttempt, &ComplianceRecord),
    entry: &Entry,
    reason: &str,
    signer: Option<&Signer>,
) -> rusqlite::Result<Hash> {
    let hash = audit::append(connection, entry, signer)?;
    let mut compliance = ComplianceRecord { evidence: Some(audit::to_hex(&hash)), ..compliance.clone() };
    for disclosure in &mut compliance.disclosures {
        let proof = audit::proof(connection, entry.call, disclosure.kind.prompt())?;
        disclosure.proof = proof.map(|hash| audit::to_hex(&hash));
    }
    let now = Timestamp::now();
    put_in_outbox(connection, &attempt.clone().into(), now)?;
    put_in_outbox(connection, &compliance.into(), now)?;
    end_call(connection, &entry.call.to_string(), entry.at, reason)?;
    Ok(hash)
}

fn start_call(connection: &Connection, row: &CallRow) -> rusqlite::Result<()> {
    let statement = "INSERT OR REPLACE INTO calls (call, trunk, state, started_at, attempt, compliance) \
                     VALUES (?1, ?2, 'active', ?3, ?4, ?5)";
    let values = params![
        row.call.to_string(),
        row.trunk,
        row.started_at.to_string(),
        json(&row.attempt)?,
        json(&row.compliance)?
    ];
    execute(connection, statement, values)
}

/// Marks a call as over and takes its dialog out of the journal.
fn end_call(connection: &Connection, call: &str, at: Timestamp, reason: &str) -> rusqlite::Result<()> {
    let statement = "UPDATE calls SET state = 'ended', ended_at = ?2, reason = ?3 WHERE call = ?1";
    execute(connection, statement, params![call, at.to_string(), reason])?;
    execute(connection, "DELETE FROM dialogs WHERE call = ?1", params![call])
}

fn open_payment(connection: &Connection, row: &PaymentRow) -> rusqlite::Result<()> {
    // A payment is opened once: opening it again is a fault and fails by the key.
    let statement = "INSERT INTO payments (payment, call, state, row, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    let (payment, call) = (row.payment.to_string(), row.call.to_string());
    execute(connection, statement, params![payment, call, row.state.name(), json(row)?, row.opened_at.to_string()])
}

/// Puts a record in its lane. Flags have a lane of their own, so that nothing holds them up: they only forbid.
fn put_in_outbox(connection: &Connection, record: &Record, now: Timestamp) -> rusqlite::Result<()> {
    let owner = record.account().map_or_else(|| record.call().to_string(), |account| account.as_str().to_owned());
    let lane = if record.kind() == RecordKind::AccountUpdate { format!("flags:{owner}") } else { owner };
    let statement = "INSERT INTO outbox (lane, kind, record, created_ms, next_ms) VALUES (?1, ?2, ?3, ?4, ?4)";
    execute(connection, statement, params![lane, record.kind().name(), json(record)?, now.as_millisecond()])
}

fn change_outbox(connection: &Connection, change: OutboxChange) -> rusqlite::Result<()> {
    match change {
        OutboxChange::Delivered { entry } => execute(connection, "DELETE FROM outbox WHERE entry = ?1", params![entry]),
        OutboxChange::Retry { entry, tries, at } => {
            let statement = "UPDATE outbox SET tries = ?2, next_ms = ?3 WHERE entry = ?1";
            execute(connection, statement, params![entry, tries, at.as_millisecond()])
        }
        OutboxChange::Park { entry, tries } => {
            execute(connection, "UPDATE outbox SET parked = 1, tries = ?2 WHERE entry = ?1", params![entry, tries])
        }
    }
}

fn execute(connection: &Connection, statement: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute(values).map(drop)
}

pub(super) fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// The value in a JSON column, or an error where the file was changed by something else.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged)
}
