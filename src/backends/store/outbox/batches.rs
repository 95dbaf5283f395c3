//! What may go to the account book: one record of a lane after another, or, for books that take calls, the records of a call
//! together once it is over.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::json;

use super::super::{Store, StoreError};
use super::changes::REMEMBERED;
use super::entry::{OutboxBatch, OutboxEntry};
use super::{ENTRY, first_calls, first_flags, free, over, read_entry};
use crate::outbox::NOT_IN_BACKLOG;

/// Most records of one batch: a book takes so many at once.
const MOST_RECORDS: i64 = 200;

impl Store {
    /// The records that may be tried at `now`: the first waiting one of each lane that is not `taken`, at most `most` of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_due(
        &self,
        now: Timestamp,
        most: usize,
        taken: &BTreeSet<String>,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        let taken = json!(taken).to_string();
        self.read(move |connection| due(connection, now, most, &taken)).await
    }

    /// The calls that may go at `now`, at most `most`: of each account that is not `taken` the records of the call that ended first.
    /// What waits to be tried again holds up what comes after it; a call that is up holds up nothing but its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_calls(
        &self,
        now: Timestamp,
        most: usize,
        taken: &BTreeSet<String>,
    ) -> Result<Vec<OutboxBatch>, StoreError> {
        let taken = json!(taken).to_string();
        self.read(move |connection| calls(connection, now, most, &taken)).await
    }

    /// The flags that may go at `now`, at most `most`: the oldest of each account that is not `taken`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_flags(
        &self,
        now: Timestamp,
        most: usize,
        taken: &BTreeSet<String>,
    ) -> Result<Vec<OutboxBatch>, StoreError> {
        let taken = json!(taken).to_string();
        self.read(move |connection| flags(connection, now, most, &taken)).await
    }

    /// What may go in one piece at `now`, whenever it was to be tried again, at most `most` entries: of each account that is not
    /// `taken` the calls that are over, in their order. Accounts of which something did not go that way before are left out, those
    /// of which a later call is delivered, for who takes all in one piece does not know that, and those whose flags still go by
    /// themselves.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_backlog(
        &self,
        now: Timestamp,
        most: usize,
        taken: &BTreeSet<String>,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        let taken = json!(taken).to_string();
        self.read(move |connection| backlog(connection, now, most, &taken)).await
    }
}

fn due(connection: &Connection, now: Timestamp, most: usize, taken: &str) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {ENTRY} FROM outbox WHERE next_ms <= ?1 AND entry IN \
         (SELECT MIN(entry) FROM outbox WHERE parked = 0 GROUP BY lane) AND {} ORDER BY entry LIMIT ?2",
        free!("?3")
    ))?;
    let rows = statement.query_map((now.as_millisecond(), limit(most), taken), read_entry)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn flags(connection: &Connection, now: Timestamp, most: usize, taken: &str) -> Result<Vec<OutboxBatch>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {ENTRY} FROM outbox WHERE next_ms <= ?1 AND entry IN ({}) AND {} ORDER BY entry LIMIT ?2",
        first_flags!(),
        free!("?3")
    ))?;
    let rows = statement.query_map((now.as_millisecond(), limit(most), taken), read_entry)?;
    Ok(rows.map(|row| Ok(OutboxBatch::Flags(Box::new(row?)))).collect::<rusqlite::Result<_>>()?)
}

fn calls(connection: &Connection, now: Timestamp, most: usize, taken: &str) -> Result<Vec<OutboxBatch>, StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT lane, call FROM (",
        first_calls!(),
        ") WHERE due <= ?1 AND ",
        free!("?3"),
        " ORDER BY place LIMIT ?2"
    ))?;
    let values = (now.as_millisecond(), limit(most), taken);
    let heads = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let heads: Vec<(String, String)> = heads.collect::<rusqlite::Result<_>>()?;
    heads.iter().map(|(lane, call)| batch(connection, lane, call, now)).collect()
}

fn batch(connection: &Connection, lane: &str, call: &str, now: Timestamp) -> Result<OutboxBatch, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {ENTRY} FROM outbox WHERE parked = 0 AND lane = ?1 AND call = ?2 ORDER BY entry LIMIT ?3"
    ))?;
    let rows = statement.query_map((lane, call, MOST_RECORDS), read_entry)?;
    let entries = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let is_superseded = is_superseded(connection, lane, call, now)?;
    Ok(OutboxBatch::Call { entries, is_superseded })
}

/// Whether a call that ended later is delivered. What was delivered before this call was written is no longer known of one that old.
fn is_superseded(connection: &Connection, lane: &str, call: &str, now: Timestamp) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "WITH own AS (SELECT MIN(created_ms) AS created_ms, MAX(entry) AS entry FROM outbox \
         WHERE parked = 0 AND lane = ?1 AND call = ?2 AND kind = 'contact_attempt') \
         SELECT COALESCE(own.created_ms < ?3, FALSE) OR EXISTS (SELECT 1 FROM outbox AS later WHERE later.parked = 2 \
         AND later.lane = ?1 AND later.kind = 'contact_attempt' AND later.entry > own.entry) FROM own",
    )?;
    statement.query_row((lane, call, known_from(now).as_millisecond()), |row| row.get(0))
}

/// Since when it is known what was delivered.
fn known_from(now: Timestamp) -> Timestamp {
    now.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN)
}

fn backlog(connection: &Connection, now: Timestamp, most: usize, taken: &str) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "WITH ended AS (SELECT lane, call, \
         COALESCE(MIN(CASE WHEN kind = 'contact_attempt' THEN entry END), MIN(entry)) AS place FROM outbox \
         WHERE parked = 0 AND NOT (lane >= 'flags:' AND lane < 'flags;') \
         AND lane NOT IN (SELECT lane FROM outbox WHERE parked = 0 AND failure = ?1) \
         AND lane NOT IN (SELECT substr(lane, 7) FROM outbox WHERE parked = 0 AND lane >= 'flags:' AND lane < 'flags;') \
         AND lane NOT IN (SELECT own.lane FROM outbox AS own WHERE own.parked = 0 AND own.kind = 'contact_attempt' \
         AND (own.created_ms < ?3 OR EXISTS (SELECT 1 FROM outbox AS later WHERE later.parked = 2 AND later.lane = own.lane \
         AND later.kind = 'contact_attempt' AND later.entry > own.entry))) AND ",
        over!(),
        " AND ",
        free!("?4"),
        " GROUP BY lane, call) \
         SELECT entry, lane, tries, rejections, unclear, record FROM outbox JOIN ended USING (lane, call) WHERE parked = 0 \
         ORDER BY place, entry LIMIT ?2"
    ))?;
    let values = (NOT_IN_BACKLOG, limit(most), known_from(now).as_millisecond(), taken);
    let rows = statement.query_map(values, read_entry)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
