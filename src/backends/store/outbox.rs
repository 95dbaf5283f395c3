//! The outbox as it lies in the store, in one table: entries that wait (`parked` is 0), that were given up (1), and for a week what
//! was delivered (2).

mod batches;
mod changes;
mod delivered;
mod depth;
mod entry;
mod jobs;
mod parked;
#[cfg(test)]
mod tests;
mod waiting;

pub use delivered::{Delivered, Place};
pub use entry::{OutboxBatch, OutboxChange, OutboxDepth, OutboxEntry, Parked};
pub use jobs::BulkJobs;

pub(super) use changes::{change, forget, put, redeliver, replay_all};
pub(super) use jobs::{begin_job, end_job};

use rusqlite::Row;

use super::apply::from_json;

/// How the lanes of flags begin.
const FLAGS: &str = "flags:";
/// The columns of an entry, in the order of [`read_entry`].
const ENTRY: &str = "entry, lane, tries, rejections, unclear, record";

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
/// The first entry of each lane of flags.
macro_rules! first_flags {
    () => {
        "SELECT MIN(entry) FROM outbox WHERE parked = 0 AND lane >= 'flags:' AND lane < 'flags;' GROUP BY lane"
    };
}
/// Of each account the call that goes first, and when it is due. A call takes its place by its attempt, which is written as it
/// ends; what was written of it while it was up goes with that. A call whose flags still go by themselves waits for them: they go
/// once more with it, and tie what follows from them to it.
macro_rules! first_calls {
    () => {
        concat!(
            "SELECT lane, call, due, place FROM (SELECT lane, call, due, MIN(place) AS place FROM (SELECT lane, call, MAX(next_ms) AS due, ",
            "COALESCE(MIN(CASE WHEN kind = 'contact_attempt' THEN entry END), MIN(entry)) AS place FROM outbox ",
            "WHERE parked = 0 AND NOT (lane >= 'flags:' AND lane < 'flags;') AND ",
            crate::store::outbox::over!(),
            " GROUP BY lane, call) GROUP BY lane) WHERE call NOT IN (SELECT call FROM outbox ",
            "WHERE parked = 0 AND lane >= 'flags:' AND lane < 'flags;' AND call IS NOT NULL)"
        )
    };
}
/// Whether a lane is none of those on which something is on its way, which are told as JSON.
macro_rules! free {
    ($taken:literal) => {
        concat!("lane NOT IN (SELECT value FROM json_each(", $taken, "))")
    };
}
/// The kinds that must be kept of every call; a test holds them against [`book::RecordKind::is_mandatory`].
macro_rules! mandatory {
    () => {
        "('contact_attempt', 'compliance_record', 'account_update')"
    };
}
use {first_calls, first_flags, free, mandatory, over, ready};

/// The entry in a row of [`ENTRY`].
fn read_entry(row: &Row<'_>) -> rusqlite::Result<OutboxEntry> {
    let record: String = row.get(5)?;
    let (entry, lane) = (row.get(0)?, row.get(1)?);
    let (tries, rejections, is_unclear) = (row.get(2)?, row.get(3)?, row.get(4)?);
    Ok(OutboxEntry { entry, lane, tries, rejections, is_unclear, record: from_json(&record).ok() })
}
