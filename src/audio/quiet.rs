//! Where nobody speaks, by loudness: there a delay may change.

/// What is as soft as this is quiet whatever the background is, as a mean square: −61 dB of full scale.
const SILENCE: f32 = 30.0 * 30.0;
/// How much louder than the background quiet may be, as a ratio of mean squares: 5 dB.
const ABOVE: f32 = 3.0;
/// By how much the background may grow with each frame, as a ratio: 1.3 dB a second.
const GROWTH: f32 = 1.006;
/// What is louder than this is no background, as a mean square: −43 dB of full scale.
const LOUDEST: f32 = 230.0 * 230.0;
/// Quiet frames in a row before the delay may change: a stop within a word is no pause.
const PAUSE: u8 = 2;

/// The loudness of the background, and how long it has been quiet, in frames of 20 ms at any rate.
#[derive(Debug, Default)]
pub struct Quiet {
    background: f32,
    frames: u8,
}

impl Quiet {
    /// These samples are being played.
    pub fn hear(&mut self, samples: &[i16]) {
        let loudness = mean_square(samples);
        self.background = loudness.min(self.background * GROWTH + 1.0).min(LOUDEST);
        self.frames = if self.is_soft(loudness) { self.frames.saturating_add(1) } else { 0 };
    }

    /// Whether it has been quiet for a while and stays so in these samples.
    pub fn covers(&self, samples: &[i16]) -> bool {
        self.frames >= PAUSE && self.is_soft(mean_square(samples))
    }

    fn is_soft(&self, loudness: f32) -> bool {
        loudness <= SILENCE.max(self.background * ABOVE)
    }
}

fn mean_square(samples: &[i16]) -> f32 {
    samples.iter().map(|&sample| f32::from(sample).powi(2)).sum::<f32>() / samples.len().max(1) as f32
}
