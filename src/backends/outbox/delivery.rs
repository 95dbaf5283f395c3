//! One delivery: what is asked of the account book, and what becomes of each entry by the answer.

use std::pin::pin;

use ::book::Record;
use ::book::outbox::{Fault, Next};
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};

use super::{Outbox, Round, Step};
use crate::book::{BookError, Earlier, History};
use crate::store::{OutboxBatch, OutboxChange, OutboxEntry, StoreError, Write};

/// Why an entry is parked that cannot be read.
pub(super) const UNREADABLE: &str = "unreadable";

impl Outbox {
    /// To a book that takes one record after another.
    pub(super) async fn record(&self, entry: OutboxEntry, now: Timestamp) -> Result<Round, StoreError> {
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

    /// To a book that takes calls.
    pub(super) async fn batch(&self, batch: OutboxBatch, now: Timestamp) -> Result<Round, StoreError> {
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
    pub(super) async fn asked<T>(&self, entries: &[i64], answer: impl Future<Output = T>) -> T {
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
    pub(super) async fn settle(&self, entries: &[i64], changes: Vec<OutboxChange>) -> Result<Round, StoreError> {
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
                if fault == Fault::Rejected {
                    tracing::warn!(entry, kind, tries, error = failure, "record refused, will be tried again");
                } else {
                    tracing::debug!(entry, kind, tries, error = failure, "record not delivered yet");
                }
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
}

fn unreadable(tried: &OutboxEntry, now: Timestamp) -> OutboxChange {
    let (entry, tries) = (tried.entry, tried.tries.saturating_add(1));
    tracing::error!(entry, "record parked: it cannot be read");
    OutboxChange::Park { entry, tries, at: now, failure: UNREADABLE }
}

/// What is in a batch, by its numbers.
pub(super) fn entries(batch: &OutboxBatch) -> impl Iterator<Item = i64> {
    batch.entries().iter().map(|entry| entry.entry)
}
