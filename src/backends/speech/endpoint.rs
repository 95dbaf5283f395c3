//! Finds where an utterance begins and ends. Time is counted in samples: this is a pure core.

use std::{collections::VecDeque, time::Duration};

use zeroize::Zeroizing;

/// One frame.
const FRAME: Duration = Duration::from_millis(20);
/// Sound kept from before the first voiced frame: consonants begin below what voice detection sees.
const LEAD: Duration = Duration::from_millis(260);
/// Sound kept from before anyone listened: a caller who cut a prompt short spoke already.
const HISTORY: Duration = Duration::from_millis(1_500);
/// Of this many newest frames ...
const ONSET_WINDOW: usize = 5;
/// ... this many are voiced when somebody begins to speak.
const ONSET_VOICED: usize = 3;
/// A gap in voice up to this length lies inside an utterance that began before anyone listened.
const BRIDGE: Duration = Duration::from_millis(240);
/// Voice shorter than this in all is a click or a breath.
const SHORTEST_VOICE: Duration = Duration::from_millis(80);
/// Silence that is left after the last voiced frame.
const TAIL: Duration = Duration::from_millis(300);

/// Something that happened in the caller's audio.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// Somebody begins to speak.
    Began,
    /// An utterance is over. Empty where it was no more than a click.
    Ended {
        /// Its samples, with a little silence on both sides.
        samples: Vec<i16>,
        /// Whether it was cut at its greatest length.
        is_cut: bool,
    },
}

/// When an utterance ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    pub(super) pause: Duration,
    pub(super) longest: Duration,
}

struct Frame {
    voice: bool,
    samples: Zeroizing<Box<[i16]>>,
}

enum State {
    /// Nobody asked.
    Deaf,
    /// Waiting for the first sound.
    Waiting(Patience),
    /// In an utterance; `quiet` frames have passed since the last voiced one.
    Hearing { patience: Patience, quiet: usize },
}

/// Cuts the caller's audio into utterances while somebody listens.
pub(super) struct Endpointer {
    hertz: u32,
    state: State,
    frames: VecDeque<Frame>,
}

impl Endpointer {
    /// An endpointer for frames of 20 ms at this rate.
    pub(super) fn new(hertz: u32) -> Self {
        Self { hertz, state: State::Deaf, frames: VecDeque::new() }
    }

    /// Listens for one utterance from now on, and for what is just being said.
    pub(super) fn listen(&mut self, patience: Patience) -> Option<Edge> {
        self.state = State::Waiting(patience);
        self.begin()
    }

    /// Stops listening and forgets what was heard.
    pub(super) fn stop(&mut self) {
        self.state = State::Deaf;
        self.frames.clear();
    }

    /// Forgets what was heard and goes on listening.
    pub(super) fn discard(&mut self) {
        self.frames.clear();
        if let State::Hearing { patience, .. } = self.state {
            self.state = State::Waiting(patience);
        }
    }

    /// Nothing more will come: what is being said is over.
    pub(super) fn finish(&mut self) -> Option<Edge> {
        matches!(self.state, State::Hearing { .. }).then(|| self.end(false))
    }

    /// Takes the next 20 ms.
    pub(super) fn handle_frame(&mut self, samples: &[i16], voice: bool) -> Option<Edge> {
        self.frames.push_back(Frame { voice, samples: Zeroizing::new(samples.into()) });
        match &mut self.state {
            State::Deaf => {
                self.forget_before(frames(HISTORY));
                None
            }
            State::Waiting(_) => {
                self.forget_before(frames(HISTORY));
                self.begin()
            }
            State::Hearing { patience, quiet } => {
                *quiet = if voice { 0 } else { *quiet + 1 };
                let is_over = *quiet >= frames(patience.pause);
                let is_cut = !is_over && self.frames.len() >= frames(patience.longest);
                (is_over || is_cut).then(|| self.end(is_cut))
            }
        }
    }

    fn forget_before(&mut self, newest: usize) {
        while self.frames.len() > newest {
            self.frames.pop_front();
        }
    }

    /// Begins an utterance where enough of the newest frames are voiced.
    fn begin(&mut self) -> Option<Edge> {
        let State::Waiting(patience) = self.state else { return None };
        let newest = self.frames.iter().rev().take(ONSET_WINDOW);
        if newest.filter(|frame| frame.voice).count() < ONSET_VOICED {
            return None;
        }
        let lead = self.speech_frames() + frames(LEAD);
        self.forget_before(lead);
        let quiet = self.frames.iter().rev().take_while(|frame| !frame.voice).count();
        self.state = State::Hearing { patience, quiet };
        Some(Edge::Began)
    }

    /// How many of the newest frames belong to what is just being said.
    fn speech_frames(&self) -> usize {
        let (mut speech, mut gap) = (0, 0);
        for (age, frame) in self.frames.iter().rev().enumerate() {
            gap = if frame.voice { 0 } else { gap + 1 };
            if gap > frames(BRIDGE) {
                break;
            }
            if frame.voice {
                speech = age + 1;
            }
        }
        speech
    }

    fn end(&mut self, is_cut: bool) -> Edge {
        let voiced = self.frames.iter().filter(|frame| frame.voice).count();
        let quiet = self.frames.iter().rev().take_while(|frame| !frame.voice).count();
        let kept = self.frames.len() - quiet.saturating_sub(frames(TAIL));
        let is_speech = voiced >= frames(SHORTEST_VOICE);
        let samples = if is_speech {
            let all = self.frames.iter().take(kept);
            // A vector that grows by itself would leave a copy behind.
            let mut samples = Vec::with_capacity(all.clone().map(|frame| frame.samples.len()).sum());
            all.for_each(|frame| samples.extend_from_slice(&frame.samples));
            samples
        } else {
            Vec::new()
        };
        self.stop();
        Edge::Ended { samples, is_cut }
    }

    /// How many frames are kept.
    pub(super) fn held(&self) -> usize {
        self.frames.len()
    }

    /// How many of the newest frames are or may become part of an utterance.
    pub(super) fn wanted(&self) -> usize {
        match self.state {
            State::Hearing { .. } => self.held(),
            State::Deaf | State::Waiting(_) => self.held().min(self.speech_frames() + frames(LEAD)),
        }
    }

    /// The sampling rate in hertz.
    pub(super) fn hertz(&self) -> u32 {
        self.hertz
    }
}

/// A span in frames of 20 ms.
fn frames(span: Duration) -> usize {
    usize::try_from(span.as_millis() / FRAME.as_millis()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
