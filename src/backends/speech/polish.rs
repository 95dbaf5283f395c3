//! Makes a synthesiser's sound fit for a telephone: 8 kHz, within the band of G.711, trimmed, at an even level.

use audio::{ResamplerError, resample_clip};

use super::engine::Sound;

/// The rate of G.711.
pub(super) const HERTZ: u32 = 8_000;
/// Changes whenever the same sound would be polished differently; part of a rendering's identity.
pub(super) const VERSION: u32 = 1;

/// The band of a telephone, in hertz (ITU-T G.712).
const BAND: (f64, f64) = (300.0, 3_400.0);
/// The level of speech: -20 dBov.
const LEVEL: f64 = 3_277.0;
/// No sample goes beyond this: -1.4 dBov.
const PEAK: f64 = 28_000.0;
/// Samples over which level is measured: 10 ms.
const WINDOW: usize = 80;
/// What is quieter than this share of the loudest window is silence: -40 dB.
const SILENCE: f64 = 0.01;
/// Silence left before and after, in samples: 20 ms and 140 ms, so that sentences keep apart.
const LEAD: usize = 160;
const TAIL: usize = 1_120;
/// A clip is filled up to whole frames of 20 ms.
const FRAME: usize = 160;

/// Polishes a sound. The result depends on nothing but the sound.
///
/// # Errors
/// Where its rate is none that can be converted.
pub(super) fn polish(sound: &Sound) -> Result<Vec<i16>, ResamplerError> {
    let narrow = resample_clip(sound.hertz, HERTZ, &sound.samples)?;
    let banded = band_limit(&narrow);
    let mut clip = level(trim(&banded));
    clip.resize(clip.len().next_multiple_of(FRAME), 0);
    Ok(clip)
}

fn band_limit(samples: &[i16]) -> Vec<f64> {
    let mut sections = [
        Section::high_pass(BAND.0, 0.541),
        Section::high_pass(BAND.0, 1.307),
        Section::low_pass(BAND.1, 0.541),
        Section::low_pass(BAND.1, 1.307),
    ];
    let pass = |sample: &i16| sections.iter_mut().fold(f64::from(*sample), |value, section| section.pass(value));
    samples.iter().map(pass).collect()
}

/// A second-order section of a filter. Two with the quality factors 0.541 and 1.307 make a Butterworth filter of order 4.
struct Section {
    forward: [f64; 3],
    back: [f64; 2],
    memory: [f64; 2],
}

impl Section {
    fn low_pass(corner: f64, quality: f64) -> Self {
        let (cosine, alpha) = Self::angle(corner, quality);
        let edge = (1.0 - cosine) / 2.0;
        Self::normalised([edge, 1.0 - cosine, edge], cosine, alpha)
    }

    fn high_pass(corner: f64, quality: f64) -> Self {
        let (cosine, alpha) = Self::angle(corner, quality);
        let edge = f64::midpoint(1.0, cosine);
        Self::normalised([edge, -(1.0 + cosine), edge], cosine, alpha)
    }

    fn angle(corner: f64, quality: f64) -> (f64, f64) {
        let angle = std::f64::consts::TAU * corner / f64::from(HERTZ);
        (angle.cos(), angle.sin() / (2.0 * quality))
    }

    fn normalised(forward: [f64; 3], cosine: f64, alpha: f64) -> Self {
        let scale = 1.0 + alpha;
        Self {
            forward: forward.map(|factor| factor / scale),
            back: [-2.0 * cosine / scale, (1.0 - alpha) / scale],
            memory: [0.0; 2],
        }
    }

    fn pass(&mut self, input: f64) -> f64 {
        let output = self.forward[0] * input + self.memory[0];
        self.memory[0] = self.forward[1] * input - self.back[0] * output + self.memory[1];
        self.memory[1] = self.forward[2] * input - self.back[1] * output;
        output
    }
}

/// The part between the first and the last sound.
fn trim(samples: &[f64]) -> &[f64] {
    let powers: Vec<f64> = samples.chunks(WINDOW).map(power).collect();
    let loudest = powers.iter().copied().fold(0.0, f64::max);
    let is_sound = |power: &f64| *power > loudest * SILENCE * SILENCE;
    let (Some(first), Some(last)) = (powers.iter().position(is_sound), powers.iter().rposition(is_sound)) else {
        return &[];
    };
    &samples[first * WINDOW..((last + 1) * WINDOW).min(samples.len())]
}

fn power(samples: &[f64]) -> f64 {
    samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len().max(1) as f64
}

/// Scales to the level of speech and puts silence around.
fn level(samples: &[f64]) -> Vec<i16> {
    let active: Vec<f64> = samples.chunks(WINDOW).map(power).collect();
    let loudest = active.iter().copied().fold(0.0, f64::max);
    let speech: Vec<f64> = active.into_iter().filter(|power| *power > loudest * SILENCE).collect();
    let effective = (speech.iter().sum::<f64>() / speech.len().max(1) as f64).sqrt();
    let peak = samples.iter().fold(0.0_f64, |peak, sample| peak.max(sample.abs()));
    let gain = if peak > 0.0 { (LEVEL / effective).min(PEAK / peak) } else { 0.0 };
    let mut clip = vec![0; LEAD];
    // A float that overflows is clamped by `as`.
    clip.extend(samples.iter().map(|sample| (sample * gain).round() as i16));
    clip.resize(clip.len() + TAIL, 0);
    clip
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64, amplitude: f64, samples: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * hertz / 16_000.0;
        (0..samples).map(|n| ((n as f64 * step).sin() * amplitude) as i16).collect()
    }

    fn loudness(samples: &[i16]) -> f64 {
        let samples: Vec<f64> = samples.iter().map(|sample| f64::from(*sample)).collect();
        power(&samples).sqrt()
    }

    #[test]
    fn silence_is_trimmed_and_the_level_is_even() {
        for amplitude in [500.0, 30_000.0] {
            let mut samples = vec![0; 16_000];
            samples.extend(tone(1_000.0, amplitude, 16_000));
            samples.extend(vec![0; 8_000]);
            let clip = polish(&Sound { hertz: 16_000, samples }).unwrap();
            assert!(clip.len().is_multiple_of(FRAME));
            assert!((8_000 + LEAD + TAIL).abs_diff(clip.len()) < 3 * FRAME, "{}", clip.len());
            assert!((3_000.0..3_500.0).contains(&loudness(&clip[LEAD + 400..LEAD + 7_600])));
        }
    }

    #[test]
    fn what_a_telephone_does_not_carry_is_weakened() {
        let mut samples = tone(1_000.0, 8_000.0, 16_000);
        let rumble = tone(60.0, 8_000.0, 16_000);
        samples.iter_mut().zip(rumble).for_each(|(sample, rumble)| *sample += rumble);
        let clip = polish(&Sound { hertz: 16_000, samples }).unwrap();
        let middle = &clip[2_000..6_000];
        let mean_over_a_cycle = middle.chunks(8).map(|cycle| cycle.iter().map(|&s| i64::from(s)).sum::<i64>() / 8);
        assert!(mean_over_a_cycle.map(i64::abs).max().unwrap() < 100, "the rumble is still there");
    }

    #[test]
    fn nothing_stays_nothing() {
        let clip = polish(&Sound { hertz: 16_000, samples: Vec::new() }).unwrap();
        assert!(clip.iter().all(|&sample| sample == 0));
        let clip = polish(&Sound { hertz: 8_000, samples: vec![0; 8_000] }).unwrap();
        assert!(clip.iter().all(|&sample| sample == 0));
    }
}
