//! Accounts and strategies from CSV, with a report on the quality of the data.
//!
//! The columns are fixed: a missing, unknown or repeated one refuses the file. A bad row is left out and reported
//! with its line, its columns and what to do; every row is either accepted or reported, so nothing is lost unseen.
//! No message repeats a value, because a value may be personal.

mod accounts;
mod row;
mod strategies;
#[cfg(test)]
mod tests;

use std::fmt;

pub use accounts::{ACCOUNT_COLUMNS, accounts};
pub use strategies::{STRATEGY_COLUMNS, strategies};

/// Most rows one file may have.
pub const MOST_ROWS: u64 = 1_000_000;

/// The strategies that come with the gateway, for books that bring none of their own.
pub const BUILT_IN_STRATEGIES: &[u8] = include_bytes!("../../config/sample-strategies.csv");

/// The rows that were accepted, and what was found.
#[derive(Debug)]
pub struct Import<T> {
    /// The accepted rows in the order of the file.
    pub rows: Vec<T>,
    /// What was found.
    pub report: Report,
}

/// The quality of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows after the header.
    pub read: u64,
    /// Rows accepted.
    pub accepted: u64,
    /// Why rows were left out; each of those has at least one problem.
    pub problems: Vec<Problem>,
    /// What is odd about accepted rows.
    pub warnings: Vec<Problem>,
}

impl Report {
    /// Rows left out.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.read - self.accepted
    }

    /// Whether every row was accepted without remark.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty() && self.warnings.is_empty()
    }
}

/// Something wrong or odd in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line in the file on which the row begins; the header is line 1.
    pub line: u64,
    /// The column's name; `None` where the row as a whole is meant.
    pub column: Option<&'static str>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(formatter, ", column {column}")?;
        }
        write!(formatter, ": {}; {}", self.what, self.remedy)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} rows read, {} accepted, {} left out", self.read, self.accepted, self.rejected())?;
        self.problems.iter().try_for_each(|problem| writeln!(formatter, "left out: {problem}"))?;
        self.warnings.iter().try_for_each(|warning| writeln!(formatter, "look at: {warning}"))
    }
}

/// Why a file was refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// There is no header.
    #[error("the file is empty: its first line must name the columns {expected}")]
    Empty {
        /// The columns, joined by commas.
        expected: String,
    },
    /// The header is not UTF-8.
    #[error("the header is not UTF-8 text: save the file as UTF-8")]
    NotText,
    /// A column is missing.
    #[error("the column {column} is missing: the columns are {expected}")]
    MissingColumn {
        /// The missing column.
        column: &'static str,
        /// The columns, joined by commas.
        expected: String,
    },
    /// A column is not known.
    #[error("column number {position} has an unknown name: the columns are {expected}")]
    UnknownColumn {
        /// Its place, from 1.
        position: usize,
        /// The columns, joined by commas.
        expected: String,
    },
    /// A column is made for account data of a card.
    #[error(
        "column number {position} is made for account data of a card, which no account book takes: remove it from the file"
    )]
    CardColumn {
        /// Its place, from 1.
        position: usize,
    },
    /// A column is named twice.
    #[error("the column {column} is named twice: keep one")]
    RepeatedColumn {
        /// The repeated column.
        column: &'static str,
    },
    /// More rows than one file may have.
    #[error("the file has more than {MOST_ROWS} rows: split it")]
    TooManyRows,
}
