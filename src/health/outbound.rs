//! Watches whether outbound calls may be placed, for metrics and `/readyz`. Who places one asks for itself.

use std::{sync::Arc, time::Duration};

use backends::outbound::Outbound;
use book::outbound::Hold;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::admin::Readiness;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(2);

/// Watches until `stop`.
pub(crate) async fn watch(readiness: Arc<Readiness>, outbound: Outbound, stop: CancellationToken) {
    let mut beat = tokio::time::interval(EVERY);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        let holds = outbound.holds(Timestamp::now()).await;
        readiness.hold_outbound(holds.into_iter().map(Hold::name).collect());
    }
}
