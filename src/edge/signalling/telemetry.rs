//! Signalling in metrics.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use metrics::{Unit, counter, describe_counter, describe_gauge};
use sip::Count;

/// Describes the metrics of signalling to the recorder.
pub fn describe_metrics() {
    describe_counter!("tonegate_sip_requests_total", Unit::Count, "SIP requests received from trunks, by method");
    describe_counter!("tonegate_sip_responses_total", Unit::Count, "SIP responses sent, by status");
    describe_counter!("tonegate_sip_retransmissions_total", Unit::Count, "SIP messages sent again");
    describe_counter!("tonegate_drops_total", Unit::Count, "Things dropped, by queue and reason");
    describe_gauge!("tonegate_queue_depth", Unit::Count, "Things waiting in a queue");
}

/// Counts what the endpoint wants counted.
pub(super) fn record(count: Count) {
    match count {
        Count::Request { method } => counter!("tonegate_sip_requests_total", "method" => method).increment(1),
        Count::Response { status } => {
            counter!("tonegate_sip_responses_total", "status" => status.code().to_string()).increment(1);
        }
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
