//! What events change, in one transaction.

use ::book::{
    AccountId,
    queue::{self, Assignment, Change, Revocation, Standing},
    salesforce::subscription::ReplayId,
    vetting::vet,
};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{
    Batch, Content, Depth, Holder, KEPT_HOURS, MOST_QUARANTINED, MOST_WAITING, Outcome, QueueError, Received,
    SEEN_HOURS, Unreadable, gap, lease,
};
use crate::store::StoreError;

pub(super) fn store(
    connection: &mut Connection,
    holder: &Holder,
    batch: &Batch,
    now: Timestamp,
) -> Result<Vec<Outcome>, QueueError> {
    let transaction = lease::transaction(connection, holder, now)?;
    let outcomes = batch.events.iter().map(|event| act(&transaction, holder, event, now, batch.oldest));
    let outcomes = outcomes.collect::<Result<Vec<_>, _>>()?;
    if let Some(place) = &batch.place {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO places (subscription, replay_id) VALUES (?1, ?2) \
             ON CONFLICT (subscription) DO UPDATE SET replay_id = excluded.replay_id",
        )?;
        statement.execute(params![holder.subscription, place.as_bytes()])?;
    }
    let gap = if outcomes.contains(&Outcome::NoRoom) { Some(now) } else { batch.gap };
    if let Some(since) = gap {
        gap::mark(&transaction, holder, since)?;
    }
    transaction.commit()?;
    Ok(outcomes)
}

pub(super) fn place(connection: &Connection, holder: &Holder) -> Result<Option<ReplayId>, QueueError> {
    let mut statement = connection.prepare_cached("SELECT replay_id FROM places WHERE subscription = ?1")?;
    let bytes: Option<Vec<u8>> = statement.query_row([&holder.subscription], |row| row.get(0)).optional()?;
    bytes.map(|bytes| ReplayId::new(bytes).map_err(|_| StoreError::Damaged.into())).transpose()
}

/// Expires what waited too long; done every few seconds, as is [`FORGET`].
pub(super) const EXPIRE: &str = "UPDATE assignments SET standing = 'expired', changed_ms = ?1 \
                                 WHERE standing = 'waiting' AND not_after_ms <= ?1";
/// Forgets what was kept for so many hours.
pub(super) const FORGET: [(&str, i64); 3] = [
    ("DELETE FROM seen_events WHERE seen_ms < ?1", SEEN_HOURS),
    ("DELETE FROM revocations WHERE changed_ms < ?1", KEPT_HOURS),
    ("DELETE FROM assignments WHERE standing <> 'waiting' AND changed_ms < ?1", KEPT_HOURS),
];

pub(super) fn tidy(connection: &mut Connection, now: Timestamp) -> Result<u64, QueueError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let at = now.as_millisecond();
    let expired = transaction.prepare_cached(EXPIRE)?.execute([at])?;
    let before =
        |hours| now.saturating_sub(SignedDuration::from_hours(hours)).map_or(i64::MIN, Timestamp::as_millisecond);
    for (statement, hours) in FORGET {
        transaction.prepare_cached(statement)?.execute([before(hours)])?;
    }
    transaction.commit()?;
    Ok(expired as u64)
}

pub(super) fn waiting(connection: &Connection, most: u32) -> Result<Vec<Assignment>, QueueError> {
    let mut statement = connection.prepare_cached(
        "SELECT assignment FROM assignments WHERE standing = 'waiting' \
         ORDER BY priority DESC, not_before_ms, published_ms, key LIMIT ?1",
    )?;
    let texts: Vec<String> = statement.query_map([most], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let read = |text: &String| serde_json::from_str(text).map_err(|_| QueueError::from(StoreError::Damaged));
    texts.iter().map(read).collect()
}

pub(super) fn depth(connection: &Connection) -> Result<Depth, QueueError> {
    let mut statement = connection.prepare_cached("SELECT COUNT(*) FROM quarantine")?;
    let quarantined: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(Depth { waiting: count_waiting(connection)?, quarantined: quarantined.unsigned_abs() })
}

pub(super) fn quarantine(connection: &Connection, most: u32) -> Result<Vec<Unreadable>, QueueError> {
    let mut statement = connection
        .prepare_cached("SELECT replay_id, schema_id, reason, bytes FROM quarantine ORDER BY entry DESC LIMIT ?1")?;
    let rows = statement.query_map([most], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)?)))?;
    rows.map(|row| {
        let (replay_id, schema_id, reason, bytes) = row?;
        let replay_id = ReplayId::new(replay_id).map_err(|_| StoreError::Damaged)?;
        Ok(Unreadable { replay_id, schema_id, reason, bytes: usize::try_from(bytes).unwrap_or(0) })
    })
    .collect()
}

fn act(
    transaction: &Transaction<'_>,
    holder: &Holder,
    event: &Received,
    now: Timestamp,
    oldest: SignedDuration,
) -> Result<Outcome, QueueError> {
    if let Some(uuid) = &event.uuid
        && !is_first(transaction, uuid, now)?
    {
        return Ok(Outcome::Repeated);
    }
    let outcome = match &event.content {
        Content::Change(Change::Assign(assignment)) => assign(transaction, assignment, now, oldest),
        Content::Change(Change::Revoke(revocation)) => revoke(transaction, revocation, now),
        Content::Unreadable(unreadable) => keep_unreadable(transaction, holder, unreadable, now),
    }?;
    if outcome == Outcome::NoRoom {
        transaction.prepare_cached("DELETE FROM seen_events WHERE uuid = ?1")?.execute([&event.uuid])?;
    }
    Ok(outcome)
}

fn is_first(transaction: &Transaction<'_>, uuid: &str, now: Timestamp) -> Result<bool, QueueError> {
    let mut statement =
        transaction.prepare_cached("INSERT OR IGNORE INTO seen_events (uuid, seen_ms) VALUES (?1, ?2)")?;
    Ok(statement.execute(params![uuid, now.as_millisecond()])? == 1)
}

fn assign(
    transaction: &Transaction<'_>,
    assignment: &Assignment,
    now: Timestamp,
    oldest: SignedDuration,
) -> Result<Outcome, QueueError> {
    let key = key(assignment);
    if let Some(standing) = standing(transaction, &key)? {
        let is_revoked = standing == Standing::Revoked;
        return Ok(if is_revoked { Outcome::RevokedBefore } else { Outcome::Repeated });
    }
    let revoked_at = revoked_at(transaction, &assignment.account)?;
    let standing = queue::admit(assignment, revoked_at, now, oldest);
    if standing == Standing::Waiting {
        take_out_found(transaction, &assignment.account)?;
        if room(transaction)? == 0 {
            return Ok(Outcome::NoRoom);
        }
    }
    insert(transaction, &key, assignment, standing, now)?;
    Ok(match standing {
        Standing::Waiting => Outcome::Queued,
        Standing::Expired => Outcome::Expired,
        Standing::Old => Outcome::Old,
        Standing::Revoked => Outcome::RevokedBefore,
    })
}

fn revoke(transaction: &Transaction<'_>, revocation: &Revocation, now: Timestamp) -> Result<Outcome, QueueError> {
    let Revocation { id, account, published_at } = revocation;
    let (id, account) = (id.as_str(), account.as_str());
    let (published, now) = (published_at.as_millisecond(), now.as_millisecond());
    let revoked = transaction
        .prepare_cached(
            "UPDATE assignments SET standing = 'revoked', changed_ms = ?4 \
             WHERE standing = 'waiting' AND (key = ?1 OR (account = ?2 AND published_ms <= ?3))",
        )?
        .execute(params![id, account, published, now])?;
    transaction
        .prepare_cached(
            "INSERT INTO revocations (account, published_ms, changed_ms) VALUES (?1, ?2, ?3) ON CONFLICT (account) \
             DO UPDATE SET published_ms = MAX(published_ms, excluded.published_ms), changed_ms = excluded.changed_ms",
        )?
        .execute(params![account, published, now])?;
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO assignments (key, account, standing, is_found, priority, published_ms, changed_ms) \
             VALUES (?1, ?2, 'revoked', 0, 0, ?3, ?4)",
        )?
        .execute(params![id, account, published, now])?;
    Ok(if revoked > 0 { Outcome::Revoked } else { Outcome::RevokedAhead })
}

fn keep_unreadable(
    transaction: &Transaction<'_>,
    holder: &Holder,
    unreadable: &Unreadable,
    now: Timestamp,
) -> Result<Outcome, QueueError> {
    let Unreadable { replay_id, schema_id, reason, bytes } = unreadable;
    let mut statement = transaction.prepare_cached(
        "INSERT INTO quarantine (subscription, replay_id, schema_id, reason, bytes, at_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let bytes = i64::try_from(*bytes).unwrap_or(i64::MAX);
    let at = now.as_millisecond();
    statement.execute(params![holder.subscription, replay_id.as_bytes(), schema_id, reason, bytes, at])?;
    let mut statement = transaction.prepare_cached("DELETE FROM quarantine WHERE entry <= ?1")?;
    statement.execute([transaction.last_insert_rowid() - MOST_QUARANTINED as i64])?;
    Ok(Outcome::Quarantined)
}

/// Under which an assignment is acted on once. No id has a colon in it.
fn key(assignment: &Assignment) -> String {
    let account = || format!("account:{}", assignment.account.as_str());
    assignment.id.as_ref().map_or_else(account, |id| id.as_str().to_owned())
}

fn standing(transaction: &Transaction<'_>, key: &str) -> Result<Option<Standing>, QueueError> {
    let mut statement = transaction.prepare_cached("SELECT standing FROM assignments WHERE key = ?1")?;
    let name: Option<String> = statement.query_row([key], |row| row.get(0)).optional()?;
    name.map(|name| Standing::named(&name).ok_or_else(|| StoreError::Damaged.into())).transpose()
}

fn revoked_at(transaction: &Transaction<'_>, account: &AccountId) -> Result<Option<Timestamp>, QueueError> {
    let mut statement = transaction.prepare_cached("SELECT published_ms FROM revocations WHERE account = ?1")?;
    let published: Option<i64> = statement.query_row([account.as_str()], |row| row.get(0)).optional()?;
    published.map(|at| Timestamp::from_millisecond(at).map_err(|_| StoreError::Damaged.into())).transpose()
}

/// What a sweep found gives way to the assignment itself.
fn take_out_found(transaction: &Transaction<'_>, account: &AccountId) -> Result<(), QueueError> {
    let mut statement = transaction.prepare_cached("DELETE FROM assignments WHERE account = ?1 AND is_found = 1")?;
    statement.execute([account.as_str()])?;
    Ok(())
}

/// How many more may wait.
pub(super) fn room(connection: &Connection) -> Result<u64, QueueError> {
    Ok(MOST_WAITING.saturating_sub(count_waiting(connection)?))
}

fn count_waiting(connection: &Connection) -> Result<u64, QueueError> {
    let mut statement = connection.prepare_cached("SELECT COUNT(*) FROM assignments WHERE standing = 'waiting'")?;
    Ok(statement.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// Puts an account into the queue that a sweep found there.
pub(super) fn insert_found(
    transaction: &Transaction<'_>,
    assignment: &Assignment,
    now: Timestamp,
) -> Result<(), QueueError> {
    take_out_found(transaction, &assignment.account)?;
    insert(transaction, &key(assignment), assignment, Standing::Waiting, now)
}

fn insert(
    transaction: &Transaction<'_>,
    key: &str,
    assignment: &Assignment,
    standing: Standing,
    now: Timestamp,
) -> Result<(), QueueError> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO assignments (key, account, standing, is_found, priority, not_before_ms, not_after_ms, \
         published_ms, changed_ms, assignment) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let text = vet(assignment).map_err(|_| StoreError::Refused)?.json;
    let millisecond = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
    statement.execute(params![
        key,
        assignment.account.as_str(),
        standing.name(),
        assignment.id.is_none(),
        assignment.priority,
        millisecond(assignment.not_before),
        millisecond(assignment.not_after),
        assignment.published_at.as_millisecond(),
        now.as_millisecond(),
        text,
    ])?;
    Ok(())
}
