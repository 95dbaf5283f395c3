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

    /// The prompts of `ticket` cannot be had: its purpose, where it was still waiting.
    pub(crate) fn failed(&mut self, ticket: Ticket) -> Option<Purpose> {
        let position = self.waiting.iter().position(|utterance| utterance.ticket == ticket)?;
        self.waiting.remove(position).map(|utterance| utterance.purpose)
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

    /// Forgets what the collector wanted to say and is not yet being played.
    pub(crate) fn forget_collector(&mut self) {
        self.waiting.retain(|utterance| utterance.purpose != Purpose::Collector);
    }

    /// Whether nothing waits and nothing plays.
    pub(crate) fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.spoken.is_empty()
    }
}
