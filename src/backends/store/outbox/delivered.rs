//! What was delivered in the last week: the ledger that the org is held against.

use book::ExternalId;
use jiff::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

use super::super::{Store, StoreError};

/// Most attempts of one day: more than a gateway makes.
const MOST_ATTEMPTS: i64 = 200_000;

impl Store {
    /// The attempts that were delivered from `since` until before `until`, each with its call, in the order in which they were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivered_attempts(
        &self,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(Uuid, ExternalId)>, StoreError> {
        self.read(move |connection| attempts(connection, since, until)).await
    }
}

fn attempts(
    connection: &Connection,
    since: Timestamp,
    until: Timestamp,
) -> Result<Vec<(Uuid, ExternalId)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT call, key FROM outbox WHERE parked = 2 AND kind = 'contact_attempt' AND finished_ms >= ?1 \
         AND finished_ms < ?2 ORDER BY finished_ms, entry LIMIT ?3",
    )?;
    let rows = statement.query_map((since.as_millisecond(), until.as_millisecond(), MOST_ATTEMPTS), |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    let damaged = |_| StoreError::Damaged;
    rows.map(|row| {
        let (call, key) = row?;
        Ok((call.parse().map_err(|_| StoreError::Damaged)?, ExternalId::try_from(key).map_err(damaged)?))
    })
    .collect()
}
