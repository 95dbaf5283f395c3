//! The bounded queue of outputs.

use std::collections::VecDeque;

use crate::GateOutput;

/// Outputs that wait at most. One input makes 14 at the most: the keys of a run, what ends it, and edges of speech.
const MOST: usize = 16;

/// Outputs in order. It never grows, so that a key is never left behind in freed memory.
pub(crate) struct Outputs {
    queue: VecDeque<GateOutput>,
    overflow: u64,
}

impl Outputs {
    pub(crate) fn new() -> Self {
        Self { queue: VecDeque::with_capacity(MOST), overflow: 0 }
    }

    pub(crate) fn push(&mut self, output: GateOutput) {
        if self.queue.len() == MOST {
            self.overflow += 1;
        } else {
            self.queue.push_back(output);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<GateOutput> {
        self.queue.pop_front()
    }

    pub(crate) fn overflow(&self) -> u64 {
        self.overflow
    }
}
