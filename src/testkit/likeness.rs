//! How like what was said is what was heard, and how much later: by correlation, half a second at a time.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};

/// Samples compared at a time: half a second at 8 kHz.
pub const WINDOW: usize = 4_000;
/// The longest delay that is looked for, in samples: a second.
pub const MOST_DELAY: usize = 8_000;
/// Samples of a frame, 20 ms.
const FRAME: usize = 160;
/// A frame is a hole where it has less than this share of the energy it should have: 20 dB.
const HOLE: f64 = 0.01;
/// Room for a window and the longest delay.
const SIZE: usize = 16_384;
/// Below this effective value a window holds no speech.
const AUDIBLE: f64 = 200.0;

/// Half a second of what was said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Samples said before it.
    pub at: usize,
    /// How much later it was heard, in samples.
    pub delay: usize,
    /// How like it is what was heard then: 1 is the same but for its level.
    pub likeness: f32,
    /// Frames of 20 ms with speech in them.
    pub voiced: usize,
    /// Those of them in which next to nothing was heard.
    pub holes: usize,
}

/// Compares what was heard with what was said. Both begin at the same moment.
pub struct Comparer {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl Default for Comparer {
    fn default() -> Self {
        Self::new()
    }
}

impl Comparer {
    /// A comparer, with its transforms planned.
    #[must_use]
    pub fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        Self { forward: planner.plan_fft_forward(SIZE), inverse: planner.plan_fft_inverse(SIZE) }
    }

    /// Every half second of `said` in which there is speech.
    #[must_use]
    pub fn windows(&self, said: &[i16], heard: &[i16]) -> Vec<Window> {
        let places = (0..said.len() / WINDOW).map(|number| number * WINDOW);
        places.filter_map(|at| self.window(&said[at..at + WINDOW], heard, at)).collect()
    }

    fn window(&self, said: &[i16], heard: &[i16], at: usize) -> Option<Window> {
        let power = energy(said);
        if power < AUDIBLE * AUDIBLE * said.len() as f64 {
            return None;
        }
        let end = (at + WINDOW + MOST_DELAY).min(heard.len());
        let region = heard.get(at..end).unwrap_or_default();
        if region.len() < WINDOW {
            return Some(Window { at, delay: 0, likeness: 0.0, voiced: WINDOW / FRAME, holes: WINDOW / FRAME });
        }
        let products = self.correlate(said, region);
        let mut loudness = energy(&region[..WINDOW]);
        let (mut delay, mut likeness) = (0, 0.0);
        for (lag, &product) in products[..=region.len() - WINDOW].iter().enumerate() {
            if lag > 0 {
                loudness += square(region[lag + WINDOW - 1]) - square(region[lag - 1]);
            }
            // Beside near silence anything is alike.
            let like = f64::from(product) / (power * loudness.max(power / 100.0)).sqrt();
            if like > likeness {
                (delay, likeness) = (lag, like);
            }
        }
        let heard = region[delay..].chunks_exact(FRAME);
        let frames = said.chunks_exact(FRAME).zip(heard).map(|(said, heard)| (energy(said), energy(heard)));
        let voiced: Vec<_> = frames.filter(|(said, _)| *said >= AUDIBLE * AUDIBLE * FRAME as f64).collect();
        let holes = voiced.iter().filter(|(said, heard)| *heard < HOLE * said).count();
        Some(Window { at, delay, likeness: likeness as f32, voiced: voiced.len(), holes })
    }

    /// The sum of products at every delay.
    fn correlate(&self, said: &[i16], region: &[i16]) -> Vec<f32> {
        let (said, region) = (self.spectrum(said), self.spectrum(region));
        let mut product: Vec<Complex<f32>> =
            region.iter().zip(&said).map(|(heard, said)| heard * said.conj()).collect();
        let mut sums = vec![0.0; SIZE];
        // The ends of a real signal's spectrum are real.
        (product[0].im, product[SIZE / 2].im) = (0.0, 0.0);
        let done = self.inverse.process(&mut product, &mut sums);
        debug_assert!(done.is_ok(), "the lengths are those planned for");
        sums.iter().map(|sum| sum / SIZE as f32).collect()
    }

    fn spectrum(&self, samples: &[i16]) -> Vec<Complex<f32>> {
        let mut padded = vec![0.0; SIZE];
        padded.iter_mut().zip(samples).for_each(|(place, &sample)| *place = f32::from(sample));
        let mut spectrum = self.forward.make_output_vec();
        let done = self.forward.process(&mut padded, &mut spectrum);
        debug_assert!(done.is_ok(), "the lengths are those planned for");
        spectrum
    }
}

/// The value that a share of some values does not exceed: 0.5 is the median. Nothing of none.
#[must_use]
pub fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len().saturating_sub(1) as f64 * share).round() as usize;
    values.get(place).copied().unwrap_or(0.0)
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| square(sample)).sum()
}

fn square(sample: i16) -> f64 {
    f64::from(sample).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise that never repeats itself.
    fn noise(samples: usize) -> Vec<i16> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 48) as i16) / 8
        };
        (0..samples).map(|_| next()).collect()
    }

    #[test]
    fn a_delay_is_found_to_the_sample_and_follows_a_change() {
        let said = noise(5 * WINDOW);
        let mut heard = vec![0; 777];
        heard.extend(&said[..2 * WINDOW]);
        heard.extend([0; 160]);
        heard.extend(said[2 * WINDOW..].iter().map(|sample| sample / 2));
        let windows = Comparer::new().windows(&said, &heard);
        assert_eq!(windows.iter().map(|window| window.delay).collect::<Vec<_>>(), [777, 777, 937, 937, 937]);
        assert!(windows.iter().all(|window| window.likeness > 0.99), "{windows:?}");
    }

    #[test]
    fn what_is_missing_or_other_is_not_alike() {
        let said = noise(4 * WINDOW);
        let mut heard = said.clone();
        heard[WINDOW..2 * WINDOW].fill(0);
        heard[2 * WINDOW..2 * WINDOW + WINDOW / 2].fill(0);
        heard.truncate(3 * WINDOW + 10);
        let windows = Comparer::new().windows(&said, &heard);
        let likenesses: Vec<f32> = windows.iter().map(|window| window.likeness).collect();
        assert!(likenesses[0] > 0.99 && likenesses[1] < 0.2 && likenesses[3] == 0.0, "{likenesses:?}");
        let holes: Vec<usize> = windows.iter().map(|window| window.holes).collect();
        assert!(holes[0] == 0 && holes[1] > 20 && holes[2] == 12 && holes[3] == 25, "of 25 frames: {holes:?}");
        assert!((0.6..0.8).contains(&likenesses[2]), "half of it is 0.7: {likenesses:?}");
    }

    #[test]
    fn silence_is_not_compared() {
        assert_eq!(Comparer::new().windows(&[9; 2 * WINDOW], &[9; 2 * WINDOW]), []);
    }

    #[test]
    fn quantiles_are_of_what_there_is() {
        assert_eq!(quantile(vec![3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(vec![3.0, 1.0, 2.0], 1.0), 3.0);
        assert_eq!(quantile(Vec::new(), 0.5), 0.0);
    }
}
