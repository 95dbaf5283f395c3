//! Signalling in metrics.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use metrics::{Gauge, counter, gauge};
use sip::Count;

/// Entries that wait in the queues of signalling.
pub(super) struct Waiting {
    pub(super) commands: usize,
    pub(super) events: usize,
    pub(super) messages: usize,
    pub(super) connections: usize,
}

/// Shows how many entries wait.
pub(super) struct Depths {
    commands: Gauge,
    events: Gauge,
    messages: Gauge,
    connections: Gauge,
}

impl Depths {
    pub(super) fn new() -> Self {
        let depth = |queue: &'static str| gauge!("tonegate_queue_depth", "queue" => queue);
        Self {
            commands: depth("sip_commands"),
            events: depth("sip_events"),
            messages: depth("sip_messages"),
            connections: depth("sip_connections"),
        }
    }

    pub(super) fn show(&self, waiting: &Waiting) {
        self.commands.set(waiting.commands as f64);
        self.events.set(waiting.events as f64);
        self.messages.set(waiting.messages as f64);
        self.connections.set(waiting.connections as f64);
    }
}

/// Counts what the endpoint wants counted.
pub(super) fn record(count: Count) {
    match count {
        Count::Request { method } => counter!("tonegate_sip_requests_total", "method" => method).increment(1),
        Count::Response { status } => {
            counter!("tonegate_sip_responses_total", "status" => status.code().to_string()).increment(1);
        }
        Count::Refused { reason } => counter!("tonegate_calls_refused_total", "reason" => reason).increment(1),
        Count::Retransmission => counter!("tonegate_sip_retransmissions_total").increment(1),
        Count::Dropped(reason) => {
            counter!("tonegate_drops_total", "queue" => "sip", "reason" => reason.label()).increment(1);
        }
    }
}

/// How often a dropped message is worth a line in the log.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Says in the log who sends what is dropped, without being flooded.
#[derive(Default)]
pub(super) struct DropLog {
    last: Option<Instant>,
    unlogged: u64,
}

impl DropLog {
    /// Notes a drop; anything else is none of its business.
    pub(super) fn note(&mut self, now: Instant, count: Count, sender: Option<SocketAddr>) {
        let Count::Dropped(reason) = count else { return };
        if self.last.is_some_and(|last| now < last + LOG_EVERY) {
            self.unlogged += 1;
            return;
        }
        let peer = sender.map(|sender| sender.to_string());
        tracing::warn!(
            reason = reason.label(),
            peer,
            unlogged = self.unlogged,
            "a SIP message is dropped or turned away"
        );
        self.last = Some(now);
        self.unlogged = 0;
    }
}
