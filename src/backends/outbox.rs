//! The worker that takes records from the store to the account book.
//!
//! A record leaves the store only when the book has it. Records of one account go one after another, in order; accounts
//! go side by side. What the book refuses is parked and counted, and no longer holds up its account.
//!
//! A book that [takes calls](AccountBook::takes_calls) gets the records of a call together, once it is over; what forbids
//! further talk it gets at once, whatever else is on its way, and once more with its call.

mod backlog;
mod delivery;
mod lanes;
mod pace;
mod step;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use ::book::outbox::RetryPolicy;
use jiff::{SignedDuration, Timestamp};
use metrics::gauge;
use tokio_util::sync::CancellationToken;

use crate::book::AccountBook;
use crate::store::{Health, HealthProblem, OutboxBatch, OutboxChange, OutboxDepth, Store, StoreError, Write};

pub(crate) use backlog::NOT_IN_BACKLOG;
use delivery::entries;
use lanes::{Kind, Lanes};
use pace::{News, Pace};
pub use step::{Observer, Step};

/// Most accounts served side by side.
const MOST_LANES: usize = 16;
/// The longest sleep, so that the metrics stay fresh.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// So many waiting entries are a backlog: fewer go faster call by call (Bulk API 2.0 Developer Guide, "How Requests Are Processed").
const BACKLOG: u64 = 2_000;
/// Most entries of a backlog that go at once.
const MOST_BACKLOG: usize = 20_000;
/// How long ends of deliveries are waited for before what comes next is read, which takes some 60 ms where 20,000 entries wait.
const GATHERED: Duration = Duration::from_millis(200);
/// The shortest sleep, so that trouble does not spin.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

/// The worker.
pub struct Outbox {
    store: Store,
    book: Arc<dyn AccountBook>,
    policy: RetryPolicy,
    observer: Observer,
    /// Whether it was tried to end what an earlier run left behind, and whether it is ended.
    has_tried: AtomicBool,
    has_begun: AtomicBool,
    /// Until when the book is offered no backlog, in milliseconds since 1970, because it took nothing of the last.
    no_backlog_until: AtomicI64,
}

/// What came of deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Records the book has taken.
    pub delivered: usize,
    /// Records to be tried again.
    pub retried: usize,
    /// Records parked.
    pub parked: usize,
}

impl Round {
    /// Both as one.
    const fn and(self, other: Self) -> Self {
        Self {
            delivered: self.delivered + other.delivered,
            retried: self.retried + other.retried,
            parked: self.parked + other.parked,
        }
    }
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
        let [has_tried, has_begun] = [false; 2].map(AtomicBool::new);
        Self { store, book, policy, observer, has_tried, has_begun, no_backlog_until: AtomicI64::new(0) }
    }

    /// Works until cancelled, and then until what is on its way has come to its end. What is left stays in the store for the next
    /// start.
    pub async fn run(self, cancelled: CancellationToken) {
        let (mut lanes, mut pace) = (Lanes::default(), Pace::new(Instant::now()));
        let mut is_taking = false;
        while !cancelled.is_cancelled() {
            let sleep = match self.work(&mut lanes, &pace, is_taking).await {
                Ok(sleep) => sleep,
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot use the store");
                    pace.heard(Instant::now(), Err(&error));
                    LONGEST_SLEEP
                }
            };
            is_taking = false;
            tokio::select! {
                () = cancelled.cancelled() => {}
                Some(ended) = lanes.next() => {
                    is_taking = heard(&mut pace, &ended) | gather(&mut lanes, &mut pace).await;
                }
                () = self.store.outbox_changed() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
        while lanes.next().await.is_some() {}
    }

    /// Delivers everything that may be tried at `now`, once, and waits until all of it is over.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read or told; a record may then be delivered again.
    pub async fn round(&self, now: Timestamp) -> Result<Round, StoreError> {
        let mut lanes = Lanes::default();
        if !self.has_begun.load(Ordering::Relaxed) {
            self.begin_jobs(&mut lanes);
            self.all(&mut lanes).await?;
        }
        self.begin_flags(&mut lanes, now).await?;
        self.begin_calls(&mut lanes, now).await?;
        let round = self.all(&mut lanes).await?;
        // What went shows that the book takes something again.
        if round.delivered > 0 {
            self.begin_backlog(&mut lanes, now).await?;
        }
        Ok(round.and(self.all(&mut lanes).await?))
    }

    async fn all(&self, lanes: &mut Lanes<'_>) -> Result<Round, StoreError> {
        let mut all = Ok(Round::default());
        while let Some(ended) = lanes.next().await {
            all = all.and_then(|round| Ok(round.and(ended?)));
        }
        all
    }

    /// Begins what may, and tells how it stands; returns for how long there is nothing more to begin unless something ends or comes.
    async fn work<'a>(&'a self, lanes: &mut Lanes<'a>, pace: &Pace, is_taking: bool) -> Result<Duration, StoreError> {
        if *self.store.health().borrow() == Health::Bad(HealthProblem::LowSpace) {
            // Room for what must be kept goes before memory of what is done.
            self.store.write(Write::DeliveredForgotten { before: Timestamp::now() }).await.ok();
        }
        show(&self.depth().await?, Timestamp::now());
        let pause = pace.pause(Instant::now());
        if pause > Duration::ZERO {
            return Ok(pause.min(LONGEST_SLEEP));
        }
        self.begin_flags(lanes, Timestamp::now()).await?;
        let pause = pace.pause_of_calls(Instant::now());
        if pause > Duration::ZERO {
            return Ok(pause);
        }
        if !self.has_begun.load(Ordering::Relaxed) {
            self.begin_jobs(lanes);
            if !self.has_tried.load(Ordering::Relaxed) {
                return Ok(LONGEST_SLEEP);
            }
        }
        if is_taking {
            self.begin_backlog(lanes, Timestamp::now()).await?;
        }
        self.begin_calls(lanes, Timestamp::now()).await?;
        if lanes.free(Kind::Call) == 0 {
            return Ok(LONGEST_SLEEP);
        }
        let next = self.next(lanes.taken()).await?;
        let until = |next: Timestamp| Duration::try_from(next.duration_since(Timestamp::now())).unwrap_or_default();
        Ok(next.map_or(LONGEST_SLEEP, |next| until(next).clamp(SHORTEST_SLEEP, LONGEST_SLEEP)))
    }

    /// Has the book end what an earlier run left running. Flags go meanwhile; calls wait for the first try.
    fn begin_jobs<'a>(&'a self, lanes: &mut Lanes<'a>) {
        if lanes.free(Kind::Jobs) > 0 {
            lanes.begin(Kind::Jobs, Vec::new(), self.end_jobs());
        }
    }

    /// What forbids further talk goes at once, whatever else is on its way.
    async fn begin_flags<'a>(&'a self, lanes: &mut Lanes<'a>, now: Timestamp) -> Result<(), StoreError> {
        if !self.book.takes_calls() {
            return Ok(());
        }
        let flags = self.store.outbox_flags(now, lanes.free(Kind::Flags), lanes.taken()).await?;
        self.begin(lanes, Kind::Flags, flags, now).await
    }

    async fn begin_calls<'a>(&'a self, lanes: &mut Lanes<'a>, now: Timestamp) -> Result<(), StoreError> {
        let free = lanes.free(Kind::Call);
        if self.book.takes_calls() {
            let calls = self.store.outbox_calls(now, free, lanes.taken()).await?;
            return self.begin(lanes, Kind::Call, calls, now).await;
        }
        for entry in self.store.outbox_due(now, free, lanes.taken()).await? {
            lanes.begin(Kind::Call, vec![entry.lane.clone()], self.record(entry, now));
        }
        Ok(())
    }

    /// That entries are sent is durable before: after a crash it is known that the book may have them.
    async fn begin<'a>(
        &'a self,
        lanes: &mut Lanes<'a>,
        kind: Kind,
        batches: Vec<OutboxBatch>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if batches.is_empty() {
            return Ok(());
        }
        let numbers: Vec<i64> = batches.iter().flat_map(entries).collect();
        self.observe(Step::Due, &numbers);
        let marks = numbers.iter().map(|&entry| Write::Outbox(OutboxChange::Sending { entry }));
        self.store.write(marks.collect::<Vec<_>>()).await?;
        self.observe(Step::Marked, &numbers);
        for batch in batches {
            lanes.begin(kind, vec![batch.lane()], self.batch(batch, now));
        }
        Ok(())
    }

    async fn depth(&self) -> Result<OutboxDepth, StoreError> {
        if self.book.takes_calls() { self.store.outbox_depth_of_calls().await } else { self.store.outbox_depth().await }
    }

    async fn next(&self, taken: &BTreeSet<String>) -> Result<Option<Timestamp>, StoreError> {
        if self.book.takes_calls() {
            self.store.outbox_next_of_calls(taken).await
        } else {
            self.store.outbox_next(taken).await
        }
    }

    fn observe(&self, step: Step, entries: &[i64]) {
        entries.iter().for_each(|&entry| (self.observer)(step, entry));
    }
}

/// Waits a moment for more deliveries to end while most are on their way: what comes after them is read at once. Returns whether
/// the book takes something.
async fn gather(lanes: &mut Lanes<'_>, pace: &mut Pace) -> bool {
    let mut is_taking = false;
    let ends = async {
        while lanes.free(Kind::Call) < MOST_LANES / 2
            && let Some(ended) = lanes.next().await
        {
            is_taking |= heard(pace, &ended);
        }
    };
    tokio::time::timeout(GATHERED, ends).await.ok();
    is_taking
}

/// A delivery is over: the pace is told, and whether the book takes something.
fn heard(pace: &mut Pace, ended: &Result<Round, StoreError>) -> bool {
    match pace.heard(Instant::now(), ended.as_ref().copied()) {
        Some(News::Down) => {
            tracing::warn!("the account book takes no records: they wait in the outbox, and are tried again");
        }
        Some(News::Up) => tracing::info!("the account book takes records again"),
        None => {}
    }
    match ended {
        Ok(round) => round.delivered > 0,
        Err(error) => {
            tracing::warn!(%error, "the outbox cannot tell the store what was delivered");
            false
        }
    }
}

fn show(depth: &OutboxDepth, now: Timestamp) {
    let age = depth.oldest.map_or(SignedDuration::ZERO, |oldest| now.duration_since(oldest));
    gauge!("tonegate_outbox_oldest_seconds").set(age.as_secs_f64().max(0.0));
    gauge!("tonegate_queue_depth", "queue" => "outbox").set(depth.waiting as f64);
    gauge!("tonegate_queue_depth", "queue" => "outbox_parked").set(depth.parked as f64);
}

#[cfg(test)]
mod tests;
