//! What can be read back.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::apply::from_json;
use super::row::{OutboxDepth, OutboxEntry, PaymentRow, PaymentState};
use super::{Store, StoreError};

impl Store {
    /// The records that may be tried at `now`: the first waiting one of each lane, at most `most` of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_due(&self, now: Timestamp, most: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.read(move |connection| outbox_due(connection, now, most)).await
    }

    /// How full the outbox is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_depth(&self) -> Result<OutboxDepth, StoreError> {
        self.read(outbox_depth).await
    }

    /// A payment, if it was opened.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment(&self, payment: Uuid) -> Result<Option<PaymentRow>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached("SELECT row, state FROM payments WHERE payment = ?1")?;
            let found = statement.query_row([payment.to_string()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            found.map(|(row, state): (String, String)| payment_row(&row, &state)).transpose()
        })
        .await
    }

    /// Payments whose outcome is not known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_payments(&self) -> Result<Vec<PaymentRow>, StoreError> {
        self.read(open_payments).await
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

    /// Reads on the reading connection, within the deadline of a write.
    async fn read<T: Send + 'static>(
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

fn outbox_due(connection: &Connection, now: Timestamp, most: usize) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT entry, tries, record FROM outbox WHERE next_ms <= ?1 AND entry IN \
         (SELECT MIN(entry) FROM outbox WHERE parked = 0 GROUP BY lane) ORDER BY entry LIMIT ?2",
    )?;
    let rows = statement.query_map((now.as_millisecond(), i64::try_from(most).unwrap_or(i64::MAX)), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?))
    })?;
    rows.map(|row| {
        let (entry, tries, record) = row?;
        Ok(OutboxEntry { entry, tries, record: from_json(&record).ok() })
    })
    .collect()
}

fn outbox_depth(connection: &Connection) -> Result<OutboxDepth, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT COUNT(*) FILTER (WHERE parked = 0), COUNT(*) FILTER (WHERE parked = 1), \
         MIN(created_ms) FILTER (WHERE parked = 0), MIN(next_ms) FILTER (WHERE parked = 0) FROM outbox",
    )?;
    let moment = |millis: Option<i64>| millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    Ok(statement.query_row([], |row| {
        Ok(OutboxDepth {
            waiting: row.get::<_, i64>(0)?.unsigned_abs(),
            parked: row.get::<_, i64>(1)?.unsigned_abs(),
            oldest: moment(row.get(2)?),
            next: moment(row.get(3)?),
        })
    })?)
}

pub(super) fn open_payments(connection: &Connection) -> Result<Vec<PaymentRow>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT row, state FROM payments WHERE state IN ('submitted', 'unknown') ORDER BY payment")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    rows.map(|row| row.map_err(StoreError::from).and_then(|(row, state)| payment_row(&row, &state))).collect()
}

fn payment_row(row: &str, state: &str) -> Result<PaymentRow, StoreError> {
    let state = PaymentState::ALL.into_iter().find(|known| known.name() == state).ok_or(StoreError::Damaged)?;
    Ok(PaymentRow { state, ..from_json(row)? })
}
