//! Which key a piece of audio sounds most like: the likeliest of twelve, as somebody would judge who wants to know.
//!
//! In white noise, with the levels and phases of both tones unknown, the likeliest key is the one whose four waves (cosine and
//! sine of its two frequencies of ITU-T Q.23) explain most of the samples' energy, by least squares. Two milliseconds of a tone
//! are enough for it, so what it cannot tell nobody can. Samples are at 8 kHz.

use std::{array, f64::consts::TAU};

use crate::bank::{RATE, TONES};

/// The keys of a telephone, as places in [`crate::synthesis::PAD`]: the pad without its fourth column.
pub const KEYPAD: [usize; 12] = [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14];
/// The frequencies of the whole pad.
const FREQUENCIES: usize = 8;
/// The keys of the whole pad.
const PAD: usize = 16;
/// A cosine and a sine of each.
const WAVES: usize = 2 * FREQUENCIES;
/// Below this a pivot is nothing: the samples are too few to tell waves apart.
const TINY: f64 = 1e-9;

type Waves = [f64; WAVES];
type Matrix = [[f64; 4]; 4];

/// What samples sound most like.
#[derive(Clone, Copy, Debug)]
pub struct Guess {
    /// The key, as a place in [`crate::synthesis::PAD`].
    pub pad: usize,
    /// The share of the energy that its two tones explain, 0 to 1.
    pub share: f32,
    /// The energy: the sum of the squared samples.
    pub energy: f32,
}

/// Judges windows of one length.
pub struct Classifier {
    waves: Vec<Waves>,
    /// Of each key of the pad: its waves with each other, as a lower triangle that gives them back when squared.
    factors: [Matrix; PAD],
}

impl Classifier {
    /// For windows of so many samples: 16 to 24 are 2 to 3 ms. Of fewer than 8 hardly anything can be told.
    #[must_use]
    pub fn new(samples: usize) -> Self {
        let waves: Vec<Waves> = (0..samples).map(waves_at).collect();
        let mut sums = Sums::default();
        waves.iter().for_each(|waves| sums.take(0.0, waves));
        Self { waves, factors: array::from_fn(|pad| sums.factor(pad)) }
    }

    /// The likeliest key of a window of that length; `None` where it is exact silence.
    #[must_use]
    pub fn judge(&self, window: &[f32]) -> Option<Guess> {
        let mut with = [0.0; WAVES];
        let mut energy = 0.0;
        for (&sample, waves) in window.iter().zip(&self.waves) {
            let sample = f64::from(sample);
            energy += sample * sample;
            with.iter_mut().zip(waves).for_each(|(sum, wave)| *sum += sample * wave);
        }
        likeliest(KEYPAD.into_iter().map(|pad| (pad, explained(&self.factors[pad], pad, &with))), energy)
    }

    /// How much of a window's energy one key's tones explain. `None` where `pad` is no place in [`crate::synthesis::PAD`].
    #[must_use]
    pub fn explained_by(&self, pad: usize, window: &[f32]) -> Option<f32> {
        let factor = self.factors.get(pad)?;
        let mut with = [0.0; WAVES];
        for (&sample, waves) in window.iter().zip(&self.waves) {
            with.iter_mut().zip(waves).for_each(|(sum, wave)| *sum += f64::from(sample) * wave);
        }
        Some(explained(factor, pad, &with) as f32)
    }
}

/// The likeliest key of samples that are known at some moments only, such as what a clamp has left of a tone. `None` where
/// there are fewer than four, or all of them are zero.
#[must_use]
pub fn identify(known: &[(usize, f32)]) -> Option<Guess> {
    if known.len() < 4 {
        return None;
    }
    let mut sums = Sums::default();
    known.iter().for_each(|&(moment, sample)| sums.take(f64::from(sample), &waves_at(moment)));
    let keys = KEYPAD.into_iter().map(|pad| (pad, explained(&sums.factor(pad), pad, &sums.with)));
    likeliest(keys, sums.energy)
}

fn likeliest(keys: impl Iterator<Item = (usize, f64)>, energy: f64) -> Option<Guess> {
    let (pad, explained) = keys.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let guess = Guess { pad, share: (explained / energy).min(1.0) as f32, energy: energy as f32 };
    (energy > 0.0).then_some(guess)
}

/// All waves at one sample.
fn waves_at(moment: usize) -> Waves {
    let turn = |frequency: usize| TAU * f64::from(TONES[frequency]) * moment as f64 / f64::from(RATE);
    array::from_fn(|wave| if wave % 2 == 0 { turn(wave / 2).cos() } else { turn(wave / 2).sin() })
}

/// The places of a key's four waves.
fn places(pad: usize) -> [usize; 4] {
    let (low, high) = (2 * (pad / 4), 2 * (4 + pad % 4));
    [low, low + 1, high, high + 1]
}

#[derive(Default)]
struct Sums {
    /// The samples with each wave.
    with: Waves,
    /// The waves with each other.
    among: [Waves; WAVES],
    energy: f64,
}

impl Sums {
    fn take(&mut self, sample: f64, waves: &Waves) {
        self.energy += sample * sample;
        for (one, row) in self.among.iter_mut().enumerate() {
            self.with[one] += sample * waves[one];
            row.iter_mut().zip(waves).for_each(|(sum, wave)| *sum += waves[one] * wave);
        }
    }

    /// The Cholesky factor of a key's four waves with each other.
    fn factor(&self, pad: usize) -> Matrix {
        let places = places(pad);
        let mut lower = [[0.0; 4]; 4];
        for row in 0..4 {
            for column in 0..=row {
                let before: f64 = (0..column).map(|k| lower[row][k] * lower[column][k]).sum();
                let rest = self.among[places[row]][places[column]] - before;
                lower[row][column] = if row == column { rest.max(TINY).sqrt() } else { rest / lower[column][column] };
            }
        }
        lower
    }
}

/// The energy of what a key's four waves explain: the squared length of the solution of `factor · x = with`.
fn explained(factor: &Matrix, pad: usize, with: &Waves) -> f64 {
    let mut solved = [0.0; 4];
    for (row, place) in places(pad).into_iter().enumerate() {
        let before: f64 = (0..row).map(|k| factor[row][k] * solved[k]).sum();
        solved[row] = (with[place] - before) / factor[row][row];
    }
    solved.iter().map(|part| part * part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesis::{Chance, Dial, noise};

    /// So many samples out of the middle of a tone, this much louder than white noise.
    fn piece(pad: usize, samples: usize, ratio: f32, chance: &mut Chance) -> Vec<f32> {
        let mut line = noise(640, -7.0 - ratio, chance);
        Dial::new(pad, 80.0).add_to(&mut line, 0, chance);
        line[200..200 + samples].to_vec()
    }

    fn right(samples: usize, ratio: f32) -> usize {
        let (classifier, mut chance) = (Classifier::new(samples), Chance::new(4));
        let is_right = |chance: &mut Chance| {
            let pad = KEYPAD[chance.below(12)];
            classifier.judge(&piece(pad, samples, ratio, chance)).unwrap().pad == pad
        };
        (0..600).filter(|_| is_right(&mut chance)).count()
    }

    #[test]
    fn two_milliseconds_name_a_key_and_half_a_millisecond_does_not() {
        assert!(right(16, 40.0) >= 598, "{} of 600", right(16, 40.0));
        assert!(right(24, 20.0) >= 590, "{} of 600", right(24, 20.0));
        assert!(right(4, 20.0) < 200, "{} of 600", right(4, 20.0));
    }

    #[test]
    fn noise_is_any_key() {
        let (classifier, mut chance) = (Classifier::new(800), Chance::new(9));
        let mut found = [0; 16];
        for _ in 0..1_200 {
            found[classifier.judge(&noise(800, -30.0, &mut chance)).unwrap().pad] += 1;
        }
        assert!(KEYPAD.iter().all(|&pad| (40..=240).contains(&found[pad])), "{found:?}");
    }

    #[test]
    fn what_is_left_between_gaps_is_judged_like_a_window() {
        let (classifier, mut chance) = (Classifier::new(32), Chance::new(11));
        for pad in KEYPAD {
            let window = piece(pad, 32, 30.0, &mut chance);
            let known: Vec<_> = window.iter().copied().enumerate().collect();
            let (one, other) = (classifier.judge(&window).unwrap(), identify(&known).unwrap());
            assert_eq!(one.pad, other.pad);
            assert!((one.share - other.share).abs() < 1e-4 && one.share > 0.98, "{one:?} {other:?}");
            assert!((classifier.explained_by(pad, &window).unwrap() / one.energy - one.share).abs() < 1e-4);
            let torn: Vec<_> = known.iter().copied().filter(|(moment, _)| moment % 11 < 6).collect();
            assert_eq!(identify(&torn).unwrap().pad, pad);
        }
    }

    #[test]
    fn silence_is_no_key() {
        assert!(Classifier::new(16).judge(&[0.0; 16]).is_none());
        assert!(identify(&[]).is_none() && identify(&[(1, 0.0), (2, 0.0), (3, 0.0), (4, 0.0)]).is_none());
        assert!(Classifier::new(16).explained_by(PAD, &[1.0; 16]).is_none());
    }
}
