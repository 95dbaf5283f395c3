//! What was delivered in the last week, the ledger that the org is held against; and what this gateway knows of attempts, with
//! those that are up or on their way.

use std::collections::BTreeMap;

use book::{AccountId, ContactAttempt, Record};
use jiff::Timestamp;
use rusqlite::Connection;

use super::super::apply::from_json;
use super::super::{Store, StoreError};

/// A record that was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its place among all that were.
    pub place: Place,
    /// It, unless it cannot be read.
    pub record: Option<Record>,
}

/// A place among records in the order in which they were delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    finished_ms: i64,
    entry: i64,
}

impl Place {
    /// Before everything that was delivered at a moment or later.
    #[must_use]
    pub fn before(moment: Timestamp) -> Self {
        Self { finished_ms: moment.as_millisecond(), entry: 0 }
    }
}

impl Store {
    /// The first records, at most `most`, that were delivered after a place and before `until`, in the order in which they were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_delivered(
        &self,
        after: Place,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<Delivered>, StoreError> {
        self.read(move |connection| delivered(connection, after, until, most)).await
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

fn delivered(
    connection: &Connection,
    after: Place,
    until: Timestamp,
    most: usize,
) -> Result<Vec<Delivered>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT finished_ms, entry, record FROM outbox INDEXED BY outbox_delivered WHERE parked = 2 \
         AND (finished_ms, entry) > (?1, ?2) AND finished_ms < ?3 ORDER BY finished_ms, entry LIMIT ?4",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let values = (after.finished_ms, after.entry, until.as_millisecond(), most);
    let rows = statement.query_map(values, |row| {
        let place = Place { finished_ms: row.get(0)?, entry: row.get(1)? };
        Ok(Delivered { place, record: from_json(&row.get::<_, String>(2)?).ok() })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
