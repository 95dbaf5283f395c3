//! Lines on which keys are pressed: made by `tones::synthesis`, through µ-law, in frames of 20 ms of which some are lost.

use std::ops::Range;

use audio::g711::{decode_ulaw, encode_ulaw};
use tones::synthesis::{Chance, Dial, PAD, babble, noise, rms};

/// Samples of a frame at 8 kHz.
pub(super) const FRAME: usize = 160;
/// Noise that hides nothing, in dBm0.
pub(super) const QUIET: f32 = -70.0;
/// The level of a tone where a curve does not say another, in dBm0.
pub(super) const LEVEL: f32 = -10.0;

/// What arrives.
pub(super) struct Line {
    pub(super) samples: Vec<i16>,
    /// Which frames are lost.
    pub(super) lost: Vec<bool>,
}

impl Line {
    /// Through µ-law; the last frame is filled up with silence.
    pub(super) fn of(line: &[f32]) -> Self {
        let sample = |sample: f32| decode_ulaw(encode_ulaw(sample.clamp(-32_124.0, 32_124.0) as i16));
        let mut samples: Vec<i16> = line.iter().map(|&heard| sample(heard)).collect();
        samples.resize(samples.len().next_multiple_of(FRAME), 0);
        let lost = vec![false; samples.len() / FRAME];
        Self { samples, lost }
    }

    /// Each frame, and whether it is lost.
    pub(super) fn frames(&self) -> impl Iterator<Item = (&[i16; FRAME], bool)> {
        self.samples.as_chunks::<FRAME>().0.iter().zip(self.lost.iter().copied())
    }

    /// Loses each frame by chance.
    pub(super) fn lose(mut self, share: f32, chance: &mut Chance) -> Self {
        self.lost.iter_mut().for_each(|lost| *lost = chance.unit() < share);
        self
    }
}

/// What is heard behind the keys.
#[derive(Clone, Copy)]
pub(super) enum Behind {
    /// White noise of this level, in dBm0.
    Noise(f32),
    /// Something like speech of this level.
    Speech(f32),
}

impl Behind {
    /// So many decibels below the two tones of a key at `dbm0` each.
    pub(super) fn noise_below(dbm0: f32, ratio: f32) -> Self {
        Self::Noise(dbm0 + 3.0 - ratio)
    }

    /// The same of speech.
    pub(super) fn speech_below(dbm0: f32, ratio: f32) -> Self {
        Self::Speech(dbm0 + 3.0 - ratio)
    }

    /// Some of it, whole frames long.
    pub(super) fn line(self, samples: usize, chance: &mut Chance) -> Vec<f32> {
        match self {
            Self::Noise(dbm0) => noise(samples, dbm0, chance),
            Self::Speech(dbm0) => {
                let samples = samples.next_multiple_of(FRAME);
                let mut line = babble(samples.div_ceil(8_000), chance);
                line.truncate(samples);
                let power = line.iter().map(|sample| sample * sample).sum::<f32>() / samples as f32;
                let gain = rms(dbm0) / power.sqrt().max(1.0);
                line.iter_mut().for_each(|sample| *sample *= gain);
                line
            }
        }
    }
}

/// A line, the keys that are to be heard on it, and where the first of them is.
pub(super) struct Trial {
    pub(super) line: Line,
    pub(super) keys: Vec<u8>,
    pub(super) span: Range<usize>,
}

impl Trial {
    /// One press, which begins anywhere in a frame.
    pub(super) fn press(dial: Dial, behind: Behind, chance: &mut Chance) -> Self {
        let mut line = behind.line(640 + dial.samples() + 960, chance);
        let start = 480 + chance.below(FRAME);
        dial.add_to(&mut line, start, chance);
        Self { line: Line::of(&line), keys: vec![PAD[dial.pad]], span: start..start + dial.samples() }
    }

    /// The same key twice, with a gap of so many samples between.
    pub(super) fn twice(dial: Dial, gap: usize, chance: &mut Chance) -> Self {
        let mut line = Behind::Noise(QUIET).line(1_600 + 2 * dial.samples() + gap, chance);
        let start = 480 + chance.below(FRAME);
        dial.add_to(&mut line, start, chance);
        dial.add_to(&mut line, start + dial.samples() + gap, chance);
        Self { line: Line::of(&line), keys: vec![PAD[dial.pad]; 2], span: start..start + dial.samples() }
    }

    /// The same line, on which nothing is to be heard.
    pub(super) fn without_keys(self) -> Self {
        Self { keys: Vec::new(), ..self }
    }

    /// Loses one frame: any that touches the press, or one of those beside them.
    pub(super) fn lose_one(mut self, chance: &mut Chance) -> Self {
        let (first, last) = (self.span.start / FRAME - 1, self.span.end / FRAME + 1);
        self.line.lost[first + chance.below(last - first + 1)] = true;
        self
    }
}

/// A press of any of the sixteen keys.
pub(super) fn any(millis: f32, chance: &mut Chance) -> Dial {
    Dial::new(chance.below(PAD.len()), millis)
}

/// One or minus one.
pub(super) fn sign(chance: &mut Chance) -> f32 {
    if chance.below(2) == 0 { 1.0 } else { -1.0 }
}
