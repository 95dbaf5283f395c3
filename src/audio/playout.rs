//! What the caller hears, in order: prompts, the agent's clips, the agent's stream and its marks.

mod backlog;
mod chunk;
mod duck;
mod item;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use backlog::Backlog;
pub use chunk::{Chunk, ChunkPool};
use duck::Ducking;
pub use item::{Generation, Segment, SegmentId, Source};
use item::{Item, Tail};

/// The rate of playout, in hertz.
pub const PLAYOUT_HZ: u32 = 8_000;
/// Samples in one frame: 20 ms.
pub const FRAME_SAMPLES: usize = 160;
/// Most entries that may wait, whatever their length.
const MAX_ITEMS: usize = 4_096;
/// Most marks that may wait: cutting them reports all of them at once.
pub const MAX_MARKS: usize = 1_024;
/// How long after its last sample an agent still counts as speaking, in samples: half a second.
const AGENT_HANGOVER: u64 = PLAYOUT_HZ as u64 / 2;

/// The bounds of a playout.
#[derive(Clone, Copy, Debug)]
pub struct PlayoutConfig {
    /// Most samples of streamed agent audio that may wait.
    pub agent_capacity: usize,
}

impl Default for PlayoutConfig {
    /// One minute of agent audio.
    fn default() -> Self {
        Self { agent_capacity: 60 * PLAYOUT_HZ as usize }
    }
}

/// The queue is full: nothing was taken, try again when it has drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the playout queue is full")]
pub struct Full;

/// Whether a frame carries sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// At least one sample came from the queue.
    Audio,
    /// Nothing waited: the frame is silence.
    Silence,
}

/// What became of what was queued. Counts are samples; each output belongs to the frame made just before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlayoutOutput {
    /// The first sample of a segment is in the frame.
    Started {
        /// The segment.
        id: SegmentId,
    },
    /// The last sample of a segment is in the frame.
    Finished {
        /// The segment.
        id: SegmentId,
        /// Its length, all of it played.
        samples: u64,
    },
    /// A segment was cut, perhaps before it began.
    Interrupted {
        /// The segment.
        id: SegmentId,
        /// How much of it was played, the fade included.
        played: u64,
        /// Its length.
        total: u64,
    },
    /// Streamed agent audio was cut.
    AgentCut {
        /// What was playing or waiting.
        generation: Generation,
        /// How much of the turn was played, the fade included: since the agent was last silent for half a second or cut.
        played: u64,
        /// How much of it was thrown away.
        dropped: u64,
    },
    /// A mark was reached, or its audio was cut.
    Mark {
        /// The agent's name for it.
        name: String,
        /// Whether it was reached by clearing instead of playing.
        cleared: bool,
    },
}

/// Samples of agent audio that were not taken, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discarded {
    /// Of a generation that had been cancelled.
    pub late: u64,
    /// Came while the agent was muted.
    pub muted: u64,
    /// Came while the queue was full.
    pub full: u64,
    /// Silence that stood in the way: left out of the queue of an agent that streams in real time.
    pub backlog: u64,
}

/// A queue of sound towards one caller, read a frame at a time. The count of samples read is the only truth of what was
/// played: nothing here knows the time.
pub struct Playout {
    config: PlayoutConfig,
    items: VecDeque<Item>,
    tail: Tail,
    outputs: VecDeque<PlayoutOutput>,
    clock: u64,
    marks: usize,
    agent_queued: usize,
    agent_heard: Option<u64>,
    floor: Generation,
    current: Generation,
    /// Samples played of the agent's turn.
    current_played: u64,
    flowing: bool,
    held: bool,
    /// The next sound was held in its middle.
    rising: bool,
    ducking: Ducking,
    backlog: Backlog,
    muted: bool,
    discarded: Discarded,
}

impl Playout {
    /// An empty queue.
    #[must_use]
    pub fn new(config: PlayoutConfig) -> Self {
        Self {
            config,
            items: VecDeque::new(),
            tail: Tail::default(),
            outputs: VecDeque::new(),
            clock: 0,
            marks: 0,
            agent_queued: 0,
            agent_heard: None,
            floor: Generation(0),
            current: Generation(0),
            current_played: 0,
            flowing: false,
            held: false,
            rising: false,
            ducking: Ducking::new(),
            backlog: Backlog::new(),
            muted: false,
            discarded: Discarded::default(),
        }
    }

    /// Queues a segment behind everything else. An agent's segment is cut at once while the agent is muted.
    ///
    /// # Errors
    /// [`Full`] where too much waits.
    pub fn enqueue(&mut self, segment: Segment) -> Result<(), Full> {
        if self.items.len() >= MAX_ITEMS {
            return Err(Full);
        }
        if self.muted && segment.source == Source::Agent {
            self.discarded.muted += segment.samples.len() as u64;
            self.outputs.push_back(PlayoutOutput::Interrupted { id: segment.id, played: 0, total: segment.length() });
            return Ok(());
        }
        self.items.push_back(Item::Segment { segment, position: 0, started: false });
        Ok(())
    }

    /// Queues streamed agent audio. Audio of a cancelled generation and audio of a muted agent is dropped and counted.
    ///
    /// # Errors
    /// [`Full`] where the agent is too far ahead; nothing of `samples` is taken then.
    pub fn append_agent(&mut self, generation: Generation, samples: Chunk) -> Result<(), Full> {
        if generation < self.floor {
            self.discarded.late += samples.len() as u64;
            return Ok(());
        }
        if self.muted {
            self.discarded.muted += samples.len() as u64;
            return Ok(());
        }
        if self.items.len() >= MAX_ITEMS || self.agent_queued + samples.len() > self.config.agent_capacity {
            self.discarded.full += samples.len() as u64;
            return Err(Full);
        }
        self.floor = generation;
        self.backlog.arrive(samples.len());
        self.agent_queued += samples.len();
        self.items.push_back(Item::Agent { generation, samples, position: 0 });
        Ok(())
    }

    /// Queues a mark: it is reported once everything before it was played, or cut.
    ///
    /// # Errors
    /// [`Full`] where too much waits.
    pub fn mark(&mut self, name: String) -> Result<(), Full> {
        if self.items.len() >= MAX_ITEMS || self.marks >= MAX_MARKS {
            return Err(Full);
        }
        self.marks += 1;
        self.items.push_back(Item::Mark(name));
        Ok(())
    }

    /// Cuts everything interruptible with a fade of 8 ms and returns pending marks as cleared. Streamed audio of
    /// generations before `generation` that is still to come will be dropped.
    pub fn clear(&mut self, generation: Generation) {
        self.floor = self.floor.max(generation);
        self.cut(Item::is_interruptible);
        (self.held, self.rising) = (false, false);
        self.ducking.reset();
    }

    /// Somebody seems to speak: what is interruptible is 12 dB softer, within 8 ms, until [`Playout::hold`],
    /// [`Playout::resume`] or a cut.
    pub fn duck(&mut self) {
        self.ducking.set(true);
    }

    /// The caller may have begun to speak: what is interruptible falls silent with a fade of 8 ms, and waits for
    /// [`Playout::resume`], to go on where it was, or for [`Playout::hush`]. What is not interruptible plays on. Returns
    /// whether anything was to be held: as with [`Playout::hush`].
    pub fn hold(&mut self) -> bool {
        if !self.is_interruptible() {
            self.ducking.set(false);
            return false;
        }
        if !self.held
            && self.flows_on()
            && let Some(front) = self.items.front().filter(|front| front.is_interruptible())
        {
            self.tail.copy(front);
            self.tail.fade(self.ducking.level());
        }
        self.held = true;
        true
    }

    /// It was nothing: what was held goes on, and what was softer is as it was.
    pub fn resume(&mut self) {
        if std::mem::take(&mut self.held) {
            self.rising = true;
            self.ducking.reset();
            // The time of the hold is no pause of the agent's.
            self.agent_heard = self.agent_heard.map(|_| self.clock);
        }
        self.ducking.set(false);
    }

    /// The caller began to speak: as [`Playout::clear`], for a generation after the newest seen, which is returned.
    /// `None` where nothing interruptible plays or waits and no agent spoke in the last half second.
    pub fn hush(&mut self) -> Option<Generation> {
        if !self.held && !self.is_interruptible() {
            return None;
        }
        let next = Generation(self.floor.0.saturating_add(1));
        self.agent_heard = None;
        self.clear(next);
        Some(next)
    }

    /// Cuts one segment, interruptible or not.
    pub fn cancel(&mut self, id: SegmentId) {
        self.cut(|item| item.is_segment(id));
    }

    /// Mutes or unmutes the agent. Muting cuts what the agent has queued, and its marks.
    pub fn mute_agent(&mut self, muted: bool) {
        self.muted = muted;
        if muted {
            self.cut(Item::is_agents);
        }
    }

    /// Writes the next 20 ms.
    pub fn next_frame(&mut self, out: &mut [i16; FRAME_SAMPLES]) -> Filled {
        let mut filled = self.tail.read(out);
        self.flowing = false;
        while filled < FRAME_SAMPLES {
            self.settle();
            if self.is_front_held() {
                break;
            }
            if filled == 0 {
                self.shorten();
            }
            let Some(read) = self.read_front(&mut out[filled..]) else { break };
            filled += read;
        }
        self.settle();
        out[filled..].fill(0);
        self.raise(&mut out[..filled]);
        self.backlog.pass(out, self.agent_queued);
        self.flowing &= filled == FRAME_SAMPLES;
        self.clock += FRAME_SAMPLES as u64;
        if filled == 0 { Filled::Silence } else { Filled::Audio }
    }

    /// What became of what was queued, oldest first.
    pub fn poll_output(&mut self) -> Option<PlayoutOutput> {
        self.outputs.pop_front()
    }

    /// Samples read so far: the index of the next one.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.clock
    }

    /// Samples of streamed agent audio that wait.
    #[must_use]
    pub fn agent_queued(&self) -> usize {
        self.agent_queued
    }

    /// Entries that wait, of whatever kind and length: of them, too, there may be too many.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing is left to play.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.items.is_empty() && self.tail.is_empty()
    }

    /// What was not taken.
    #[must_use]
    pub fn discarded(&self) -> Discarded {
        self.discarded
    }

    /// Reads from the front entry, which is audio; `None` where nothing waits.
    fn read_front(&mut self, out: &mut [i16]) -> Option<usize> {
        let front = self.items.front_mut()?;
        if let Some(id) = front.start() {
            self.outputs.push_back(PlayoutOutput::Started { id });
        }
        let read = front.read(out);
        if front.is_interruptible() {
            self.ducking.shape(&mut out[..read]);
        }
        self.flowing = matches!(front, Item::Agent { .. });
        match front {
            Item::Segment { segment, .. } if segment.source == Source::Agent => {
                self.agent_heard = Some(self.clock);
            }
            Item::Agent { generation, .. } => {
                let generation = *generation;
                if !self.was_agent_heard() {
                    self.current_played = 0;
                }
                self.agent_heard = Some(self.clock);
                self.agent_queued -= read;
                self.count_played(generation, read);
            }
            Item::Segment { .. } | Item::Mark(_) => {}
        }
        Some(read)
    }

    /// Whether something interruptible plays or waits, or the agent spoke in the last half second.
    fn is_interruptible(&self) -> bool {
        self.was_agent_heard() || self.items.iter().any(|item| item.is_audio() && item.is_interruptible())
    }

    fn was_agent_heard(&self) -> bool {
        self.agent_heard.is_some_and(|heard| self.clock - heard < AGENT_HANGOVER)
    }

    /// Whether the front entry goes on with a sound. The stream comes in chunks: one that has not begun continues the one
    /// just played.
    fn flows_on(&self) -> bool {
        self.flowing || self.items.front().is_some_and(|front| front.position() > 0)
    }

    fn is_front_held(&self) -> bool {
        self.held && self.items.front().is_some_and(Item::is_interruptible)
    }

    /// Leaves out what a streaming agent has silent in front, where it only delays what comes after.
    fn shorten(&mut self) {
        while let Some(next) = self.items.front().and_then(Item::next_frame) {
            if !self.backlog.spares(&next) {
                return;
            }
            if let Some(front) = self.items.front_mut() {
                front.read(&mut [0; FRAME_SAMPLES]);
            }
            self.agent_queued -= FRAME_SAMPLES;
            self.discarded.backlog += FRAME_SAMPLES as u64;
            self.settle();
        }
    }

    /// Lets what was held come back without a click.
    fn raise(&mut self, sound: &mut [i16]) {
        if sound.is_empty() || !std::mem::take(&mut self.rising) {
            return;
        }
        let length = item::FADE_SAMPLES.min(sound.len()) as i32;
        for (n, sample) in sound.iter_mut().take(item::FADE_SAMPLES).enumerate() {
            *sample = (i32::from(*sample) * (n as i32 + 1) / length) as i16;
        }
    }

    /// Takes finished audio and reached marks from the front.
    fn settle(&mut self) {
        while let Some(front) = self.items.front() {
            if !front.is_spent() {
                return;
            }
            match self.items.pop_front() {
                Some(Item::Segment { segment, .. }) => {
                    self.outputs.push_back(PlayoutOutput::Finished { id: segment.id, samples: segment.length() });
                }
                Some(Item::Mark(name)) => {
                    self.marks -= 1;
                    self.outputs.push_back(PlayoutOutput::Mark { name, cleared: false });
                }
                Some(Item::Agent { .. }) | None => {}
            }
        }
    }

    fn count_played(&mut self, generation: Generation, samples: usize) {
        if generation != self.current {
            self.current = generation;
            self.current_played = 0;
        }
        self.current_played += samples as u64;
    }

    /// Drops the chosen entries. What was sounding ends in a fade instead of a click.
    fn cut(&mut self, chosen: impl Fn(&Item) -> bool) {
        // What is held is silent already.
        let mut fading = !self.is_front_held() && self.flows_on();
        let is_ducked = self.items.front().is_some_and(Item::is_interruptible);
        let level = if is_ducked { self.ducking.level() } else { duck::WHOLE };
        let mut dropped = 0;
        for mut item in std::mem::take(&mut self.items) {
            if !chosen(&item) {
                fading = false;
                self.items.push_back(item);
                continue;
            }
            let faded = if fading { self.tail.take(&mut item) } else { 0 };
            fading &= matches!(item, Item::Agent { .. });
            match item {
                Item::Segment { segment, position, .. } => self.outputs.push_back(PlayoutOutput::Interrupted {
                    id: segment.id,
                    played: position as u64,
                    total: segment.length(),
                }),
                Item::Agent { generation, samples, position } => {
                    self.agent_queued -= samples.len() - position + faded;
                    self.count_played(generation, faded);
                    dropped += (samples.len() - position) as u64;
                }
                Item::Mark(name) => {
                    self.marks -= 1;
                    self.outputs.push_back(PlayoutOutput::Mark { name, cleared: true });
                }
            }
        }
        self.tail.fade(level);
        if dropped > 0 {
            let (generation, played) = (self.current, self.current_played);
            self.outputs.push_back(PlayoutOutput::AgentCut { generation, played, dropped });
            self.current_played = 0;
        }
    }
}
