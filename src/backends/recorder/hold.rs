//! What a recording keeps back until it was judged: whether it holds a number that was said.
//!
//! Nothing waits here while the caller is quiet but for a third of a second; while they speak, what they say does until it was
//! recognised. It lies in memory that is wiped, 32 kB a second of call.

use std::{collections::VecDeque, ops::Range, time::Duration};

use zeroize::Zeroizing;

use super::{HERTZ, tracks::Pair};
use crate::withhold::Withhold;

/// How long the end of a recording waits for a caller's last words to be recognised: longer than that may take.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Tells what became of a span that was to be silenced.
pub type Report = Box<dyn Fn(Silenced) + Send>;

/// What became of a span that was to be silenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silenced {
    /// All of it is silent in the recording.
    Whole,
    /// Some of it had been written before it was judged.
    TooLate,
}

impl Silenced {
    /// The label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Whole => "silenced",
            Self::TooLate => "too_late",
        }
    }
}

/// How a recording keeps sound back.
pub struct Keeping {
    /// The recorder's end of what it shares with the recogniser.
    pub withhold: Withhold,
    /// Longest, in seconds of call.
    pub longest_seconds: u32,
    /// Where it is told what became of spans.
    pub report: Report,
}

/// Both sides of some of the call.
struct Part {
    /// The index of its first sample.
    first: u64,
    samples: Zeroizing<Vec<[i16; 2]>>,
}

impl Part {
    fn end(&self) -> u64 {
        self.first + self.samples.len() as u64
    }
}

/// What waits to be written, and what of it will be silent.
pub(super) struct Hold {
    keeping: Keeping,
    parts: VecDeque<Part>,
    silence: Vec<Range<u64>>,
    /// The index up to which everything went out.
    written: u64,
    /// Whether what goes out was kept back as long as may be, and not judged.
    is_overdue: bool,
}

impl Hold {
    pub(super) fn new(keeping: Keeping) -> Self {
        Self { keeping, parts: VecDeque::new(), silence: Vec::new(), written: 0, is_overdue: false }
    }

    /// Takes the next samples, of which the first has this index, and returns what may be written now: all that was judged, or
    /// everything. A caller who is muted has nothing to be kept back, so nothing before that waits longer either.
    pub(super) fn pass(&mut self, first: u64, pairs: &[Pair], everything: bool) -> Zeroizing<Vec<Pair>> {
        let (judged, spans) = self.keeping.withhold.take();
        spans.into_iter().for_each(|span| self.note(span));
        if judged == u64::MAX && self.parts.is_empty() && self.silence.is_empty() {
            self.written = first + pairs.len() as u64;
            return Zeroizing::new(pairs.to_vec());
        }
        let muted = pairs.iter().rposition(|(caller, _)| caller.is_none()).map_or(0, |last| last + 1);
        let (past, rest) = pairs.split_at(if everything { pairs.len() } else { muted });
        let mut ready = Zeroizing::new(Vec::new());
        if everything || !past.is_empty() {
            self.release(u64::MAX, &mut ready);
            self.append(first, past, &mut ready);
        }
        let first = first + past.len() as u64;
        if !rest.is_empty() {
            let samples = Zeroizing::new(rest.iter().map(|(caller, sent)| [caller.unwrap_or(0), *sent]).collect());
            self.parts.push_back(Part { first, samples });
        }
        let newest = first + rest.len() as u64;
        let oldest = newest.saturating_sub(u64::from(self.keeping.longest_seconds) * u64::from(HERTZ));
        let is_overdue = oldest > judged && self.parts.front().is_some_and(|part| part.end() <= oldest);
        if is_overdue && !self.is_overdue {
            metrics::counter!("tonegate_spoken_spans_total", "result" => "unjudged").increment(1);
        }
        self.is_overdue = is_overdue;
        self.release(judged.max(oldest), &mut ready);
        ready
    }

    /// Remembers what is to be silenced, and says whether it still can be.
    fn note(&mut self, span: Range<u64>) {
        let silenced = if span.start < self.written { Silenced::TooLate } else { Silenced::Whole };
        metrics::counter!("tonegate_spoken_spans_total", "result" => silenced.label()).increment(1);
        (self.keeping.report)(silenced);
        self.silence.push(span);
    }

    /// Lets go what ends before `judged`.
    fn release(&mut self, judged: u64, ready: &mut Zeroizing<Vec<Pair>>) {
        while self.parts.front().is_some_and(|part| part.end() <= judged) {
            let Some(part) = self.parts.pop_front() else { return };
            let pairs: Zeroizing<Vec<Pair>> =
                Zeroizing::new(part.samples.iter().map(|[caller, sent]| (Some(*caller), *sent)).collect());
            self.append(part.first, &pairs, ready);
        }
    }

    /// Adds samples to what is written now, silent where they are to be.
    fn append(&mut self, first: u64, pairs: &[Pair], ready: &mut Zeroizing<Vec<Pair>>) {
        let is_silent = |index: u64| self.silence.iter().any(|span| span.contains(&index));
        let silent = (first..).zip(pairs).map(|(index, (caller, sent))| (caller.filter(|_| !is_silent(index)), *sent));
        // A vector that grows by itself would leave a copy behind.
        let mut longer = Zeroizing::new(Vec::with_capacity(ready.len() + pairs.len()));
        longer.extend_from_slice(ready);
        longer.extend(silent);
        *ready = longer;
        self.written = first + pairs.len() as u64;
        self.silence.retain(|span| span.end > self.written);
    }

    /// Waits until what is kept back was judged, at the end of a call: its last words are still being recognised. Blocks.
    pub(super) fn wait(&self) {
        if let Some(last) = self.parts.back() {
            self.keeping.withhold.wait(last.end(), LAST_WORDS);
        }
    }

    /// Samples that wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.parts.iter().map(|part| part.samples.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use uuid::Uuid;

    use super::*;
    use crate::withhold::{Judge, Withholds};

    const FRAME: u64 = 160;

    /// A hold of two seconds, the recogniser's end, and what was reported.
    fn hold() -> (Hold, Judge, Arc<Mutex<Vec<Silenced>>>) {
        let (calls, call) = (Withholds::default(), Uuid::from_u128(1));
        let reported = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&reported);
        let report = Box::new(move |silenced| told.lock().unwrap().push(silenced));
        let keeping = Keeping { withhold: calls.recorder(call), longest_seconds: 2, report };
        (Hold::new(keeping), calls.recogniser(call), reported)
    }

    /// A frame whose samples are the number of it.
    fn frame(nth: u64) -> Vec<Pair> {
        vec![(Some(nth as i16), -(nth as i16)); FRAME as usize]
    }

    /// Gives frames, and returns the caller's side of what is written: a number a frame.
    fn pass(hold: &mut Hold, frames: Range<u64>, everything: bool) -> Vec<Option<i16>> {
        let mut written = Vec::new();
        for nth in frames {
            let ready = hold.pass(nth * FRAME, &frame(nth), everything);
            written.extend(ready.chunks(FRAME as usize).map(|frame| {
                assert!(frame.iter().all(|pair| pair == &frame[0]), "a frame is silent as a whole or not at all");
                frame[0].0
            }));
        }
        written
    }

    #[test]
    fn what_was_judged_is_written_in_its_order_and_the_rest_waits() {
        let (mut hold, judge, _) = hold();
        judge.judged(2 * FRAME);
        assert_eq!(pass(&mut hold, 0..5, false), [Some(0), Some(1)]);
        assert_eq!(hold.waiting(), 3 * FRAME as usize);
        judge.judged(4 * FRAME);
        assert_eq!(pass(&mut hold, 5..6, false), [Some(2), Some(3)]);
        drop(judge);
        assert_eq!(pass(&mut hold, 6..7, false), [Some(4), Some(5), Some(6)]);
    }

    #[test]
    fn a_span_is_silent_to_the_sample_and_the_other_side_is_not() {
        let (mut hold, judge, reported) = hold();
        judge.judged(0);
        assert_eq!(pass(&mut hold, 0..10, false), []);
        judge.silence(3 * FRAME + 7..5 * FRAME);
        judge.judged(10 * FRAME);
        let ready = hold.pass(10 * FRAME, &frame(10), false);
        assert_eq!(ready.len(), 10 * FRAME as usize);
        for (index, (caller, sent)) in (0_u64..).zip(ready.iter()) {
            assert_eq!(caller.is_none(), (3 * FRAME + 7..5 * FRAME).contains(&index), "sample {index}");
            assert_eq!(*sent, -((index / FRAME) as i16));
        }
        assert_eq!(*reported.lock().unwrap(), [Silenced::Whole]);
        assert!(hold.silence.is_empty(), "it is over");
    }

    #[test]
    fn a_span_that_has_not_come_yet_is_silent_when_it_does() {
        let (mut hold, judge, reported) = hold();
        judge.silence(2 * FRAME..4 * FRAME);
        judge.judged(4 * FRAME);
        assert_eq!(pass(&mut hold, 0..5, false), [Some(0), Some(1), None, None]);
        assert_eq!(*reported.lock().unwrap(), [Silenced::Whole]);
    }

    #[test]
    fn what_was_written_before_it_was_judged_is_told() {
        let (mut hold, judge, reported) = hold();
        judge.judged(0);
        // Longer than is kept back.
        let written = pass(&mut hold, 0..110, false);
        assert_eq!(written.len(), 10);
        judge.silence(5 * FRAME..20 * FRAME);
        judge.judged(110 * FRAME);
        let written = pass(&mut hold, 110..111, false);
        assert_eq!(written.iter().filter(|caller| caller.is_none()).count(), 10, "what still can be is silent");
        assert_eq!(*reported.lock().unwrap(), [Silenced::TooLate]);
    }

    #[test]
    fn no_more_waits_than_it_may() {
        let (mut hold, judge, _) = hold();
        judge.judged(0);
        for nth in 0..1_000 {
            hold.pass(nth * FRAME, &frame(nth), false);
            assert!(hold.waiting() <= 2 * HERTZ as usize);
        }
    }

    #[test]
    fn a_mute_and_the_end_wait_for_nothing() {
        let (mut hold, judge, _) = hold();
        judge.judged(0);
        assert_eq!(pass(&mut hold, 0..3, false), []);
        let muted: Vec<Pair> = vec![(None, 9); FRAME as usize];
        let ready = hold.pass(3 * FRAME, &muted, false);
        assert_eq!((ready.len(), hold.waiting()), (4 * FRAME as usize, 0));
        assert!(ready[3 * FRAME as usize..].iter().all(|pair| *pair == (None, 9)));
        assert_eq!(pass(&mut hold, 4..6, false), []);
        assert_eq!(hold.pass(6 * FRAME, &[], true).len(), 2 * FRAME as usize);
    }
}
