//! Which key a few milliseconds of sound are, by maximum likelihood.
//!
//! Under white noise the likeliest of the sixteen keys (ITU-T Q.23) is the one whose two tones, each of any level and phase, leave
//! the least of the window's energy: a projection onto four waves. How much they explain is the likelihood ratio's only term.

use std::f32::consts::TAU;

/// The keys in the order of their names here: rows of ITU-T Q.23, column by column.
pub(crate) const KEYS: &[u8; 16] = b"123A456B789C*0#D";
/// Low and high groups in hertz (ITU-T Q.23).
const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
/// The power of one sample of a sine at 0 dBm0, in 16-bit samples (ITU-T G.711: full scale is +3.17 dBm0).
const ZERO_DBM0: f32 = 2.49e8;

/// What one window is most likely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Named {
    /// The place of the key in [`KEYS`].
    pub(crate) key: u8,
    /// The share of the energy that its two tones explain.
    pub(crate) share: f32,
    /// The mean power in dBm0.
    pub(crate) level: f32,
    /// By how much the stronger of the two tones is above the other, in decibels.
    pub(crate) twist: f32,
}

/// Four waves that are at right angles to each other: the first two span the low tone.
struct Waves([Vec<f32>; 4]);

/// Windows of one length, at one rate.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// Windows that would fill a second.
    pub(crate) windows_a_second: u32,
    /// Windows that begin in a second.
    pub(crate) hops_a_second: u32,
}

impl Span {
    /// 2.5 ms, twice of what names a key in quiet, every 0.5 ms, so that one lies within whatever lasts 3 ms.
    pub(crate) const SHORT: Self = Self { windows_a_second: 400, hops_a_second: 2_000 };
    /// 25 ms, in which no voice is two steady tones, every 5 ms.
    pub(crate) const LONG: Self = Self { windows_a_second: 40, hops_a_second: 200 };
}

/// The fit at one rate.
pub(crate) struct Fit {
    window: usize,
    hop: usize,
    waves: Vec<Waves>,
}

impl Fit {
    /// For audio of so many samples a second, at least 8,000.
    pub(crate) fn at(rate: u32, span: Span) -> Self {
        let window = (rate / span.windows_a_second).max(8) as usize;
        let keys = LOW.iter().flat_map(|low| HIGH.iter().map(move |high| (*low, *high)));
        let waves = keys.map(|(low, high)| Waves::of(low, high, rate, window)).collect();
        Self { window, hop: (rate / span.hops_a_second).max(1) as usize, waves }
    }

    /// Samples of a window, and from one to the next.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.window, self.hop)
    }

    /// What a window is most likely; `None` where it is exactly silent.
    pub(crate) fn name(&self, window: &[i16]) -> Option<Named> {
        if window.iter().all(|sample| *sample == 0) {
            return None;
        }
        let samples: Vec<f32> = window.iter().map(|sample| f32::from(*sample)).collect();
        let energy: f32 = samples.iter().map(|sample| sample * sample).sum();
        let explained = self.waves.iter().map(|waves| waves.explain(&samples)).enumerate();
        let best = explained.max_by(|(_, one), (_, other)| (one.0 + one.1).total_cmp(&(other.0 + other.1)));
        let (key, (low, high)) = best?;
        let level = 10.0 * (energy / samples.len() as f32 / ZERO_DBM0).log10();
        let twist = 10.0 * ((low + 1.0) / (high + 1.0)).log10().abs();
        Some(Named { key: key as u8, share: (low + high) / energy, level, twist })
    }
}

impl Waves {
    fn of(low: f32, high: f32, rate: u32, window: usize) -> Self {
        let wave = |hertz: f32, is_sine: bool| -> Vec<f32> {
            let step = TAU * hertz / rate as f32;
            // From the middle, where sine and cosine are nearly at right angles.
            let phase = |place: usize| step * (place as f32 - (window - 1) as f32 / 2.0);
            (0..window).map(|place| if is_sine { phase(place).sin() } else { phase(place).cos() }).collect()
        };
        let mut waves = [wave(low, false), wave(low, true), wave(high, false), wave(high, true)];
        for last in 0..waves.len() {
            let (before, rest) = waves.split_at_mut(last);
            for earlier in before {
                let share = dot(earlier, &rest[0]);
                rest[0].iter_mut().zip(earlier.iter()).for_each(|(sample, other)| *sample -= share * other);
            }
            let length = dot(&rest[0], &rest[0]).sqrt();
            rest[0].iter_mut().for_each(|sample| *sample /= length);
        }
        Self(waves)
    }

    /// The energy that the low tone explains, and what the high one adds.
    fn explain(&self, samples: &[f32]) -> (f32, f32) {
        let [one, two, three, four] = &self.0;
        let energy = |wave: &[f32]| dot(wave, samples).powi(2);
        (energy(one) + energy(two), energy(three) + energy(four))
    }
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}
