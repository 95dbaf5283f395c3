//! Watches what every call needs, and shuts the door while something of it is missing.

mod clock;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use backends::store::{Health, HealthProblem, Store};
use edge::{Availability, SignallingHandle};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{Check, Readiness},
    config::Limits,
};
use clock::{Clock, Look};

pub(crate) use clock::MADE_AFTER;

/// How often the clock is looked at, and the door.
const EVERY: Duration = Duration::from_millis(500);

/// Watches until `stop`.
pub(crate) async fn watch(
    readiness: Arc<Readiness>,
    store: Store,
    signalling: SignallingHandle,
    limits: Arc<ArcSwap<Limits>>,
    retry_after_seconds: u32,
    stop: CancellationToken,
) {
    let mut clock = Clock::default();
    let mut health = store.health();
    let mut open = None;
    let mut beat = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
            Ok(()) = health.changed() => {}
        }
        report_store(&readiness, *health.borrow_and_update());
        let bound = limits.load().clock_offset_milliseconds.duration();
        report_clock(&readiness, clock.look(Timestamp::now(), running(), bound));
        match signalling.count_calls().await {
            Ok(_) => readiness.pass(Check::Sip),
            Err(_) => readiness.fail(Check::Sip, "signalling does not answer"),
        }
        let ready = readiness.is_ready();
        if open != Some(ready) {
            let availability =
                if ready { Availability::Available } else { Availability::Unavailable { retry_after_seconds } };
            if signalling.set_availability(availability).await.is_ok() {
                open = Some(ready);
            }
        }
    }
}

fn report_store(readiness: &Readiness, health: Health) {
    match health {
        Health::Good => {
            readiness.pass(Check::Store);
            readiness.pass(Check::Disk);
        }
        Health::Bad(problem @ HealthProblem::LowSpace) => {
            readiness.pass(Check::Store);
            readiness.fail(Check::Disk, problem.name());
        }
        Health::Bad(problem @ (HealthProblem::CommitStalled | HealthProblem::CommitFailed)) => {
            readiness.fail(Check::Store, problem.name());
        }
    }
}

fn report_clock(readiness: &Readiness, look: Look) {
    metrics::gauge!("tonegate_clock_offset_seconds").set(look.offset.as_secs_f64());
    match look.problem {
        None => readiness.pass(Check::Clock),
        Some(problem) => readiness.fail(Check::Clock, problem),
    }
}

/// For how long the machine has been running, sleep included: the wall clock moves against it only where it is set.
fn running() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
