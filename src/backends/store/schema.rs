//! The store's tables, and how an older file becomes the current one.

use rusqlite::Connection;

use super::StoreError;

/// Every migration in order; `user_version` counts those a file has had.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE calls (
        call TEXT PRIMARY KEY,
        trunk TEXT NOT NULL,
        state TEXT NOT NULL,
        started_at TEXT NOT NULL,
        ended_at TEXT,
        reason TEXT,
        attempt TEXT NOT NULL,
        compliance TEXT NOT NULL
    ) STRICT;
    CREATE INDEX calls_unfinished ON calls (started_at) WHERE ended_at IS NULL;
    CREATE TABLE dialogs (
        call TEXT PRIMARY KEY,
        journal TEXT NOT NULL
    ) STRICT;
    CREATE TABLE payments (
        payment TEXT PRIMARY KEY,
        call TEXT NOT NULL,
        state TEXT NOT NULL,
        row TEXT NOT NULL,
        updated_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX payments_open ON payments (state);
    CREATE TABLE outbox (
        entry INTEGER PRIMARY KEY AUTOINCREMENT,
        lane TEXT NOT NULL,
        kind TEXT NOT NULL,
        record TEXT NOT NULL,
        parked INTEGER NOT NULL DEFAULT 0,
        tries INTEGER NOT NULL DEFAULT 0,
        created_ms INTEGER NOT NULL,
        next_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX outbox_lanes ON outbox (parked, lane, entry);
    CREATE TABLE audit (
        sequence INTEGER PRIMARY KEY,
        call TEXT NOT NULL,
        record TEXT NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE INDEX audit_calls ON audit (call, sequence);
    CREATE TABLE audit_head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        sequence INTEGER NOT NULL,
        hash BLOB NOT NULL,
        signature BLOB
    ) STRICT;
    CREATE TABLE probe (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        filler BLOB NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE audit_checkpoints (
        number INTEGER PRIMARY KEY,
        note TEXT NOT NULL,
        made_ms INTEGER NOT NULL,
        kept INTEGER NOT NULL,
        posted INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX audit_checkpoints_unkept ON audit_checkpoints (number) WHERE NOT kept;
    CREATE INDEX audit_checkpoints_unposted ON audit_checkpoints (number) WHERE NOT posted;
",
    "
    ALTER TABLE payments ADD COLUMN charge TEXT;
    ALTER TABLE payments ADD COLUMN refund TEXT;
",
    "
    ALTER TABLE payments ADD COLUMN refund_since TEXT;
",
    "
    ALTER TABLE outbox ADD COLUMN call TEXT NOT NULL DEFAULT '';
    ALTER TABLE outbox ADD COLUMN key TEXT NOT NULL DEFAULT '';
    ALTER TABLE outbox ADD COLUMN unclear INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox ADD COLUMN failure TEXT;
    ALTER TABLE outbox ADD COLUMN finished_ms INTEGER;
    UPDATE outbox SET
        call = COALESCE(CASE WHEN json_valid(record) THEN json_extract(record, '$.call') END, 'entry ' || entry),
        key = COALESCE(CASE WHEN json_valid(record) THEN json_extract(record, '$.external_id') END, '');
    DROP INDEX outbox_lanes;
    CREATE INDEX outbox_waiting ON outbox (parked, lane, call, kind, entry, next_ms, created_ms);
    CREATE INDEX outbox_accounts ON outbox (lane, kind);
    CREATE INDEX outbox_delivered ON outbox (finished_ms) WHERE parked = 2;
    CREATE INDEX outbox_delivered_calls ON outbox (call) WHERE parked = 2;
",
    "
    ALTER TABLE outbox ADD COLUMN rejections INTEGER NOT NULL DEFAULT 0;
",
    "
    CREATE TABLE bulk_jobs (
        job TEXT PRIMARY KEY,
        begun_ms INTEGER NOT NULL
    ) STRICT;
",
];

/// Brings a file to the current schema, each migration in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_to(connection, MIGRATIONS.len())
}

/// Makes the first `count` migrations, as far as the file has not had them.
pub(super) fn migrate_to(connection: &mut Connection, count: usize) -> Result<(), StoreError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let versions = (1_u32..).zip(MIGRATIONS);
    if found > versions.clone().map(|(version, _)| version).last().unwrap_or(0) {
        return Err(StoreError::Newer);
    }
    for (version, migration) in versions.take(count).filter(|(version, _)| *version > found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
