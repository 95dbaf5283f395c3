//! What stands in the queue of an agent that speaks in real time: delay that nobody wants.
//!
//! An agent that renders speech sends it faster than it is played, and its queue is work to be done. One that streams, as a
//! person would speak, sends as much as is played: whatever stands in its queue then, after a hiccup or an interruption
//! that was none, stays there and delays everything it says. That part is left out again where the agent is silent.

use crate::playout::{FRAME_SAMPLES, PLAYOUT_HZ};
use crate::quiet::Quiet;

/// Frames over which arrivals and the queue are watched: one second.
const WINDOW: u32 = 50;
/// What comes in a window from an agent that streams, in samples: a second's worth, give or take a tenth.
const STREAMED: std::ops::RangeInclusive<usize> = 9 * PLAYOUT_HZ as usize / 10..=11 * PLAYOUT_HZ as usize / 10;
/// What may stand in the queue: two frames, as chunks come neither evenly nor in step with playing.
const USUAL: usize = 2 * FRAME_SAMPLES;

/// Watches the queue of streamed agent audio.
pub(super) struct Backlog {
    quiet: Quiet,
    frames: u32,
    arrived: usize,
    least: usize,
    /// Samples that may be left out.
    excess: usize,
}

impl Backlog {
    pub(super) fn new() -> Self {
        Self { quiet: Quiet::default(), frames: 0, arrived: 0, least: usize::MAX, excess: 0 }
    }

    /// So many samples came.
    pub(super) fn arrive(&mut self, samples: usize) {
        self.arrived += samples;
    }

    /// A frame was played, of the stream or of something else, and so many samples of the stream still wait.
    pub(super) fn pass(&mut self, frame: &[i16; FRAME_SAMPLES], waiting: usize) {
        self.quiet.hear(frame);
        self.frames += 1;
        self.least = self.least.min(waiting);
        if self.frames == WINDOW {
            let streams = STREAMED.contains(&self.arrived);
            self.excess = if streams { self.least.saturating_sub(USUAL) } else { 0 };
            (self.frames, self.arrived, self.least) = (0, 0, usize::MAX);
        }
    }

    /// Whether the next frame of the stream can be left out.
    pub(super) fn spares(&mut self, next: &[i16; FRAME_SAMPLES]) -> bool {
        let spares = self.excess >= FRAME_SAMPLES && self.quiet.covers(next);
        if spares {
            self.excess -= FRAME_SAMPLES;
        }
        spares
    }
}
