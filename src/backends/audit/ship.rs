//! Making checkpoints of the chain and shipping them off the machine: to files in a directory, which belongs on another volume,
//! and to a collector by HTTPS. What cannot be shipped waits in the store, and is not lost by a crash.
//!
//! Each try has a deadline ([`WRITE`], [`POST`]); a destination that fails is tried again after 1 s, 2 s, 4 s and so on up to a
//! minute, and spared meanwhile. A checkpoint may arrive twice, never out of order.

mod collector;
mod directory;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use metrics::{counter, gauge};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::entry::{Details, Entry, Kind};
use super::schedule::{Patience, Schedule};
use super::watch::{Place, Slice};
use super::{NO_CALL, Predecessor, Verifier};
use crate::store::{Destination, Store, Waiting, Write};

use collector::Client;
pub use collector::Collector;
use directory::Directory;

/// How often it is looked whether something is to be made or shipped, and a part of the chain verified.
const EVERY: Duration = Duration::from_secs(1);
/// How long a checkpoint may take to be written to the directory.
const WRITE: Duration = Duration::from_secs(10);
/// How long the collector may take to answer.
const POST: Duration = Duration::from_secs(5);
/// How long shipping may take when the gateway leaves; what is left is shipped by the next run.
const FAREWELL: Duration = Duration::from_millis(1_500);
/// Checkpoints shipped in one go.
const MOST: usize = 64;

/// Where checkpoints go, and how often they are made.
#[derive(Debug)]
pub struct ShippingOptions {
    /// The gateway's name.
    pub node: String,
    /// This run.
    pub instance: Uuid,
    /// The directory of their files.
    pub directory: PathBuf,
    /// Where they are posted, if anywhere.
    pub collector: Option<Collector>,
    /// Longest after a record until a checkpoint covers it.
    pub every: Duration,
    /// Most records that no checkpoint covers.
    pub records: u64,
}

/// Why shipping cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ShippingError {
    /// A setting of the collector cannot be used.
    #[error("audit.ship_{0} cannot be used")]
    Setting(&'static str),
}

/// Why a checkpoint did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// The destination does not answer, or cannot be written to.
    Failed,
    /// The collector does not want it.
    Refused,
}

/// Makes and ships checkpoints until it is closed.
pub struct Shipping {
    courier: Arc<Courier>,
    stop: DropGuard,
    task: JoinHandle<()>,
}

impl Shipping {
    /// Begins. The store must have been opened with a key and an instance.
    ///
    /// # Errors
    /// Where the collector's settings cannot be used.
    pub fn start(store: Store, options: ShippingOptions) -> Result<Self, ShippingError> {
        let client = options.collector.as_ref().map(|collector| Client::new(collector, POST)).transpose()?;
        let directory = Directory::new(options.directory, &options.node, options.instance);
        let courier = Arc::new(Courier {
            store,
            instance: options.instance,
            schedule: Mutex::new(Schedule::new(options.every, options.records)),
            directory: Mutex::new((directory, Patience::default())),
            client: client.map(|client| Mutex::new((client, Patience::default()))),
        });
        courier.show();
        let stop = CancellationToken::new();
        let task = tokio::spawn(Arc::clone(&courier).run(stop.clone()));
        Ok(Self { courier, stop: stop.drop_guard(), task })
    }

    /// Closes this run's part of the chain, and ships what there is while the gateway waits a little.
    pub async fn close(self) {
        drop(self.stop);
        let details = Details::new().id("instance", self.courier.instance);
        let entry = Entry { call: NO_CALL, at: Timestamp::now(), kind: Kind::LogStopped, details };
        if let Err(error) = self.courier.store.write(Write::Audit(entry)).await {
            tracing::error!(%error, "the audit chain of this run could not be closed");
        }
        self.courier.make(true).await;
        let shipped = async { tokio::join!(self.courier.keep(), self.courier.post()) };
        if tokio::time::timeout(FAREWELL, shipped).await.is_err() {
            tracing::warn!("the last checkpoints are not shipped; the next run ships them");
        }
        self.task.abort();
        self.task.await.ok();
    }
}

struct Courier {
    store: Store,
    instance: Uuid,
    schedule: Mutex<Schedule>,
    directory: Mutex<(Directory, Patience)>,
    client: Option<Mutex<(Client, Patience)>>,
}

impl Courier {
    /// Shows what an alert counts before its first event.
    fn show(&self) {
        for destination in [Destination::Directory, Destination::Collector] {
            let name = destination.name();
            for result in ["kept", "failed", "refused"] {
                counter!("tonegate_audit_checkpoints_total", "destination" => name, "result" => result).increment(0);
            }
            gauge!("tonegate_audit_unshipped_seconds", "destination" => name).set(0.0);
        }
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) {
        tokio::join!(self.making(&stop), self.keeping(&stop), self.posting(&stop), self.watching(&stop));
    }

    async fn making(&self, stop: &CancellationToken) {
        let mut beat = beat();
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            self.make(false).await;
        }
    }

    async fn keeping(&self, stop: &CancellationToken) {
        let mut beat = beat();
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            self.keep().await;
        }
    }

    async fn posting(&self, stop: &CancellationToken) {
        let mut beat = beat();
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            self.post().await;
        }
    }

    async fn watching(&self, stop: &CancellationToken) {
        let (mut beat, mut watched) = (beat(), Watched::default());
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            watched.look(&self.store).await;
        }
    }

    async fn make(&self, is_last: bool) {
        let Ok(records) = self.store.audit_records().await else { return };
        let (mut schedule, now) = (self.schedule.lock().await, Instant::now());
        if !is_last && !schedule.is_due(now, records) {
            return;
        }
        let write = Write::Checkpoint { at: Timestamp::now(), kept: false, posted: self.client.is_none() };
        match self.store.write(write).await {
            Ok(_) => schedule.made(now, records),
            Err(error) => tracing::warn!(%error, "no checkpoint of the audit chain could be made; it is tried again"),
        }
    }

    async fn keep(&self) {
        let (directory, patience) = &mut *self.directory.lock().await;
        ship(&self.store, Carrier::Directory(directory), patience).await;
    }

    async fn post(&self) {
        let Some(client) = &self.client else { return };
        let (client, patience) = &mut *client.lock().await;
        ship(&self.store, Carrier::Collector(client), patience).await;
    }
}

/// Every second; one that was late moves the next.
fn beat() -> tokio::time::Interval {
    let mut beat = tokio::time::interval(EVERY);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    beat
}

/// What carries checkpoints to a destination.
enum Carrier<'a> {
    Directory(&'a mut Directory),
    Collector(&'a Client),
}

impl Carrier<'_> {
    fn destination(&self) -> Destination {
        match self {
            Self::Directory(_) => Destination::Directory,
            Self::Collector(_) => Destination::Collector,
        }
    }

    async fn deliver(&mut self, waiting: &Waiting) -> Result<(), Failure> {
        match self {
            Self::Directory(directory) => directory.append(waiting, WRITE).await.map_err(|error| {
                tracing::error!(%error, "a checkpoint cannot be kept in audit.checkpoints");
                Failure::Failed
            }),
            Self::Collector(client) => client.post(waiting).await,
        }
    }
}

/// Ships what waits for a destination in order, as far as it goes.
async fn ship(store: &Store, mut carrier: Carrier<'_>, patience: &mut Patience) {
    let destination = carrier.destination();
    let name = destination.name();
    let Ok(waiting) = store.unshipped(destination, MOST).await else { return };
    let mut delivered = None;
    for waiting in &waiting {
        if !patience.allows(Instant::now()) {
            break;
        }
        let result = carrier.deliver(waiting).await;
        patience.record(result.is_ok(), Instant::now());
        let label = match result {
            Ok(()) => "kept",
            Err(Failure::Failed) => "failed",
            Err(Failure::Refused) => "refused",
        };
        counter!("tonegate_audit_checkpoints_total", "destination" => name, "result" => label).increment(1);
        if result.is_ok() {
            delivered = Some(waiting.number);
        }
    }
    if let Some(through) = delivered
        && let Err(error) = store.write(Write::CheckpointsShipped { destination, through }).await
    {
        tracing::warn!(%error, destination = name, "checkpoints that arrived will be shipped again");
    }
    let oldest = waiting.iter().find(|waiting| Some(waiting.number) > delivered);
    let age = oldest.map_or(0.0, |oldest| Timestamp::now().duration_since(oldest.made_at).as_secs_f64().max(0.0));
    gauge!("tonegate_audit_unshipped_seconds", "destination" => name).set(age);
}

/// Looks at the chain a part at a time.
#[derive(Default)]
struct Watched {
    place: Place,
    told: Vec<u64>,
}

impl Watched {
    async fn look(&mut self, store: &Store) {
        match store.audit_slice(self.place).await {
            Ok(Slice::Good(next)) => self.place = next,
            Ok(Slice::Bad(bad)) => {
                self.place = Place::default();
                // Once a run for a record: the alert is out, and the chain is not to be filled with it.
                if !self.told.contains(&bad.sequence) && self.told.len() < MOST {
                    self.told.push(bad.sequence);
                    counter!("tonegate_control_failures_total", "control" => "audit_chain").increment(1);
                    tracing::error!("the audit chain was changed: {bad}");
                    let details = Details::new().text("control", "audit_chain").count("record", bad.sequence);
                    let entry = Entry { call: NO_CALL, at: Timestamp::now(), kind: Kind::ControlFailed, details };
                    store.write(Write::Audit(entry)).await.ok();
                }
            }
            // A store in trouble has alerts of its own.
            Err(_) => {}
        }
    }
}

/// What the newest believed checkpoint of a node in a directory has seen; `None` where there is none.
#[must_use]
pub fn newest(directory: &std::path::Path, node: &str, key: &Verifier) -> Option<Predecessor> {
    directory::newest(directory, node, key)
}

#[cfg(test)]
mod tests;
