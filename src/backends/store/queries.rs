//! What can be read back.

use book::AccountId;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::apply::from_json;
use super::row::{Destination, PaymentRow, PaymentState, RefundRow, Waiting};
use super::{Store, StoreError};
use crate::audit::{self, CONTROLS, Place, Slice};

impl Store {
    /// A payment, if it was opened.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment(&self, payment: Uuid) -> Result<Option<PaymentRow>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!("{PAYMENT} WHERE payment = ?1"))?;
            statement.query_row([payment.to_string()], columns).optional()?.map(payment_row).transpose()
        })
        .await
    }

    /// Payments whose outcome, or whose refund's, is not known: those in a state of [`PaymentState::OPEN`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_payments(&self) -> Result<Vec<PaymentRow>, StoreError> {
        self.read(open_payments).await
    }

    /// Whether another call's payment of this account has no known outcome.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_open_payment(&self, account: AccountId, call: Uuid) -> Result<bool, StoreError> {
        let row = serde_json::json!({ "account": account }).to_string();
        self.read(move |connection| Ok(is_open_elsewhere(connection, &call.to_string(), &row)?)).await
    }

    /// A call's audit records in order, as canonical JSON.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn call_audit(&self, call: Uuid) -> Result<Vec<String>, StoreError> {
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT record FROM audit WHERE call = ?1 ORDER BY sequence")?;
            let rows = statement.query_map([call.to_string()], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The audit records about protective controls in order, as canonical JSON.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn control_audit(&self) -> Result<Vec<String>, StoreError> {
        self.call_audit(CONTROLS).await
    }

    /// How many audit records there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit_records(&self) -> Result<u64, StoreError> {
        self.read(|connection| Ok(audit::head(connection)?.0.unsigned_abs())).await
    }

    /// Looks at the next part of the audit chain.
    pub(crate) async fn audit_slice(&self, place: Place) -> Result<Slice, StoreError> {
        self.read(move |connection| Ok(audit::look(connection, &place)?)).await
    }

    /// The first checkpoints that have not arrived, at most `most` of them.
    pub(crate) async fn unshipped(&self, destination: Destination, most: usize) -> Result<Vec<Waiting>, StoreError> {
        self.read(move |connection| unshipped(connection, destination, most)).await
    }

    /// Reads on the reading connection, within the deadline of a write.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = self.inner.reader.ask(move |connection| question(connection))?;
        match tokio::time::timeout(self.inner.commit_deadline, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(_) => Err(StoreError::Stalled),
        }
    }
}

fn unshipped(connection: &Connection, destination: Destination, most: usize) -> Result<Vec<Waiting>, StoreError> {
    let statement = match destination {
        Destination::Directory => {
            "SELECT number, note, made_ms FROM audit_checkpoints WHERE NOT kept ORDER BY number LIMIT ?1"
        }
        Destination::Collector => {
            "SELECT number, note, made_ms FROM audit_checkpoints WHERE NOT posted ORDER BY number LIMIT ?1"
        }
    };
    let mut statement = connection.prepare_cached(statement)?;
    let rows = statement.query_map([i64::try_from(most).unwrap_or(i64::MAX)], |row| {
        let made_at = Timestamp::from_millisecond(row.get(2)?).unwrap_or_default();
        Ok(Waiting { number: row.get::<_, i64>(0)?.unsigned_abs(), note: row.get(1)?, made_at })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The columns of a payment, in the order of [`Columns`].
const PAYMENT: &str = "SELECT row, state, charge, refund, COALESCE(refund_since, updated_at), updated_at FROM payments";

pub(super) fn open_payments(connection: &Connection) -> Result<Vec<PaymentRow>, StoreError> {
    let states = PaymentState::OPEN.map(|state| format!("'{}'", state.name())).join(", ");
    let mut statement = connection.prepare_cached(&format!("{PAYMENT} WHERE state IN ({states}) ORDER BY payment"))?;
    let rows = statement.query_map([], columns)?;
    rows.map(|row| row.map_err(StoreError::from).and_then(payment_row)).collect()
}

/// Whether a payment of the account that `row` names, as JSON, may yet be made for another call than this.
pub(super) fn is_open_elsewhere(connection: &Connection, call: &str, row: &str) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM payments WHERE state IN ('submitted', 'tokenised', 'charging', 'unknown') \
         AND call <> ?1 AND json_extract(row, '$.account') = json_extract(?2, '$.account'))",
    )?;
    statement.query_row((call, row), |found| found.get(0))
}

/// A payment's row as JSON, its state, its charge as JSON, the key of its refund, and when that was asked for first and
/// last.
type Columns = (String, String, Option<String>, Option<String>, String, String);

fn columns(row: &rusqlite::Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
}

fn payment_row((row, state, charge, refund, since, asked_at): Columns) -> Result<PaymentRow, StoreError> {
    let state = PaymentState::ALL.into_iter().find(|known| known.name() == state).ok_or(StoreError::Damaged)?;
    let charge = charge.as_deref().map(from_json).transpose()?;
    let moment = |text: &str| text.parse::<Timestamp>().map_err(|_| StoreError::Damaged);
    let refund = match refund {
        Some(key) => {
            let key = key.parse().map_err(|_| StoreError::Damaged)?;
            Some(RefundRow { key, since: moment(&since)?, asked_at: moment(&asked_at)? })
        }
        None => None,
    };
    Ok(PaymentRow { state, charge, refund, ..from_json(&row)? })
}
