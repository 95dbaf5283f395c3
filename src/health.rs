//! Watches what every call needs, and shuts the door while something of it is missing.

use std::{sync::Arc, time::Duration};

use backends::store::{Health, HealthProblem, Store};
use edge::{Availability, SignallingHandle};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admin::{Check, Readiness};

/// How often the clock is looked at, and the door.
const EVERY: Duration = Duration::from_millis(500);
/// How long after a step of the wall clock calls are refused: until it has stood still for so long.
const CLOCK_REST: Duration = Duration::from_secs(30);

/// Watches until `stop`.
pub(crate) async fn watch(
    readiness: Arc<Readiness>,
    store: Store,
    signalling: SignallingHandle,
    bound: Duration,
    retry_after_seconds: u32,
    stop: CancellationToken,
) {
    let mut clock = Clock::new();
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
        report_clock(&readiness, clock.look(bound));
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

fn report_clock(readiness: &Readiness, good: bool) {
    if good {
        readiness.pass(Check::Clock);
    } else {
        readiness.fail(Check::Clock, "the wall clock was set while running");
    }
}

/// The wall clock against the monotonic one: a step between two looks means that the time of day was wrong before it, or
/// is wrong after it.
struct Clock {
    wall: Timestamp,
    monotonic: Instant,
    stepped: Option<Instant>,
}

impl Clock {
    fn new() -> Self {
        Self { wall: Timestamp::now(), monotonic: Instant::now(), stepped: None }
    }

    /// Whether the clock has kept its pace, within `bound`, for long enough.
    fn look(&mut self, bound: Duration) -> bool {
        let (wall, monotonic) = (Timestamp::now(), Instant::now());
        let passed = monotonic.duration_since(self.monotonic).as_secs_f64();
        let offset = wall.duration_since(self.wall).as_secs_f64() - passed;
        metrics::gauge!("tonegate_clock_offset_seconds").set(offset);
        (self.wall, self.monotonic) = (wall, monotonic);
        if offset.abs() > bound.as_secs_f64() {
            tracing::error!(offset_seconds = offset, "the wall clock was set");
            self.stepped = Some(monotonic);
        }
        self.stepped = self.stepped.filter(|stepped| monotonic.duration_since(*stepped) < CLOCK_REST);
        self.stepped.is_none()
    }
}
