//! The account book, and the files that it is filled from.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use backends::{
    book::{AccountBook, GuardOptions, GuardedBook, SqliteBook},
    salesforce::{Events, SalesforceBook},
};
use book::import::{self, Report};
use jiff::{Timestamp, tz::TimeZone};

use super::{make_room_for, org};
use crate::config::{Book, BookKind, Config};

/// The account book, the org that it is, and what subscribes to the org's assignments.
pub(super) struct Opened {
    pub(super) book: GuardedBook,
    pub(super) org: Option<Arc<SalesforceBook>>,
    pub(super) events: Option<Events>,
}

/// Opens the account book.
pub(super) fn open(config: &Config) -> Result<Opened> {
    let (book, org, events): (Arc<dyn AccountBook>, _, _) = match config.book.kind {
        BookKind::Sqlite => (Arc::new(embedded(&config.book)?), None, None),
        BookKind::Salesforce => {
            let org = org::org(&config.book)?;
            let (book, events) = (Arc::new(org.book()), org.events(config)?);
            (Arc::clone(&book) as Arc<dyn AccountBook>, Some(book), events)
        }
    };
    let look_up = config.book.lookup_deadline_milliseconds.duration();
    Ok(Opened { book: GuardedBook::new(book, GuardOptions { look_up, ..GuardOptions::default() }), org, events })
}

/// The embedded book, with what it is given.
fn embedded(config: &Book) -> Result<SqliteBook> {
    let path = &config.database;
    make_room_for(path)?;
    let imports = imports(config)?;
    for (file, report) in &imports.reports {
        tell(file, report);
    }
    let (book, seeded) = SqliteBook::open(path, &imports.strategies, &imports.accounts)
        .with_context(|| format!("cannot open the account book {}", path.display()))?;
    tracing::info!(added = seeded.added, kept = seeded.kept, "the account book is open");
    Ok(book)
}

/// What the account book is given at the start.
pub(crate) struct Imports {
    strategies: Vec<book::Strategy>,
    accounts: Vec<book::Account>,
    /// What was found in each file.
    pub(crate) reports: Vec<(PathBuf, Report)>,
}

/// Reads the configured strategies and accounts. An org has its own.
pub(crate) fn imports(book: &Book) -> Result<Imports> {
    if book.kind == BookKind::Salesforce {
        return Ok(Imports { strategies: Vec::new(), accounts: Vec::new(), reports: Vec::new() });
    }
    let mut reports = Vec::new();
    let strategies = match &book.strategies {
        None => import::strategies(import::BUILT_IN_STRATEGIES).context("the built-in strategies")?.rows,
        Some(path) => {
            let file = read(path, "book.strategies")?;
            let import = import::strategies(&file).with_context(|| format!("in {}", path.display()))?;
            reports.push((path.clone(), import.report));
            import.rows
        }
    };
    let accounts = match &book.accounts {
        None => Vec::new(),
        Some(path) => {
            let file = read(path, "book.accounts")?;
            let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
            let import =
                import::accounts(&file, &strategies, today).with_context(|| format!("in {}", path.display()))?;
            reports.push((path.clone(), import.report));
            import.rows
        }
    };
    Ok(Imports { strategies, accounts, reports })
}

/// Reads a file of the account book that `key` names, if only by its default.
fn read(path: &Path, key: &str) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}; set {key} to a file of yours", path.display()))
}

/// Says what is wrong with a file, row by row. Rows are named by line, never by content.
fn tell(path: &Path, report: &Report) {
    for problem in &report.problems {
        tracing::error!(file = %path.display(), "left out: {problem}");
    }
    for warning in &report.warnings {
        tracing::warn!(file = %path.display(), "odd: {warning}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_that_are_not_configured_are_the_built_in_ones() {
        let book = Book { accounts: None, strategies: None, ..Book::default() };
        let imports = imports(&book).unwrap();
        let built_in = import::strategies(import::BUILT_IN_STRATEGIES).unwrap().rows;
        assert!(!built_in.is_empty() && imports.strategies == built_in);
    }

    #[test]
    fn a_file_of_the_book_that_is_not_there_is_named_with_its_key() {
        let absent = PathBuf::from("no/such.csv");
        let book = Book { accounts: Some(absent.clone()), ..Book::default() };
        let error = format!("{:#}", imports(&book).err().unwrap());
        assert!(error.starts_with("cannot read no/such.csv; set book.accounts to a file of yours: "), "{error}");
        let book = Book { strategies: Some(absent), ..Book::default() };
        assert!(format!("{:#}", imports(&book).err().unwrap()).contains("set book.strategies"));
    }
}
