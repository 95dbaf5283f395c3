//! Changes as SQL, inside the writer's transaction.

use book::vetting::{Forbidden, Vetted, vet};
use book::{ComplianceRecord, ContactAttempt, Record};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::outbox;
use super::queries::is_open_elsewhere;
use super::row::{CallRow, ChargeRow, Destination, PaymentRow, PaymentState, Write};
use super::{Receipt, StoreError};
use crate::audit::{self, Author, Details, Entry, Hash, Kind, Signer};

/// The control that keeps card numbers out of records.
pub(crate) const MASKED: &str = "card_number_in_record";

/// Makes the changes of one write.
pub(super) fn apply(connection: &Connection, writes: &[Write], author: &Author) -> rusqlite::Result<Receipt> {
    let mut receipt = Receipt::default();
    for write in writes {
        make(connection, write, author, &mut receipt)?;
    }
    Ok(receipt)
}

fn make(connection: &Connection, write: &Write, author: &Author, receipt: &mut Receipt) -> rusqlite::Result<()> {
    let signer = author.signer.as_ref();
    match write {
        Write::CallStarted(row) => start_call(connection, row, signer),
        Write::CallProgress { attempt, compliance } => keep_progress(connection, attempt, compliance, signer),
        Write::CallEnded { call, at, reason } => end_call(connection, &call.to_string(), *at, reason),
        Write::CallConcluded { attempt, compliance, entry, reason } => {
            receipt.audit.push(conclude(connection, (attempt, compliance), entry, reason, signer)?);
            Ok(())
        }
        Write::DialogSaved { call, journal } => save_dialog(connection, *call, journal),
        Write::DialogRemoved { call } => remove_dialog(connection, &call.to_string()),
        Write::PaymentOpened(row) => open_payment(connection, row, signer),
        Write::PaymentCharge { payment, charge, state, at } => {
            charge_payment(connection, *payment, charge, signer)?;
            mark_payment(connection, *payment, *state, *at)
        }
        Write::PaymentRefund { payment, key, at } => intend_refund(connection, *payment, *key, *at),
        Write::PaymentRefundRefused { payment, at } => give_up_refund(connection, *payment, *at),
        Write::PaymentState { payment, state, at } => mark_payment(connection, *payment, *state, *at),
        Write::Record(record) => put_record(connection, record, signer),
        Write::Audit(entry) => {
            receipt.audit.push(audit::append(connection, entry, signer)?);
            Ok(())
        }
        Write::Checkpoint { at, kept, posted } => audit::make_checkpoint(connection, author, *at, (*kept, *posted)),
        Write::CheckpointsShipped { destination, through } => mark_shipped(connection, *destination, *through),
        Write::Outbox(change) => outbox::change(connection, *change),
        Write::DeliveredForgotten { before } => outbox::forget(connection, *before),
        Write::BulkJobBegun { job, at } => outbox::begin_job(connection, job, *at),
        Write::BulkJobOver { job } => outbox::end_job(connection, job),
        Write::Redelivered { call, kinds, at } => outbox::redeliver(connection, *call, kinds, *at),
    }
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
    put_in_outbox(connection, &attempt.clone().into(), now, signer)?;
    put_in_outbox(connection, &compliance.into(), now, signer)?;
    end_call(connection, &entry.call.to_string(), entry.at, reason)?;
    Ok(hash)
}

fn start_call(connection: &Connection, row: &CallRow, signer: Option<&Signer>) -> rusqlite::Result<()> {
    let statement = "INSERT OR REPLACE INTO calls (call, trunk, state, started_at, attempt, compliance) \
                     VALUES (?1, ?2, 'active', ?3, ?4, ?5)";
    let values = params![
        row.call.to_string(),
        row.trunk,
        row.started_at.to_string(),
        vetted(connection, row.call, &row.attempt, signer)?,
        vetted(connection, row.call, &row.compliance, signer)?
    ];
    execute(connection, statement, values)
}

fn keep_progress(
    connection: &Connection,
    attempt: &ContactAttempt,
    compliance: &ComplianceRecord,
    signer: Option<&Signer>,
) -> rusqlite::Result<()> {
    let call = attempt.call;
    let (attempt, compliance) =
        (vetted(connection, call, attempt, signer)?, vetted(connection, call, compliance, signer)?);
    let statement = "UPDATE calls SET attempt = ?2, compliance = ?3 WHERE call = ?1";
    execute(connection, statement, params![call.to_string(), attempt, compliance])
}

/// Marks a call as over and takes its dialog out of the journal.
fn end_call(connection: &Connection, call: &str, at: Timestamp, reason: &str) -> rusqlite::Result<()> {
    let statement = "UPDATE calls SET state = 'ended', ended_at = ?2, reason = ?3 WHERE call = ?1";
    execute(connection, statement, params![call, at.to_string(), reason])?;
    remove_dialog(connection, call)
}

fn save_dialog(connection: &Connection, call: Uuid, journal: &str) -> rusqlite::Result<()> {
    let statement = "INSERT OR REPLACE INTO dialogs (call, journal) VALUES (?1, ?2)";
    execute(connection, statement, params![call.to_string(), journal])
}

fn remove_dialog(connection: &Connection, call: &str) -> rusqlite::Result<()> {
    execute(connection, "DELETE FROM dialogs WHERE call = ?1", params![call])
}

fn open_payment(connection: &Connection, row: &PaymentRow, signer: Option<&Signer>) -> rusqlite::Result<()> {
    // A payment is opened once: opening it again is a fault and fails by the key.
    let statement = "INSERT INTO payments (payment, call, state, row, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    let (payment, call) = (row.payment.to_string(), row.call.to_string());
    let text = vetted(connection, row.call, row, signer)?;
    if is_open_elsewhere(connection, &call, &text)? {
        return Err(rusqlite::Error::StatementChangedRows(0));
    }
    execute(connection, statement, params![payment, call, row.state.name(), text, row.opened_at.to_string()])
}

fn charge_payment(
    connection: &Connection,
    payment: Uuid,
    charge: &ChargeRow,
    signer: Option<&Signer>,
) -> rusqlite::Result<()> {
    let payment = payment.to_string();
    let call: String = connection
        .prepare_cached("SELECT call FROM payments WHERE payment = ?1")?
        .query_row([&payment], |row| row.get(0))?;
    let text = vetted(connection, Uuid::parse_str(&call).unwrap_or_default(), charge, signer)?;
    execute(connection, "UPDATE payments SET charge = ?2 WHERE payment = ?1", params![payment, text])
}

fn mark_payment(connection: &Connection, payment: Uuid, state: PaymentState, at: Timestamp) -> rusqlite::Result<()> {
    let statement = "UPDATE payments SET state = ?2, updated_at = ?3 WHERE payment = ?1";
    execute(connection, statement, params![payment.to_string(), state.name(), at.to_string()])
}

/// One key for one refund, however many ask for it at once: the first that is kept is used by all.
fn intend_refund(connection: &Connection, payment: Uuid, key: Uuid, at: Timestamp) -> rusqlite::Result<()> {
    let statement = "UPDATE payments SET state = 'refunding', refund = COALESCE(refund, ?2), \
                     refund_since = COALESCE(refund_since, ?3), updated_at = ?3 \
                     WHERE payment = ?1 AND state IN ('approved', 'refunding')";
    execute(connection, statement, params![payment.to_string(), key.to_string(), at.to_string()])
}

fn give_up_refund(connection: &Connection, payment: Uuid, at: Timestamp) -> rusqlite::Result<()> {
    let statement = "UPDATE payments SET state = 'approved', refund = NULL, refund_since = NULL, updated_at = ?2 \
                     WHERE payment = ?1 AND state IN ('approved', 'refunding')";
    execute(connection, statement, params![payment.to_string(), at.to_string()])
}

/// A payment's outcome and its record are one: no crash comes between them.
fn put_record(connection: &Connection, record: &Record, signer: Option<&Signer>) -> rusqlite::Result<()> {
    let now = Timestamp::now();
    put_in_outbox(connection, record, now, signer)?;
    settle_payment(connection, record, now)
}

fn settle_payment(connection: &Connection, record: &Record, now: Timestamp) -> rusqlite::Result<()> {
    let Record::PaymentTransaction(record) = record else { return Ok(()) };
    match PaymentState::told_by(record) {
        Some(state) => mark_payment(connection, record.payment, state, now),
        None => Ok(()),
    }
}

fn put_in_outbox(
    connection: &Connection,
    record: &Record,
    now: Timestamp,
    signer: Option<&Signer>,
) -> rusqlite::Result<()> {
    let json = vetted(connection, record.call(), record, signer)?;
    outbox::put(connection, record, &json, now)
}

fn mark_shipped(connection: &Connection, destination: Destination, through: u64) -> rusqlite::Result<()> {
    let statement = match destination {
        Destination::Directory => "UPDATE audit_checkpoints SET kept = 1 WHERE number <= ?1 AND NOT kept",
        Destination::Collector => "UPDATE audit_checkpoints SET posted = 1 WHERE number <= ?1 AND NOT posted",
    };
    execute(connection, statement, params![through.cast_signed()])
}

fn execute(connection: &Connection, statement: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute(values).map(drop)
}

/// A value of a call as it may be written: without a card number. What was masked is in the audit chain, in the same transaction.
fn vetted(
    connection: &Connection,
    call: Uuid,
    value: &impl serde::Serialize,
    signer: Option<&Signer>,
) -> rusqlite::Result<String> {
    let refused = |error: Forbidden| rusqlite::Error::ToSqlConversionFailure(error.into());
    let Vetted { json, masked } = vet(value).map_err(|error| {
        metrics::counter!("tonegate_control_failures_total", "control" => MASKED).increment(1);
        tracing::error!(%call, %error, "a write is refused");
        refused(error)
    })?;
    for field in masked {
        metrics::counter!("tonegate_control_failures_total", "control" => MASKED).increment(1);
        tracing::error!(%call, field, "a card number is masked in a record");
        let details = Details::new().text("control", MASKED).text("field", &field);
        audit::append(connection, &Entry { call, at: Timestamp::now(), kind: Kind::ControlFailed, details }, signer)?;
    }
    Ok(json)
}

/// The value in a JSON column, or an error where the file was changed by something else.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged)
}
