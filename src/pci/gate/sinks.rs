//! Who takes a leg's clean frames, and whether each has proven that it is mute.

use std::time::Instant;

use crate::{ControlFailure, MUTE_DEADLINE, MUTE_LEASE, MuteAck, SinkId};

struct Sink {
    name: SinkId,
    /// It has given a proof in this epoch.
    proven: bool,
    /// When the next one must have come.
    due: Instant,
}

/// The sinks of one leg. A driver adds a handful in a call.
#[derive(Default)]
pub(crate) struct Sinks {
    sinks: Vec<Sink>,
    /// The newest clean frame's index when the mute began: those after it are mute.
    audible_index: Option<u64>,
    /// The index of the newest clean frame.
    pub(crate) newest_index: Option<u64>,
}

impl Sinks {
    /// A sink joins; the same name again starts it over.
    pub(crate) fn add(&mut self, now: Instant, name: SinkId) {
        self.remove(name);
        self.sinks.push(Sink { name, proven: false, due: now + MUTE_DEADLINE });
    }

    pub(crate) fn remove(&mut self, name: SinkId) {
        self.sinks.retain(|sink| sink.name != name);
    }

    /// A mute begins with the next frame: every sink is to prove it.
    pub(crate) fn ask(&mut self, now: Instant) {
        self.audible_index = self.newest_index;
        for sink in &mut self.sinks {
            (sink.proven, sink.due) = (false, now + MUTE_DEADLINE);
        }
    }

    /// Takes a proof. Whether it is one: of a known sink that is in time, of a frame that was given out muted.
    pub(crate) fn acknowledge(&mut self, now: Instant, ack: MuteAck) -> bool {
        let index = Some(ack.first_silent_index);
        let is_muted = index > self.audible_index && index <= self.newest_index;
        let sink = self.sinks.iter_mut().find(|sink| is_muted && sink.name == ack.sink && now < sink.due);
        sink.map(|sink| (sink.proven, sink.due) = (true, now + MUTE_LEASE)).is_some()
    }

    /// Whether every sink has proven its mute.
    pub(crate) fn are_proven(&self) -> bool {
        self.sinks.iter().all(|sink| sink.proven)
    }

    /// When the next proof is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.sinks.iter().map(|sink| sink.due).min()
    }

    /// The control that failed: a sink whose proof is overdue.
    pub(crate) fn overdue(&self, now: Instant) -> Option<ControlFailure> {
        let late = self.sinks.iter().find(|sink| now >= sink.due)?;
        let failure = if late.proven { ControlFailure::MuteLapsed } else { ControlFailure::MuteNotAcknowledged };
        Some(failure(late.name))
    }
}
