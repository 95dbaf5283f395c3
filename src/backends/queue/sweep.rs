//! What the org's own queue changes.

use std::collections::HashSet;

use ::book::queue::{Assignment, Kept, Listed, Standing, is_missed};
use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction};

use super::{Found, Holder, QueueError, Swept, apply, gap, lease};
use crate::store::StoreError;

pub(super) fn apply(
    connection: &mut Connection,
    holder: &Holder,
    found: &Found,
    now: Timestamp,
) -> Result<Swept, QueueError> {
    let transaction = lease::transaction(connection, holder, now)?;
    let mut swept = Swept { is_whole: found.is_whole, ..Swept::default() };
    if found.is_whole {
        swept.withdrawn = withdraw(&transaction, found)?;
    }
    let room = apply::room(&transaction)?;
    for listed in &found.accounts {
        if !is_unknown(&transaction, listed, found.asked_at)? {
            continue;
        }
        if swept.queued == room {
            swept.left_out += 1;
        } else {
            let assignment = Assignment::found(listed.account.clone(), found.asked_at);
            apply::insert_found(&transaction, &assignment, found.asked_at)?;
            swept.queued += 1;
        }
    }
    if found.is_whole && swept.left_out == 0 {
        gap::close(&transaction, holder, found.asked_at)?;
    }
    transaction.commit()?;
    Ok(swept)
}

/// Whether nothing speaks for the account: no assignment, or only such as it was assigned again after.
fn is_unknown(transaction: &Transaction<'_>, listed: &Listed, asked_at: Timestamp) -> Result<bool, QueueError> {
    let mut statement = transaction.prepare_cached(
        "SELECT standing, published_ms, not_after_ms, changed_ms FROM assignments WHERE account = ?1",
    )?;
    let mut rows = statement.query([listed.account.as_str()])?;
    while let Some(row) = rows.next()? {
        if !is_missed(&kept(row)?, listed.modified_at, asked_at) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn kept(row: &Row<'_>) -> Result<Kept, QueueError> {
    let instant = |at: i64| Timestamp::from_millisecond(at).map_err(|_| StoreError::Damaged);
    Ok(Kept {
        standing: Standing::named(row.get_ref(0)?.as_str().unwrap_or_default()).ok_or(StoreError::Damaged)?,
        published_at: instant(row.get(1)?)?,
        not_after: row.get::<_, Option<i64>>(2)?.map(instant).transpose()?,
        changed_at: instant(row.get(3)?)?,
    })
}

/// Takes out what an earlier sweep found and this one did not.
fn withdraw(transaction: &Transaction<'_>, found: &Found) -> Result<u64, QueueError> {
    let here: HashSet<&str> = found.accounts.iter().map(|listed| listed.account.as_str()).collect();
    let mut statement = transaction.prepare_cached(
        "SELECT key, account FROM assignments WHERE standing = 'waiting' AND is_found = 1 AND changed_ms < ?1",
    )?;
    let rows = statement.query_map([found.asked_at.as_millisecond()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(String, String)> = rows.collect::<rusqlite::Result<_>>()?;
    let mut delete = transaction.prepare_cached("DELETE FROM assignments WHERE key = ?1")?;
    let mut withdrawn = 0;
    for (key, _) in rows.iter().filter(|(_, account)| !here.contains(account.as_str())) {
        delete.execute([key])?;
        withdrawn += 1;
    }
    Ok(withdrawn)
}
