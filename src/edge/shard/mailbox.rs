//! Messages to a media thread: a bounded queue and a waker, shared by its legs, each with a share of its own.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use audio::{Chunk, ChunkPool};
use call::media::LegCommand;
use gate::{MuteAck, SinkId};

use super::line::{LegId, Opening};
use super::meters;
use super::tap::Tap;
use super::ticks::Counted;

/// Messages that may wait for one thread.
pub(super) const MAILBOX: usize = 16_384;
/// Messages of one leg that may wait, so that no call can fill the mailbox for the others.
const LEG_SHARE: usize = 1_024;
/// Rooms for agent audio that one thread keeps: a second of ten agents.
const ROOMS: usize = 512;
/// Where so many of its messages wait the leg takes no more agent audio: what is left of its share is for marks, clears,
/// prompts and proofs of silence.
const AUDIO_SHARE: usize = 768;
/// Where so many of its messages wait, whoever feeds agent audio is to hold back.
const CROWDED_LEG: usize = 256;
/// The same of all legs of a thread.
const CROWDED_MAILBOX: usize = MAILBOX / 2;

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many wait: try again when they are done.
    #[error("the media thread's queue is full")]
    Full,
    /// The thread or the leg is gone.
    #[error("the media thread or the leg is gone")]
    Closed,
}

/// Something for a thread to do.
pub(super) enum Message {
    Open(Box<Opening>),
    Leg(LegId, Action),
}

/// Something to do with one leg.
pub(super) enum Action {
    Command(LegCommand),
    Attach(Tap),
    Detach(SinkId),
}

/// What a leg and those who hold it share without a lock.
#[derive(Default)]
pub(super) struct Shared {
    /// Messages of this leg that wait.
    pub(super) waiting: AtomicUsize,
    /// Samples of streamed agent audio among them.
    pub(super) agent_coming: AtomicUsize,
    /// Samples of streamed agent audio that wait to be played.
    pub(super) agent_queued: AtomicUsize,
    /// Entries that wait to be played, of whatever kind.
    pub(super) entries_queued: AtomicUsize,
    /// The leg is over.
    pub(super) closed: AtomicBool,
    /// Whoever held the leg is gone.
    pub(super) abandoned: AtomicBool,
}

/// The sending end of a thread's messages.
#[derive(Clone)]
pub(super) struct Mailbox {
    queue: SyncSender<Message>,
    state: Arc<State>,
}

/// What a thread and its mailbox share.
pub(super) struct State {
    waker: mio::Waker,
    woken: AtomicBool,
    stopping: AtomicBool,
    waiting: AtomicUsize,
    legs: AtomicUsize,
    rooms: ChunkPool,
    /// The thread's ticks.
    pub(super) ticks: Arc<Counted>,
}

impl State {
    /// Called by the thread before it reads: what is posted from now on wakes it again.
    pub(super) fn rearm(&self) {
        // A swap, so that a message whose sender saw the old value is seen by the read that follows.
        self.woken.swap(false, Ordering::AcqRel);
    }

    /// Called by a thread that looks into the mailbox every millisecond anyway: nobody rings until [`State::rearm`].
    pub(super) fn hold_bell(&self) {
        self.woken.store(true, Ordering::Release);
    }

    pub(super) fn taken(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn leg_gone(&self) {
        self.legs.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Makes the poll of the thread return.
    pub(super) fn ring(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // A waker fails only where its thread is gone.
            let _ = self.waker.wake();
        }
    }
}

impl Mailbox {
    pub(super) fn new(queue: SyncSender<Message>, waker: mio::Waker) -> (Self, Arc<State>) {
        let state = Arc::new(State {
            waker,
            woken: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            legs: AtomicUsize::new(0),
            rooms: ChunkPool::new(ROOMS),
            ticks: Arc::default(),
        });
        (Self { queue, state: Arc::clone(&state) }, state)
    }

    /// Queues a message and wakes the thread; hands it back where it was not taken.
    pub(super) fn post(&self, message: Message) -> Result<(), (Refused, Message)> {
        let result = self.leave(message);
        self.state.ring();
        result
    }

    /// Queues a message for the thread's next turn, which the leg's next slot brings at the latest.
    fn leave(&self, message: Message) -> Result<(), (Refused, Message)> {
        self.state.waiting.fetch_add(1, Ordering::Relaxed);
        let result = self.queue.try_send(message).map_err(|error| match error {
            TrySendError::Full(message) => (Refused::Full, message),
            TrySendError::Disconnected(message) => (Refused::Closed, message),
        });
        if result.is_err() {
            self.state.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        result
    }

    pub(super) fn ticks(&self) -> Arc<Counted> {
        Arc::clone(&self.state.ticks)
    }

    pub(super) fn leg_comes(&self) {
        self.state.legs.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leg_gone(&self) {
        self.state.leg_gone();
    }

    pub(super) fn legs(&self) -> usize {
        self.state.legs.load(Ordering::Relaxed)
    }

    /// Tells the thread to end.
    pub(super) fn stop(&self) {
        self.state.stopping.store(true, Ordering::Release);
        self.state.ring();
    }
}

/// Sends to one leg. Cheap to clone; sending never blocks.
#[derive(Clone)]
pub struct LegSender {
    id: LegId,
    mailbox: Mailbox,
    shared: Arc<Shared>,
}

impl LegSender {
    pub(super) fn new(id: LegId, mailbox: Mailbox, shared: Arc<Shared>) -> Self {
        Self { id, mailbox, shared }
    }

    /// Asks something of the leg. [`LegCommand::Close`] is always taken.
    ///
    /// # Errors
    /// Where too much waits, which is counted, or the leg is gone.
    pub fn send(&self, command: LegCommand) -> Result<(), Refused> {
        if matches!(command, LegCommand::Close) {
            self.abandon();
            return Ok(());
        }
        self.post(Action::Command(command))
    }

    /// Gives a sink the leg's clean audio from now on.
    ///
    /// # Errors
    /// As [`LegSender::send`].
    pub fn attach(&self, tap: Tap) -> Result<(), Refused> {
        self.post(Action::Attach(tap))
    }

    /// Takes the leg's audio away from a sink whose queue is closed and empty.
    ///
    /// # Errors
    /// As [`LegSender::send`].
    pub fn detach(&self, sink: SinkId) -> Result<(), Refused> {
        self.post(Action::Detach(sink))
    }

    /// Takes a sink's proof of silence to the gate. Where that fails the capture ends by its deadline.
    pub fn acknowledge(&self, ack: MuteAck) {
        let _ = self.send(LegCommand::Acknowledge(ack));
    }

    /// Samples for [`LegCommand::AgentAudio`], in a room that the leg's thread gives back instead of freeing it.
    #[must_use]
    pub fn chunk(&self, samples: &[i16]) -> Chunk {
        self.mailbox.state.rooms.chunk(samples)
    }

    /// How much streamed agent audio waits to be played, and is on its way to the leg: whoever feeds it holds back before it
    /// comes near [`audio::PlayoutConfig::agent_capacity`], as the bots' driver does.
    #[must_use]
    pub fn agent_queued(&self) -> Duration {
        // What is no longer on its way is in the queue by then.
        let coming = self.shared.agent_coming.load(Ordering::Acquire);
        let samples = coming + self.shared.agent_queued.load(Ordering::Relaxed);
        Duration::from_micros(samples as u64 * 1_000_000 / u64::from(audio::PLAYOUT_HZ))
    }

    /// How many entries wait to be played, of whatever kind and length: of short ones the queue is full before a minute waits.
    #[must_use]
    pub fn entries_queued(&self) -> usize {
        self.shared.entries_queued.load(Ordering::Relaxed)
    }

    /// Whether too many messages wait for the thread to send more agent audio now. The leg's next slot takes them.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.shared.waiting.load(Ordering::Relaxed) >= CROWDED_LEG || self.mailbox.state.waiting() >= CROWDED_MAILBOX
    }

    /// Ends the leg, whatever waits: its next slot closes it.
    fn abandon(&self) {
        self.shared.abandoned.store(true, Ordering::Release);
    }

    fn post(&self, action: Action) -> Result<(), Refused> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(Refused::Closed);
        }
        let audio = match &action {
            Action::Command(command) => agent_samples(command),
            Action::Attach(_) | Action::Detach(_) => 0,
        };
        let share = if audio > 0 { AUDIO_SHARE } else { LEG_SHARE };
        if self.shared.waiting.fetch_add(1, Ordering::AcqRel) >= share {
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
            meters::dropped("media_commands", "full");
            return Err(Refused::Full);
        }
        self.shared.agent_coming.fetch_add(audio, Ordering::Relaxed);
        let message = Message::Leg(self.id, action);
        // Nothing comes of audio before the leg's slot, so that it need not wake anybody.
        let posted = if audio > 0 { self.mailbox.leave(message) } else { self.mailbox.post(message) };
        posted.map_err(|(refused, _)| {
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
            self.shared.agent_coming.fetch_sub(audio, Ordering::Relaxed);
            meters::dropped("media_commands", "full");
            refused
        })
    }
}

/// How many samples of streamed agent audio a command brings.
pub(super) fn agent_samples(command: &LegCommand) -> usize {
    if let LegCommand::AgentAudio { samples, .. } = command { samples.len() } else { 0 }
}

/// The one hold on a leg: dropping it closes the leg.
pub struct LegHandle {
    sender: LegSender,
    local: SocketAddr,
}

impl LegHandle {
    pub(super) fn new(sender: LegSender, local: SocketAddr) -> Self {
        Self { sender, local }
    }

    /// Where the leg receives RTP; RTCP is one port above.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// A sender for others, such as the writers of taps.
    #[must_use]
    pub fn sender(&self) -> LegSender {
        self.sender.clone()
    }
}

impl Deref for LegHandle {
    type Target = LegSender;

    fn deref(&self) -> &LegSender {
        &self.sender
    }
}

impl Drop for LegHandle {
    fn drop(&mut self) {
        self.sender.abandon();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::time::Instant;

    use audio::Generation;

    use super::*;

    /// Twenty milliseconds of an agent.
    fn spoken() -> LegCommand {
        LegCommand::AgentAudio { generation: Generation(0), samples: vec![8_000; 160].into(), arrived: Instant::now() }
    }

    fn mark() -> LegCommand {
        LegCommand::Mark(String::new())
    }

    #[test]
    fn audio_that_nobody_takes_leaves_room_for_everything_else() {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let (queue, _messages) = sync_channel(MAILBOX);
        let (mailbox, _state) = Mailbox::new(queue, waker);
        let sender = LegSender::new(LegId(1), mailbox, Arc::default());
        let taken = |command: fn() -> LegCommand| {
            std::iter::repeat_with(|| sender.send(command())).take_while(Result::is_ok).count()
        };
        for _ in 0..CROWDED_LEG {
            assert!(!sender.is_crowded());
            sender.send(spoken()).unwrap();
        }
        assert!(sender.is_crowded());
        assert_eq!(CROWDED_LEG + taken(spoken), AUDIO_SHARE);
        assert_eq!(sender.agent_queued(), Duration::from_millis(20) * AUDIO_SHARE as u32);
        assert_eq!(taken(mark), LEG_SHARE - AUDIO_SHARE);
    }
}
