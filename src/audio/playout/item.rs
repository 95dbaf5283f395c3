use std::sync::Arc;

use super::duck::scaled;
use super::{Chunk, FRAME_SAMPLES};

/// Samples of the fade where sound is cut: 8 ms.
pub(super) const FADE_SAMPLES: usize = 64;

/// Names a segment in outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u64);

/// Counts the agent's turns in one call: audio of an older turn than the one cleared to is late and dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// Who speaks in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The gateway: notices, disclosures, capture prompts.
    Prompt,
    /// The agent, who is muted in captures.
    Agent,
}

/// A clip of known length.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its name in outputs.
    pub id: SegmentId,
    /// Who speaks.
    pub source: Source,
    /// Whether the caller may cut it by speaking, and the agent by clearing.
    pub interruptible: bool,
    /// 8 kHz mono.
    pub samples: Arc<[i16]>,
}

impl Segment {
    pub(super) fn length(&self) -> u64 {
        self.samples.len() as u64
    }
}

/// One entry of the queue.
pub(super) enum Item {
    Segment { segment: Segment, position: usize, started: bool },
    Agent { generation: Generation, samples: Chunk, position: usize },
    Mark(String),
}

impl Item {
    pub(super) fn is_interruptible(&self) -> bool {
        match self {
            Self::Segment { segment, .. } => segment.interruptible,
            Self::Agent { .. } | Self::Mark(_) => true,
        }
    }

    pub(super) fn is_agents(&self) -> bool {
        match self {
            Self::Segment { segment, .. } => segment.source == Source::Agent,
            Self::Agent { .. } | Self::Mark(_) => true,
        }
    }

    pub(super) fn is_audio(&self) -> bool {
        matches!(self, Self::Segment { .. } | Self::Agent { .. })
    }

    pub(super) fn is_segment(&self, id: SegmentId) -> bool {
        matches!(self, Self::Segment { segment, .. } if segment.id == id)
    }

    pub(super) fn position(&self) -> usize {
        match self {
            Self::Segment { position, .. } | Self::Agent { position, .. } => *position,
            Self::Mark(_) => 0,
        }
    }

    /// Whether nothing of it is left to play.
    pub(super) fn is_spent(&self) -> bool {
        match self {
            // An empty segment owes its `Started` too.
            Self::Segment { segment, position, started } => *started && *position >= segment.samples.len(),
            Self::Agent { samples, position, .. } => *position >= samples.len(),
            Self::Mark(_) => true,
        }
    }

    /// Begins a segment: its name the first time, nothing after.
    pub(super) fn start(&mut self) -> Option<SegmentId> {
        match self {
            Self::Segment { segment, started: started @ false, .. } => {
                *started = true;
                Some(segment.id)
            }
            Self::Segment { .. } | Self::Agent { .. } | Self::Mark(_) => None,
        }
    }

    /// The next frame of streamed audio, where the whole of it is here.
    pub(super) fn next_frame(&self) -> Option<[i16; FRAME_SAMPLES]> {
        match self {
            Self::Agent { samples, position, .. } => samples.get(*position..)?.first_chunk().copied(),
            Self::Segment { .. } | Self::Mark(_) => None,
        }
    }

    /// The next samples, without moving on.
    fn peek(&self) -> &[i16] {
        let (samples, position): (&[i16], _) = match self {
            Self::Segment { segment, position, .. } => (&segment.samples, *position),
            Self::Agent { samples, position, .. } => (samples, *position),
            Self::Mark(_) => return &[],
        };
        &samples[position.min(samples.len())..]
    }

    /// Copies the next samples and moves on.
    pub(super) fn read(&mut self, out: &mut [i16]) -> usize {
        let left = self.peek();
        let read = left.len().min(out.len());
        out[..read].copy_from_slice(&left[..read]);
        match self {
            Self::Segment { position, .. } | Self::Agent { position, .. } => *position += read,
            Self::Mark(_) => {}
        }
        read
    }
}

/// The last milliseconds of sound that was cut, fading to silence.
pub(super) struct Tail {
    samples: [i16; FADE_SAMPLES],
    length: usize,
    position: usize,
    faded: bool,
}

impl Default for Tail {
    fn default() -> Self {
        Self { samples: [0; FADE_SAMPLES], length: 0, position: 0, faded: false }
    }
}

impl Tail {
    pub(super) fn is_empty(&self) -> bool {
        self.position >= self.length
    }

    /// Takes what comes next of an entry that is being cut, and says how much.
    pub(super) fn take(&mut self, item: &mut Item) -> usize {
        if self.faded && !self.is_empty() {
            return 0;
        }
        if self.faded {
            *self = Self::default();
        }
        let taken = item.read(&mut self.samples[self.length..]);
        self.length += taken;
        taken
    }

    /// Takes what comes next of an entry that is being held, and leaves it there.
    pub(super) fn copy(&mut self, item: &Item) {
        if !self.is_empty() {
            return;
        }
        *self = Self::default();
        let next = item.peek();
        self.length = next.len().min(FADE_SAMPLES);
        self.samples[..self.length].copy_from_slice(&next[..self.length]);
    }

    /// Shapes what was taken: a straight line down to nothing from the level that was heard.
    pub(super) fn fade(&mut self, level: i32) {
        if self.faded || self.length == 0 {
            return;
        }
        self.faded = true;
        let length = self.length as i32;
        for (n, sample) in self.samples[..self.length].iter_mut().enumerate() {
            *sample = (i32::from(scaled(*sample, level)) * (length - 1 - n as i32) / length) as i16;
        }
    }

    pub(super) fn read(&mut self, out: &mut [i16]) -> usize {
        let left = &self.samples[self.position.min(self.length)..self.length];
        let read = left.len().min(out.len());
        out[..read].copy_from_slice(&left[..read]);
        self.position += read;
        if self.is_empty() {
            *self = Self::default();
        }
        read
    }
}
