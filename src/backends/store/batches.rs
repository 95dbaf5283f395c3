//! The outbox by calls: for books that take the records of a call together, once it is over.

use jiff::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

use super::apply::from_json;
use super::row::{OutboxBatch, OutboxDepth, OutboxEntry};
use super::{Store, StoreError};

/// How the lanes of flags begin.
pub(super) const FLAGS: &str = "flags:";
/// Most records of one batch: a book takes so many at once.
const MOST_RECORDS: usize = 200;
/// Whether an entry may go: flags always, what is of a call once that is over. An entry that is no JSON is of no call.
macro_rules! ready {
    () => {
        "(substr(lane, 1, 6) = 'flags:' OR NOT EXISTS (SELECT 1 FROM calls WHERE state = 'active' AND call = \
         CASE WHEN json_valid(record) THEN json_extract(record, '$.call') END))"
    };
}

impl Store {
    /// What may go at `now`: of each lane whose first entry may, the flags, or the records of its first call. At most `most` of
    /// them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_batches(&self, now: Timestamp, most: usize) -> Result<Vec<OutboxBatch>, StoreError> {
        self.read(move |connection| batches(connection, now, most)).await
    }

    /// How full the outbox is. What waits for the end of its call is waiting, but neither old nor next.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_depth_of_calls(&self) -> Result<OutboxDepth, StoreError> {
        self.read(depth).await
    }
}

fn batches(connection: &Connection, now: Timestamp, most: usize) -> Result<Vec<OutboxBatch>, StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT entry, lane FROM outbox WHERE next_ms <= ?1 AND entry IN \
         (SELECT MIN(entry) FROM outbox WHERE parked = 0 GROUP BY lane) AND ",
        ready!(),
        " ORDER BY entry LIMIT ?2"
    ))?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let heads = statement.query_map((now.as_millisecond(), most), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let heads: Vec<(i64, String)> = heads.collect::<rusqlite::Result<_>>()?;
    heads.iter().filter_map(|(entry, lane)| batch(connection, *entry, lane).transpose()).collect()
}

fn batch(connection: &Connection, first: i64, lane: &str) -> Result<Option<OutboxBatch>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT entry, tries, record FROM outbox WHERE parked = 0 AND lane = ?1 AND entry >= ?2 ORDER BY entry LIMIT ?3",
    )?;
    let most = if lane.starts_with(FLAGS) { 1 } else { MOST_RECORDS };
    let rows = statement
        .query_map((lane, first, most as i64), |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))?;
    let mut entries = Vec::new();
    for row in rows {
        let (entry, tries, record) = row?;
        entries.push(OutboxEntry { entry, tries, record: from_json(&record).ok() });
    }
    if lane.starts_with(FLAGS) {
        return Ok(entries.pop().map(|entry| OutboxBatch::Flags(Box::new(entry))));
    }
    let call = |entry: &OutboxEntry| -> Option<Uuid> { entry.record.as_ref().map(book::Record::call) };
    let first = entries.first().and_then(call);
    let of_call = entries.iter().take_while(|entry| call(entry) == first).count();
    entries.truncate(of_call);
    Ok((!entries.is_empty()).then_some(OutboxBatch::Call(entries)))
}

fn depth(connection: &Connection) -> Result<OutboxDepth, StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT COUNT(*) FILTER (WHERE parked = 0), COUNT(*) FILTER (WHERE parked = 1), \
         MIN(created_ms) FILTER (WHERE parked = 0 AND ",
        ready!(),
        "), MIN(next_ms) FILTER (WHERE parked = 0 AND ",
        ready!(),
        ") FROM outbox"
    ))?;
    let moment = |millis: Option<i64>| millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    Ok(statement.query_row([], |row| {
        Ok(OutboxDepth {
            waiting: row.get::<_, i64>(0)?.unsigned_abs(),
            parked: row.get::<_, i64>(1)?.unsigned_abs(),
            oldest: moment(row.get(2)?),
            next: moment(row.get(3)?),
        })
    })?)
}
