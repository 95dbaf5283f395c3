//! The caller's own voice, back to the caller: what a carrier dials to hear a line, and what hears the jitter buffer.

use std::time::Instant;

use audio::{FRAME_SAMPLES, Filled, JitterBuffer, JitterBufferConfig, JitterBufferReport};
use gate::CleanFrame;

/// What was said, after the gate, on its way back.
pub(super) struct Echo {
    buffer: JitterBuffer,
    on: bool,
}

impl Echo {
    pub(super) fn new() -> Self {
        Self { buffer: JitterBuffer::new(JitterBufferConfig::default()), on: false }
    }

    /// Whether the caller is to hear it.
    pub(super) fn switch(&mut self, on: bool) {
        self.on = on;
        self.buffer.reset();
    }

    /// Takes a frame at 8 kHz. With the first of a capture nothing is left of what was said before it.
    pub(super) fn hear(&mut self, now: Instant, frame: &CleanFrame) {
        match frame.samples().first_chunk() {
            Some(samples) if self.on && frame.mute_epoch().is_none() => {
                self.buffer.handle_frame(now, frame.index(), samples, frame.is_lost());
            }
            Some(_) | None => self.buffer.reset(),
        }
    }

    /// Nobody listens: what was said is not for later.
    pub(super) fn forget(&mut self) {
        self.buffer.reset();
    }

    /// The 20 ms that are due, unless something else is said.
    pub(super) fn next_frame(&mut self, now: Instant, said: Filled, out: &mut [i16; FRAME_SAMPLES]) {
        if !self.on {
            return;
        }
        let mut echoed = [0; FRAME_SAMPLES];
        self.buffer.next_frame(now, &mut echoed);
        if said == Filled::Silence {
            *out = echoed;
        }
    }

    pub(super) fn report(&self) -> JitterBufferReport {
        self.buffer.report()
    }
}
