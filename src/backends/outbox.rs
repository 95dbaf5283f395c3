//! The worker that takes records from the store to the account book.
//!
//! A record leaves the store only when the book has it. Records of one account go one after another, in order; accounts
//! go side by side. What the book refuses is parked and counted, and no longer holds up its account.
//!
//! A book that [takes calls](AccountBook::takes_calls) gets the records of a call together, once it is over; what forbids
//! further talk it gets at once, and once more with its call.

use std::sync::Arc;
use std::time::Duration;

use ::book::Record;
use ::book::outbox::{Next, RetryPolicy};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use metrics::gauge;
use tokio_util::sync::CancellationToken;

use crate::book::{AccountBook, BookError};
use crate::store::{OutboxBatch, OutboxChange, OutboxDepth, OutboxEntry, Store, StoreError, Write};

/// Most accounts served side by side.
const MOST_LANES: usize = 16;
/// The longest sleep, so that the metrics stay fresh.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// The shortest sleep after nothing could be done, so that trouble does not spin.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

/// The worker.
pub struct Outbox {
    store: Store,
    book: Arc<dyn AccountBook>,
    policy: RetryPolicy,
}

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Records the book has taken.
    pub delivered: usize,
    /// Records to be tried again.
    pub retried: usize,
    /// Records parked.
    pub parked: usize,
}

impl Outbox {
    /// A worker between a store and a book.
    #[must_use]
    pub fn new(store: Store, book: Arc<dyn AccountBook>, policy: RetryPolicy) -> Self {
        Self { store, book, policy }
    }

    /// Works until cancelled. What is left stays in the store for the next start.
    pub async fn run(self, cancelled: CancellationToken) {
        loop {
            let sleep = self.work().await;
            tokio::select! {
                () = cancelled.cancelled() => return,
                () = self.store.outbox_changed(), if sleep > Duration::ZERO => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Delivers everything that may be tried at `now`, once.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read or told; a record may then be delivered again.
    pub async fn round(&self, now: Timestamp) -> Result<Round, StoreError> {
        let changes = if self.book.takes_calls() { self.calls(now).await? } else { self.records(now).await? };
        if changes.is_empty() {
            return Ok(Round::default());
        }
        let mut round = Round::default();
        for change in &changes {
            match change {
                OutboxChange::Delivered { .. } | OutboxChange::WithCall { .. } => round.delivered += 1,
                OutboxChange::Retry { .. } => round.retried += 1,
                OutboxChange::Park { .. } => round.parked += 1,
            }
        }
        self.store.write(changes.into_iter().map(Write::Outbox).collect::<Vec<_>>()).await?;
        Ok(round)
    }

    /// To a book that takes one record after another.
    async fn records(&self, now: Timestamp) -> Result<Vec<OutboxChange>, StoreError> {
        let due = self.store.outbox_due(now, MOST_LANES).await?;
        Ok(join_all(due.into_iter().map(|entry| self.deliver(entry, now))).await)
    }

    /// To a book that takes calls.
    async fn calls(&self, now: Timestamp) -> Result<Vec<OutboxChange>, StoreError> {
        let due = self.store.outbox_batches(now, MOST_LANES).await?;
        let changes = join_all(due.into_iter().map(|batch| self.deliver_batch(batch, now))).await;
        Ok(changes.into_iter().flatten().collect())
    }

    async fn deliver_batch(&self, batch: OutboxBatch, now: Timestamp) -> Vec<OutboxChange> {
        match batch {
            OutboxBatch::Flags(entry) => vec![match self.deliver(*entry, now).await {
                OutboxChange::Delivered { entry } => OutboxChange::WithCall { entry },
                kept @ (OutboxChange::WithCall { .. } | OutboxChange::Retry { .. } | OutboxChange::Park { .. }) => kept,
            }],
            OutboxBatch::Call(entries) => self.deliver_call(entries, now).await,
        }
    }

    async fn deliver_call(&self, entries: Vec<OutboxEntry>, now: Timestamp) -> Vec<OutboxChange> {
        let records: Vec<Record> = entries.iter().filter_map(|entry| entry.record.clone()).collect();
        let mut answers = self.book.deliver_call(records).await.into_iter();
        let change = |OutboxEntry { entry, tries, record }| {
            let tries = tries.saturating_add(1);
            let Some(record) = record else { return unreadable(entry, tries) };
            match answers.next().unwrap_or(Err(BookError::Failed)) {
                Ok(()) => OutboxChange::Delivered { entry },
                Err(error) => self.decide((entry, tries), record.kind().name(), error, now),
            }
        };
        entries.into_iter().map(change).collect()
    }

    async fn deliver(&self, entry: OutboxEntry, now: Timestamp) -> OutboxChange {
        let OutboxEntry { entry, tries, record } = entry;
        let tries = tries.saturating_add(1);
        let Some(record) = record else { return unreadable(entry, tries) };
        let kind = record.kind().name();
        match self.book.deliver(record).await {
            Ok(()) => OutboxChange::Delivered { entry },
            Err(error) => self.decide((entry, tries), kind, error, now),
        }
    }

    /// What becomes of an entry that was tried so many times and not taken.
    fn decide(&self, (entry, tries): (i64, u32), kind: &str, error: BookError, now: Timestamp) -> OutboxChange {
        match self.policy.decide(tries, error.fault(), rand::random()) {
            Next::Retry { after } => {
                tracing::warn!(entry, kind, tries, error = error.name(), "record not delivered, will be tried again");
                let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
                OutboxChange::Retry { entry, tries, at: now.saturating_add(after).unwrap_or(Timestamp::MAX) }
            }
            Next::Park => {
                tracing::error!(entry, kind, tries, error = error.name(), "record parked: a person must look at it");
                OutboxChange::Park { entry, tries }
            }
        }
    }

    /// One round with its metrics; returns how long to sleep.
    async fn work(&self) -> Duration {
        let round = self.round(Timestamp::now()).await;
        let depth = if self.book.takes_calls() {
            self.store.outbox_depth_of_calls().await
        } else {
            self.store.outbox_depth().await
        };
        let now = Timestamp::now();
        if let Ok(depth) = &depth {
            show(depth, now);
        }
        match (round, depth) {
            (Ok(round), _) if round.delivered > 0 => Duration::ZERO,
            (Ok(_), Ok(OutboxDepth { next: Some(next), .. })) => {
                Duration::try_from(next.duration_since(now)).unwrap_or_default().clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
            }
            (Ok(_), _) => LONGEST_SLEEP,
            (Err(error), _) => {
                tracing::warn!(%error, "the outbox cannot use the store");
                LONGEST_SLEEP
            }
        }
    }
}

fn unreadable(entry: i64, tries: u32) -> OutboxChange {
    tracing::error!(entry, "record parked: it cannot be read");
    OutboxChange::Park { entry, tries }
}

fn show(depth: &OutboxDepth, now: Timestamp) {
    let age = depth.oldest.map_or(SignedDuration::ZERO, |oldest| now.duration_since(oldest));
    gauge!("tonegate_outbox_oldest_seconds").set(age.as_secs_f64().max(0.0));
    gauge!("tonegate_queue_depth", "queue" => "outbox").set(depth.waiting as f64);
    gauge!("tonegate_queue_depth", "queue" => "outbox_parked").set(depth.parked as f64);
}

#[cfg(test)]
mod tests;
