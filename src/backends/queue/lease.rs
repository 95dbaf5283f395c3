//! The lease of a subscription: one process at a time may act on its events.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{Holder, QueueError};

/// Whether the lease is held until then. One that ends by a whole lease later than one that is taken now was taken by a clock that was
/// set back since, and counts for nothing; by less it may be one that was renewed after `now` was read.
pub(super) fn claim(
    connection: &Connection,
    holder: &Holder,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, QueueError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO leases (subscription, holder, until_ms) VALUES (?1, ?2, ?4) ON CONFLICT (subscription) DO UPDATE \
         SET holder = excluded.holder, until_ms = excluded.until_ms \
         WHERE holder = excluded.holder OR until_ms <= ?3 OR until_ms > 2 * excluded.until_ms - ?3",
    )?;
    let (now, until) = (now.as_millisecond(), until.as_millisecond());
    Ok(statement.execute(params![holder.subscription, holder.name, now, until])? == 1)
}

pub(super) fn release(connection: &Connection, holder: &Holder) -> Result<(), QueueError> {
    let mut statement = connection.prepare_cached("DELETE FROM leases WHERE subscription = ?1 AND holder = ?2")?;
    statement.execute(params![holder.subscription, holder.name])?;
    Ok(())
}

/// A transaction of the holder's own: nobody takes the lease before it is over.
pub(super) fn transaction<'a>(
    connection: &'a mut Connection,
    holder: &Holder,
    now: Timestamp,
) -> Result<Transaction<'a>, QueueError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let held: Option<i64> = transaction
        .prepare_cached("SELECT until_ms FROM leases WHERE subscription = ?1 AND holder = ?2")?
        .query_row(params![holder.subscription, holder.name], |row| row.get(0))
        .optional()?;
    if held.is_some_and(|until| until > now.as_millisecond()) { Ok(transaction) } else { Err(QueueError::NotHeld) }
}
