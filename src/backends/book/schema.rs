//! The tables of the embedded book.

use ::book::RecordKind;

/// The tables, made where they are missing. Accounts, strategies and records are JSON beside the columns by which
/// they are found.
pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS strategies (
        id TEXT PRIMARY KEY,
        strategy TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS accounts (
        id TEXT PRIMARY KEY,
        reference TEXT NOT NULL UNIQUE,
        phone TEXT NOT NULL,
        strategy TEXT NOT NULL REFERENCES strategies (id),
        account TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS accounts_phone ON accounts (phone);
    CREATE TABLE IF NOT EXISTS contact_attempts (
        external_id TEXT PRIMARY KEY, call TEXT NOT NULL, account TEXT REFERENCES accounts (id), record TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS compliance_records (
        external_id TEXT PRIMARY KEY, call TEXT NOT NULL, account TEXT REFERENCES accounts (id), record TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS payment_arrangements (
        external_id TEXT PRIMARY KEY, call TEXT NOT NULL, account TEXT REFERENCES accounts (id), record TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS payment_transactions (
        external_id TEXT PRIMARY KEY, call TEXT NOT NULL, account TEXT REFERENCES accounts (id), record TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS account_updates (
        external_id TEXT PRIMARY KEY, call TEXT NOT NULL, account TEXT REFERENCES accounts (id), record TEXT NOT NULL
    ) STRICT;
";

/// The table of a kind of record.
pub(super) const fn table(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::ContactAttempt => "contact_attempts",
        RecordKind::ComplianceRecord => "compliance_records",
        RecordKind::PaymentArrangement => "payment_arrangements",
        RecordKind::PaymentTransaction => "payment_transactions",
        RecordKind::AccountUpdate => "account_updates",
    }
}
