//! What may go to the account book: one record of a lane after another, or, for books that take calls, the records of a call
//! together once it is over.

use jiff::Timestamp;
use rusqlite::Connection;

use super::super::{Store, StoreError};
use super::entry::{OutboxBatch, OutboxEntry};
use super::{ENTRY, over, read_entry};
use crate::outbox::NOT_IN_BACKLOG;

/// Most records of one batch: a book takes so many at once.
const MOST_RECORDS: i64 = 200;

impl Store {
    /// The records that may be tried at `now`: the first waiting one of each lane, at most `most` of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_due(&self, now: Timestamp, most: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.read(move |connection| due(connection, now, most)).await
    }

    /// What may go at `now`, at most `most` batches: flags first, the oldest of each account; then of each account the records
    /// of the call that ended first. What waits to be tried again holds up what comes after it; a call that is up holds up
    /// nothing but its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_batches(&self, now: Timestamp, most: usize) -> Result<Vec<OutboxBatch>, StoreError> {
        self.read(move |connection| {
            let mut batches = flags(connection, now, most)?;
            batches.extend(calls(connection, now, most.saturating_sub(batches.len()))?);
            Ok(batches)
        })
        .await
    }

    /// What may go in one piece, whenever it was to be tried again, at most `most` entries: of each account the calls that are over,
    /// in their order. Accounts of which something did not go that way before are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_backlog(&self, most: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.read(move |connection| backlog(connection, most)).await
    }

    /// The flags alone that may go at `now`, the oldest of each account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_flags(&self, now: Timestamp, most: usize) -> Result<Vec<OutboxBatch>, StoreError> {
        self.read(move |connection| flags(connection, now, most)).await
    }
}

fn due(connection: &Connection, now: Timestamp, most: usize) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {ENTRY} FROM outbox WHERE next_ms <= ?1 AND entry IN \
         (SELECT MIN(entry) FROM outbox WHERE parked = 0 GROUP BY lane) ORDER BY entry LIMIT ?2"
    ))?;
    let rows = statement.query_map((now.as_millisecond(), limit(most)), read_entry)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn flags(connection: &Connection, now: Timestamp, most: usize) -> Result<Vec<OutboxBatch>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {ENTRY} FROM outbox WHERE next_ms <= ?1 AND entry IN \
         (SELECT MIN(entry) FROM outbox WHERE parked = 0 AND lane >= 'flags:' AND lane < 'flags;' GROUP BY lane) \
         ORDER BY entry LIMIT ?2"
    ))?;
    let rows = statement.query_map((now.as_millisecond(), limit(most)), read_entry)?;
    Ok(rows.map(|row| Ok(OutboxBatch::Flags(Box::new(row?)))).collect::<rusqlite::Result<_>>()?)
}

/// A call takes its place by its attempt, which is written as it ends; what was written of it while it was up goes with that.
fn calls(connection: &Connection, now: Timestamp, most: usize) -> Result<Vec<OutboxBatch>, StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "WITH ended AS (SELECT lane, call, MAX(next_ms) AS due, \
         COALESCE(MIN(CASE WHEN kind = 'contact_attempt' THEN entry END), MIN(entry)) AS place FROM outbox \
         WHERE parked = 0 AND NOT (lane >= 'flags:' AND lane < 'flags;') AND ",
        over!(),
        " GROUP BY lane, call) \
         SELECT lane, call FROM (SELECT lane, call, due, MIN(place) AS place FROM ended GROUP BY lane) \
         WHERE due <= ?1 ORDER BY place LIMIT ?2"
    ))?;
    let heads = statement.query_map((now.as_millisecond(), limit(most)), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let heads: Vec<(String, String)> = heads.collect::<rusqlite::Result<_>>()?;
    heads.iter().map(|(lane, call)| batch(connection, lane, call)).collect()
}

fn batch(connection: &Connection, lane: &str, call: &str) -> Result<OutboxBatch, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {ENTRY} FROM outbox WHERE parked = 0 AND lane = ?1 AND call = ?2 ORDER BY entry LIMIT ?3"
    ))?;
    let rows = statement.query_map((lane, call, MOST_RECORDS), read_entry)?;
    Ok(OutboxBatch::Call(rows.collect::<rusqlite::Result<_>>()?))
}

fn backlog(connection: &Connection, most: usize) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "WITH ended AS (SELECT lane, call, \
         COALESCE(MIN(CASE WHEN kind = 'contact_attempt' THEN entry END), MIN(entry)) AS place FROM outbox \
         WHERE parked = 0 AND NOT (lane >= 'flags:' AND lane < 'flags;') \
         AND lane NOT IN (SELECT lane FROM outbox WHERE parked = 0 AND failure = ?1) AND ",
        over!(),
        " GROUP BY lane, call) \
         SELECT entry, tries, unclear, record FROM outbox JOIN ended USING (lane, call) WHERE parked = 0 \
         ORDER BY place, entry LIMIT ?2"
    ))?;
    let rows = statement.query_map((NOT_IN_BACKLOG, limit(most)), read_entry)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
