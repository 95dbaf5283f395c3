//! The strict judge: which pair of tones two windows agree on, by ITU-T Q.24.
//!
//! One window of 8 ms lies right behind the other. Between their centres each tone's phase turns by its frequency, which is
//! how that is measured.

use crate::bank::{Fit, ZERO_DBM0};

/// The share of both windows' energy that the two tones must explain.
const SHARE: f32 = 0.83;
/// Between the ±1.5 % + 2 Hz to accept and the ±3.5 % to reject.
const DEVIATION: f32 = 0.026;
/// A tone below −42 dBm0 is none.
const FLOOR: f32 = ZERO_DBM0 * 6.3e-5;
/// The low tone may be 10 dB stronger than the high one (8 required).
const NORMAL_TWIST: f32 = 10.0;
/// The high tone may be 6 dB stronger than the low one (4 required).
const REVERSE_TWIST: f32 = 4.0;

/// The pair that two windows agree on: four times the place of the low tone in its group, and the place of the high one.
#[must_use]
pub fn agreed(behind: &Fit, fit: &Fit) -> Option<u8> {
    let pair = |fit: &Fit| 4 * fit.low.index + fit.high.index - 4;
    let (low, high) = (behind.low.power + fit.low.power, behind.high.power + fit.high.power);
    let agreed = pair(behind) == pair(fit)
        && behind.explained + fit.explained > SHARE * (behind.energy + fit.energy)
        && low.min(high) > 2.0 * FLOOR
        && low < NORMAL_TWIST * high
        && high < REVERSE_TWIST * low
        && fit.low.is_near_nominal(&behind.low, DEVIATION)
        && fit.high.is_near_nominal(&behind.high, DEVIATION);
    agreed.then(|| pair(fit))
}
