//! The fast, permissive judge: do these milliseconds sound like any pair of the eight tones? What it suspects is silenced;
//! it never says which pair it was.

use crate::bank::{EDGE_BLOCKS, Fit, HOP, Hop, WINDOW, ZERO_DBM0, energy};

/// Two tones together below −45 dBm0 are not looked at.
const FLOOR: f32 = ZERO_DBM0 * 3.2e-5;
/// The share of a window's energy that two tones must explain, twice in a row.
const SHARE: f32 = 0.87;
/// The share that is enough once.
const CLEAR_SHARE: f32 = 0.97;
/// The share that is enough beside a loss.
const EDGE_SHARE: f32 = 0.75;
/// The most that one tone may be stronger than the other: 12 dB.
const TWIST: f32 = 15.9;

/// Looks at every window.
#[derive(Default)]
pub struct Suspicion {
    /// Whether the window before was suspicious enough to be the first of two.
    warned: bool,
}

impl Suspicion {
    /// Whether a pair is suspected in the window that ends with this hop.
    pub fn hop(&mut self, hop: &Hop) -> bool {
        let share = hop.fit.as_ref().map_or(0.0, |fit| share(fit, WINDOW));
        let warned = std::mem::replace(&mut self.warned, share > SHARE);
        share > CLEAR_SHARE || (warned && self.warned)
    }

    /// Forgets the windows before a loss.
    pub fn clear(&mut self) {
        self.warned = false;
    }
}

/// The share of the window's energy that is two tones of a loudness and balance that a telephone's may have.
fn share(fit: &Fit, samples: usize) -> f32 {
    let loud = fit.energy > FLOOR * samples as f32;
    let balanced = fit.low.power < TWIST * fit.high.power && fit.high.power < TWIST * fit.low.power;
    if loud && balanced { fit.explained / fit.energy } else { 0.0 }
}

/// Whether what touches a loss may be a pair that began before it or goes on after it.
#[must_use]
pub fn suspects_edge(edge: Option<&Fit>) -> bool {
    edge.is_some_and(|fit| share(fit, EDGE_BLOCKS * HOP) > EDGE_SHARE)
}

/// Whether samples are loud enough to hold the beginning of a tone.
pub(crate) fn is_audible(samples: &[f32]) -> bool {
    energy(samples) > FLOOR * samples.len() as f32
}
