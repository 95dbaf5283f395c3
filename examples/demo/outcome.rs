//! What a call came to, as the account book has it; the same whichever book that is.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use serde::Serialize;
use serde_json::Value;

/// The records of the one call.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) attempt: Attempted,
    pub(crate) arrangement: Agreed,
    pub(crate) payment: Paid,
}

/// Of the contact attempt.
#[derive(Debug, Serialize)]
pub(crate) struct Attempted {
    pub(crate) status: String,
    pub(crate) outcome: String,
    pub(crate) disposition: String,
    pub(crate) identity_verified: bool,
}

/// Of the payment arrangement.
#[derive(Debug, Serialize)]
pub(crate) struct Agreed {
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) total_minor: i64,
    /// A line for each payment: its due date and amount.
    pub(crate) schedule: Vec<String>,
}

/// Of the payment transaction.
#[derive(Debug, Serialize)]
pub(crate) struct Paid {
    pub(crate) status: String,
    pub(crate) amount_minor: i64,
    pub(crate) card_brand: String,
}

impl Outcome {
    /// Reads it from the embedded book.
    pub(crate) fn embedded(book: &Path) -> Result<Self> {
        let book = Connection::open(book)?;
        let attempt = only(&book, "contact_attempts")?;
        let arrangement = only(&book, "payment_arrangements")?;
        let payment = only(&book, "payment_transactions")?;
        only(&book, "compliance_records")?;
        let instalments: Vec<rules::arrangement::Instalment> =
            serde_json::from_value(arrangement["instalments"].clone())?;
        Ok(Self {
            attempt: Attempted {
                status: text(&attempt["status"])?,
                outcome: text(&attempt["outcome"])?,
                disposition: text(&attempt["disposition"])?,
                identity_verified: attempt["identity_verified"] == true,
            },
            arrangement: Agreed {
                kind: text(&arrangement["kind"])?,
                status: text(&arrangement["status"])?,
                total_minor: minor(&arrangement["total"])?,
                schedule: instalments.iter().map(|payment| format!("{} {}", payment.due, payment.amount)).collect(),
            },
            payment: Paid {
                status: text(&payment["status"])?,
                amount_minor: minor(&payment["amount"])?,
                card_brand: text(&payment["card"]["brand"])?,
            },
        })
    }

    /// For a person.
    pub(crate) fn lines(&self) -> [String; 4] {
        let Self { attempt, arrangement, payment } = self;
        let spaced = |word: &str| word.replace('_', " ");
        [
            format!(
                "contact attempt {}: {}, {}",
                attempt.status,
                spaced(&attempt.outcome),
                spaced(&attempt.disposition)
            ),
            "compliance record".to_owned(),
            format!("payment arrangement {}: {} payments", arrangement.status, arrangement.schedule.len()),
            format!("payment transaction {}", payment.status),
        ]
    }
}

/// The only record of a table.
fn only(book: &Connection, table: &str) -> Result<Value> {
    let mut statement = book.prepare(&format!("SELECT record FROM {table}"))?;
    let records: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    ensure!(records.len() == 1, "{table} holds {} records instead of one", records.len());
    Ok(serde_json::from_str(&records[0])?)
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).context("a record without a text that belongs in it")
}

fn minor(value: &Value) -> Result<i64> {
    let money: rules::money::Money = serde_json::from_value(value.clone())?;
    Ok(money.minor())
}
