//! What this gateway knows of attempts: those that are up or on their way, and what was delivered in the last week, the ledger that
//! the org is held against.

use std::collections::BTreeMap;

use book::{AccountId, ContactAttempt, ExternalId, Record};
use jiff::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

use super::super::apply::from_json;
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

impl Store {
    /// The attempts of an account that began at `since` or later, as far as this gateway knows: being dialled or up, waiting for
    /// the account book, or delivered to it. For counting calls they are added to the book's own, which may lack the first two;
    /// attempts that both know have one external id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempts_since(
        &self,
        account: AccountId,
        since: Timestamp,
    ) -> Result<Vec<ContactAttempt>, StoreError> {
        self.read(move |connection| of_account(connection, &account, since)).await
    }
}

fn of_account(
    connection: &Connection,
    account: &AccountId,
    since: Timestamp,
) -> Result<Vec<ContactAttempt>, StoreError> {
    let mut found = BTreeMap::new();
    let mut keep = |attempt: ContactAttempt| {
        if attempt.account.as_ref() == Some(account) && attempt.started_at >= since {
            found.insert(attempt.external_id.clone(), attempt);
        }
    };
    let mut up = connection.prepare_cached("SELECT attempt FROM calls WHERE ended_at IS NULL")?;
    for attempt in up.query_map([], |row| row.get::<_, String>(0))? {
        keep(from_json(&attempt?)?);
    }
    let mut told = connection
        .prepare_cached("SELECT record FROM outbox WHERE lane = ?1 AND kind = 'contact_attempt' ORDER BY entry")?;
    for record in told.query_map([account.as_str()], |row| row.get::<_, String>(0))? {
        // What cannot be read is parked, and its account held back.
        if let Ok(Record::ContactAttempt(attempt)) = from_json(&record?) {
            keep(attempt);
        }
    }
    let mut attempts: Vec<ContactAttempt> = found.into_values().collect();
    attempts.sort_by_key(|attempt| attempt.started_at);
    Ok(attempts)
}

fn attempts(
    connection: &Connection,
    since: Timestamp,
    until: Timestamp,
) -> Result<Vec<(Uuid, ExternalId)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT call, key FROM outbox INDEXED BY outbox_delivered WHERE parked = 2 AND kind = 'contact_attempt' AND finished_ms >= ?1 \
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
