//! The outbox as it lies in the store, in one table: entries that wait (`parked` is 0), that were given up (1), and for a week what
//! was delivered (2).

mod batches;
mod changes;
mod delivered;
mod depth;
mod entry;
mod parked;
#[cfg(test)]
mod tests;
mod waiting;

pub use entry::{OutboxBatch, OutboxChange, OutboxDepth, OutboxEntry, Parked};

pub(super) use changes::{change, forget, put, redeliver, replay_all};

use rusqlite::Row;

use super::apply::from_json;

/// How the lanes of flags begin.
const FLAGS: &str = "flags:";
/// The columns of an entry, in the order of [`read_entry`].
const ENTRY: &str = "entry, tries, unclear, record";

/// Whether an entry is of no call that is up. What cannot be read is of no call.
macro_rules! over {
    () => {
        "call NOT IN (SELECT call FROM calls WHERE ended_at IS NULL)"
    };
}
/// Whether an entry may go: flags always, what is of a call once that is over.
macro_rules! ready {
    () => {
        concat!("(substr(lane, 1, 6) = 'flags:' OR ", crate::store::outbox::over!(), ")")
    };
}
/// The kinds that must be kept of every call; a test holds them against [`book::RecordKind::is_mandatory`].
macro_rules! mandatory {
    () => {
        "('contact_attempt', 'compliance_record', 'account_update')"
    };
}
use {mandatory, over, ready};

/// The entry in a row of [`ENTRY`].
fn read_entry(row: &Row<'_>) -> rusqlite::Result<OutboxEntry> {
    let record: String = row.get(3)?;
    Ok(OutboxEntry { entry: row.get(0)?, tries: row.get(1)?, is_unclear: row.get(2)?, record: from_json(&record).ok() })
}
