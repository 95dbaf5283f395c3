//! Leaving in order: no new calls, live calls finish within their deadline, then the rest.

use std::{sync::Arc, time::Duration};

use call::EndReason;
use edge::{Availability, Registry, SignallingHandle};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

use crate::admin::{Check, Readiness};

/// How often the calls that are left are counted.
const EVERY: Duration = Duration::from_millis(100);
/// How long calls may take to say good-bye once the deadline is over.
const FAREWELL: Duration = Duration::from_secs(8);
/// How long BYE may be repeated after the last call.
const LAST_MESSAGES: Duration = Duration::from_secs(2);

/// Signals that the process listens to.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// What a signal asks for.
pub(crate) enum Asked {
    /// SIGTERM or SIGINT.
    ToLeave,
    /// SIGHUP.
    ToReload,
}

impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::ToLeave,
            _ = self.interrupt.recv() => Asked::ToLeave,
            _ = self.hang_up.recv() => Asked::ToReload,
        }
    }
}

/// Waits for the calls, at most for `deadline`, then ends those that are left.
pub(crate) async fn drain(
    readiness: &Readiness,
    signalling: &SignallingHandle,
    registry: &Arc<Registry>,
    deadline: Duration,
    retry_after_seconds: u32,
) {
    readiness.fail(Check::Drain, "the gateway is shutting down");
    let reason = Check::Drain.name();
    signalling.set_availability(Availability::Unavailable { reason, retry_after_seconds }).await.ok();
    tracing::info!(calls = registry.active(), deadline_seconds = deadline.as_secs(), "draining");
    if !idle_within(registry, deadline).await {
        tracing::warn!(calls = registry.active(), "the drain deadline is over; ending the calls that are left");
        registry.end_all(EndReason::Drained);
        idle_within(registry, FAREWELL).await;
    }
    let last = Instant::now() + LAST_MESSAGES;
    while Instant::now() < last && signalling.count_calls().await.is_ok_and(|count| !count.is_idle) {
        tokio::time::sleep(EVERY).await;
    }
}

async fn idle_within(registry: &Registry, deadline: Duration) -> bool {
    let until = Instant::now() + deadline;
    while registry.active() > 0 {
        if Instant::now() >= until {
            return false;
        }
        tokio::time::sleep(EVERY).await;
    }
    true
}
