//! The one thread that changes the file.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use metrics::{counter, gauge, histogram};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::apply::apply;
use super::health::Pulse;
use super::{Receipt, StoreError, Write};
use crate::audit::Author;

/// Most writes made durable by one commit.
const MOST_GROUPED: usize = 128;

/// The queue to the writer thread.
pub(super) struct Writer {
    queue: Option<SyncSender<Job>>,
    pulse: Arc<Pulse>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Something for the writer thread.
enum Job {
    /// Changes, and who waits for them.
    Write(Vec<Write>, oneshot::Sender<Result<Receipt, StoreError>>),
    /// A write that only shows whether writing works.
    Probe,
    /// A question about the connection.
    #[cfg(test)]
    Ask(Box<dyn FnOnce(&Connection) + Send>),
}

/// Asks the writer to show whether writing works.
pub(super) struct Prober(SyncSender<Job>);

impl Prober {
    /// Asks, unless the queue is full of writes that will show it anyway.
    pub(super) fn probe(&self) {
        let _ = self.0.try_send(Job::Probe);
    }
}

impl Writer {
    pub(super) fn start(connection: Connection, author: Author, queue: usize) -> std::io::Result<Self> {
        let (sender, jobs) = sync_channel(queue);
        let pulse = Arc::new(Pulse::default());
        let mut thread = WriterThread { connection, author, pulse: pulse.clone() };
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || thread.run(&jobs))?;
        Ok(Self { queue: Some(sender), pulse, thread: Mutex::new(Some(thread)) })
    }

    /// Queues changes.
    pub(super) fn submit(
        &self,
        writes: Vec<Write>,
    ) -> Result<oneshot::Receiver<Result<Receipt, StoreError>>, StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        match queue.try_send(Job::Write(writes, reply)) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => {
                counter!("tonegate_drops_total", "queue" => "store", "reason" => "full").increment(1);
                Err(StoreError::Busy)
            }
            Err(TrySendError::Disconnected(_)) => Err(StoreError::Closed),
        }
    }

    /// Asks something about the connection that writes.
    #[cfg(test)]
    pub(super) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> T + Send + 'static,
    ) -> Option<oneshot::Receiver<T>> {
        let (reply, answer) = oneshot::channel();
        let question = Box::new(move |connection: &Connection| drop(reply.send(question(connection))));
        self.queue.as_ref()?.try_send(Job::Ask(question)).ok()?;
        Some(answer)
    }

    pub(super) fn pulse(&self) -> Arc<Pulse> {
        self.pulse.clone()
    }

    pub(super) fn prober(&self) -> Option<Prober> {
        self.queue.clone().map(Prober)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        let thread = self.thread.get_mut().map(Option::take);
        if let Ok(Some(thread)) = thread {
            let _ = thread.join();
        }
    }
}

type Waiting = (Vec<Write>, oneshot::Sender<Result<Receipt, StoreError>>);

struct WriterThread {
    connection: Connection,
    author: Author,
    pulse: Arc<Pulse>,
}

impl WriterThread {
    fn run(&mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let more = std::iter::from_fn(|| jobs.try_recv().ok()).take(MOST_GROUPED - 1);
            let group: Vec<Job> = std::iter::once(first).chain(more).collect();
            gauge!("tonegate_queue_depth", "queue" => "store").set(group.len() as f64);
            self.pulse.begin();
            let result = self.group(group);
            gauge!("tonegate_queue_depth", "queue" => "store").set(0.0);
            self.pulse.end(result);
        }
    }

    /// Commits all jobs at once; where that fails, each alone, so that one bad write does not fail its neighbours.
    fn group(&mut self, jobs: Vec<Job>) -> Result<(), ()> {
        let mut waiting: Vec<Waiting> = Vec::with_capacity(jobs.len());
        let mut is_probed = false;
        for job in jobs {
            match job {
                // Whoever waited has been told that it failed.
                Job::Write(_, reply) if reply.is_closed() => {
                    counter!("tonegate_drops_total", "queue" => "store", "reason" => "deadline").increment(1);
                }
                Job::Write(writes, reply) => waiting.push((writes, reply)),
                Job::Probe => is_probed = true,
                #[cfg(test)]
                Job::Ask(question) => question(&self.connection),
            }
        }
        if waiting.is_empty() {
            return if is_probed { self.probe() } else { Ok(()) };
        }
        let all: Vec<&[Write]> = waiting.iter().map(|(writes, _)| writes.as_slice()).collect();
        match self.commit(&all) {
            Ok(receipts) => {
                waiting.into_iter().zip(receipts).for_each(|((_, reply), receipt)| drop(reply.send(Ok(receipt))));
                Ok(())
            }
            Err(_) => self.one_by_one(waiting),
        }
    }

    fn one_by_one(&mut self, waiting: Vec<Waiting>) -> Result<(), ()> {
        let mut outcome = Ok(());
        for (writes, reply) in waiting {
            let result = self.commit(&[&writes]).map(|mut receipts| receipts.pop().unwrap_or_default());
            if result.as_ref().is_err_and(is_storage_fault) {
                outcome = Err(());
            }
            let _ = reply.send(result);
        }
        outcome
    }

    fn commit(&mut self, group: &[&[Write]]) -> Result<Vec<Receipt>, StoreError> {
        let begun = Instant::now();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let receipts = group
            .iter()
            .map(|writes| apply(&transaction, writes, &self.author))
            .collect::<rusqlite::Result<Vec<Receipt>>>()?;
        transaction.commit()?;
        histogram!("tonegate_store_commit_seconds", "store" => "ledger").record(begun.elapsed());
        Ok(receipts)
    }

    fn probe(&self) -> Result<(), ()> {
        // As much as a busy second writes, so that it does not succeed where the next call's row would fail.
        let fill = "INSERT OR REPLACE INTO probe (one, filler) VALUES (1, zeroblob(65536))";
        let written = self.connection.execute(fill, []).and_then(|_| self.connection.execute("DELETE FROM probe", []));
        written.map(drop).map_err(drop)
    }
}

/// Whether the file is in trouble, and not only one write.
fn is_storage_fault(error: &StoreError) -> bool {
    !matches!(error, StoreError::Refused | StoreError::PaymentOpen)
}
