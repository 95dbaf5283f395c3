//! Whether the caller speaks: judged inside the gate on clean audio, so that no back end needs the samples for it.

use zeroize::Zeroize;

use crate::SpeechEdge;

/// Samples that the judge takes at a time: 16 ms at 16 kHz.
const CHUNK: usize = 256;
/// The score from which a chunk is voice.
const VOICED: f32 = 0.5;
/// Chunks of voice in a row that begin speech: 48 ms.
const BEGINNING: u8 = 3;
/// Chunks without voice in a row that end it: 320 ms.
const ENDING: u8 = 20;

/// Judges 8 kHz audio; doubles its rate because the judge wants 16 kHz.
pub(crate) struct Voice {
    judge: Box<earshot::Detector>,
    recent: [f32; 6],
    chunk: [i16; CHUNK],
    filled: usize,
    speaking: bool,
    /// Chunks in a row that speak against the present state.
    against: u8,
}

impl Voice {
    pub(crate) fn new() -> Self {
        let judge = Box::default();
        Self { judge, recent: [0.0; 6], chunk: [0; CHUNK], filled: 0, speaking: false, against: 0 }
    }

    pub(crate) fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// Takes one 8 kHz sample; an edge where it completes a chunk that changes the state.
    pub(crate) fn push(&mut self, sample: f32) -> Option<SpeechEdge> {
        self.recent.rotate_left(1);
        self.recent[5] = sample;
        let [a, b, c, d, e, f] = self.recent;
        let between = (3.0 * (a + f) - 25.0 * (b + e) + 150.0 * (c + d)) / 256.0;
        self.chunk[self.filled] = c as i16;
        self.chunk[self.filled + 1] = between as i16;
        self.filled += 2;
        if self.filled < CHUNK {
            return None;
        }
        self.filled = 0;
        let voiced = self.judge.predict_i16(&self.chunk) >= VOICED;
        self.decide(voiced)
    }

    /// Forgets all audio, as a capture begins; an edge where somebody spoke.
    pub(crate) fn clear(&mut self) -> Option<SpeechEdge> {
        self.judge.reset();
        self.recent.zeroize();
        self.chunk.zeroize();
        (self.filled, self.against) = (0, 0);
        std::mem::take(&mut self.speaking).then_some(SpeechEdge::Stopped)
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
