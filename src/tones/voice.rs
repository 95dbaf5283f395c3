//! Whether the caller speaks: judged inside the gate on clean audio, so that no back end needs the samples for it.

use frame::SampleRate;
use zeroize::Zeroize;

use crate::bank::energy;
use crate::narrow::Narrow;

/// Samples at 8 kHz that are judged at a time: 16 ms.
const CHUNK: usize = 128;
/// Samples before a chunk that its interpolation needs.
const BEFORE: usize = 5;
/// The score from which a chunk is voice.
const VOICED: f32 = 0.5;
/// Chunks of voice in a row that begin speech: 48 ms.
const BEGINNING: u8 = 3;
/// Chunks without voice in a row that end it: 320 ms.
const ENDING: u8 = 20;
/// Soft chunks in a row after which the judge is no longer asked: 400 ms.
const ATTENTION: u8 = 25;
/// What is as soft as this is no speech whatever the background, as a mean square: −54 dB of full scale.
const SOFT: f32 = 65.0 * 65.0;
/// How much louder than the background soft may be, as a ratio of mean squares: 4 dB.
const ABOVE: f32 = 2.5;
/// By how much the background may grow with each chunk, as a ratio: 1.4 dB a second.
const GROWTH: f32 = 1.005;

/// The caller's voice, as a boolean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeechEdge {
    /// The caller began to speak.
    Started,
    /// The caller has been silent for a while.
    Stopped,
}

/// Judges 8 kHz audio; doubles its rate because the judge wants 16 kHz. In silence, and in steady noise, the judge is not
/// asked, and there is none: it costs more, in time and room, than all else that is done for a frame.
pub struct Voice {
    narrow: Narrow,
    judge: Option<Box<earshot::Detector>>,
    samples: [f32; BEFORE + CHUNK],
    filled: usize,
    /// The loudness of what is always there, as a mean square.
    background: f32,
    /// Soft chunks in a row.
    soft: u8,
    speaking: bool,
    /// Chunks in a row that speak against the present state.
    against: u8,
}

impl Voice {
    /// For a leg of this rate.
    #[must_use]
    pub fn new(rate: SampleRate) -> Self {
        Self {
            narrow: Narrow::new(rate),
            judge: None,
            samples: [0.0; BEFORE + CHUNK],
            filled: 0,
            background: f32::MAX,
            soft: 0,
            speaking: false,
            against: 0,
        }
    }

    /// Whether somebody speaks.
    #[must_use]
    pub fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// Takes a frame at the leg's rate, and tells of an edge where it completes a chunk that changes the state.
    pub fn hear(&mut self, frame: &[i16], tell: impl FnMut(SpeechEdge)) {
        let mut samples = self.narrow.frame(frame);
        self.take(&samples, tell);
        samples.zeroize();
    }

    fn take(&mut self, mut samples: &[f32], mut tell: impl FnMut(SpeechEdge)) {
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(CHUNK - self.filled));
            self.samples[BEFORE + self.filled..][..now.len()].copy_from_slice(now);
            (self.filled, samples) = (self.filled + now.len(), later);
            if self.filled == CHUNK {
                self.filled = 0;
                let voiced = self.may_be_voice() && self.judge();
                self.samples.copy_within(CHUNK.., 0);
                self.decide(voiced).into_iter().for_each(&mut tell);
            }
        }
    }

    /// Forgets all audio, as a capture begins; an edge where somebody spoke.
    pub fn clear(&mut self) -> Option<SpeechEdge> {
        self.reset_judge();
        self.narrow.clear();
        self.samples.zeroize();
        (self.filled, self.soft, self.against, self.background) = (0, 0, 0, f32::MAX);
        std::mem::take(&mut self.speaking).then_some(SpeechEdge::Stopped)
    }

    /// Whether the chunk is worth the judge's time. The judge begins anew with the first one that is, as with a call.
    fn may_be_voice(&mut self) -> bool {
        let loudness = energy(&self.samples[BEFORE..]) / CHUNK as f32;
        self.background = loudness.min(self.background * GROWTH + 1.0);
        let is_soft = loudness < SOFT.max(self.background * ABOVE);
        self.soft = if is_soft { self.soft.saturating_add(1) } else { 0 };
        if self.soft == ATTENTION {
            self.reset_judge();
            self.judge = None;
        }
        self.soft < ATTENTION || self.speaking
    }

    fn judge(&mut self) -> bool {
        let mut chunk = self.doubled();
        let is_voiced = self.judge.get_or_insert_default().predict_i16(&chunk) >= VOICED;
        chunk.zeroize();
        is_voiced
    }

    /// Overwrites all that the judge has heard. Its own reset leaves the spectrum that it looked at last.
    fn reset_judge(&mut self) {
        if let Some(judge) = &mut self.judge {
            **judge = earshot::Detector::default();
            // The memory may be given back next, before which a compiler need not write to it.
            std::hint::black_box(judge);
        }
    }

    /// The chunk at twice its rate.
    fn doubled(&self) -> [i16; 2 * CHUNK] {
        let mut doubled = [0; 2 * CHUNK];
        for (place, window) in doubled.as_chunks_mut().0.iter_mut().zip(self.samples.windows(BEFORE + 1)) {
            let &[a, b, c, d, e, f] = window else { continue };
            let between = (3.0 * (a + f) - 25.0 * (b + e) + 150.0 * (c + d)) / 256.0;
            *place = [c as i16, between as i16];
        }
        doubled
    }

    fn decide(&mut self, voiced: bool) -> Option<SpeechEdge> {
        if voiced == self.speaking {
            self.against = 0;
            return None;
        }
        self.against += 1;
        if self.against < if self.speaking { ENDING } else { BEGINNING } {
            return None;
        }
        self.against = 0;
        self.speaking = voiced;
        Some(if voiced { SpeechEdge::Started } else { SpeechEdge::Stopped })
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesis::{Chance, babble, noise};

    /// The edge that a sample brings.
    fn push(voice: &mut Voice, sample: f32) -> Option<SpeechEdge> {
        let mut told = None;
        voice.take(&[sample], |edge| told = Some(edge));
        told
    }

    /// Samples until speech is noticed.
    fn onset(voice: &mut Voice, speech: &[f32]) -> Option<usize> {
        speech.iter().position(|&sample| push(voice, sample) == Some(SpeechEdge::Started))
    }

    fn listen(samples: &[f32]) -> Voice {
        let mut voice = Voice::new(SampleRate::Hz8000);
        voice.take(samples, |_| {});
        voice
    }

    #[test]
    fn speech_after_long_silence_or_noise_is_noticed_as_soon_as_at_the_beginning() {
        for seed in 0..20 {
            let speech = babble(3, &mut Chance::new(seed));
            let at_once = onset(&mut Voice::new(SampleRate::Hz8000), &speech).unwrap();
            for dbm0 in [-90.0, -65.0, -45.0] {
                let background = noise(8_000 * 10, dbm0, &mut Chance::new(seed));
                let mut voice = listen(&background);
                assert!(voice.soft >= ATTENTION, "the judge is not asked in noise of {dbm0} dBm0");
                let later = onset(&mut voice, &speech).unwrap();
                assert!(later <= at_once + 3 * CHUNK, "{seed}, {dbm0} dBm0: {later} beside {at_once}");
            }
        }
    }

    #[test]
    fn the_judge_is_asked_as_long_as_somebody_speaks() {
        let mut voice = listen(&babble(6, &mut Chance::new(31)));
        assert!(voice.is_speaking());
        let end = (0..).find(|_| push(&mut voice, 0.0) == Some(SpeechEdge::Stopped));
        assert!(end.is_some_and(|samples| samples <= (usize::from(ENDING) + 12) * CHUNK), "{end:?}");
    }

    #[test]
    fn nothing_is_left_after_a_mute() {
        let mut voice = listen(&babble(3, &mut Chance::new(5)));
        voice.clear();
        assert!(voice.samples.iter().all(|&sample| sample == 0.0) && !voice.is_speaking());
    }
}
