//! Entries that the account book refused for good: dead letters.

use book::{AccountId, Record};
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::super::row::Write;
use super::super::{Store, StoreError};
use super::entry::{OutboxChange, Parked};
use super::{FLAGS, mandatory, read_entry};

/// Most entries that are told at once.
const MOST_TOLD: i64 = 10_000;

impl Store {
    /// What was given up, the oldest first, at most 10,000 entries.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_parked(&self) -> Result<Vec<Parked>, StoreError> {
        self.read(parked).await
    }

    /// The records that were given up and can be read, the oldest first, at most 10,000 of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_parked_records(&self) -> Result<Vec<Record>, StoreError> {
        self.read(records).await
    }

    /// Has an entry that was given up tried again; whether there is such an entry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replay(&self, entry: i64) -> Result<bool, StoreError> {
        let is_parked = self.read(move |connection| {
            let statement = "SELECT EXISTS (SELECT 1 FROM outbox WHERE entry = ?1 AND parked = 1)";
            Ok(connection.prepare_cached(statement)?.query_row([entry], |row| row.get(0))?)
        });
        if !is_parked.await? {
            return Ok(false);
        }
        self.write(Write::Outbox(OutboxChange::Replay { entry })).await?;
        Ok(true)
    }

    /// Whether an account may not be called because the book refused what must be kept of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_held_back(&self, account: AccountId) -> Result<bool, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(concat!(
                "SELECT EXISTS (SELECT 1 FROM outbox WHERE parked = 1 AND lane IN (?1, ?2) AND kind IN ",
                mandatory!(),
                ")"
            ))?;
            let flags = format!("{FLAGS}{}", account.as_str());
            Ok(statement.query_row((account.as_str(), flags), |row| row.get(0))?)
        })
        .await
    }
}

fn parked(connection: &Connection) -> Result<Vec<Parked>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT entry, kind, key, tries, COALESCE(failure, ''), created_ms, COALESCE(finished_ms, created_ms) FROM outbox \
         WHERE parked = 1 ORDER BY entry LIMIT ?1",
    )?;
    let rows = statement.query_map([MOST_TOLD], one)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn one(row: &Row<'_>) -> rusqlite::Result<Parked> {
    let moment = |millis| Timestamp::from_millisecond(millis).unwrap_or_default();
    Ok(Parked {
        entry: row.get(0)?,
        kind: row.get(1)?,
        key: row.get(2)?,
        tries: row.get(3)?,
        failure: row.get(4)?,
        created_at: moment(row.get(5)?),
        parked_at: moment(row.get(6)?),
    })
}

fn records(connection: &Connection) -> Result<Vec<Record>, StoreError> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {} FROM outbox WHERE parked = 1 ORDER BY entry LIMIT ?1", super::ENTRY))?;
    let rows = statement.query_map([MOST_TOLD], read_entry)?;
    let entries: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(entries.into_iter().filter_map(|entry| entry.record).collect())
}
