//! What the law needs kept of calls: rows, records and the audit chain, in the store's one order.

use std::time::Duration;

use backends::{
    audit::Entry,
    store::{CallRow, Store, StoreError, Write},
};
use book::{ComplianceRecord, ContactAttempt, Record};
use call::{
    CallId, EndReason,
    port::{AuditEvent, Failure, Reply},
};
use jiff::Timestamp;
use metrics::{counter, gauge};
use sip::DialogRecord;
use tokio::{
    pin,
    sync::{mpsc, oneshot},
    time::timeout,
};

/// Changes that may wait for the store.
const QUEUE: usize = 4_096;
/// Changes written together at most.
const BATCH: usize = 64;
/// How long somebody waits to be told that a record is durable.
const PATIENCE: Duration = Duration::from_secs(8);

/// Writes what calls tell, in order. What the store cannot take now waits until it can: who asked is told that it is not
/// durable, and it is not dropped.
pub(crate) struct Journal {
    queue: mpsc::Sender<Told>,
    patience: Duration,
}

/// A change, and who waits for it.
struct Told {
    write: Write,
    reply: Option<oneshot::Sender<Reply>>,
}

impl Journal {
    /// A journal over a store. The task ends when the journal is gone and everything told is written.
    pub(crate) fn new(store: Store) -> (Self, tokio::task::JoinHandle<()>) {
        Self::patient(store, PATIENCE)
    }

    fn patient(store: Store, patience: Duration) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (Self { queue, patience }, tokio::spawn(write_in_order(store, waiting, patience)))
    }

    /// Makes a call and its dialog durable; whether they are.
    pub(crate) async fn accept(
        &self,
        store: &Store,
        attempt: ContactAttempt,
        compliance: ComplianceRecord,
        dialog: &DialogRecord,
    ) -> bool {
        let Ok(journal) = serde_json::to_string(dialog) else { return false };
        let (call, trunk, started_at) = (attempt.call, attempt.trunk.clone(), attempt.started_at);
        let row = CallRow { call, trunk, started_at, attempt, compliance };
        let writes = vec![Write::CallStarted(Box::new(row)), Write::DialogSaved { call, journal }];
        match store.write(writes).await {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(%error, call = %call, "the call is refused because it cannot be made durable");
                false
            }
        }
    }

    /// Appends to the audit chain, behind everything told before.
    pub(crate) fn audit(&self, call: CallId, event: &AuditEvent, at: Timestamp) {
        if let AuditEvent::ControlFailed { control } = event {
            counter!("tonegate_control_failures_total", "control" => *control).increment(1);
        }
        self.tell(Write::Audit(Entry::of_event(call.uuid(), at, event)));
    }

    /// Appends an access by the interface that changed something, or that was refused.
    pub(crate) fn access(&self, entry: Entry) {
        self.tell(Write::Audit(entry));
    }

    /// Keeps what would be told of the call if the gateway stopped now.
    pub(crate) fn progress(&self, attempt: ContactAttempt, compliance: ComplianceRecord) {
        self.tell(Write::CallProgress { attempt: Box::new(attempt), compliance: Box::new(compliance) });
    }

    /// Puts a record into the outbox, durably.
    pub(crate) async fn record(&self, record: Record) -> Reply {
        self.ask(Write::Record(Box::new(record))).await
    }

    /// Writes the end of a call in one piece, behind everything told before.
    pub(crate) async fn conclude(
        &self,
        call: CallId,
        attempt: ContactAttempt,
        compliance: ComplianceRecord,
        reason: EndReason,
        event: &AuditEvent,
    ) -> Reply {
        let at = attempt.ended_at.unwrap_or(attempt.started_at);
        self.ask(Write::CallConcluded {
            attempt: Box::new(attempt),
            compliance: Box::new(compliance),
            entry: Entry::of_event(call.uuid(), at, event),
            reason: reason.label().to_owned(),
        })
        .await
    }

    async fn ask(&self, write: Write) -> Reply {
        let (reply, written) = oneshot::channel();
        if self.queue.send_timeout(Told { write, reply: Some(reply) }, self.patience).await.is_err() {
            return Reply::Failed(Failure::NotDurable);
        }
        written.await.unwrap_or(Reply::Failed(Failure::NotDurable))
    }

    fn tell(&self, write: Write) {
        if self.queue.try_send(Told { write, reply: None }).is_err() {
            counter!("tonegate_drops_total", "queue" => "journal", "reason" => "full").increment(1);
            counter!("tonegate_control_failures_total", "control" => "audit_dropped").increment(1);
            tracing::error!("the audit queue is full: the store does not keep up");
        }
    }
}

async fn write_in_order(store: Store, mut waiting: mpsc::Receiver<Told>, patience: Duration) {
    let mut told = Vec::new();
    let depth = gauge!("tonegate_queue_depth", "queue" => "journal");
    while waiting.recv_many(&mut told, BATCH).await > 0 {
        depth.set((told.len() + waiting.len()) as f64);
        let (mut writes, mut replies) = (Vec::new(), Vec::new());
        for Told { write, reply } in told.drain(..) {
            writes.push(write);
            replies.extend(reply);
        }
        if let Err(error) = make_durable(&store, writes, replies, patience).await {
            counter!("tonegate_control_failures_total", "control" => "record_not_durable").increment(1);
            tracing::error!(%error, "records could not be made durable");
        }
        depth.set(waiting.len() as f64);
    }
}

/// Waits until the changes are made, but has nobody wait longer than their patience.
async fn make_durable(
    store: &Store,
    writes: Vec<Write>,
    waiting: Vec<oneshot::Sender<Reply>>,
    patience: Duration,
) -> Result<(), StoreError> {
    let count = writes.len();
    let persisting = store.persist(writes);
    pin!(persisting);
    let Ok(result) = timeout(patience, &mut persisting).await else {
        tracing::error!(records = count, "records are not durable in time; they are kept until the store takes them");
        answer(waiting, false);
        persisting.await?;
        tracing::warn!(records = count, "records that were late are durable");
        return Ok(());
    };
    answer(waiting, result.is_ok());
    result.map(drop)
}

fn answer(waiting: Vec<oneshot::Sender<Reply>>, durable: bool) {
    for waiting in waiting {
        waiting.send(if durable { Reply::Stored } else { Reply::Failed(Failure::NotDurable) }).ok();
    }
}

#[cfg(test)]
mod tests {
    use backends::store::StoreOptions;
    use rusqlite::Connection;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn what_is_late_is_told_as_not_durable_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let options = StoreOptions { least_free: 0, ..StoreOptions::at(&path) };
        let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
        let stall = Connection::open(&path).unwrap();
        stall.execute_batch("BEGIN IMMEDIATE").unwrap();

        let (journal, task) = Journal::patient(store.clone(), Duration::from_millis(50));
        let attempt = ContactAttempt::inbound(Uuid::from_u128(1), "carrier", Timestamp::UNIX_EPOCH, "collector");
        let reply = journal.record(attempt.into()).await;
        assert!(matches!(reply, Reply::Failed(Failure::NotDurable)), "{reply:?}");
        journal.audit(CallId::new(Uuid::from_u128(1)), &AuditEvent::CallStarted, Timestamp::UNIX_EPOCH);
        stall.execute_batch("ROLLBACK").unwrap();
        drop(journal);
        task.await.unwrap();
        assert_eq!(store.outbox_depth().await.unwrap().waiting, 1);
        assert_eq!(store.call_audit(Uuid::from_u128(1)).await.unwrap().len(), 1);
    }
}
