//! A line through the gate of a call, outside captures and in one.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use frame::{RawFrame, SampleRate};
use gate::{CleanFrame, Gate, GateConfig, KeyPolicy, MuteAck, SinkId};

use super::line::{FRAME, Line};

const RATE: SampleRate = SampleRate::Hz8000;
const SINK: SinkId = SinkId(1);

/// The gate of one leg in virtual time.
pub(super) struct Leg {
    gate: Gate,
    now: Instant,
    next: usize,
}

impl Leg {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { gate: Gate::new(GateConfig { rate: RATE, keys: KeyPolicy::Declared }, now), now, next: 0 }
    }

    /// Twenty milliseconds of the line, or their loss; what leaves meanwhile goes to `take`.
    pub(super) fn hear(&mut self, frame: &[i16; FRAME], is_lost: bool, mut take: impl FnMut(&CleanFrame)) {
        let index = (self.next * FRAME) as u64;
        let raw = if is_lost {
            RawFrame::lost(RATE, index)
        } else {
            RawFrame::decoded(RATE, index, |room| room.copy_from_slice(frame))
        };
        let clean = self.gate.handle_frame(self.now, raw);
        (self.now, self.next) = (self.now + Duration::from_millis(20), self.next + 1);
        if let Some(clean) = clean {
            if let Some(epoch) = clean.mute_epoch() {
                let ack = MuteAck { sink: SINK, epoch, first_silent_index: clean.index() };
                self.gate.acknowledge(self.now, ack);
            }
            take(&clean);
        }
        while self.gate.poll_output().is_some() {}
    }

    /// Begins a capture, and has its mute proven by a sink.
    ///
    /// # Errors
    /// Where the gate does not begin it.
    pub(super) fn arm(&mut self) -> Result<()> {
        self.gate.add_sink(self.now, SINK);
        self.gate.arm(self.now, [7; 16]);
        ensure!(self.gate.is_capturing(), "the gate does not arm");
        Ok(())
    }

    /// Whether the capture goes on.
    pub(super) fn is_capturing(&self) -> bool {
        self.gate.is_capturing()
    }
}

/// What leaves the gate of a line outside captures, and which of its frames were silenced in whole or in part.
pub(super) fn outside(line: &Line) -> (Vec<i16>, Vec<bool>) {
    let (mut leg, frames) = (Leg::new(), line.lost.len());
    let (mut sink, mut clamped) = (vec![0; frames * FRAME], vec![false; frames]);
    let mut take = |clean: &CleanFrame| {
        let at = clean.index() as usize;
        sink[at..at + FRAME].copy_from_slice(clean.samples());
        clamped[at / FRAME] = clean.is_clamped();
    };
    line.frames().for_each(|(frame, is_lost)| leg.hear(frame, is_lost, &mut take));
    // One frame more drives the last one out.
    leg.hear(&[0; FRAME], false, &mut take);
    (sink, clamped)
}
