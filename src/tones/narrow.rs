//! The detectors' and the voice judge's view of the audio: 8 kHz, whatever the leg's rate is.

use std::{array, f32::consts::PI};

use frame::SampleRate;
use zeroize::Zeroize;

/// Taps for every input sample of one output sample: a stop band from 4.6 kHz on is enough for what is judged here.
const TAPS_PER_FACTOR: usize = 12;
const MOST_TAPS: usize = TAPS_PER_FACTOR * 6;
/// Samples of a frame at 8 kHz.
pub const FRAME: usize = 160;

/// Low-pass filters and decimates to 8 kHz; at 8 kHz it only converts.
#[derive(Default)]
pub struct Narrow {
    filter: Option<Box<Filter>>,
}

struct Filter {
    factor: usize,
    taps: [f32; MOST_TAPS],
    history: [f32; MOST_TAPS],
    newest: usize,
}

impl Narrow {
    /// For a leg of this rate.
    #[must_use]
    pub fn new(rate: SampleRate) -> Self {
        let factor = rate.hertz() as usize / 8_000;
        Self { filter: (factor > 1).then(|| Box::new(Filter::new(factor))) }
    }

    /// Whether what is given comes later than what was taken, by three quarters of a millisecond, and begins anew after
    /// [`Narrow::clear`].
    #[must_use]
    pub fn delays(&self) -> bool {
        self.filter.is_some()
    }

    /// A frame of 20 ms at 8 kHz, of one at the leg's rate.
    pub fn frame(&mut self, samples: &[i16]) -> [f32; FRAME] {
        let mut frame = [0.0; FRAME];
        match &mut self.filter {
            Some(filter) => filter.decimate(samples, &mut frame),
            None => frame.iter_mut().zip(samples).for_each(|(place, &sample)| *place = f32::from(sample)),
        }
        frame
    }

    /// Forgets all audio.
    pub fn clear(&mut self) {
        if let Some(filter) = &mut self.filter {
            filter.history.zeroize();
        }
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Filter {
    fn new(factor: usize) -> Self {
        let length = factor * TAPS_PER_FACTOR;
        let taps = array::from_fn(|tap| if tap < length { windowed_sinc(tap, length, factor) } else { 0.0 });
        Self { factor, taps, history: [0.0; MOST_TAPS], newest: 0 }
    }

    fn decimate(&mut self, samples: &[i16], frame: &mut [f32; FRAME]) {
        for (place, samples) in frame.iter_mut().zip(samples.chunks_exact(self.factor)) {
            for &sample in samples {
                self.newest = (self.newest + 1) % MOST_TAPS;
                self.history[self.newest] = f32::from(sample);
            }
            *place = self.filtered();
        }
    }

    fn filtered(&self) -> f32 {
        let length = self.factor * TAPS_PER_FACTOR;
        (0..length).map(|tap| self.taps[tap] * self.history[(self.newest + MOST_TAPS - tap) % MOST_TAPS]).sum()
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
