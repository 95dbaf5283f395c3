//! A prompt that may be playing, compared frame by frame.

use super::{FRAME, Heard, library::Known};

/// The correlation of a frame that is the prompt's.
const SAME: f32 = 0.6;
/// A frame of this power on either side is to be the same on both: an effective value of 60.
const AUDIBLE: f32 = 3_600.0;
/// Of this many audible frames in a row ...
const WINDOW: usize = 16;
/// ... at least this many must be the prompt's, or it is refuted. Lost packets come in short runs.
const LEAST: usize = 5;

/// Of this many audible frames at least four in five must be the prompt's before it is certain: 0.8 s of speech.
const CERTAIN: usize = 40;

/// A prompt of which this many frames were heard may pause, because a busy far end skips what it could only send late, ...
const KNOWN: usize = 20;
/// ... for at most this many frames ...
const LONGEST_PAUSE: usize = 25;
/// ... and goes on where this many audible frames in a row, but for two, are its own.
const RESUMED: usize = 8;

/// How far a comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It goes on.
    Open,
    /// The prompt was heard to its end.
    Ended,
    /// Something else is playing, or the prompt was cut.
    Refuted,
}

/// A prompt at a place.
#[derive(Clone)]
pub(super) struct Hypothesis {
    pub(super) prompt: usize,
    pub(super) begin: u64,
    samples: Vec<f32>,
    audible: usize,
    next: usize,
    matched: usize,
    missed: usize,
    recent: Vec<bool>,
    last_match: usize,
    paused: usize,
    state: State,
}

impl Hypothesis {
    pub(super) fn new(prompt: usize, begin: u64, prompts: &[Known]) -> Self {
        let samples = prompts[prompt].samples.clone();
        let audible = samples.chunks_exact(FRAME).filter(|frame| is_audible(frame)).count();
        Self {
            prompt,
            begin,
            samples,
            audible,
            next: 0,
            matched: 0,
            missed: 0,
            recent: Vec::new(),
            last_match: 0,
            paused: 0,
            state: State::Open,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// The share of the prompt's audible frames that were heard.
    pub(super) fn fraction(&self) -> f64 {
        (self.matched as f64 / self.audible.max(1) as f64).min(1.0)
    }

    /// How well it explains what was heard: the frames that it explains, less half of those that it does not.
    pub(super) fn score(&self) -> f64 {
        self.matched as f64 - self.missed as f64 / 2.0
    }

    /// Whether so much was heard, and so well, that it can be no coincidence.
    pub(super) fn is_certain(&self) -> bool {
        let judged = self.matched + self.missed;
        self.state == State::Open && judged >= CERTAIN && self.matched * 5 >= judged * 4
    }

    /// The index after its last sample that was heard.
    pub(super) fn end(&self) -> u64 {
        let heard = match self.state {
            State::Refuted => return self.sounded_until(),
            State::Open | State::Ended => self.samples.len(),
        };
        self.place(0) + heard as u64
    }

    /// The index after its last sound that was heard.
    pub(super) fn sounded_until(&self) -> u64 {
        self.place(self.last_match + 1)
    }

    /// Where a frame is heard.
    fn place(&self, frame: usize) -> u64 {
        self.begin + ((frame + self.paused) * FRAME) as u64
    }

    fn expected(&self, frame: usize) -> Option<&[f32]> {
        self.samples.chunks_exact(FRAME).nth(frame)
    }

    /// Compares what was heard since the last time.
    pub(super) fn follow(&mut self, heard: &Heard) {
        while self.state == State::Open {
            if self.is_lost() {
                let longest = self.place(self.last_match + LONGEST_PAUSE + 2 * RESUMED);
                if self.matched >= KNOWN && heard.end() < longest {
                    return;
                }
                self.resume_or_refute(heard);
                continue;
            }
            let Some(expected) = self.expected(self.next) else {
                self.state = State::Ended;
                return;
            };
            let Some(sound) = heard.slice(self.place(self.next), FRAME) else { return };
            if is_audible(expected) || is_audible(&sound) {
                let is_same = correlation(expected, &sound) >= SAME;
                self.judge(is_same);
            }
            self.next += 1;
        }
    }

    fn is_lost(&self) -> bool {
        self.recent.len() == WINDOW && self.recent.iter().filter(|same| **same).count() < LEAST
    }

    fn resume_or_refute(&mut self, heard: &Heard) {
        let pause = (1..=LONGEST_PAUSE).find(|pause| self.matched >= KNOWN && self.goes_on(heard, *pause));
        match pause {
            Some(pause) => {
                self.paused += pause;
                self.next = self.last_match + 1;
                self.recent.clear();
            }
            None => self.state = State::Refuted,
        }
    }

    /// Whether the prompt is heard again after a pause.
    fn goes_on(&self, heard: &Heard, pause: usize) -> bool {
        let rest = self.last_match + 1..self.samples.len() / FRAME;
        let audible = rest.filter_map(|frame| Some((frame, self.expected(frame).filter(|frame| is_audible(frame))?)));
        let is_same = |(frame, expected): (usize, &[f32])| {
            let sound = heard.slice(self.place(frame + pause), FRAME);
            sound.is_some_and(|sound| correlation(expected, &sound) >= SAME)
        };
        audible.take(RESUMED).filter(|frame| is_same(*frame)).count() >= RESUMED - 2
    }

    fn judge(&mut self, is_same: bool) {
        if is_same {
            self.matched += 1;
            self.last_match = self.next;
        } else {
            self.missed += 1;
        }
        self.recent.push(is_same);
        if self.recent.len() > WINDOW {
            self.recent.remove(0);
        }
    }
}

fn is_audible(frame: &[f32]) -> bool {
    frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len() as f32 >= AUDIBLE
}

fn correlation(one: &[f32], other: &[f32]) -> f32 {
    let (mut product, mut first, mut second) = (0.0, 0.0, 0.0);
    for (one, other) in one.iter().zip(other) {
        product += one * other;
        first += one * one;
        second += other * other;
    }
    product / (first * second).sqrt().max(1.0)
}
