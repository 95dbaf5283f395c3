use std::time::Duration;

use frame::SampleRate;

use crate::{Resampler, ResamplerError};

/// Converts frames of 20 ms from one leg's rate to another's: one frame in, one frame out, for as long as the leg lives.
///
/// A sound leaves [`Converter::delay_samples`] later than it entered, counted at the output rate:
///
/// | from \ to (kHz) | 8 | 16 | 24 | 48 |
/// |---|---|---|---|---|
/// | 8 | 0 | 51 (3.2 ms) | 77 (3.2 ms) | 156 (3.3 ms) |
/// | 16 | 25 (3.1 ms) | 0 | 39 (1.6 ms) | 78 (1.6 ms) |
/// | 24 | 25 (3.1 ms) | 26 (1.6 ms) | 0 | 51 (1.1 ms) |
/// | 48 | 25 (3.1 ms) | 25 (1.6 ms) | 25 (1.0 ms) | 0 |
///
/// Most of that is the filter, which looks at 24 samples of the lower rate before and after each; the rest makes every
/// frame whole. Gain is flat within 0.02 dB up to 0.85 of the lower Nyquist frequency (3.4 kHz at 8 kHz), and
/// aliases and images from 1.15 of it on are 79 dB down.
pub struct Converter {
    from: SampleRate,
    to: SampleRate,
    resampler: Resampler,
    lead: usize,
    delay: usize,
    waiting: Vec<i16>,
}

impl Converter {
    /// A converter between two rates; equal ones pass frames through.
    ///
    /// # Errors
    /// Where no filter fits, which these rates rule out.
    pub fn new(from: SampleRate, to: SampleRate) -> Result<Self, ResamplerError> {
        let mut resampler = Resampler::new(from.hertz(), to.hertz())?;
        let (lead, delay) = if from == to { (0, 0) } else { measure(&mut resampler, from, to) };
        let mut converter =
            Self { from, to, resampler, lead, delay, waiting: Vec::with_capacity(3 * to.frame_samples()) };
        converter.reset();
        Ok(converter)
    }

    /// How much later a sound leaves than it entered, in samples of the output rate.
    #[must_use]
    pub fn delay_samples(&self) -> usize {
        self.delay
    }

    /// The same as time.
    #[must_use]
    pub fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.delay_samples() as f64 / f64::from(self.to.hertz()))
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
        self.resampler.process(frame, &mut self.waiting);
        let ready = self.waiting.len().min(out.len());
        out[..ready].copy_from_slice(&self.waiting[..ready]);
        out[ready..].fill(0);
        self.waiting.drain(..ready);
        Ok(())
    }

    /// Forgets what has come.
    pub fn reset(&mut self) {
        self.resampler.reset();
        self.waiting.clear();
        self.waiting.resize(self.lead, 0);
    }
}

/// How many samples of silence must go before the first frame, and how late a pulse then is.
///
/// The lead is what the filter holds back at first and one sample more: it counts in floating point, and may make a frame
/// one sample shorter or longer, but its sum stays true.
fn measure(resampler: &mut Resampler, from: SampleRate, to: SampleRate) -> (usize, usize) {
    const FRAMES: usize = 4;
    let mut pulse = vec![0; FRAMES * from.frame_samples()];
    pulse[from.frame_samples()] = i16::MAX;
    let (wanted, mut made) = (FRAMES * to.frame_samples(), Vec::new());
    resampler.process(&pulse, &mut made);
    let lead = wanted - made.len().min(wanted) + 1;
    let peak = made.iter().enumerate().max_by_key(|(_, sample)| **sample).map_or(0, |(at, _)| at);
    (lead, (lead + peak).saturating_sub(to.frame_samples()))
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
            assert!(converter.delay() <= Duration::from_micros(3_250));
        }
    }

    #[test]
    fn the_delays_are_those_of_the_table() {
        let delay = |(from, to)| Converter::new(from, to).unwrap().delay_samples();
        let delays: Vec<usize> = pairs().map(delay).collect();
        assert_eq!(delays, [0, 51, 77, 156, 25, 0, 39, 78, 25, 26, 0, 51, 25, 25, 25, 0]);
    }

    /// What waits after each frame is what keeps the next one whole: it never runs dry and never grows.
    fn assert_whole(from: SampleRate, to: SampleRate, frames: usize) {
        let mut converter = Converter::new(from, to).unwrap();
        let frame = tone(from, 400.0, 1);
        let mut out = vec![0; to.frame_samples()];
        let room = converter.waiting.capacity();
        for number in 0..frames {
            converter.convert(&frame, &mut out).unwrap();
            assert!((1..=3).contains(&converter.waiting.len()), "{from:?} to {to:?}, frame {number}");
        }
        assert_eq!(converter.waiting.capacity(), room, "it allocated");
    }

    #[test]
    fn every_frame_is_whole_over_an_hour() {
        const HOUR: usize = 3_600 * 50;
        assert_whole(SampleRate::Hz16000, SampleRate::Hz8000, HOUR);
        assert_whole(SampleRate::Hz8000, SampleRate::Hz24000, HOUR);
    }

    #[test]
    fn every_pair_makes_whole_frames() {
        for (from, to) in pairs().filter(|(from, to)| from != to) {
            assert_whole(from, to, 3_000);
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
