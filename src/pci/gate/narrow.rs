//! The detectors' and the voice judge's view of the audio: 8 kHz, whatever the leg's rate is.

use std::{array, f32::consts::PI};

use frame::SampleRate;
use zeroize::Zeroize;

/// Taps for every input sample of one output sample: a stop band from 4.6 kHz on is enough for what is judged here.
const TAPS_PER_FACTOR: usize = 12;
const MOST_TAPS: usize = TAPS_PER_FACTOR * 6;

/// Low-pass filters and decimates to 8 kHz; at 8 kHz it only converts.
pub(crate) struct Narrow {
    factor: usize,
    taps: [f32; MOST_TAPS],
    history: [f32; MOST_TAPS],
    newest: usize,
    until_output: usize,
}

impl Narrow {
    pub(crate) fn new(rate: SampleRate) -> Self {
        let factor = rate.hertz() as usize / 8_000;
        let length = factor * TAPS_PER_FACTOR;
        let taps = array::from_fn(|tap| if tap < length { windowed_sinc(tap, length, factor) } else { 0.0 });
        Self { factor, taps, history: [0.0; MOST_TAPS], newest: 0, until_output: factor }
    }

    /// Whether what is given comes later than what was taken, by three quarters of a millisecond, and begins anew after
    /// [`Narrow::clear`].
    pub(crate) fn delays(&self) -> bool {
        self.factor > 1
    }

    /// Gives `take` every 8 kHz sample of `samples`.
    pub(crate) fn each(&mut self, samples: &[i16], mut take: impl FnMut(f32)) {
        for &sample in samples {
            if self.factor == 1 {
                take(f32::from(sample));
                continue;
            }
            self.newest = (self.newest + 1) % MOST_TAPS;
            self.history[self.newest] = f32::from(sample);
            self.until_output -= 1;
            if self.until_output == 0 {
                self.until_output = self.factor;
                take(self.filtered());
            }
        }
    }

    /// Forgets all audio.
    pub(crate) fn clear(&mut self) {
        self.history.zeroize();
        self.until_output = self.factor;
    }

    fn filtered(&self) -> f32 {
        let length = self.factor * TAPS_PER_FACTOR;
        (0..length).map(|tap| self.taps[tap] * self.history[(self.newest + MOST_TAPS - tap) % MOST_TAPS]).sum()
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A low pass at 3.6 kHz with a Hann window, of unity gain at zero.
fn windowed_sinc(tap: usize, length: usize, factor: usize) -> f32 {
    let place = tap as f32 - (length as f32 - 1.0) / 2.0;
    let cut = 0.9 / factor as f32;
    let sinc = if place.abs() < 1e-6 { 1.0 } else { (PI * cut * place).sin() / (PI * cut * place) };
    let window = 0.5 + 0.5 * (2.0 * PI * place / length as f32).cos();
    cut * sinc * window
}
