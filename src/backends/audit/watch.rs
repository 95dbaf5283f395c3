//! The running gateway's look at its own chain, a part at a time, so that a record that somebody changes is noticed while the
//! gateway runs and not only when an auditor comes.

use rusqlite::{Connection, OptionalExtension};

use super::chain::link;
use super::verify::{Fault, FirstBad};
use super::{GENESIS, Hash};

/// Records of one look.
const MOST: i64 = 1_000;

/// How far the look has come, and what is known of the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    sequence: i64,
    hash: Hash,
    /// The last record of the last look.
    end: Option<(i64, Hash)>,
}

/// What a look found.
#[derive(Debug)]
pub(crate) enum Slice {
    /// Nothing wrong; the next look goes on here.
    Good(Place),
    /// The first record that does not fit.
    Bad(FirstBad),
}

/// Looks at the records after a place; after the last one it begins anew.
pub(crate) fn look(connection: &Connection, place: &Place) -> rusqlite::Result<Slice> {
    let bad = |sequence: i64, fault| Slice::Bad(FirstBad { sequence: sequence.unsigned_abs(), call: None, fault });
    if let Some((sequence, hash)) = place.end {
        let there: Option<Vec<u8>> = connection
            .prepare_cached("SELECT hash FROM audit WHERE sequence = ?1")?
            .query_row([sequence], |row| row.get(0))
            .optional()?;
        match there {
            None => return Ok(bad(sequence, Fault::Missing)),
            Some(there) if there != hash => return Ok(bad(sequence, Fault::Altered)),
            Some(_) => {}
        }
    }
    let mut statement = connection
        .prepare_cached("SELECT sequence, record, hash FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2")?;
    let mut rows = statement.query([place.sequence, MOST])?;
    let (mut at, mut looked_at) = (*place, 0);
    while let Some(row) = rows.next()? {
        let sequence: i64 = row.get(0)?;
        if sequence != at.sequence + 1 {
            return Ok(bad(at.sequence + 1, Fault::Missing));
        }
        let hash = link(&at.hash, row.get_ref(1)?.as_str().unwrap_or_default());
        if row.get_ref(2)?.as_blob().ok() != Some(hash.as_slice()) {
            return Ok(bad(sequence, Fault::Altered));
        }
        (at.sequence, at.hash) = (sequence, hash);
        looked_at += 1;
    }
    if looked_at < MOST {
        let end = (at.sequence > 0).then_some((at.sequence, at.hash));
        return Ok(Slice::Good(Place { sequence: 0, hash: GENESIS, end }));
    }
    Ok(Slice::Good(at))
}
