//! Watches what every call needs, and shuts the door while something of it is missing.

mod clock;
pub(crate) mod host;
pub(crate) mod outbound;
pub(crate) mod overflow;
mod pace;
mod swap;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use backends::store::{Health, HealthProblem, Store};
use edge::{Availability, SignallingHandle, TickReader};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{Check, Readiness},
    config::Limits,
};
use clock::{Clock, Look};
use pace::Pace;

pub(crate) use clock::MADE_AFTER;

/// How often the clock is looked at, and the door.
const EVERY: Duration = Duration::from_millis(500);

/// Watches until `stop`.
pub(crate) async fn watch(
    readiness: Arc<Readiness>,
    store: Store,
    signalling: SignallingHandle,
    ticks: TickReader,
    limits: Arc<ArcSwap<Limits>>,
    retry_after_seconds: u32,
    stop: CancellationToken,
) {
    let (mut clock, mut pace) = (Clock::default(), Pace::default());
    let mut health = store.health();
    let mut told = None;
    let mut beat = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
            Ok(()) = health.changed() => {}
        }
        report_store(&readiness, *health.borrow_and_update());
        let (clock_bound, lag_bound) = bounds(&limits.load());
        report_clock(&readiness, clock.look(Timestamp::now(), running(), clock_bound));
        report_media(&readiness, pace.is_late(Instant::now(), ticks.total(), lag_bound));
        match signalling.count_calls().await {
            Ok(_) => readiness.pass(Check::Sip),
            Err(_) => readiness.fail(Check::Sip, "signalling does not answer"),
        }
        let wanted = door(readiness.first_failing(), retry_after_seconds);
        if told != Some(wanted) && signalling.set_availability(wanted).await.is_ok() {
            told = Some(wanted);
        }
    }
}

/// How far the clock may be set, and how late ticks may be.
fn bounds(limits: &Limits) -> (Duration, Duration) {
    (limits.clock_offset_milliseconds.duration(), limits.tick_lag_milliseconds.duration())
}

/// What new calls meet: the first check that fails is the reason of their refusal.
fn door(failing: Option<Check>, retry_after_seconds: u32) -> Availability {
    failing.map_or(Availability::Available, |check| Availability::Unavailable {
        reason: check.name(),
        retry_after_seconds,
    })
}

fn report_media(readiness: &Readiness, is_late: bool) {
    if is_late {
        readiness.fail(Check::Media, "the media threads do not keep up with the calls that are up");
    } else {
        readiness.pass(Check::Media);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failing_check_is_why_calls_are_refused() {
        let readiness = Readiness::new();
        Check::ALL.into_iter().for_each(|check| readiness.pass(check));
        assert_eq!(door(readiness.first_failing(), 9), Availability::Available);
        report_media(&readiness, true);
        let refused = |reason| Availability::Unavailable { reason, retry_after_seconds: 9 };
        assert_eq!(door(readiness.first_failing(), 9), refused("media"));
        readiness.fail(Check::Drain, "leaving");
        report_media(&readiness, false);
        assert_eq!(door(readiness.first_failing(), 9), refused("drain"));
    }
}
