//! How full the outbox is.

use jiff::Timestamp;
use rusqlite::Connection;

use super::super::{Store, StoreError};
use super::entry::OutboxDepth;
use super::{first_calls, first_flags, ready};

/// A depth: of what waits, only what may go counts as old, and only what goes first of its lane is next.
macro_rules! depth {
    ($may_go:expr, $next:expr) => {
        concat!(
            "SELECT COUNT(*) FILTER (WHERE parked = 0), COUNT(*) FILTER (WHERE parked = 1), ",
            "MIN(created_ms) FILTER (WHERE parked = 0 AND ",
            $may_go,
            "), MIN(created_ms) FILTER (WHERE parked = 0 AND kind IN ",
            crate::store::outbox::mandatory!(),
            " AND ",
            $may_go,
            "), (",
            $next,
            ") FROM outbox WHERE parked < 2"
        )
    };
}

impl Store {
    /// How full the outbox is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_depth(&self) -> Result<OutboxDepth, StoreError> {
        self.read(|connection| {
            let statement = depth!(
                "TRUE",
                concat!(
                    "SELECT MIN(next_ms) FROM outbox WHERE entry IN ",
                    "(SELECT MIN(entry) FROM outbox WHERE parked = 0 GROUP BY lane)"
                )
            );
            depth(connection, statement)
        })
        .await
    }

    /// How full the outbox is. What waits for the end of its call is waiting, but neither old nor next.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_depth_of_calls(&self) -> Result<OutboxDepth, StoreError> {
        self.read(|connection| {
            let statement = depth!(
                ready!(),
                concat!(
                    "SELECT MIN(due) FROM (SELECT due FROM (",
                    first_calls!(),
                    ") UNION ALL SELECT next_ms FROM outbox WHERE entry IN (",
                    first_flags!(),
                    "))"
                )
            );
            depth(connection, statement)
        })
        .await
    }
}

fn depth(connection: &Connection, statement: &str) -> Result<OutboxDepth, StoreError> {
    let moment = |millis: Option<i64>| millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    Ok(connection.prepare_cached(statement)?.query_row([], |row| {
        Ok(OutboxDepth {
            waiting: row.get::<_, i64>(0)?.unsigned_abs(),
            parked: row.get::<_, i64>(1)?.unsigned_abs(),
            oldest: moment(row.get(2)?),
            oldest_mandatory: moment(row.get(3)?),
            next: moment(row.get(4)?),
        })
    })?)
}
