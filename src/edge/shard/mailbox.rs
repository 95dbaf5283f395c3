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
    /// Samples of streamed agent audio that wait to be played.
    pub(super) agent_queued: AtomicUsize,
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

    /// How much streamed agent audio waits to be played: whoever feeds it holds back accordingly.
    #[must_use]
    pub fn agent_queued(&self) -> Duration {
        let samples = self.shared.agent_queued.load(Ordering::Relaxed);
        Duration::from_micros(samples as u64 * 1_000_000 / u64::from(audio::PLAYOUT_HZ))
    }

    /// Ends the leg, whatever waits: its next slot closes it.
    fn abandon(&self) {
        self.shared.abandoned.store(true, Ordering::Release);
    }

    fn post(&self, action: Action) -> Result<(), Refused> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(Refused::Closed);
        }
        if self.shared.waiting.fetch_add(1, Ordering::AcqRel) >= LEG_SHARE {
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
            meters::dropped("media_commands", "full");
            return Err(Refused::Full);
        }
        // Nothing comes of audio before the leg's slot, so that it need not wake anybody.
        let may_wait = matches!(action, Action::Command(LegCommand::AgentAudio { .. }));
        let message = Message::Leg(self.id, action);
        let posted = if may_wait { self.mailbox.leave(message) } else { self.mailbox.post(message) };
        posted.map_err(|(refused, _)| {
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
            meters::dropped("media_commands", "full");
            refused
        })
    }
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
