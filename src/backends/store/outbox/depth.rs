//! How full the outbox is.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::json;

use super::super::{Store, StoreError};
use super::entry::OutboxDepth;
use super::{first_calls, first_flags, free, mandatory, ready};

/// A depth: of what waits, only what may go counts as old.
macro_rules! depth {
    ($may_go:expr) => {
        concat!(
            "SELECT COUNT(*) FILTER (WHERE parked = 0), COUNT(*) FILTER (WHERE parked = 1), ",
            "MIN(created_ms) FILTER (WHERE parked = 0 AND ",
            $may_go,
            "), MIN(created_ms) FILTER (WHERE parked = 0 AND kind IN ",
            mandatory!(),
            " AND ",
            $may_go,
            ") FROM outbox WHERE parked < 2"
        )
    };
}
/// When the first of lanes' first entries is due, of lanes on which nothing is on its way.
macro_rules! next {
    ($firsts:expr) => {
        concat!("SELECT MIN(due) FROM (", $firsts, ") WHERE ", free!("?1"))
    };
}

impl Store {
    /// How full the outbox is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_depth(&self) -> Result<OutboxDepth, StoreError> {
        self.read(|connection| depth(connection, depth!("TRUE"))).await
    }

    /// How full the outbox is. What waits for the end of its call is waiting, but not old.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_depth_of_calls(&self) -> Result<OutboxDepth, StoreError> {
        self.read(|connection| depth(connection, depth!(ready!()))).await
    }

    /// When the next record may be tried of a lane that is not `taken`; `None` where none waits.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_next(&self, taken: &BTreeSet<String>) -> Result<Option<Timestamp>, StoreError> {
        let statement = next!(
            "SELECT lane, next_ms AS due FROM outbox WHERE entry IN \
             (SELECT MIN(entry) FROM outbox WHERE parked = 0 GROUP BY lane)"
        );
        self.next(statement, taken).await
    }

    /// When the next call or the next flags may be tried of a lane that is not `taken`; `None` where none wait. What waits for the
    /// end of its call is not next.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_next_of_calls(&self, taken: &BTreeSet<String>) -> Result<Option<Timestamp>, StoreError> {
        let statement = next!(concat!(
            "SELECT lane, due FROM (",
            first_calls!(),
            ") UNION ALL SELECT lane, next_ms AS due FROM outbox WHERE entry IN (",
            first_flags!(),
            ")"
        ));
        self.next(statement, taken).await
    }

    async fn next(&self, statement: &'static str, taken: &BTreeSet<String>) -> Result<Option<Timestamp>, StoreError> {
        let taken = json!(taken).to_string();
        self.read(move |connection| {
            let next = connection.prepare_cached(statement)?.query_row([taken], |row| row.get(0))?;
            Ok(moment(next))
        })
        .await
    }
}

fn moment(millis: Option<i64>) -> Option<Timestamp> {
    millis.and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

fn depth(connection: &Connection, statement: &str) -> Result<OutboxDepth, StoreError> {
    Ok(connection.prepare_cached(statement)?.query_row([], |row| {
        Ok(OutboxDepth {
            waiting: row.get::<_, i64>(0)?.unsigned_abs(),
            parked: row.get::<_, i64>(1)?.unsigned_abs(),
            oldest: moment(row.get(2)?),
            oldest_mandatory: moment(row.get(3)?),
        })
    })?)
}
