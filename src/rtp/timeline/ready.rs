//! Frames, losses and events that wait for the gate.

use std::collections::VecDeque;

use frame::{INDEX_STEP, RawEvent, RawFrame, SampleRate};

use super::Received;

/// What one packet makes ready, usually: a frame, and a marker before it.
const READY: usize = 2;

/// What is ready to be handed on.
#[expect(clippy::large_enum_variant, reason = "one frame every 20 ms is moved, none is allocated")]
pub(super) enum Ready {
    Frame(RawFrame),
    Lost { index: u64, frames: u64 },
    Event(RawEvent),
}

/// What is ready, the oldest first. Nothing that left it stays behind in its memory.
pub(super) struct ReadyQueue(VecDeque<Ready>);

impl ReadyQueue {
    pub(super) fn new() -> Self {
        Self(VecDeque::with_capacity(READY))
    }

    /// The next of what came; a run of losses is told frame by frame, at this rate.
    pub(super) fn poll(&mut self, rate: SampleRate) -> Option<Received> {
        if let Some(Ready::Lost { index, frames }) = self.0.front_mut() {
            let frame = RawFrame::lost(rate, *index);
            *index += INDEX_STEP;
            *frames -= 1;
            if *frames == 0 {
                self.0.pop_front();
            }
            return Some(Received::Frame(frame));
        }
        match self.take()? {
            Ready::Frame(frame) => Some(Received::Frame(frame)),
            Ready::Event(event) => Some(Received::Event(event)),
            Ready::Lost { .. } => None,
        }
    }

    /// Makes one more ready. Where room is wanting, what is there moves by hand: a queue that grows by itself would leave a copy.
    pub(super) fn push(&mut self, next: Ready) {
        if self.0.len() == self.0.capacity() {
            let mut larger = VecDeque::with_capacity(2 * self.0.len().max(READY));
            while let Some(oldest) = self.take() {
                larger.push_back(oldest);
            }
            self.0 = larger;
        }
        self.0.push_back(next);
    }

    /// The oldest of what is ready. Its place is overwritten: moving it out alone would leave its audio or event there.
    fn take(&mut self) -> Option<Ready> {
        let place = self.0.front_mut()?;
        let oldest = std::mem::replace(place, Ready::Frame(RawFrame::lost(SampleRate::Hz8000, 0)));
        self.0.pop_front();
        Some(oldest)
    }
}
