//! A backlog: what is left of an outage goes in one piece, where the book has a way for that.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use ::book::Record;
use jiff::{SignedDuration, Timestamp};

use super::lanes::{Kind, Lanes};
use super::{BACKLOG, MOST_BACKLOG, Outbox, Round, Step};
use crate::book::BookError;
use crate::store::{OutboxChange, OutboxEntry, StoreError, Write};

/// Changes that are made at once: calls that begin or end wait for no more.
const AT_ONCE: usize = 500;
/// For how long a book that took nothing of a backlog is offered none: calls go one by one meanwhile.
const NO_BACKLOG: SignedDuration = SignedDuration::from_mins(5);
/// For how long it is not looked again whether enough may go in one piece.
const TOO_LITTLE: SignedDuration = SignedDuration::from_secs(5);
/// Why an entry did not go with a backlog. It goes with its call then, and its account's later ones after it.
pub(crate) const NOT_IN_BACKLOG: &str = "not_in_backlog";

impl Outbox {
    /// Where very much waits: all of it that may go in one piece.
    pub(super) async fn begin_backlog<'a>(&'a self, lanes: &mut Lanes<'a>, now: Timestamp) -> Result<(), StoreError> {
        let is_pausing = now.as_millisecond() < self.no_backlog_until.load(Ordering::Relaxed);
        if is_pausing || lanes.free(Kind::Backlog) == 0 || !self.book.takes_backlogs() {
            return Ok(());
        }
        if self.depth().await?.waiting <= BACKLOG {
            return Ok(());
        }
        let entries = self.store.outbox_backlog(now, MOST_BACKLOG, lanes.taken()).await?;
        if entries.len() as u64 <= BACKLOG {
            self.no_backlog_until(now, TOO_LITTLE);
            return Ok(());
        }
        let held: BTreeSet<String> = entries.iter().map(|entry| entry.lane.clone()).collect();
        lanes.begin(Kind::Backlog, held.into_iter().collect(), self.backlog(entries, now));
        Ok(())
    }

    /// Has the book end what an earlier backlog left running.
    pub(super) async fn end_jobs(&self) -> Result<Round, StoreError> {
        let ended = self.book.end_jobs(self.store.bulk_jobs()).await;
        self.has_tried.store(true, Ordering::Relaxed);
        self.has_begun.store(ended.is_ok(), Ordering::Relaxed);
        Ok(Round { retried: usize::from(ended.is_err()), ..Round::default() })
    }

    fn no_backlog_until(&self, now: Timestamp, pause: SignedDuration) {
        let until = now.saturating_add(pause).unwrap_or(Timestamp::MAX);
        self.no_backlog_until.store(until.as_millisecond(), Ordering::Relaxed);
    }

    async fn backlog(&self, entries: Vec<OutboxEntry>, now: Timestamp) -> Result<Round, StoreError> {
        if self.book.end_jobs(self.store.bulk_jobs()).await.is_err() {
            self.no_backlog_until(now, TOO_LITTLE);
            return Ok(Round::default());
        }
        let numbers: Vec<i64> = entries.iter().map(|entry| entry.entry).collect();
        self.observe(Step::Due, &numbers);
        for numbers in numbers.chunks(AT_ONCE) {
            let marks = numbers.iter().map(|&entry| Write::Outbox(OutboxChange::Sending { entry }));
            self.store.write(marks.collect::<Vec<_>>()).await?;
        }
        self.observe(Step::Marked, &numbers);
        let records: Vec<Record> = entries.iter().filter_map(|entry| entry.record.clone()).collect();
        let answers = self.asked(&numbers, self.book.deliver_backlog(records, self.store.bulk_jobs())).await;
        let is_taken = answers.iter().any(|answer| !answer.is_err_and(BookError::is_unsent));
        if !is_taken {
            self.no_backlog_until(now, NO_BACKLOG);
        }
        let mut answers = answers.into_iter();
        let change = |OutboxEntry { entry, tries, rejections, record, is_unclear: was_unclear, .. }: OutboxEntry| {
            let answer = record.map_or(Err(BookError::Refused), |_| answers.next().unwrap_or(Err(BookError::Unclear)));
            let Err(error) = answer else { return OutboxChange::Delivered { entry, at: now } };
            let is_known = error.is_unclear() || error.is_unsent();
            let failure = if is_known { error.name() } else { NOT_IN_BACKLOG };
            let is_unclear = error.is_unclear() || (error.is_unsent() && was_unclear);
            OutboxChange::Retry { entry, tries, rejections, at: now, is_unclear, failure }
        };
        let changes: Vec<OutboxChange> = entries.into_iter().map(change).collect();
        let mut all = Ok(Round::default());
        for (numbers, changes) in numbers.chunks(AT_ONCE).zip(changes.chunks(AT_ONCE)) {
            let settled = self.settle(numbers, changes.to_vec()).await;
            all = all.and_then(|round| Ok(round.and(settled?)));
        }
        all
    }
}
