//! Tells which prompt is playing by correlating what is heard with the prompt files: by sound, not by timers.
//!
//! Two steps. A bank of matched filters looks for the beginning of every prompt, in the Fourier domain. What it finds is a
//! hypothesis, exact to the sample, that is then compared frame by frame to its end. Prompts that begin alike are told
//! apart where they differ. Correlation is normalised, so level and companding do not matter, and lost packets or noise
//! only lower it.

mod hypothesis;
mod library;
mod search;

use std::{collections::VecDeque, path::Path, time::Duration};

pub use self::library::LibraryError;
use self::{
    hypothesis::{Hypothesis, State},
    library::Library,
    search::{HEAD, HOP, Search},
};

/// Samples a second.
const HERTZ: u64 = 8_000;
/// Samples compared at a time.
const FRAME: usize = 160;
/// What was heard is kept this long, in samples: 40 s, longer than any prompt.
const KEPT: usize = 320_000;
/// A hypothesis that was refuted after less than this share of its prompt was never that prompt.
const LEAST_FRACTION: f64 = 0.2;

/// A prompt that was heard.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptHeard {
    /// The phrase's name.
    pub name: String,
    /// SHA-256 of its text, in hexadecimal.
    pub text_hash: String,
    /// When it began, from the first sample heard.
    pub started_at: Duration,
    /// When it ended.
    pub ended_at: Duration,
    /// The share of its sound that was heard: 1 for all of it.
    pub complete: f64,
}

/// A prompt that is playing and can be no other, before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptBegun {
    /// The phrase's name.
    pub name: String,
    /// When it began, from the first sample heard.
    pub started_at: Duration,
}

/// Finds prompts in what is heard.
pub struct PromptMatcher {
    library: Library,
    search: Search,
    heard: Heard,
    searched: u64,
    told: u64,
    hypotheses: Vec<Hypothesis>,
    found: VecDeque<PromptHeard>,
    begun: VecDeque<PromptBegun>,
    recognised: Option<u64>,
}

impl PromptMatcher {
    /// A matcher for the prompts of a directory, which may still be empty: new ones are seen as they are listed.
    ///
    /// # Errors
    /// Where the list is there and cannot be read.
    pub fn new(directory: &Path) -> Result<Self, LibraryError> {
        let mut library = Library::new(directory);
        library.refresh()?;
        Ok(Self {
            library,
            search: Search::new(),
            heard: Heard::default(),
            searched: 0,
            told: 0,
            hypotheses: Vec::new(),
            found: VecDeque::new(),
            begun: VecDeque::new(),
            recognised: None,
        })
    }

    /// How many prompts are known.
    #[must_use]
    pub fn known(&self) -> usize {
        self.library.prompts().len()
    }

    /// Takes audio at 8 kHz at its place; what is missing before it counts as silence.
    ///
    /// # Errors
    /// Where the list of prompts has become unreadable.
    pub fn handle_audio(&mut self, index: u64, samples: &[i16]) -> Result<(), LibraryError> {
        self.heard.put(index, samples);
        self.work()
    }

    /// Nothing was heard up to this place.
    ///
    /// # Errors
    /// Where the list of prompts has become unreadable.
    pub fn handle_silence(&mut self, until: u64) -> Result<(), LibraryError> {
        self.heard.extend_to(until);
        self.work()
    }

    /// The next prompt that was heard, in the order in which they began.
    pub fn poll_heard(&mut self) -> Option<PromptHeard> {
        self.found.pop_front()
    }

    /// The next prompt that is certain before its end. Short ones are told by [`Self::poll_heard`] alone.
    pub fn poll_begun(&mut self) -> Option<PromptBegun> {
        self.begun.pop_front()
    }

    fn work(&mut self) -> Result<(), LibraryError> {
        self.searched = self.searched.max(self.heard.first);
        while self.heard.end() >= self.searched + (HOP + HEAD) as u64 {
            self.library.refresh()?;
            self.search_hop();
            self.searched += HOP as u64;
        }
        for hypothesis in &mut self.hypotheses {
            hypothesis.follow(&self.heard);
        }
        while let Some(best) = self.decided() {
            self.settle(&best);
        }
        self.recognise();
        Ok(())
    }

    /// Tells of the prompt that is playing, once it alone is left.
    fn recognise(&mut self) {
        let Some(certain) = self.certain() else { return };
        let (begin, prompt) = (certain.begin, certain.prompt);
        // The same prompt a pitch apart is the same.
        if self.recognised.is_some_and(|told| begin < told + HOP as u64) {
            return;
        }
        self.recognised = Some(begin);
        let name = self.library.prompts()[prompt].name.clone();
        self.begun.push_back(PromptBegun { name, started_at: span(begin) });
    }

    fn certain(&self) -> Option<&Hypothesis> {
        let rivals_end = self.hypotheses.first()?.begin + HOP as u64;
        if self.searched < rivals_end {
            return None;
        }
        let rivals = || self.hypotheses.iter().take_while(|rival| rival.begin < rivals_end);
        let best = rivals().max_by(|one, other| one.score().total_cmp(&other.score()))?;
        let name = |hypothesis: &Hypothesis| &self.library.prompts()[hypothesis.prompt].name;
        // Other words of the same name tell the same: an offer of another amount, or the wording of an earlier build.
        let is_beaten = |rival: &Hypothesis| name(rival) == name(best) || rival.state() == State::Refuted;
        (best.is_certain() && rivals().all(is_beaten)).then_some(best)
    }

    /// Looks for beginnings in one hop, and takes up each as a hypothesis.
    fn search_hop(&mut self) {
        let Some(sound) = self.heard.slice(self.searched, HOP + HEAD) else { return };
        for (prompt, offset) in self.search.find(&sound, self.library.prompts()) {
            let begin = self.searched + offset as u64;
            // What begins inside a prompt that was told is a part of it: a sentence that two prompts share. Two hypotheses
            // a sample or a pitch apart, on both sides of a hop's border, are two: only one of them fits to the end.
            if begin >= self.told {
                self.hypotheses.push(Hypothesis::new(prompt, begin, self.library.prompts()));
            }
        }
        self.hypotheses.sort_by_key(|hypothesis| hypothesis.begin);
    }

    /// The best of the earliest hypotheses, once none that begins alike still goes on.
    fn decided(&self) -> Option<Hypothesis> {
        let rivals_end = self.hypotheses.first()?.begin + HOP as u64;
        let rivals = || self.hypotheses.iter().take_while(|rival| rival.begin < rivals_end);
        if self.searched < rivals_end || rivals().any(|rival| rival.state() == State::Open) {
            return None;
        }
        rivals().max_by(|one, other| one.score().total_cmp(&other.score())).cloned()
    }

    /// Tells what was heard, where it was more than a coincidence.
    fn settle(&mut self, best: &Hypothesis) {
        if best.fraction() < LEAST_FRACTION {
            let rivals_end = self.hypotheses.first().map_or(0, |first| first.begin + HOP as u64);
            return self.hypotheses.retain(|other| other.begin >= rivals_end);
        }
        let prompt = &self.library.prompts()[best.prompt];
        self.found.push_back(PromptHeard {
            name: prompt.name.clone(),
            text_hash: prompt.text_hash.clone(),
            started_at: span(best.begin),
            ended_at: span(best.end()),
            complete: best.fraction(),
        });
        // Not its end: the next may begin in the silence that every prompt ends with.
        self.told = best.sounded_until().saturating_sub(FRAME as u64);
        self.hypotheses.retain(|other| other.begin >= self.told);
    }
}

fn span(samples: u64) -> Duration {
    Duration::from_millis(samples * 1_000 / HERTZ)
}

/// What was heard lately, on one line of samples.
#[derive(Default)]
pub(crate) struct Heard {
    first: u64,
    samples: VecDeque<f32>,
}

impl Heard {
    /// The index after the newest sample.
    fn end(&self) -> u64 {
        self.first + self.samples.len() as u64
    }

    fn put(&mut self, index: u64, samples: &[i16]) {
        self.extend_to(index + samples.len() as u64);
        for (place, sample) in (index..).zip(samples) {
            let slot = place.checked_sub(self.first).and_then(|offset| self.samples.get_mut(offset as usize));
            if let Some(slot) = slot {
                *slot = f32::from(*sample);
            }
        }
    }

    fn extend_to(&mut self, end: u64) {
        if end > self.end() + KEPT as u64 {
            // A jump: nothing of the old can matter.
            self.samples.clear();
            self.first = end - KEPT as u64;
        }
        while self.end() < end {
            self.samples.push_back(0.0);
        }
        while self.samples.len() > KEPT {
            self.samples.pop_front();
            self.first += 1;
        }
    }

    /// `length` samples from `index`; `None` where they were not all heard yet, or are forgotten.
    fn slice(&self, index: u64, length: usize) -> Option<Vec<f32>> {
        let offset = usize::try_from(index.checked_sub(self.first)?).ok()?;
        let end = offset.checked_add(length)?;
        (end <= self.samples.len()).then(|| self.samples.range(offset..end).copied().collect())
    }
}

#[cfg(test)]
mod tests;
