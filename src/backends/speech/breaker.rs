//! Keeps a broken engine from being started again and again.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use super::engine::EngineFailure;
use crate::child::{Backoff, show_restarts};

/// Counts an engine's failures, and holds it back for a while after each, longer after each in a row.
pub(super) struct Breaker {
    child: &'static str,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    backoff: Backoff,
    closed_until: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(child: &'static str) -> Self {
        metrics::gauge!("tonegate_child_up", "child" => child).set(1.0);
        show_restarts(child);
        Self { child, state: Mutex::default() }
    }

    /// Whether the engine may be tried.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.state.lock().is_ok_and(|state| state.closed_until.is_none_or(|until| now >= until))
    }

    /// The engine answered.
    pub(super) fn succeeded(&self) {
        if let Ok(mut state) = self.state.lock() {
            if state.closed_until.is_some() {
                metrics::gauge!("tonegate_child_up", "child" => self.child).set(1.0);
            }
            *state = State::default();
        }
    }

    /// The engine failed.
    pub(super) fn failed(&self, now: Instant, failure: EngineFailure) {
        let reason = failure.exit_reason().label();
        metrics::gauge!("tonegate_child_up", "child" => self.child).set(0.0);
        metrics::counter!("tonegate_child_restarts_total", "child" => self.child, "reason" => reason).increment(1);
        tracing::warn!(child = self.child, reason, "{failure}");
        if let Ok(mut state) = self.state.lock() {
            let wait = state.backoff.after(Duration::ZERO);
            state.closed_until = Some(now + wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_keeps_failing_is_left_alone_ever_longer() {
        let breaker = Breaker::new("test");
        let now = Instant::now();
        assert!(breaker.is_open(now));
        breaker.failed(now, EngineFailure::Exit);
        assert!(!breaker.is_open(now) && breaker.is_open(now + Backoff::FIRST));
        breaker.failed(now, EngineFailure::Hung);
        assert!(!breaker.is_open(now + Backoff::FIRST) && breaker.is_open(now + Backoff::FIRST * 2));
        breaker.succeeded();
        assert!(breaker.is_open(now));
    }
}
