//! The daily look at whether the org has every row that it took, of whatever kind. What it lacks goes into the outbox again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ::book::RecordKind;
use ::book::reconciliation::{Day, due};
use ::book::salesforce::Object;
use ::book::salesforce::reconciliation::{Taken, again, taken};
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use metrics::gauge;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::salesforce::{SalesforceBook, SalesforceError};
use crate::store::{Place, Store, StoreError, Write};

/// How often it is looked whether a day is due, and how long is waited after one that could not be looked at.
const EVERY: Duration = Duration::from_secs(60);
/// Most records that are read of the store, and looked for, at once.
const MOST_READ: usize = 600;
/// Most calls of which something is put into the outbox again at once.
const MOST_WRITTEN: usize = 200;

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

    /// Looks for the rows that the org took on a day. What it lacks goes into the outbox again; how many they were is returned.
    ///
    /// # Errors
    /// [`ReconciliationError`]; what was found until then goes again all the same.
    pub async fn reconcile(&self, day: &Day, now: Timestamp) -> Result<usize, ReconciliationError> {
        let mut lost = BTreeSet::new();
        let looked = self.look(day, &mut lost).await;
        self.deliver_again(&lost, now).await?;
        let rows = looked?;
        for object in Object::ALL.into_iter().filter(|object| object.is_created()) {
            let difference = lost.iter().filter(|row| row.object == object).count();
            if difference > 0 {
                let object = object.name();
                tracing::error!(day = %day.date, object, difference, "the org lacks rows that it took; they are delivered again");
            }
            gauge!("tonegate_reconciliation_difference", "object" => object.name()).set(difference as f64);
        }
        gauge!("tonegate_reconciliation_timestamp_seconds").set(now.as_second() as f64);
        tracing::info!(day = %day.date, rows, difference = lost.len(), "the ledger was held against the org");
        Ok(lost.len())
    }

    /// Adds the rows that the org took on a day and has not to `lost`, and counts those that were looked for.
    async fn look(&self, day: &Day, lost: &mut BTreeSet<Taken>) -> Result<usize, ReconciliationError> {
        let mut place = Place::before(day.since);
        let mut count = 0;
        loop {
            let delivered = self.store.outbox_delivered(place, day.until, MOST_READ).await?;
            let Some(last) = delivered.last() else { return Ok(count) };
            place = last.place;
            let records = delivered.iter().filter_map(|delivered| delivered.record.as_ref());
            let rows: Vec<Taken> = records.flat_map(|record| taken(self.org.mapping(), record)).collect();
            count += rows.len();
            lost.extend(self.org.missing(&rows).await?);
        }
    }

    async fn deliver_again(&self, lost: &BTreeSet<Taken>, now: Timestamp) -> Result<(), StoreError> {
        let mut calls = BTreeMap::<Uuid, BTreeSet<RecordKind>>::new();
        for row in lost {
            calls.entry(row.call).or_default().insert(row.kind);
        }
        let again = |(call, lacking)| Write::Redelivered { call, kinds: again(&lacking), at: now };
        let writes: Vec<Write> = calls.into_iter().map(again).collect();
        for writes in writes.chunks(MOST_WRITTEN) {
            self.store.write(writes.to_vec()).await?;
        }
        Ok(())
    }
}
