use std::f64::consts::PI;
use std::time::Duration;

use frame::SampleRate;

use crate::ResamplerError;

/// How many samples of the lower rate the filter looks at before and after each.
const REACH: usize = 17;
/// The Kaiser window's shape for 81 dB (F. Kaiser's formula, 0.1102 (A − 8.7)).
const SHAPE: f64 = 7.97;
/// A tap smaller than this is nothing but the rounding of a zero.
const NOTHING: f64 = 1e-12;
/// Samples of one phase that are made side by side. It divides those of every frame.
const LANES: usize = 32;

/// Converts frames of 20 ms from one leg's rate to another's: one frame in, one frame out, for as long as the leg lives.
///
/// A sound leaves [`Converter::delay_samples`] later than it entered, counted at the output rate:
///
/// | from \ to (kHz) | 8 | 16 | 24 | 48 |
/// |---|---|---|---|---|
/// | 8 | 0 | 34 (2.1 ms) | 51 (2.1 ms) | 102 (2.1 ms) |
/// | 16 | 17 (2.1 ms) | 0 | 25.5 (1.1 ms) | 51 (1.1 ms) |
/// | 24 | 17 (2.1 ms) | 17 (1.1 ms) | 0 | 34 (0.7 ms) |
/// | 48 | 17 (2.1 ms) | 17 (1.1 ms) | 17 (0.7 ms) | 0 |
///
/// That is the filter, which looks at 17 samples of the lower rate before and after each. Gain is flat within 0.02 dB up to
/// 0.85 of the lower Nyquist frequency (3.4 kHz at 8 kHz), and aliases and images from 1.15 of it on are 79 dB down.
///
/// The rates are in whole ratios, so that every output sample has one of a few filters, tabulated once, and every frame
/// comes out whole. Input is dealt out in turns to as many strands as the rate falls by: then what one filter makes from
/// sample to sample is made of neighbours, many at once, and taps that are zero are left out. It runs for every frame of a
/// wideband leg; for clips of any rate there is [`crate::Resampler`].
pub struct Converter {
    from: SampleRate,
    to: SampleRate,
    /// By how much the rate rises, and then falls.
    up: usize,
    down: usize,
    /// One for each place that an output sample can have between two input samples, in the order of the output.
    phases: Vec<Phase>,
    /// The input dealt out in turns: what the next frame's filters still look at, and then that frame.
    strands: Vec<Vec<f32>>,
    /// How much of each strand is from before.
    before: usize,
}

/// The filter of every output sample of one place.
type Phase = Vec<Branch>;

/// What a filter takes from one strand.
struct Branch {
    strand: usize,
    /// Where the first tap's sample lies for a frame's first output sample.
    first: usize,
    /// The oldest sample's tap first.
    taps: Vec<f32>,
}

impl Converter {
    /// A converter between two rates; equal ones pass frames through.
    ///
    /// # Errors
    /// None between these rates.
    pub fn new(from: SampleRate, to: SampleRate) -> Result<Self, ResamplerError> {
        let common = common_divisor(from.hertz(), to.hertz());
        let (up, down) = ((to.hertz() / common) as usize, (from.hertz() / common) as usize);
        let prototype = prototype(up.max(down));
        let before = prototype.len().div_ceil(up * down);
        let phases = (0..up).map(|place| phase(&prototype, place, (up, down), before)).collect();
        let strands = vec![vec![0.0; before + from.frame_samples() / down]; down];
        Ok(Self { from, to, up, down, phases, strands, before })
    }

    /// How much later a sound leaves than it entered, in samples of the output rate; rounded up from a half.
    #[must_use]
    pub fn delay_samples(&self) -> usize {
        if self.from == self.to { 0 } else { (REACH * self.up.max(self.down)).div_ceil(self.down) }
    }

    /// The same as time.
    #[must_use]
    pub fn delay(&self) -> Duration {
        if self.from == self.to {
            return Duration::ZERO;
        }
        let lower = self.from.hertz().min(self.to.hertz());
        Duration::from_secs_f64(REACH as f64 / f64::from(lower))
    }

    /// Converts one frame. Does not allocate.
    ///
    /// # Errors
    /// Where a side is not 20 ms at its rate.
    pub fn convert(&mut self, frame: &[i16], out: &mut [i16]) -> Result<(), ResamplerError> {
        if frame.len() != self.from.frame_samples() || out.len() != self.to.frame_samples() {
            return Err(ResamplerError::FrameLength);
        }
        if self.from == self.to {
            out.copy_from_slice(frame);
            return Ok(());
        }
        self.deal(frame);
        for (place, phase) in self.phases.iter().enumerate() {
            for (number, block) in out.chunks_exact_mut(LANES * self.up).enumerate() {
                let samples = filtered(phase, &self.strands, number * LANES);
                for (turn, sample) in block.chunks_exact_mut(self.up).zip(samples) {
                    turn[place] = sample;
                }
            }
        }
        Ok(())
    }

    /// Moves the last frame's end to the front of each strand, and puts this frame behind it.
    fn deal(&mut self, frame: &[i16]) {
        for (place, strand) in self.strands.iter_mut().enumerate() {
            strand.copy_within(frame.len() / self.down.., 0);
            for (room, turn) in strand[self.before..].iter_mut().zip(frame.chunks_exact(self.down)) {
                *room = f32::from(turn[place]);
            }
        }
    }

    /// Forgets what has come.
    pub fn reset(&mut self) {
        self.strands.iter_mut().for_each(|strand| strand.fill(0.0));
    }
}

/// The filter of the output samples that have a place after a whole number of turns, by the strands that it looks at.
fn phase(prototype: &[f64], place: usize, (up, down): (usize, usize), before: usize) -> Phase {
    let (turn, newest) = (down as isize, (place * down) as isize);
    let mut branches: Vec<Branch> = Vec::new();
    // The oldest sample first.
    for (age, &tap) in prototype.iter().enumerate().rev() {
        let since = newest - age as isize;
        if since.rem_euclid(up as isize) != 0 || tap.abs() < NOTHING {
            continue;
        }
        let sample = since.div_euclid(up as isize);
        let strand = sample.rem_euclid(turn) as usize;
        let tap = (tap * up as f64) as f32;
        match branches.iter_mut().find(|branch| branch.strand == strand) {
            Some(branch) => branch.taps.push(tap),
            None => {
                let first = before.saturating_add_signed(sample.div_euclid(turn));
                branches.push(Branch { strand, first, taps: vec![tap] });
            }
        }
    }
    branches
}

/// Neighbours of one phase, from one of them on.
fn filtered(phase: &Phase, strands: &[Vec<f32>], from: usize) -> [i16; LANES] {
    let mut sums = [0.0; LANES];
    for branch in phase {
        let samples = &strands[branch.strand][branch.first + from..];
        for (&tap, window) in branch.taps.iter().zip(samples.windows(LANES)) {
            for (sum, sample) in sums.iter_mut().zip(window) {
                *sum += tap * sample;
            }
        }
    }
    let mut samples = [0; LANES];
    for (sample, sum) in samples.iter_mut().zip(sums) {
        *sample = quantise(sum);
    }
    samples
}

/// A low pass at half the lower rate, for a signal that is `ratio` times as fast: a sinc in a Kaiser window, of unity gain.
fn prototype(ratio: usize) -> Vec<f64> {
    let centre = (REACH * ratio) as f64;
    let tap = |place: usize| {
        let away = place as f64 - centre;
        let turn = PI * away / ratio as f64;
        let sinc = if away == 0.0 { 1.0 } else { turn.sin() / turn };
        let window = bessel(SHAPE * (1.0 - (away / centre).powi(2)).max(0.0).sqrt()) / bessel(SHAPE);
        sinc * window / ratio as f64
    };
    (0..=2 * REACH * ratio).map(tap).collect()
}

/// The modified Bessel function of the first kind and order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..40 {
        term *= (x / 2.0 / f64::from(n)).powi(2);
        sum += term;
    }
    sum
}

/// To the nearest whole number. Added to this, whose unit is its last binary place, a number is rounded to it, and lies in its
/// lowest bits: unlike a cast, that can be done for several at once.
fn quantise(sample: f32) -> i16 {
    const UNIT_IN_LAST_PLACE: f32 = 12_582_912.0;
    (sample.clamp(f32::from(i16::MIN), f32::from(i16::MAX)) + UNIT_IN_LAST_PLACE).to_bits() as i16
}

fn common_divisor(first: u32, second: u32) -> u32 {
    if second == 0 { first } else { common_divisor(second, first % second) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [SampleRate; 4] = [SampleRate::Hz8000, SampleRate::Hz16000, SampleRate::Hz24000, SampleRate::Hz48000];

    fn pairs() -> impl Iterator<Item = (SampleRate, SampleRate)> {
        RATES.into_iter().flat_map(|from| RATES.into_iter().map(move |to| (from, to)))
    }

    fn tone(rate: SampleRate, hertz: f64, frames: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * hertz / f64::from(rate.hertz());
        (0..frames * rate.frame_samples()).map(|n| ((n as f64 * step).sin() * 20_000.0).round() as i16).collect()
    }

    fn converted(from: SampleRate, to: SampleRate, samples: &[i16]) -> Vec<i16> {
        let mut converter = Converter::new(from, to).unwrap();
        let frames = samples.len() / from.frame_samples();
        let mut out = vec![0; frames * to.frame_samples()];
        for (frame, room) in samples.chunks(from.frame_samples()).zip(out.chunks_mut(to.frame_samples())) {
            converter.convert(frame, room).unwrap();
        }
        out
    }

    /// The level of one frequency and of everything else, in decibels of the tone that went in.
    fn levels(samples: &[i16], rate: SampleRate, hertz: f64) -> (f64, f64) {
        let step = std::f64::consts::TAU * hertz / f64::from(rate.hertz());
        let (mut real, mut imaginary, mut total) = (0.0, 0.0, 0.0);
        for (n, &sample) in samples.iter().enumerate() {
            real += f64::from(sample) * (n as f64 * step).cos();
            imaginary += f64::from(sample) * (n as f64 * step).sin();
            total += f64::from(sample).powi(2);
        }
        let (length, whole) = (samples.len() as f64, 20_000.0_f64.powi(2) / 2.0);
        let pure = 2.0 * (real * real + imaginary * imaginary) / length / length;
        (10.0 * (pure / whole).log10(), 10.0 * ((total / length - pure).max(1e-9) / whole).log10())
    }

    fn lower_nyquist(from: SampleRate, to: SampleRate) -> f64 {
        f64::from(from.hertz().min(to.hertz())) / 2.0
    }

    /// Frequencies to try, from a share of the lower Nyquist frequency on, in whole multiples of 50 Hz.
    fn sweep(from: SampleRate, to: SampleRate, shares: impl Iterator<Item = f64>) -> impl Iterator<Item = f64> {
        let nyquist = lower_nyquist(from, to);
        let input_nyquist = f64::from(from.hertz()) / 2.0;
        shares.map(move |share| (nyquist * share / 50.0).round() * 50.0).filter(move |hertz| *hertz < input_nyquist)
    }

    #[test]
    fn the_pass_band_is_flat_and_has_no_images() {
        for (from, to) in pairs() {
            for hertz in sweep(from, to, (1..=17).map(|step| f64::from(step) * 0.05)) {
                let out = converted(from, to, &tone(from, hertz, 25));
                let (gain, rest) = levels(&out[5 * to.frame_samples()..], to, hertz);
                assert!(gain.abs() < 0.02, "{from:?} to {to:?}, {hertz} Hz: {gain:.3} dB");
                assert!(rest < -79.0, "{from:?} to {to:?}, {hertz} Hz: {rest:.1} dB beside it");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_removed() {
        for (from, to) in pairs().filter(|(from, to)| from.hertz() > to.hertz()) {
            for hertz in sweep(from, to, (0..100).map(|step| 1.15 + 0.05 * f64::from(step))) {
                let out = converted(from, to, &tone(from, hertz, 25));
                let heard = &out[5 * to.frame_samples()..];
                let power = heard.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / heard.len() as f64;
                let level = 10.0 * (power.max(1e-9) / 20_000.0_f64.powi(2) * 2.0).log10();
                assert!(level < -78.5, "{from:?} to {to:?}, {hertz} Hz: {level:.1} dB");
            }
        }
    }

    #[test]
    fn a_sound_leaves_as_much_later_as_is_said() {
        for (from, to) in pairs() {
            let mut pulse = vec![0; 10 * from.frame_samples()];
            pulse[5 * from.frame_samples()] = i16::MAX;
            let out = converted(from, to, &pulse);
            let peak = out.iter().enumerate().max_by_key(|(_, sample)| **sample).map(|(at, _)| at).unwrap();
            let converter = Converter::new(from, to).unwrap();
            let due = 5 * to.frame_samples() + converter.delay_samples();
            assert_eq!(peak, due, "{from:?} to {to:?}");
            assert!(converter.delay() <= Duration::from_micros(2_125));
        }
    }

    #[test]
    fn the_delays_are_those_of_the_table() {
        let delay = |(from, to)| Converter::new(from, to).unwrap().delay_samples();
        let delays: Vec<usize> = pairs().map(delay).collect();
        assert_eq!(delays, [0, 34, 51, 102, 17, 0, 26, 51, 17, 17, 0, 34, 17, 17, 17, 0]);
    }

    #[test]
    fn blocks_are_whole() {
        assert!(RATES.iter().all(|rate| rate.frame_samples() % LANES == 0));
        assert!(pairs().all(|(from, to)| {
            let converter = Converter::new(from, to).unwrap();
            to.frame_samples() % (LANES * converter.up) == 0
        }));
    }

    #[test]
    fn a_sample_is_the_nearest_whole_number_within_16_bits() {
        let tried = [0.0, 0.4, -0.4, 0.6, -0.6, 12_345.4, -12_345.6, 32_766.6, 40_000.0, -32_768.4, -1e9];
        let expected = [0, 0, 0, 1, -1, 12_345, -12_346, 32_767, 32_767, -32_768, -32_768];
        assert_eq!(tried.map(quantise), expected);
    }

    #[test]
    fn frames_join_without_a_seam() {
        for (from, to) in pairs().filter(|(from, to)| from != to) {
            let samples = tone(from, 400.0, 50);
            let out = converted(from, to, &samples);
            let steepest = |samples: &[i16]| samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
            let smooth = steepest(&tone(to, 400.0, 3));
            assert!(steepest(&out[2 * to.frame_samples()..]) <= smooth + 3, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn after_a_reset_it_is_as_new() {
        let mut converter = Converter::new(SampleRate::Hz8000, SampleRate::Hz16000).unwrap();
        let (frame, mut first, mut second) = (tone(SampleRate::Hz8000, 700.0, 1), [0; 320], [0; 320]);
        converter.convert(&frame, &mut first).unwrap();
        converter.reset();
        converter.convert(&frame, &mut second).unwrap();
        assert_eq!(first, second);
    }

    #[test]
    fn a_frame_of_another_length_is_refused() {
        let mut converter = Converter::new(SampleRate::Hz8000, SampleRate::Hz16000).unwrap();
        assert_eq!(converter.convert(&[0; 159], &mut [0; 320]), Err(ResamplerError::FrameLength));
        assert_eq!(converter.convert(&[0; 160], &mut [0; 321]), Err(ResamplerError::FrameLength));
    }
}
