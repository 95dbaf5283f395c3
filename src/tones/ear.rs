//! A leg as the detectors hear it: at 8 kHz in hops of 2 ms, whatever its rate, and what touches a loss.

use frame::SampleRate;
use zeroize::Zeroize;

use crate::bank::{Bank, EDGE_BLOCKS, Fit, HOP, Hop};
use crate::narrow::{FRAME, Narrow};
use crate::suspicion::is_audible;

/// The longest that a pair sounds before it is suspected, in samples at 8 kHz: 12 ms.
pub const UNJUDGED: usize = 96;

/// Takes a leg's frames and fits tones to them.
#[derive(Default)]
pub struct Ear {
    narrow: Narrow,
    bank: Bank,
}

impl Ear {
    /// For a leg of this rate.
    #[must_use]
    pub fn new(rate: SampleRate) -> Self {
        Self { narrow: Narrow::new(rate), bank: Bank::default() }
    }

    /// What beside a loss is too short to be looked at, in samples at 8 kHz: 4 ms, or 6 above 8 kHz, where a filter lies
    /// before what looks. A tone that is longer fills it.
    #[must_use]
    pub fn blind(&self) -> usize {
        EDGE_BLOCKS * HOP + if self.narrow.delays() { HOP } else { 0 }
    }

    /// Takes a frame and tells of its hops. Whether its first, and its last, [`UNJUDGED`] samples are loud enough to hold a tone.
    pub fn hear(&mut self, frame: &[i16], mut tell: impl FnMut(&Hop)) -> [bool; 2] {
        let mut line = self.narrow.frame(frame);
        let edge = self.blind() / HOP;
        for samples in line.as_chunks().0 {
            let mut hop = self.bank.push(samples);
            if self.bank.has_just(edge) {
                hop.edge = self.bank.edge();
            }
            tell(&hop);
        }
        let ends = [&line[..UNJUDGED], &line[FRAME - UNJUDGED..]].map(is_audible);
        line.zeroize();
        ends
    }

    /// A frame was lost: the fit of what lies before it alone, where there is enough of that. All audio is forgotten.
    pub fn lose(&mut self) -> Option<Fit> {
        let edge = self.bank.edge();
        self.clear();
        edge
    }

    /// Forgets all audio.
    pub fn clear(&mut self) {
        self.bank.clear();
        self.narrow.clear();
    }
}
