//! The daily look at whether the org has every attempt that it took. What it lacks goes into the outbox again, with all of its call.

use std::sync::Arc;
use std::time::Duration;

use ::book::reconciliation::{Day, due};
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use metrics::gauge;
use tokio_util::sync::CancellationToken;

use crate::salesforce::{SalesforceBook, SalesforceError};
use crate::store::{Store, StoreError, Write};

/// How often it is looked whether a day is due, and how long is waited after one that could not be looked at.
const EVERY: Duration = Duration::from_secs(60);

/// Holds the ledger of a store against an org.
pub struct Reconciliation {
    store: Store,
    org: Arc<SalesforceBook>,
}

/// Why a day was not looked at to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReconciliationError {
    /// The store does not tell, or does not take.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The org does not tell.
    #[error(transparent)]
    Org(#[from] SalesforceError),
}

impl Reconciliation {
    /// Between a store and an org.
    #[must_use]
    pub const fn new(store: Store, org: Arc<SalesforceBook>) -> Self {
        Self { store, org }
    }

    /// Looks at each day once, at a time of day, until cancelled.
    pub async fn run(self, at: Time, zone: TimeZone, cancelled: CancellationToken) {
        let mut last = None;
        loop {
            if let Some(day) = due(Timestamp::now(), at, &zone, last) {
                match self.reconcile(&day, Timestamp::now()).await {
                    Ok(_) => last = Some(day.date),
                    Err(error) => tracing::warn!(%error, "the ledger is not held against the org yet"),
                }
            }
            tokio::select! {
                () = cancelled.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Looks for the attempts that the org took on a day. Those it lacks go into the outbox again; how many they were is returned.
    ///
    /// # Errors
    /// [`ReconciliationError`]; what was found until then goes again all the same.
    pub async fn reconcile(&self, day: &Day, now: Timestamp) -> Result<usize, ReconciliationError> {
        let delivered = self.store.delivered_attempts(day.since, day.until).await?;
        let mut difference = 0;
        for attempts in delivered.chunks(::book::salesforce::reconciliation::MOST_ASKED) {
            let keys: Vec<_> = attempts.iter().map(|(_, key)| key.clone()).collect();
            let missing = self.org.missing(&keys).await?;
            let lost = attempts.iter().filter(|(_, key)| missing.contains(key));
            let again: Vec<Write> = lost.map(|(call, _)| Write::Redelivered { call: *call, at: now }).collect();
            if !again.is_empty() {
                difference += again.len();
                self.store.write(again).await?;
            }
        }
        if difference > 0 {
            tracing::error!(day = %day.date, difference, "the org lacks attempts that it took; they are delivered again");
        }
        gauge!("tonegate_reconciliation_difference").set(difference as f64);
        gauge!("tonegate_reconciliation_timestamp_seconds").set(now.as_second() as f64);
        Ok(difference)
    }
}
