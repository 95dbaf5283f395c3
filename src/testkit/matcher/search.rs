//! Where prompts begin: normalised cross-correlation with all their first half seconds at once.

use std::sync::{Arc, LazyLock};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};

use super::library::Known;

/// Samples of a prompt's beginning that are looked for: half a second.
pub(super) const HEAD: usize = 4_096;
/// Beginnings looked for at a time: a quarter of a second.
pub(super) const HOP: usize = 2_048;
/// Length of the transforms: the correlation does not wrap around within a hop.
const LENGTH: usize = 8_192;
/// The correlation of a beginning that was heard.
const THRESHOLD: f32 = 0.55;
/// Sound quieter than this, as an effective value, holds no prompt.
const QUIET: f32 = 60.0;

/// The beginning of a prompt in the Fourier domain.
pub(super) struct Filter {
    spectrum: Vec<Complex<f32>>,
    norm: f32,
    length: usize,
}

struct Plans {
    forward: Arc<dyn RealToComplex<f32>>,
    back: Arc<dyn ComplexToReal<f32>>,
}

static PLANS: LazyLock<Plans> = LazyLock::new(|| {
    let mut planner = RealFftPlanner::new();
    Plans { forward: planner.plan_fft_forward(LENGTH), back: planner.plan_fft_inverse(LENGTH) }
});

/// The filter of a prompt.
pub(super) fn filter(samples: &[f32]) -> Filter {
    let head = &samples[..HEAD.min(samples.len())];
    Filter { spectrum: spectrum(head), norm: energy(head).sqrt(), length: head.len() }
}

fn spectrum(samples: &[f32]) -> Vec<Complex<f32>> {
    let mut input = vec![0.0; LENGTH];
    input[..samples.len()].copy_from_slice(samples);
    let mut output = PLANS.forward.make_output_vec();
    // The lengths are the plan's own.
    let _ = PLANS.forward.process(&mut input, &mut output);
    output
}

fn energy(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum()
}

/// The search, with its buffers.
pub(super) struct Search {
    product: Vec<Complex<f32>>,
    correlation: Vec<f32>,
}

impl Search {
    pub(super) fn new() -> Self {
        Self { product: PLANS.back.make_input_vec(), correlation: PLANS.back.make_output_vec() }
    }

    /// The prompts that begin within the first [`HOP`] samples of `sound`, which is [`HOP`] + [`HEAD`] long, with where.
    pub(super) fn find(&mut self, sound: &[f32], prompts: &[Known]) -> Vec<(usize, usize)> {
        if energy(sound) < QUIET * QUIET * sound.len() as f32 / 4.0 {
            return Vec::new();
        }
        let spectrum = spectrum(sound);
        let sums = running_energy(sound);
        let begins = prompts.iter().enumerate().filter_map(|(number, prompt)| {
            self.begin_of(&prompt.filter, &spectrum, &sums).map(|offset| (number, offset))
        });
        begins.collect()
    }

    fn begin_of(&mut self, filter: &Filter, sound: &[Complex<f32>], sums: &[f64]) -> Option<usize> {
        for ((product, sound), head) in self.product.iter_mut().zip(sound).zip(&filter.spectrum) {
            *product = sound * head.conj();
        }
        // The first and the last value of a real signal's spectrum are real.
        if let [first, .., last] = &mut self.product[..] {
            (first.im, last.im) = (0.0, 0.0);
        }
        let _ = PLANS.back.process(&mut self.product, &mut self.correlation);
        let scale = 1.0 / (LENGTH as f32 * filter.norm.max(1.0));
        let floor = f64::from(QUIET * QUIET) * filter.length as f64;
        let normalised = self.correlation[..HOP].iter().enumerate().map(|(offset, value)| {
            let energy = (sums[offset + filter.length] - sums[offset]).max(floor);
            (offset, value * scale / energy.sqrt() as f32)
        });
        let (offset, best) = normalised.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
        (best >= THRESHOLD).then_some(offset)
    }
}

/// The energy before each sample, and of all.
fn running_energy(samples: &[f32]) -> Vec<f64> {
    let mut sums = Vec::with_capacity(samples.len() + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for sample in samples {
        sum += f64::from(sample * sample);
        sums.push(sum);
    }
    sums
}
