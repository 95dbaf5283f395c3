//! What is being said to the caller by the gateway and the collector: phrases become prompts, prompts become segments, and a
//! segment's end is the only proof that something was heard.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use audio::{Segment, SegmentId, Source};
use dialogue::Phrase;

use crate::port::{Prompt, Ticket};

/// Why something is said, so that its end can be acted upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The opening and its notices.
    Opening,
    /// The Mini-Miranda.
    Disclosure,
    /// A line of the collector.
    Collector,
    /// A prompt of a capture.
    Capture(gate::CapturePrompt),
    /// What the gateway itself says while a bot is the agent.
    Aside,
    /// That the caller is being connected to somebody else.
    Transfer,
    /// The last words.
    Farewell,
}

/// One thing to be said: phrases that belong together.
struct Utterance {
    purpose: Purpose,
    ticket: Ticket,
    phrases: Vec<Phrase>,
    prompts: Option<Vec<Arc<Prompt>>>,
}

/// A segment on its way to the caller.
struct Spoken {
    purpose: Purpose,
    phrase: Phrase,
    prompt: Arc<Prompt>,
    last: bool,
}

/// A segment that is over.
pub(crate) struct Finished {
    /// Why it was said.
    pub(crate) purpose: Purpose,
    /// What was said.
    pub(crate) phrase: Phrase,
    /// Its rendering.
    pub(crate) prompt: Arc<Prompt>,
    /// Whether it was the last of its utterance.
    pub(crate) last: bool,
}

/// The order of everything the gateway says.
#[derive(Default)]
pub(crate) struct Mouth {
    segments: u64,
    waiting: VecDeque<Utterance>,
    spoken: HashMap<SegmentId, Spoken>,
}

impl Mouth {
    /// Queues phrases; `ticket` names the request for their prompts.
    pub(crate) fn say(&mut self, ticket: Ticket, purpose: Purpose, phrases: Vec<Phrase>) {
        self.waiting.push_back(Utterance { purpose, ticket, phrases, prompts: None });
    }

    /// The prompts of `ticket` are here. Returns every segment that can be played now, in order.
    pub(crate) fn rendered(&mut self, ticket: Ticket, prompts: Vec<Arc<Prompt>>) -> Vec<(Purpose, Segment)> {
        if let Some(utterance) = self.waiting.iter_mut().find(|utterance| utterance.ticket == ticket) {
            utterance.prompts = Some(prompts);
        }
        self.free()
    }

    /// Every segment that waits for nothing any more, in order.
    fn free(&mut self) -> Vec<(Purpose, Segment)> {
        let mut segments = Vec::new();
        while self.waiting.front().is_some_and(|utterance| utterance.prompts.is_some()) {
            if let Some(utterance) = self.waiting.pop_front() {
                self.release(utterance, &mut segments);
            }
        }
        segments
    }

    fn release(&mut self, utterance: Utterance, segments: &mut Vec<(Purpose, Segment)>) {
        let prompts = utterance.prompts.unwrap_or_default();
        let count = prompts.len();
        for (position, (phrase, prompt)) in utterance.phrases.into_iter().zip(prompts).enumerate() {
            self.segments += 1;
            let id = SegmentId(self.segments);
            let collector = utterance.purpose == Purpose::Collector;
            let segment = Segment {
                id,
                source: if collector { Source::Agent } else { Source::Prompt },
                interruptible: collector && phrase.is_interruptible(),
                samples: Arc::clone(&prompt.samples),
            };
            segments.push((utterance.purpose, segment));
            self.spoken.insert(id, Spoken { purpose: utterance.purpose, phrase, prompt, last: position + 1 == count });
        }
    }

    /// The prompts of `ticket` cannot be had: its purpose, where it was still waiting, and what waited for it alone.
    pub(crate) fn failed(&mut self, ticket: Ticket) -> Option<(Purpose, Vec<(Purpose, Segment)>)> {
        let position = self.waiting.iter().position(|utterance| utterance.ticket == ticket)?;
        let purpose = self.waiting.remove(position)?.purpose;
        Some((purpose, self.free()))
    }

    /// A segment is over, played or cut.
    pub(crate) fn over(&mut self, id: SegmentId) -> Option<Finished> {
        let Spoken { purpose, phrase, prompt, last } = self.spoken.remove(&id)?;
        if self.is_quiet() {
            // What a bot says does not come through here: their room may not be needed again.
            (self.waiting, self.spoken) = Default::default();
        }
        Some(Finished { purpose, phrase, prompt, last })
    }

    /// What was said in the segment, while it is being said.
    pub(crate) fn name(&self, id: SegmentId) -> Option<&'static str> {
        self.spoken.get(&id).map(|spoken| spoken.prompt.name)
    }

    /// Forgets what was to be said for such a purpose and is not yet being played. Returns what waited for it alone.
    pub(crate) fn forget(&mut self, is_idle: impl Fn(Purpose) -> bool) -> Vec<(Purpose, Segment)> {
        self.waiting.retain(|utterance| !is_idle(utterance.purpose));
        self.free()
    }

    /// Whether nothing waits and nothing plays.
    pub(crate) fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.spoken.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use gate::{
        CapturePrompt,
        wire::{PromptReason, Step},
    };

    use super::*;

    const ASKED: Purpose = Purpose::Capture(CapturePrompt { step: Step::Expiry, reason: PromptReason::First });

    fn prompts() -> Vec<Arc<Prompt>> {
        let hashes = (String::new(), String::new());
        let samples = Arc::from([0; 160]);
        vec![Arc::new(Prompt { name: "a line", text_hash: hashes.0, pcm_hash: hashes.1, samples })]
    }

    /// A line that is not rendered, and one behind it that is.
    fn held_up(first: Purpose) -> Mouth {
        let mut mouth = Mouth::default();
        mouth.say(Ticket(1), first, vec![Phrase::Apology]);
        mouth.say(Ticket(2), ASKED, vec![Phrase::Apology]);
        assert!(mouth.rendered(Ticket(2), prompts()).is_empty(), "lines keep their order");
        mouth
    }

    #[test]
    fn what_waits_for_a_line_that_cannot_be_had_is_said() {
        let (purpose, freed) = held_up(Purpose::Aside).failed(Ticket(1)).expect("it waited");
        assert_eq!((purpose, freed.len(), freed[0].0), (Purpose::Aside, 1, ASKED));
    }

    #[test]
    fn what_waits_for_a_line_that_is_forgotten_is_said() {
        let freed = held_up(Purpose::Collector).forget(|purpose| purpose == Purpose::Collector);
        assert_eq!((freed.len(), freed[0].0), (1, ASKED));
    }

    #[test]
    fn a_line_that_is_forgotten_is_said_by_nobody() {
        let mut mouth = held_up(Purpose::Aside);
        assert!(mouth.forget(|purpose| purpose == ASKED).is_empty());
        assert_eq!(mouth.rendered(Ticket(1), prompts()).len(), 1);
        assert!(mouth.failed(Ticket(2)).is_none());
    }
}
