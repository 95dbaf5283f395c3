//! What the tests of this crate share.

use std::time::Duration;

use rusqlite::Connection;

/// Only a failure takes so long.
const LIMIT: Duration = Duration::from_secs(60);

/// Looks again and again, and lets everybody else work between two looks; fails with what was waited for.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, looking).await.is_ok(), "no {what}");
}

/// What a connection waits for at each commit, and how its file is written.
pub(crate) fn durability(connection: &Connection) -> (i64, String) {
    let synchronous = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    let journal = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    (synchronous, journal)
}

/// The durability of records that the law needs: `FULL`, which waits for the disk, with a write-ahead log.
pub(crate) fn durable() -> (i64, String) {
    (2, "wal".to_owned())
}
