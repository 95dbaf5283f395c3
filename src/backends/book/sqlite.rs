//! The embedded account book: one SQLite file.

use std::path::Path;

use ::book::record::PaymentStatus;
use ::book::vetting::vet;
use ::book::{
    Account, AccountId, AccountUpdate, Found, LookUp, LookupKey, PaymentTransaction, Record, RecordKind, Strategy,
};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::schema::{TABLES, table};
use super::{AccountBook, Answer, BookError};
use crate::store::{StoreError, Worker, WorkerError, connect, connect_for_reading, private_file};

/// Look-ups or deliveries that may wait.
const QUEUE: usize = 256;

/// The embedded book. Look-ups and deliveries have a thread each.
pub struct SqliteBook {
    reader: Worker,
    writer: Worker,
}

/// What the import at the start changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Accounts that were added.
    pub added: usize,
    /// Accounts that existed and were left as they are.
    pub kept: usize,
}

impl SqliteBook {
    /// Opens the book and imports strategies and accounts: strategies are replaced, accounts that exist are left as
    /// they are. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be used, or an account has the reference of another one in the book.
    pub fn open(path: &Path, strategies: &[Strategy], accounts: &[Account]) -> Result<(Self, Seeded), StoreError> {
        private_file(path)?;
        let mut connection = connect(path)?;
        connection.execute_batch(TABLES)?;
        let seeded = seed(&mut connection, strategies, accounts)?;
        let reader = Worker::start("book-reader", connect_for_reading(path)?, QUEUE)?;
        let writer = Worker::start("book-writer", connection, QUEUE)?;
        Ok((Self { reader, writer }, seeded))
    }

    #[cfg(test)]
    pub(super) const fn writer(&self) -> &Worker {
        &self.writer
    }
}

impl AccountBook for SqliteBook {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn look_up(&self, key: LookupKey) -> Answer<'_, LookUp> {
        Box::pin(async move {
            let answer = self.reader.ask(move |connection| look_up(connection, &key))?;
            answer.await.unwrap_or(Err(BookError::Failed))
        })
    }

    fn deliver(&self, record: Record) -> Answer<'_, ()> {
        Box::pin(async move {
            let answer = self.writer.ask(move |connection| deliver(connection, &record))?;
            answer.await.unwrap_or(Err(BookError::Failed))
        })
    }
}

impl From<WorkerError> for BookError {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Full => Self::Busy,
            WorkerError::Closed => Self::Failed,
        }
    }
}

impl From<rusqlite::Error> for BookError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation) => Self::Refused,
            None if matches!(error, rusqlite::Error::ToSqlConversionFailure(_)) => Self::Refused,
            Some(_) | None => Self::Failed,
        }
    }
}

fn seed(connection: &mut Connection, strategies: &[Strategy], accounts: &[Account]) -> Result<Seeded, StoreError> {
    let transaction = connection.transaction()?;
    let mut seeded = Seeded::default();
    for strategy in strategies {
        let statement = "INSERT INTO strategies (id, strategy) VALUES (?1, ?2) \
                         ON CONFLICT (id) DO UPDATE SET strategy = excluded.strategy";
        transaction.execute(statement, params![strategy.id.as_str(), text(strategy)?])?;
    }
    for account in accounts {
        let statement = "INSERT INTO accounts (id, reference, phone, strategy, account) VALUES (?1, ?2, ?3, ?4, ?5) \
                         ON CONFLICT (id) DO NOTHING";
        let (phone, strategy) = (account.phone.as_e164(), account.strategy.as_str());
        let values = params![account.id.as_str(), account.reference.as_str(), phone, strategy, text(account)?];
        let added = transaction.execute(statement, values)?;
        seeded.added += added;
        seeded.kept += 1 - added;
    }
    transaction.commit()?;
    Ok(seeded)
}

fn look_up(connection: &Connection, key: &LookupKey) -> Result<LookUp, BookError> {
    const FIND: &str = "SELECT account, strategies.strategy FROM accounts \
                        JOIN strategies ON strategies.id = accounts.strategy WHERE";
    let (column, value) = match key {
        LookupKey::Number(phone) => ("phone", phone.as_e164()),
        LookupKey::Reference(reference) => ("reference", reference.as_str()),
        LookupKey::Account(id) => ("accounts.id", id.as_str()),
    };
    let mut statement = connection.prepare_cached(&format!("{FIND} {column} = ?1 LIMIT 2"))?;
    let found: Vec<(String, String)> =
        statement.query_map([value], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    match found.as_slice() {
        [] => Ok(LookUp::Nothing),
        [(account, strategy)] => {
            Ok(LookUp::Found(Box::new(Found { account: value_of(account)?, strategy: value_of(strategy)? })))
        }
        _ => Ok(LookUp::Several),
    }
}

/// Writes a record and what follows from it, in one transaction.
fn deliver(connection: &mut Connection, record: &Record) -> Result<(), BookError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (kind, id) = (record.kind(), record.external_id().as_str());
    let account = record.account().map(AccountId::as_str);
    if let Some(account) = account {
        account_of(&transaction, account)?;
    }
    let before = stored(&transaction, kind, id)?;
    if before.as_ref() == Some(record) {
        return Ok(());
    }
    match record {
        Record::PaymentTransaction(payment) => pay(&transaction, payment, before.as_ref())?,
        Record::AccountUpdate(update) => set_flags(&transaction, update)?,
        Record::ContactAttempt(_) | Record::ComplianceRecord(_) | Record::PaymentArrangement(_) => {}
    }
    let statement = format!(
        "INSERT INTO {} (external_id, call, account, record) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (external_id) \
         DO UPDATE SET account = excluded.account, record = excluded.record",
        table(kind)
    );
    transaction.prepare_cached(&statement)?.execute(params![id, record.call().to_string(), account, text(record)?])?;
    transaction.commit()?;
    Ok(())
}

fn stored(transaction: &Transaction<'_>, kind: RecordKind, id: &str) -> Result<Option<Record>, BookError> {
    let statement = format!("SELECT record FROM {} WHERE external_id = ?1", table(kind));
    let found: Option<String> = transaction.prepare_cached(&statement)?.query_row([id], |row| row.get(0)).optional()?;
    found.map(|text| value_of(&text)).transpose()
}

/// Lowers the balance once, when a payment is first told as succeeded, and raises it again once, when it is first told as
/// refunded.
fn pay(transaction: &Transaction<'_>, payment: &PaymentTransaction, before: Option<&Record>) -> Result<(), BookError> {
    let was = |status| matches!(before, Some(Record::PaymentTransaction(old)) if old.status == status);
    let (was_paid, was_refunded) = (was(PaymentStatus::Succeeded), was(PaymentStatus::Refunded));
    let is_first = payment.status == PaymentStatus::Succeeded && !was_paid && !was_refunded;
    let goes_back = payment.status == PaymentStatus::Refunded && was_paid;
    if !is_first && !goes_back {
        return Ok(());
    }
    let mut account = account_of(transaction, payment.account.as_str())?;
    let (balance, amount) = (account.balance, payment.amount);
    let balance = if is_first { balance.checked_sub(amount) } else { balance.checked_add(amount) };
    account.balance = balance.map_err(|_| BookError::Refused)?;
    update(transaction, &account)
}

/// Flags are only ever added.
fn set_flags(transaction: &Transaction<'_>, change: &AccountUpdate) -> Result<(), BookError> {
    let mut account = account_of(transaction, change.account.as_str())?;
    account.flags.set.extend(&change.set);
    update(transaction, &account)
}

fn account_of(transaction: &Transaction<'_>, id: &str) -> Result<Account, BookError> {
    let mut statement = transaction.prepare_cached("SELECT account FROM accounts WHERE id = ?1")?;
    let found: Option<String> = statement.query_row([id], |row| row.get(0)).optional()?;
    value_of(&found.ok_or(BookError::UnknownAccount)?)
}

fn update(transaction: &Transaction<'_>, account: &Account) -> Result<(), BookError> {
    let mut statement = transaction.prepare_cached("UPDATE accounts SET account = ?2 WHERE id = ?1")?;
    statement.execute(params![account.id.as_str(), text(account)?])?;
    Ok(())
}

/// A value as it may be written: without a card number.
fn text(value: &impl Serialize) -> rusqlite::Result<String> {
    vet(value).map(|vetted| vetted.json).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn value_of<T: DeserializeOwned>(text: &str) -> Result<T, BookError> {
    serde_json::from_str(text).map_err(|_| BookError::Failed)
}
