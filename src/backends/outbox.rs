//! The worker that takes records from the store to the account book.
//!
//! A record leaves the store only when the book has it. Records of one account go one after another, in order; accounts
//! go side by side. What the book refuses is parked and counted, and no longer holds up its account.
//!
//! A book that [takes calls](AccountBook::takes_calls) gets the records of a call together, once it is over; what forbids
//! further talk it gets at once, whatever else is on its way, and once more with its call.

mod backlog;
mod step;
mod urgent;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use ::book::Record;
use ::book::outbox::{Fault, Next, RetryPolicy};
use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use metrics::gauge;
use tokio_util::sync::CancellationToken;

use crate::book::{AccountBook, BookError, Earlier, History};
use crate::store::{
    Health, HealthProblem, OutboxBatch, OutboxChange, OutboxDepth, OutboxEntry, Store, StoreError, Write,
};

pub(crate) use backlog::NOT_IN_BACKLOG;
pub use step::{Observer, Step};
use urgent::entries;

/// Most accounts served side by side.
const MOST_LANES: usize = 16;
/// The longest sleep, so that the metrics stay fresh.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// So many waiting entries are a backlog: fewer go faster call by call (Bulk API 2.0 Developer Guide, "How Requests Are Processed").
const BACKLOG: u64 = 2_000;
/// Most entries of a backlog that go at once.
const MOST_BACKLOG: usize = 20_000;
/// The shortest sleep after nothing could be done, so that trouble does not spin, and after all that was tried failed.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);
const SHORTEST_TROUBLE: Duration = Duration::from_secs(1);
/// Why an entry is parked that cannot be read.
const UNREADABLE: &str = "unreadable";

/// The worker.
pub struct Outbox {
    store: Store,
    book: Arc<dyn AccountBook>,
    policy: RetryPolicy,
    observer: Observer,
    /// Whether what an earlier run left behind is ended.
    has_begun: AtomicBool,
    /// Until when the book is offered no backlog, in milliseconds since 1970, because it took nothing of the last.
    no_backlog_until: AtomicI64,
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
        Self::observed(store, book, policy, Arc::new(|_, _| ()))
    }

    /// The same, with somebody who is told of every step of every entry, and is waited for.
    #[must_use]
    pub fn observed(store: Store, book: Arc<dyn AccountBook>, policy: RetryPolicy, observer: Observer) -> Self {
        Self { store, book, policy, observer, has_begun: AtomicBool::new(false), no_backlog_until: AtomicI64::new(0) }
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
        if self.book.takes_calls() {
            if !self.has_begun.load(Ordering::Relaxed) {
                self.has_begun.store(self.end_jobs().await.is_ok(), Ordering::Relaxed);
            }
            let due = self.store.outbox_batches(now, MOST_LANES).await?;
            let under_way = due.iter().flat_map(entries).collect();
            let round = self.with_flags(&under_way, self.batches(due, now)).await?;
            // What went shows that the book takes something again.
            if round.delivered == 0 || !self.book.takes_backlogs() { Ok(round) } else { self.backlog(round, now).await }
        } else {
            let due = self.store.outbox_due(now, MOST_LANES).await?;
            total(join_all(due.into_iter().map(|entry| self.record(entry, now))).await)
        }
    }

    /// To a book that takes one record after another.
    async fn record(&self, entry: OutboxEntry, now: Timestamp) -> Result<Round, StoreError> {
        let number = [entry.entry];
        self.observe(Step::Due, &number);
        let change = match entry.record.clone() {
            None => unreadable(&entry, now),
            Some(record) => {
                let answer = self.asked(&number, self.book.deliver(record)).await;
                self.decide(&entry, answer, now)
            }
        };
        self.settle(&number, vec![change]).await
    }

    /// To a book that takes calls. That they are sent is durable before: after a crash it is known that the book may have them.
    async fn batches(&self, batches: Vec<OutboxBatch>, now: Timestamp) -> Result<Round, StoreError> {
        if batches.is_empty() {
            return Ok(Round::default());
        }
        let numbers: Vec<i64> = batches.iter().flat_map(entries).collect();
        self.observe(Step::Due, &numbers);
        let marks = numbers.iter().map(|&entry| Write::Outbox(OutboxChange::Sending { entry }));
        self.store.write(marks.collect::<Vec<_>>()).await?;
        self.observe(Step::Marked, &numbers);
        total(join_all(batches.into_iter().map(|batch| self.batch(batch, now))).await)
    }

    async fn batch(&self, batch: OutboxBatch, now: Timestamp) -> Result<Round, StoreError> {
        let numbers: Vec<i64> = entries(&batch).collect();
        let changes = match batch {
            OutboxBatch::Flags(entry) => vec![self.flags(&entry, now).await],
            OutboxBatch::Call { entries, is_superseded } => {
                let earlier = Earlier::of(entries.iter().any(|entry| entry.is_unclear));
                self.call(&numbers, &entries, History { earlier, is_superseded }, now).await
            }
        };
        self.settle(&numbers, changes).await
    }

    async fn flags(&self, entry: &OutboxEntry, now: Timestamp) -> OutboxChange {
        let Some(Record::AccountUpdate(update)) = entry.record.clone() else { return unreadable(entry, now) };
        let answer = self.asked(&[entry.entry], self.book.set_flags(update, Earlier::of(entry.is_unclear))).await;
        match self.decide(entry, answer, now) {
            OutboxChange::Delivered { entry, .. } => OutboxChange::WithCall { entry },
            kept @ (OutboxChange::Sending { .. }
            | OutboxChange::Done { .. }
            | OutboxChange::WithCall { .. }
            | OutboxChange::Retry { .. }
            | OutboxChange::Park { .. }
            | OutboxChange::Replay { .. }) => kept,
        }
    }

    async fn call(
        &self,
        numbers: &[i64],
        entries: &[OutboxEntry],
        history: History,
        now: Timestamp,
    ) -> Vec<OutboxChange> {
        let records: Vec<Record> = entries.iter().filter_map(|entry| entry.record.clone()).collect();
        let answers = self.asked(numbers, self.book.deliver_call(records, history)).await;
        let mut answers = answers.into_iter();
        let change = |entry: &OutboxEntry| match entry.record {
            None => unreadable(entry, now),
            Some(_) => self.decide(entry, answers.next().unwrap_or(Err(BookError::Failed)), now),
        };
        entries.iter().map(change).collect()
    }

    /// Waits for an answer of the book.
    async fn asked<T>(&self, entries: &[i64], answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        let answered = match answer.as_mut().now_or_never() {
            Some(answered) => answered,
            None => {
                self.observe(Step::Asked, entries);
                answer.await
            }
        };
        self.observe(Step::Answered, entries);
        answered
    }

    /// Makes durable what became of entries.
    async fn settle(&self, entries: &[i64], changes: Vec<OutboxChange>) -> Result<Round, StoreError> {
        let mut round = Round::default();
        for change in &changes {
            match change {
                OutboxChange::Delivered { .. } | OutboxChange::Done { .. } | OutboxChange::WithCall { .. } => {
                    round.delivered += 1;
                }
                OutboxChange::Park { .. } => round.parked += 1,
                OutboxChange::Retry { .. } | OutboxChange::Sending { .. } | OutboxChange::Replay { .. } => {
                    round.retried += 1;
                }
            }
        }
        let writes = |change: fn(OutboxChange) -> OutboxChange| -> Vec<Write> {
            changes.iter().map(|made| Write::Outbox(change(*made))).collect()
        };
        match self.store.write(writes(std::convert::identity)).await {
            // What the book has makes room.
            Err(StoreError::Full) => self.store.write(writes(OutboxChange::without_memory)).await?,
            settled => settled?,
        };
        self.observe(Step::Settled, entries);
        Ok(round)
    }

    fn observe(&self, step: Step, entries: &[i64]) {
        entries.iter().for_each(|&entry| (self.observer)(step, entry));
    }

    /// What becomes of an entry by the answer to it.
    fn decide(&self, tried: &OutboxEntry, answer: Result<(), BookError>, now: Timestamp) -> OutboxChange {
        let OutboxEntry { entry, is_unclear: was_unclear, .. } = *tried;
        let Err(error) = answer else { return OutboxChange::Delivered { entry, at: now } };
        let (failure, fault) = (error.name(), error.fault());
        let kind = tried.record.as_ref().map_or(UNREADABLE, |record| record.kind().name());
        let tries = tried.tries.saturating_add(1);
        let rejections = tried.rejections.saturating_add(u32::from(fault == Fault::Rejected));
        match self.policy.decide(tries, rejections, fault, rand::random()) {
            Next::Retry { after } => {
                tracing::warn!(entry, kind, tries, error = failure, "record not delivered, will be tried again");
                let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
                let at = now.saturating_add(after).unwrap_or(Timestamp::MAX);
                let is_unclear = error.is_unclear() || (error.is_unsent() && was_unclear);
                OutboxChange::Retry { entry, tries, rejections, at, is_unclear, failure }
            }
            Next::Park => {
                tracing::error!(entry, kind, tries, error = failure, "record parked: a person must look at it");
                OutboxChange::Park { entry, tries, at: now, failure }
            }
        }
    }

    /// One round with its metrics; returns how long to sleep.
    async fn work(&self) -> Duration {
        if *self.store.health().borrow() == Health::Bad(HealthProblem::LowSpace) {
            // Room for what must be kept goes before memory of what is done.
            self.store.write(Write::DeliveredForgotten { before: Timestamp::now() }).await.ok();
        }
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
            (Ok(round), Ok(OutboxDepth { next: Some(next), .. })) => {
                let shortest = if round.retried > 0 { SHORTEST_TROUBLE } else { SHORTEST_SLEEP };
                Duration::try_from(next.duration_since(now)).unwrap_or_default().clamp(shortest, LONGEST_SLEEP)
            }
            (Ok(_), _) => LONGEST_SLEEP,
            (Err(error), _) => {
                tracing::warn!(%error, "the outbox cannot use the store");
                LONGEST_SLEEP
            }
        }
    }
}

/// All rounds as one, or the first error.
fn total(rounds: Vec<Result<Round, StoreError>>) -> Result<Round, StoreError> {
    rounds.into_iter().try_fold(Round::default(), |total, round| {
        let Round { delivered, retried, parked } = round?;
        Ok(Round {
            delivered: total.delivered + delivered,
            retried: total.retried + retried,
            parked: total.parked + parked,
        })
    })
}

fn unreadable(tried: &OutboxEntry, now: Timestamp) -> OutboxChange {
    let (entry, tries) = (tried.entry, tried.tries.saturating_add(1));
    tracing::error!(entry, "record parked: it cannot be read");
    OutboxChange::Park { entry, tries, at: now, failure: UNREADABLE }
}

fn show(depth: &OutboxDepth, now: Timestamp) {
    let age = depth.oldest.map_or(SignedDuration::ZERO, |oldest| now.duration_since(oldest));
    gauge!("tonegate_outbox_oldest_seconds").set(age.as_secs_f64().max(0.0));
    gauge!("tonegate_queue_depth", "queue" => "outbox").set(depth.waiting as f64);
    gauge!("tonegate_queue_depth", "queue" => "outbox_parked").set(depth.parked as f64);
}

#[cfg(test)]
mod tests;
