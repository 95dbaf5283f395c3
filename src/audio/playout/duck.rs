//! Sound made softer while it is not clear yet whether the caller interrupts it.

use super::item::FADE_SAMPLES;

/// As it is.
pub(super) const WHOLE: i32 = 1 << 15;
/// 12 dB softer.
const SOFT: i32 = WHOLE / 4;
/// How far the level moves with each sample: there and back take 8 ms.
const STEP: i32 = (WHOLE - SOFT) / FADE_SAMPLES as i32;

/// The level of what the caller may interrupt.
pub(super) struct Ducking {
    soft: bool,
    level: i32,
}

impl Ducking {
    pub(super) fn new() -> Self {
        Self { soft: false, level: WHOLE }
    }

    pub(super) fn set(&mut self, soft: bool) {
        self.soft = soft;
    }

    /// Back to the whole level at once, for a sound that begins.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    /// Where the level is, of [`WHOLE`].
    pub(super) fn level(&self) -> i32 {
        self.level
    }

    /// Passes sound on at the level, which moves on the way.
    pub(super) fn shape(&mut self, sound: &mut [i16]) {
        if !self.soft && self.level == WHOLE {
            return;
        }
        for sample in sound {
            self.level = if self.soft { (self.level - STEP).max(SOFT) } else { (self.level + STEP).min(WHOLE) };
            *sample = scaled(*sample, self.level);
        }
    }
}

/// A sample at a level.
pub(super) fn scaled(sample: i16, level: i32) -> i16 {
    (i32::from(sample) * level / WHOLE) as i16
}
