//! That events may be missing: known until a sweep that asked later has seen every account.

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};

use super::{Holder, QueueError};

/// Marks that events up to `since` may be missing.
pub(super) fn mark(transaction: &Transaction<'_>, holder: &Holder, since: Timestamp) -> Result<(), QueueError> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO gaps (subscription, since_ms) VALUES (?1, ?2) \
         ON CONFLICT (subscription) DO UPDATE SET since_ms = MAX(since_ms, excluded.since_ms)",
    )?;
    statement.execute(params![holder.subscription, since.as_millisecond()])?;
    Ok(())
}

pub(super) fn is_open(connection: &Connection, holder: &Holder) -> Result<bool, QueueError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM gaps WHERE subscription = ?1")?;
    Ok(statement.exists([&holder.subscription])?)
}

/// Closes what was open when the org was asked.
pub(super) fn close(transaction: &Transaction<'_>, holder: &Holder, asked_at: Timestamp) -> Result<(), QueueError> {
    let mut statement = transaction.prepare_cached("DELETE FROM gaps WHERE subscription = ?1 AND since_ms <= ?2")?;
    statement.execute(params![holder.subscription, asked_at.as_millisecond()])?;
    Ok(())
}
