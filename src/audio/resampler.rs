use std::time::Duration;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction,
};
use zeroize::Zeroize;

/// Chunks a second: the resampler works on 20 ms at a time.
const CHUNKS_PER_SECOND: u32 = 50;
/// Taps of the filter per input sample where the rate does not fall.
const TAPS: usize = 48;
/// Where the filter begins to fall, as a share of the lower Nyquist frequency.
const CUTOFF: f32 = 0.92;

/// Why a resampler could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResamplerError {
    /// A rate is outside 4 kHz to 192 kHz.
    #[error("a sampling rate must lie between 4000 and 192000 Hz")]
    Rate,
    /// A frame is not 20 ms at its rate.
    #[error("a frame must be 20 ms at its rate")]
    FrameLength,
    /// The filter for this pair of rates cannot be built.
    #[error("no filter for this pair of sampling rates")]
    Filter,
}

/// A streaming converter of 16-bit mono PCM from one rate to another.
///
/// A windowed sinc of 48 taps (scaled when the rate falls), so the delay is half the filter: 3 ms between the rates of
/// telephony; see [`Resampler::delay`]. Input may come in any chunk; output appears after each full 20 ms of it. What it holds
/// is wiped when it is dropped, but for the filter's own memory: 20 ms and its taps.
pub struct Resampler {
    filter: Option<Async<f32>>,
    to_hertz: u32,
    chunk: usize,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Resampler {
    /// A converter between two rates in hertz. Equal rates pass samples through.
    ///
    /// # Errors
    /// Where a rate is out of bounds or no filter fits.
    pub fn new(from_hertz: u32, to_hertz: u32) -> Result<Self, ResamplerError> {
        let bounds = 4_000..=192_000;
        if !bounds.contains(&from_hertz) || !bounds.contains(&to_hertz) {
            return Err(ResamplerError::Rate);
        }
        let chunk = from_hertz.div_ceil(CHUNKS_PER_SECOND) as usize;
        let filter = if from_hertz == to_hertz { None } else { Some(sinc(from_hertz, to_hertz, chunk)?) };
        let output = vec![0.0; filter.as_ref().map_or(0, rubato::Resampler::output_frames_max)];
        Ok(Self { filter, to_hertz, chunk, input: Vec::with_capacity(2 * chunk), output })
    }

    /// How much later a sound leaves than it entered, to a sample of the input, beside the wait for a full chunk.
    #[must_use]
    pub fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.delay_samples() as f64 / f64::from(self.to_hertz))
    }

    fn delay_samples(&self) -> usize {
        self.filter.as_ref().map_or(0, rubato::Resampler::output_delay)
    }

    /// Converts what has come, appending to `out`. Does not allocate once `out` is large enough.
    pub fn process(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        let Some(filter) = &mut self.filter else {
            out.extend_from_slice(samples);
            return;
        };
        self.input.extend(samples.iter().map(|&sample| f32::from(sample)));
        let mut used = 0;
        while self.input.len() - used >= self.chunk {
            let Some((taken, made)) = convert(filter, &self.input[used..], &mut self.output) else { break };
            out.extend(self.output[..made].iter().map(|&sample| quantise(sample)));
            used += taken.max(1);
        }
        self.input.drain(..used.min(self.input.len()));
    }

    /// Forgets what has come.
    pub fn reset(&mut self) {
        self.input.clear();
        if let Some(filter) = &mut self.filter {
            filter.reset();
        }
    }
}

impl Drop for Resampler {
    fn drop(&mut self) {
        self.input.zeroize();
        self.output.zeroize();
    }
}

/// Converts a whole clip, without the filter's delay: the output begins where the input does.
///
/// # Errors
/// As [`Resampler::new`].
pub fn resample_clip(from_hertz: u32, to_hertz: u32, samples: &[i16]) -> Result<Vec<i16>, ResamplerError> {
    let mut resampler = Resampler::new(from_hertz, to_hertz)?;
    let wanted = (samples.len() as u64 * u64::from(to_hertz)).div_ceil(u64::from(from_hertz)) as usize;
    let delay = resampler.delay_samples();
    let mut out = Vec::with_capacity(wanted + delay + resampler.output.len());
    // Piece by piece: a buffer that grew would leave what it held behind.
    samples.chunks(resampler.chunk).for_each(|piece| resampler.process(piece, &mut out));
    let silence = vec![0; resampler.chunk];
    while out.len() < wanted + delay {
        resampler.process(&silence, &mut out);
    }
    out.drain(..delay);
    out.truncate(wanted);
    Ok(out)
}

fn sinc(from_hertz: u32, to_hertz: u32, chunk: usize) -> Result<Async<f32>, ResamplerError> {
    let fall = f64::from(from_hertz) / f64::from(to_hertz);
    let taps = (TAPS as f64 * fall.max(1.0)).ceil() as usize;
    // With as many tabulated phases as the ratio has, the nearest one is exact and one product a sample is enough.
    let phases = (to_hertz / common_divisor(from_hertz, to_hertz)) as usize;
    let exact = phases <= 512;
    let parameters = SincInterpolationParameters::new(taps, WindowFunction::Hann)
        .f_cutoff(CUTOFF)
        .oversampling_factor(if exact { phases } else { 256 })
        .interpolation(if exact { SincInterpolationType::Nearest } else { SincInterpolationType::Linear });
    Async::new_sinc(1.0 / fall, 1.0, &parameters, chunk, 1, FixedAsync::Input).map_err(|_| ResamplerError::Filter)
}

fn common_divisor(first: u32, second: u32) -> u32 {
    if second == 0 { first } else { common_divisor(second, first % second) }
}

/// Converts one chunk; `None` where the filter refuses it, which its sizes rule out.
fn convert(filter: &mut Async<f32>, input: &[f32], output: &mut [f32]) -> Option<(usize, usize)> {
    let room = output.len();
    let source = InterleavedSlice::new(input, 1, input.len()).ok()?;
    let mut sink = InterleavedSlice::new_mut(output, 1, room).ok()?;
    filter.process_into_buffer(&source, &mut sink, None::<&Indexing>).ok()
}

fn quantise(sample: f32) -> i16 {
    // A float that overflows is clamped by `as`.
    sample.round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64, rate: u32, samples: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * hertz / f64::from(rate);
        (0..samples).map(|n| ((n as f64 * step).sin() * 10_000.0) as i16).collect()
    }

    /// Amplitude of one frequency in a signal.
    fn level(samples: &[i16], hertz: f64, rate: u32) -> f64 {
        let step = std::f64::consts::TAU * hertz / f64::from(rate);
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (n, &sample) in samples.iter().enumerate() {
            real += f64::from(sample) * (n as f64 * step).cos();
            imaginary += f64::from(sample) * (n as f64 * step).sin();
        }
        2.0 * real.hypot(imaginary) / samples.len() as f64
    }

    #[test]
    fn every_pair_of_rates_keeps_a_tone_and_its_length() {
        for (from, to) in [(8_000, 16_000), (16_000, 8_000), (24_000, 8_000), (8_000, 48_000), (22_050, 8_000)] {
            let clip = resample_clip(from, to, &tone(1_000.0, from, from as usize)).unwrap();
            assert_eq!(clip.len(), to as usize);
            let middle = &clip[to as usize / 4..to as usize * 3 / 4];
            let heard = level(middle, 1_000.0, to);
            assert!((9_800.0..10_200.0).contains(&heard), "{from} to {to}: {heard}");
        }
    }

    #[test]
    fn an_image_is_far_below_the_tone() {
        let clip = resample_clip(8_000, 16_000, &tone(3_000.0, 8_000, 8_000)).unwrap();
        assert!(level(&clip[4_000..12_000], 5_000.0, 16_000) < 3.0);
    }

    #[test]
    fn a_tone_above_the_lower_nyquist_is_removed() {
        let clip = resample_clip(16_000, 8_000, &tone(4_600.0, 16_000, 16_000)).unwrap();
        assert!(level(&clip[2_000..6_000], 3_400.0, 8_000) < 10.0);
    }

    #[test]
    fn the_stated_delay_is_the_measured_one_to_a_sample_of_the_input() {
        let mut resampler = Resampler::new(8_000, 16_000).unwrap();
        let mut pulse = vec![0; 1_600];
        pulse[400] = 20_000;
        let mut out = Vec::new();
        resampler.process(&pulse, &mut out);
        let peak = out.iter().enumerate().max_by_key(|(_, sample)| **sample).map(|(n, _)| n).unwrap();
        let delay = (resampler.delay().as_secs_f64() * 16_000.0).round() as usize;
        assert!(peak.abs_diff(800 + delay) <= 2, "peak {peak}, delay {delay}");
        assert!(resampler.delay() <= Duration::from_millis(3) + Duration::from_micros(200));
    }

    #[test]
    fn chunks_do_not_change_the_sound() {
        let clip = tone(700.0, 16_000, 3_200);
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        Resampler::new(16_000, 8_000).unwrap().process(&clip, &mut whole);
        let mut resampler = Resampler::new(16_000, 8_000).unwrap();
        for part in clip.chunks(37) {
            resampler.process(part, &mut parts);
        }
        assert_eq!(whole, parts);
    }

    #[test]
    fn rates_out_of_bounds_are_refused() {
        assert_eq!(Resampler::new(0, 8_000).err(), Some(ResamplerError::Rate));
        assert_eq!(Resampler::new(8_000, 1_000_000).err(), Some(ResamplerError::Rate));
    }
}
