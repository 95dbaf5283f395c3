//! The tables of the call queue.

use rusqlite::{Connection, TransactionBehavior};

use crate::store::StoreError;

/// What this version writes.
const VERSION: i64 = 1;

/// An assignment's key is its id, or `account:` and the account where a sweep found it. It is JSON beside the columns by which it
/// is found; one that came only as a revocation has none.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS assignments (
        key TEXT PRIMARY KEY,
        account TEXT NOT NULL,
        standing TEXT NOT NULL,
        is_found INTEGER NOT NULL,
        priority INTEGER NOT NULL,
        not_before_ms INTEGER,
        not_after_ms INTEGER,
        published_ms INTEGER NOT NULL,
        changed_ms INTEGER NOT NULL,
        assignment TEXT
    ) STRICT;
    CREATE INDEX IF NOT EXISTS assignments_account ON assignments (account);
    CREATE INDEX IF NOT EXISTS assignments_standing ON assignments (standing, priority DESC, not_before_ms);
    CREATE INDEX IF NOT EXISTS assignments_ending ON assignments (standing, not_after_ms);
    CREATE INDEX IF NOT EXISTS assignments_over ON assignments (changed_ms) WHERE standing <> 'waiting';
    CREATE TABLE IF NOT EXISTS revocations (
        account TEXT PRIMARY KEY, published_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS revocations_changed ON revocations (changed_ms);
    CREATE TABLE IF NOT EXISTS seen_events (uuid TEXT PRIMARY KEY, seen_ms INTEGER NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS seen_events_seen ON seen_events (seen_ms);
    CREATE TABLE IF NOT EXISTS places (subscription TEXT PRIMARY KEY, replay_id BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS gaps (subscription TEXT PRIMARY KEY, since_ms INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS leases (
        subscription TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS quarantine (
        entry INTEGER PRIMARY KEY,
        subscription TEXT NOT NULL,
        replay_id BLOB NOT NULL,
        schema_id TEXT NOT NULL,
        reason TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        at_ms INTEGER NOT NULL
    ) STRICT;
";

/// Makes the tables where they are missing. Another process may do the same at the same time.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > VERSION {
        return Err(StoreError::Newer);
    }
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}
