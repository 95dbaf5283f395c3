//! A call's hold on its bot: commands in, events out, and why it ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use audio::Generation;
use call::api::CaptureView;
use call::media::TapItem;
use call::transfer::TransferView;
use gate::{MenuKey, MuteAck, SinkId};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::driver::{Driver, Opening};
use super::{BotServer, Identity};

/// Commands that may wait for the bot's driver: the echoes of all marks of an agent that is cut, and some more.
const COMMANDS: usize = audio::MAX_MARKS + 64;

/// What a call tells its bot.
pub enum BotCommand {
    /// The bounded tap of the caller's clean audio, known to the gate as the stream's sink: the bot hears it from now on.
    Hear(mpsc::Receiver<Arc<TapItem>>),
    /// The caller pressed a key that the gate let pass.
    Key(MenuKey),
    /// The audio before a mark was played or cleared.
    MarkReached(String),
    /// How far a capture is that the bot asked for.
    Capture(Box<CaptureView>),
    /// How far a transfer is that the bot asked for.
    Transfer(Box<TransferView>),
    /// The call ends: say so and close.
    Stop,
}

/// What a bot tells its call.
#[derive(Debug, PartialEq)]
pub enum BotEvent {
    /// The stream is up.
    Connected,
    /// Play this, at 8 kHz.
    Audio {
        /// The generation it belongs to.
        generation: Generation,
        /// The samples.
        samples: Box<[i16]>,
    },
    /// Answer with [`BotCommand::MarkReached`] once what came before is played or cleared.
    Mark(String),
    /// Drop what came before; what comes now is of this generation.
    Clear(Generation),
    /// The last event.
    Closed(Closure),
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closure {
    /// The bot closed it in order: the call ends politely.
    ByBot,
    /// The call closed it.
    ByCall,
    /// It broke: the call apologises.
    Abnormal(Abnormal),
    /// It never came up: the call apologises.
    Unreachable(Unreachable),
}

/// How a stream broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abnormal {
    /// The connection ended without a close, or with one that reports a failure.
    Broken,
    /// Nothing came from the bot, not even an answer to a ping.
    Silent,
    /// The bot stopped reading.
    Stalled,
    /// The bot broke the rules of WebSocket, or a message was too long.
    Protocol,
}

/// Why a stream never came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// No such host, or nobody listens.
    Refused,
    /// Not within the deadline.
    Late,
    /// The certificate is not trusted, or TLS failed.
    Tls,
    /// The server did not accept a WebSocket.
    Handshake,
    /// The address would send the caller's voice in clear off this machine.
    Plain,
}

impl Closure {
    /// The reason as a label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ByBot => "bot_closed",
            Self::ByCall => "call_closed",
            Self::Abnormal(Abnormal::Broken) => "bot_broken",
            Self::Abnormal(Abnormal::Silent) => "bot_silent",
            Self::Abnormal(Abnormal::Stalled) => "bot_stalled",
            Self::Abnormal(Abnormal::Protocol) => "bot_protocol",
            Self::Unreachable(Unreachable::Refused) => "bot_refused",
            Self::Unreachable(Unreachable::Late) => "bot_late",
            Self::Unreachable(Unreachable::Tls) => "bot_tls",
            Self::Unreachable(Unreachable::Handshake) => "bot_handshake",
            Self::Unreachable(Unreachable::Plain) => "bot_plain",
        }
    }
}

/// Takes the writer's statement that it is mute to the media thread. Must not block.
pub type Acknowledge = Box<dyn Fn(MuteAck) + Send + Sync>;

/// Takes what the bot says to its call. Must not block.
pub type Report = Box<dyn Fn(BotEvent) + Send + Sync>;

/// What a call has of its bot's audio and its caller has not heard yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ahead {
    /// How long it plays.
    pub audio: Duration,
    /// Entries that wait to be played, of whatever kind and length.
    pub entries: usize,
    /// Whether too many messages are on their way to be played.
    pub is_crowded: bool,
}

/// Tells how far ahead of its caller the bot is. Must not block.
pub type Measure = Box<dyn Fn() -> Ahead + Send + Sync>;

/// The newest generation that playout moved on to. A number and no queue: it cannot be missed.
#[derive(Clone, Default)]
pub(super) struct Hushed(Arc<AtomicU64>);

impl Hushed {
    pub(super) fn newest(&self) -> Generation {
        Generation(self.0.load(Ordering::Acquire))
    }
}

/// A call's hold on its bot. Dropping it closes the stream.
pub struct BotLink {
    commands: mpsc::Sender<BotCommand>,
    hushed: Hushed,
    _running: DropGuard,
}

impl BotLink {
    /// Tells the bot. A command that finds no room is dropped and counted: the stream hangs then, and reports that itself.
    pub fn command(&self, command: BotCommand) {
        if let Err(TrySendError::Full(_)) = self.commands.try_send(command) {
            metrics::counter!("tonegate_drops_total", "queue" => "bot_commands", "reason" => "full").increment(1);
        }
    }

    /// The caller spoke over the bot; playout moved on to this generation.
    pub fn hushed(&self, generation: Generation) {
        self.hushed.0.fetch_max(generation.0, Ordering::AcqRel);
    }
}

/// How a stream is told of and to its call.
pub struct Ends {
    /// The number under which the gate knows the stream.
    pub sink: SinkId,
    /// For the stream's proofs of silence.
    pub acknowledge: Acknowledge,
    /// For what the bot says.
    pub report: Report,
    /// So that it says no more than there is room for.
    pub measure: Measure,
}

/// Opens a stream for a call, on a thread of [`super::BotThreads`]; `parameters` become `customParameters`.
#[must_use]
pub fn open(
    thread: &Handle,
    server: BotServer,
    identity: Identity,
    parameters: BTreeMap<String, String>,
    ends: Ends,
) -> BotLink {
    let Ends { sink, acknowledge, report, measure } = ends;
    let (sender, commands) = mpsc::channel(COMMANDS);
    let (hushed, stop) = (Hushed::default(), CancellationToken::new());
    let opening =
        Opening { identity, commands, hushed: hushed.clone(), sink, acknowledge, report, measure, stop: stop.clone() };
    drop(thread.spawn(Box::new(Driver::new(opening)).run(server, parameters)));
    BotLink { commands: sender, hushed, _running: stop.drop_guard() }
}
