//! What a crash left, and what remains to be done for it.

use book::record::AttemptStatus;
use book::{ComplianceRecord, ContactAttempt};
use jiff::Timestamp;
use rusqlite::{Connection, Transaction};
use uuid::Uuid;

use super::apply::{conclude, from_json};
use super::{PaymentRow, StoreError};
use crate::audit::{Author, Details, Entry, Kind, Signer};

/// The reason of a call that the gateway did not live to end.
pub const INTERRUPTED: &str = "interrupted";

/// The reason of a call that was being dialled when the gateway ended: its outcome is unknown.
pub const RESTARTED: &str = "gateway_restarted";

/// What `open` found of an earlier run.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Calls that were up. Their attempts are already in the outbox as interrupted, with their compliance records.
    pub interrupted: Vec<Interrupted>,
    /// Dialogs to which BYE must be sent; each is then removed with `Write::DialogRemoved`.
    pub dialogs: Vec<DialogJournal>,
    /// Payments whose outcome the processor must be asked for, by id. They are never submitted again.
    pub payments: Vec<PaymentRow>,
    /// The audit chain is not, or not as long as, what its checkpoints have seen: the store was rolled back or replaced. The
    /// chain says so.
    pub is_rolled_back: bool,
}

/// A call that was up when the earlier run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// The call.
    pub call: Uuid,
    /// The trunk that it came from.
    pub trunk: String,
}

/// A dialog as it was journalled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogJournal {
    /// The call.
    pub call: Uuid,
    /// The journal, as JSON.
    pub journal: String,
}

/// Ends the calls of an earlier run in one transaction, offers parked records again, and lists what is left to do.
pub(super) fn recover(connection: &mut Connection, author: &Author, now: Timestamp) -> Result<Recovery, StoreError> {
    let transaction = connection.transaction()?;
    let dialogs = dialogs(&transaction)?;
    let interrupted = interrupt_calls(&transaction, author.signer.as_ref(), now)?;
    // Ending a call takes its dialog out of the journal, but BYE is still owed for these.
    for dialog in &dialogs {
        let values = (dialog.call.to_string(), &dialog.journal);
        transaction.execute("INSERT OR REPLACE INTO dialogs (call, journal) VALUES (?1, ?2)", values)?;
    }
    super::outbox::replay_all(&transaction)?;
    let payments = super::queries::open_payments(&transaction)?;
    transaction.commit()?;
    Ok(Recovery { interrupted, dialogs, payments, is_rolled_back: false })
}

fn interrupt_calls(
    transaction: &Transaction<'_>,
    signer: Option<&Signer>,
    now: Timestamp,
) -> Result<Vec<Interrupted>, StoreError> {
    let unfinished: Vec<(String, String)> = transaction
        .prepare("SELECT attempt, compliance FROM calls WHERE ended_at IS NULL ORDER BY started_at")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut calls = Vec::with_capacity(unfinished.len());
    for (attempt, compliance) in unfinished {
        let mut attempt: ContactAttempt = from_json(&attempt)?;
        let mut compliance: ComplianceRecord = from_json(&compliance)?;
        let call = attempt.call;
        // Whether somebody answered a call that was being dialled, nobody knows.
        let reason = if attempt.status == AttemptStatus::Dialing { RESTARTED } else { INTERRUPTED };
        let details = Details::new().text("reason", reason);
        let entry = Entry { call, at: now, kind: Kind::CallInterrupted, details };
        attempt.status = AttemptStatus::Interrupted;
        attempt.end_reason = Some(reason.to_owned());
        compliance.account = attempt.account.clone();
        conclude(transaction, (&attempt, &compliance), &entry, reason, signer)?;
        calls.push(Interrupted { call, trunk: attempt.trunk });
    }
    Ok(calls)
}

fn dialogs(transaction: &Transaction<'_>) -> Result<Vec<DialogJournal>, StoreError> {
    let rows: Vec<(String, String)> = transaction
        .prepare("SELECT call, journal FROM dialogs ORDER BY call")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    rows.into_iter()
        .map(|(call, journal)| Ok(DialogJournal { call: call.parse().map_err(|_| StoreError::Damaged)?, journal }))
        .collect()
}
