//! Who takes a leg's clean frames, and whether each has proven that it is mute.

use std::time::Instant;

use crate::{ControlFailure, MUTE_DEADLINE, MUTE_LEASE, MuteAck, MuteEpoch, SinkId};

struct Sink {
    name: SinkId,
    /// When the proof that counts was given; none in this epoch yet.
    proven: Option<Instant>,
    /// When the proof was first asked for.
    asked: Instant,
}

/// The sinks of one leg. A driver adds a handful in a call.
pub(crate) struct Sinks {
    sinks: Vec<Sink>,
    epoch: Option<MuteEpoch>,
    /// The first muted frame's index.
    first_index: u64,
}

impl Sinks {
    pub(crate) fn new() -> Self {
        Self { sinks: Vec::new(), epoch: None, first_index: 0 }
    }

    /// A sink joins; the same name again starts it over.
    pub(crate) fn add(&mut self, now: Instant, name: SinkId) {
        self.remove(name);
        self.sinks.push(Sink { name, proven: None, asked: now });
    }

    pub(crate) fn remove(&mut self, name: SinkId) {
        self.sinks.retain(|sink| sink.name != name);
    }

    /// A mute begins with this frame: every sink is to prove it.
    pub(crate) fn ask(&mut self, now: Instant, epoch: MuteEpoch, first_index: u64) {
        (self.epoch, self.first_index) = (Some(epoch), first_index);
        for sink in &mut self.sinks {
            (sink.proven, sink.asked) = (None, now);
        }
    }

    /// Takes a proof. Whether it is one: of this epoch, of a known sink, of a frame that was given out muted.
    pub(crate) fn acknowledge(&mut self, now: Instant, ack: MuteAck, newest_index: Option<u64>) -> bool {
        let muted = newest_index.is_some_and(|newest| (self.first_index..=newest).contains(&ack.first_silent_index));
        let sink = self.sinks.iter_mut().find(|sink| sink.name == ack.sink);
        match sink.filter(|sink| muted && self.epoch == Some(ack.epoch) && now < sink.due()) {
            Some(sink) => {
                sink.proven = Some(now);
                true
            }
            None => false,
        }
    }

    /// Whether every sink has proven its mute.
    pub(crate) fn are_proven(&self) -> bool {
        self.sinks.iter().all(|sink| sink.proven.is_some())
    }

    /// When the next proof is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.sinks.iter().map(Sink::due).min()
    }

    /// The control that failed: a sink whose proof is overdue.
    pub(crate) fn overdue(&self, now: Instant) -> Option<ControlFailure> {
        let late = self.sinks.iter().find(|sink| now >= sink.due())?;
        Some(match late.proven {
            None => ControlFailure::MuteNotAcknowledged(late.name),
            Some(_) => ControlFailure::MuteLapsed(late.name),
        })
    }
}

impl Sink {
    fn due(&self) -> Instant {
        self.proven.map_or(self.asked + MUTE_DEADLINE, |proven| proven + MUTE_LEASE)
    }
}
