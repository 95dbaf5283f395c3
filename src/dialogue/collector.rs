//! The scripted collector: deterministic, one question at a time.

use std::collections::VecDeque;
use std::time::Instant;

use crate::action::Action;
use crate::event::Event;

/// How a collector is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectorConfig {}

/// The scripted agent of one call.
///
/// Contract: [`Collector::handle_event`] for everything that happens, then [`Collector::poll_output`] until it is
/// empty, then [`Collector::handle_timeout`] at [`Collector::poll_timeout`].
pub struct Collector {
    actions: VecDeque<Action>,
    timeout: Option<Instant>,
}

impl Collector {
    /// A collector at the beginning of a call. `seed` chooses among wordings of lines without legal content.
    #[must_use]
    pub fn new(_config: CollectorConfig, _seed: u64, _now: Instant) -> Self {
        Self { actions: VecDeque::new(), timeout: None }
    }

    /// Something happened.
    pub fn handle_event(&mut self, _now: Instant, _event: Event) {}

    /// The next thing for the call to do.
    pub fn poll_output(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Collector::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    /// The time has come that [`Collector::poll_timeout`] named.
    pub fn handle_timeout(&mut self, _now: Instant) {}
}
