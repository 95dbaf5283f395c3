//! What the law needs kept of calls: rows, records and the audit chain, in the store's one order.

use std::time::Duration;

use backends::{
    audit::Entry,
    store::{CallRow, Store, Write},
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
    sync::{mpsc, oneshot},
    time::Instant,
};

/// Changes that may wait for the store.
const QUEUE: usize = 4_096;
/// Changes written together at most.
const BATCH: usize = 64;
/// How long a record that must not be lost is tried.
const PERSIST: Duration = Duration::from_secs(8);

/// Writes what calls tell, in order.
pub(crate) struct Journal {
    queue: mpsc::Sender<Told>,
}

/// A change, and who waits for it.
struct Told {
    write: Write,
    reply: Option<oneshot::Sender<Reply>>,
}

impl Journal {
    /// A journal over a store. The task ends when the journal is gone and everything told is written.
    pub(crate) fn new(store: Store) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (Self { queue }, tokio::spawn(write_in_order(store, waiting)))
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
        if self.queue.send_timeout(Told { write, reply: Some(reply) }, PERSIST).await.is_err() {
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

async fn write_in_order(store: Store, mut waiting: mpsc::Receiver<Told>) {
    let mut told = Vec::new();
    let depth = gauge!("tonegate_queue_depth", "queue" => "journal");
    while waiting.recv_many(&mut told, BATCH).await > 0 {
        depth.set((told.len() + waiting.len()) as f64);
        let (mut writes, mut replies) = (Vec::new(), Vec::new());
        for Told { write, reply } in told.drain(..) {
            writes.push(write);
            replies.extend(reply);
        }
        let result = store.persist(writes, Instant::now() + PERSIST).await;
        if let Err(error) = &result {
            counter!("tonegate_control_failures_total", "control" => "record_not_durable").increment(1);
            tracing::error!(%error, "records could not be made durable");
        }
        for reply in replies {
            let durable = if result.is_ok() { Reply::Stored } else { Reply::Failed(Failure::NotDurable) };
            reply.send(durable).ok();
        }
        depth.set(waiting.len() as f64);
    }
}
