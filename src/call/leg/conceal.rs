//! Concealment as work on clean frames.

use audio::{Concealer, Gap};
use frame::SampleRate;
use gate::{Missing, Transform};

/// Fills what is missing in a leg's clean audio, at the leg's rate. What it makes depends on nothing but frames that the
/// gate has let pass, so it cannot say more of a key than they did.
pub(super) struct Conceal {
    rate: SampleRate,
    concealer: Concealer,
}

impl Conceal {
    pub(super) fn at(rate: SampleRate) -> Self {
        Self { rate, concealer: Concealer::new(rate) }
    }

    /// Gaps filled so far.
    pub(super) fn gaps(&self) -> u64 {
        self.concealer.gaps()
    }
}

impl Transform for Conceal {
    fn output_rate(&self) -> SampleRate {
        self.rate
    }

    fn apply(&mut self, input: &[i16], missing: Missing, output: &mut [i16]) {
        output.copy_from_slice(input);
        self.concealer.fill(output, Gap { head: missing.head, tail: missing.tail });
    }

    fn flush(&mut self) {
        self.concealer.reset();
    }
}
