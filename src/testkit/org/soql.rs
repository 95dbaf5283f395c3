//! The part of SOQL that a gateway and its peers use (SOQL and SOSL Reference): fields and fields of parents, sub-queries over
//! children, conditions, orders, limits, and `count()`.

mod check;
mod date;
mod filter;
mod literal;
mod parse;
mod row;
mod run;
mod statement;
mod token;

use jiff::Timestamp;

pub(crate) use row::identity;
pub(crate) use run::Found;

use crate::{failure::Failure, store::Store};

/// Longest statement ("SOQL and SOSL Limits").
const MOST_STATEMENT: usize = 100_000;

/// How rows are shown, and whether deleted ones are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    /// `v68.0`, for the addresses of rows.
    pub(crate) version: &'a str,
    pub(crate) with_deleted: bool,
    pub(crate) now: Timestamp,
}

/// What a statement finds.
pub(crate) fn query(store: &mut Store, text: &str, view: View<'_>) -> Result<Found, Failure> {
    if text.chars().count() > MOST_STATEMENT {
        return Err(Failure::bad("QUERY_TOO_COMPLICATED", "the statement has more than 100,000 characters"));
    }
    let statement = parse::parse(text)?;
    let object = store.schema.object(&statement.from).cloned().ok_or_else(|| {
        let message = format!("sObject type '{}' is not supported.", statement.from);
        Failure::bad("INVALID_TYPE", message)
    })?;
    let statement = check::statement(&store.schema, &object, statement)?;
    store.check_read(&object)?;
    run::run(store, &object, &statement, view)
}

#[cfg(test)]
mod tests;
