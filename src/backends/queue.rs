//! The call queue in a file of its own: what was assigned, what was heard of, and how far a subscription has come.
//!
//! What an event does to the queue, that it was seen, the place behind it, and whether others may be missing become durable in
//! one transaction, or nothing of it does. Several gateways may have the file open; the one that holds the lease of a subscription is the only one whose
//! transactions are taken.
//!
//! | kept | for how long |
//! |---|---|
//! | assignments that wait | until they expire or are revoked; at most [`MOST_WAITING`] |
//! | assignments and revocations that are over | [`KEPT_HOURS`] |
//! | ids of events | [`SEEN_HOURS`], longer than an org delivers them again |
//! | events that could not be read, without what is in them | the last [`MOST_QUARANTINED`] |

mod apply;
mod gap;
mod lease;
mod schema;
mod sweep;
#[cfg(test)]
mod tests;

use std::{path::Path, time::Duration};

use ::book::{
    queue::{Assignment, Change, Listed},
    salesforce::subscription::{Progress, ReplayId},
};
use jiff::{SignedDuration, Timestamp};
use metrics::gauge;
use rusqlite::Connection;

use crate::store::{StoreError, Worker, connect, private_file};

/// Most assignments that wait.
pub const MOST_WAITING: u64 = 100_000;
/// How long ids of events are kept: an org delivers events for 72 hours.
pub const SEEN_HOURS: i64 = 96;
/// How long assignments and revocations are kept that are over.
pub const KEPT_HOURS: i64 = 30 * 24;
/// Most events that are kept as unreadable.
pub const MOST_QUARANTINED: u64 = 1_000;
/// How long one question may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// Questions that may wait.
const WAITING: usize = 64;

/// Who subscribes to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The subscription: the org's address and the topic.
    pub subscription: String,
    /// The process; no other has this name.
    pub name: String,
}

/// Events that came together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The events in their order.
    pub events: Vec<Received>,
    /// The place behind them.
    pub place: Option<ReplayId>,
    /// Until when others may be missing that no sweep has stood in for yet.
    pub gap: Option<Timestamp>,
    /// How old an assignment may be.
    pub oldest: SignedDuration,
}

/// An event.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its id, under which it is acted on once; none where it came without.
    pub uuid: Option<String>,
    /// What it says.
    pub content: Content,
}

/// What an event says.
#[derive(Clone, Debug)]
pub enum Content {
    /// A change of the queue.
    Change(Change),
    /// Nothing that can be read.
    Unreadable(Unreadable),
}

/// What is kept of an event that cannot be read: nothing that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its place.
    pub replay_id: ReplayId,
    /// The schema that it was said to have.
    pub schema_id: String,
    /// Why it cannot be read.
    pub reason: String,
    /// How many bytes it has.
    pub bytes: usize,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The account is in the queue.
    Queued,
    /// It was heard of before.
    Repeated,
    /// The assignment is too old.
    Old,
    /// Its time was over.
    Expired,
    /// It was revoked before it came.
    RevokedBefore,
    /// What waited is revoked.
    Revoked,
    /// Nothing waited; what comes late will be revoked.
    RevokedAhead,
    /// It cannot be read.
    Quarantined,
    /// Too many assignments wait: it is left out, as if it had not come, and a sweep brings its account once there is room.
    NoRoom,
}

impl Outcome {
    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Repeated => "repeated",
            Self::Old => "old",
            Self::Expired => "expired",
            Self::RevokedBefore => "revoked_before",
            Self::Revoked => "revoked",
            Self::RevokedAhead => "revoked_ahead",
            Self::Quarantined => "quarantined",
            Self::NoRoom => "no_room",
        }
    }
}

/// The accounts that an org has in the queue.
#[derive(Clone, Debug)]
pub struct Found {
    /// The accounts.
    pub accounts: Vec<Listed>,
    /// When the org was asked.
    pub asked_at: Timestamp,
    /// Whether these are all.
    pub is_whole: bool,
}

/// What a sweep changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Accounts that are in the queue now and were not.
    pub queued: u64,
    /// Accounts that an earlier sweep had found and that are in the org's queue no more.
    pub withdrawn: u64,
    /// Accounts that are not in the queue because too many wait.
    pub left_out: u64,
    /// Whether these were all.
    pub is_whole: bool,
}

/// How full it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Assignments that wait.
    pub waiting: u64,
    /// Events that are kept as unreadable.
    pub quarantined: u64,
}

/// Shows how full it is in metrics.
pub fn show(depth: Depth) {
    gauge!("tonegate_queue_depth", "queue" => "assignments").set(depth.waiting as f64);
    gauge!("tonegate_queue_depth", "queue" => "assignments_quarantined").set(depth.quarantined as f64);
}

/// Why the queue did not take something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The lease is somebody else's, or over.
    #[error("another gateway holds the lease of the subscription")]
    NotHeld,
    /// The file, or its thread.
    #[error("the queue: {0}")]
    Store(String),
}

impl QueueError {
    /// The name in metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotHeld => "not_held",
            Self::Store(_) => "store",
        }
    }
}

impl From<StoreError> for QueueError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<rusqlite::Error> for QueueError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// The queue. A thread of its own owns the file.
pub struct Queue {
    worker: Worker,
}

impl Queue {
    /// Opens the file, whose directory must exist. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be used.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        private_file(path)?;
        let mut connection = connect(path)?;
        schema::prepare(&mut connection)?;
        Ok(Self { worker: Worker::start("call-queue", connection, WAITING)? })
    }

    /// Takes the lease until `until`, or keeps it until then. Whether it is held now.
    ///
    /// # Errors
    /// [`QueueError::Store`].
    pub async fn claim(&self, holder: Holder, now: Timestamp, until: Timestamp) -> Result<bool, QueueError> {
        self.ask(move |connection| lease::claim(connection, &holder, now, until)).await
    }

    /// Gives the lease back.
    ///
    /// # Errors
    /// [`QueueError::Store`].
    pub async fn release(&self, holder: Holder) -> Result<(), QueueError> {
        self.ask(move |connection| lease::release(connection, &holder)).await
    }

    /// The place behind the last event that was stored, and whether events before it may be missing.
    ///
    /// # Errors
    /// [`QueueError::Store`].
    pub async fn progress(&self, holder: Holder) -> Result<Progress, QueueError> {
        self.ask(move |connection| {
            Ok(Progress { place: apply::place(connection, &holder)?, has_gap: gap::is_open(connection, &holder)? })
        })
        .await
    }

    /// Acts on events and stores the place behind them. Says what became of each, in their order. Where there was
    /// [no room](Outcome::NoRoom) for one, events may be missing from now on.
    ///
    /// # Errors
    /// [`QueueError`]; nothing is changed then, but that an answer past the deadline may come from a change that was made.
    pub async fn store(&self, holder: Holder, batch: Batch, now: Timestamp) -> Result<Vec<Outcome>, QueueError> {
        self.ask(move |connection| apply::store(connection, &holder, &batch, now)).await
    }

    /// Queues accounts that the org has in the queue and no event told of, and takes out those that it has no more. Where these
    /// are all and there is room for them, events that were missing when the org was asked are missing no more.
    ///
    /// # Errors
    /// [`QueueError`]; nothing is changed then.
    pub async fn sweep(&self, holder: Holder, found: Found, now: Timestamp) -> Result<Swept, QueueError> {
        self.ask(move |connection| sweep::apply(connection, &holder, &found, now)).await
    }

    /// Takes out what has expired, and forgets what was kept long enough. Says how much has expired.
    ///
    /// # Errors
    /// [`QueueError::Store`].
    pub async fn tidy(&self, now: Timestamp) -> Result<u64, QueueError> {
        self.ask(move |connection| apply::tidy(connection, now)).await
    }

    /// What waits, the greatest priority first, then what may be called first; at most `most`.
    ///
    /// # Errors
    /// [`QueueError::Store`].
    pub async fn waiting(&self, most: u32) -> Result<Vec<Assignment>, QueueError> {
        self.ask(move |connection| apply::waiting(connection, most)).await
    }

    /// How full it is.
    ///
    /// # Errors
    /// [`QueueError::Store`].
    pub async fn depth(&self) -> Result<Depth, QueueError> {
        self.ask(|connection| apply::depth(connection)).await
    }

    /// The events that are kept as unreadable, the last one first; at most `most`.
    ///
    /// # Errors
    /// [`QueueError::Store`].
    pub async fn quarantine(&self, most: u32) -> Result<Vec<Unreadable>, QueueError> {
        self.ask(move |connection| apply::quarantine(connection, most)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Connection) -> Result<T, QueueError> + Send + 'static,
    ) -> Result<T, QueueError> {
        let answer = self.worker.ask(question).map_err(StoreError::from)?;
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(StoreError::Closed.into()),
            Err(_) => Err(StoreError::Stalled.into()),
        }
    }
}
