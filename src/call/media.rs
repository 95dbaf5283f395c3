//! What the control of a call asks of its media leg, and what the leg tells. Small values over bounded queues: audio itself
//! goes to taps.

use std::{
    net::SocketAddr,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use audio::{Chunk, Generation, Segment, SegmentId};
use frame::RawInfo;
use gate::{
    CaptureEvent, CaptureId, CapturePrompt, CleanFrame, Collect, Collected, ControlFailure, MenuKey, MuteAck, SinkId,
    SpeechEdge, Suppressed,
};
use rtp::{HandshakeFailure, Payloads, srtp::Suite};

use crate::port::AuditEvent;

/// The agent's sink: the recogniser's queue or the bot's stream.
pub const AGENT_SINK: SinkId = SinkId(1);
/// The recorder's sink.
pub const RECORDER_SINK: SinkId = SinkId(2);

/// Something for the leg to do. Descriptors and tap queues, which only the shell holds, travel beside these.
pub enum LegCommand {
    /// Queue a clip for the caller.
    Play(Segment),
    /// Queue the clip of a capture's prompt; the leg tells the gate when it was played to its end, and cuts it when the
    /// gate says so.
    PlayCapture {
        /// The prompt.
        prompt: CapturePrompt,
        /// Its clip.
        segment: Segment,
    },
    /// Queue streamed agent audio, at 8 kHz.
    AgentAudio {
        /// The agent's turn; audio of a cleared turn is dropped.
        generation: Generation,
        /// The samples.
        samples: Chunk,
        /// When they came from the agent.
        arrived: Instant,
    },
    /// Tell when everything queued before this was played or cleared.
    Mark(String),
    /// Cut what is interruptible, with a short fade, and drop what is still to come of the turns before this one.
    Clear {
        /// The turn that the agent speaks in from now on.
        generation: Generation,
    },
    /// Whether the caller hears themselves, while nothing else is said.
    Echo(bool),
    /// Whether the agent may be heard.
    MuteAgent(bool),
    /// The caller is asked for keys.
    Collect(Collect),
    /// The caller is no longer asked for keys.
    EndCollect,
    /// Begin a capture: mute, then wait for every sink's proof.
    Arm {
        /// Its name.
        capture: CaptureId,
    },
    /// The vault's socket of the armed capture; it lives with the leg from now on, and closing it wipes.
    AttachVault {
        /// The capture it belongs to.
        capture: CaptureId,
        /// The gateway's end.
        socket: OwnedFd,
    },
    /// Somebody else takes the keys of the armed capture: whatever comes here is thrown away.
    Delegate,
    /// Withdraw the capture.
    CancelCapture,
    /// A sink's writer has proven its silence, or renews the proof.
    Acknowledge(MuteAck),
    /// A SIP INFO body that may carry a key.
    Info(Box<RawInfo>),
    /// Where media goes from now on, and which ways: a new session description said so.
    Retarget(Target),
    /// The answer is on its way: where DTLS was agreed, the handshake begins. Nothing is played before it is over.
    BeginHandshake,
    /// The call is over: stop a capture, say RTCP BYE, report.
    Close,
}

/// The far end's media, as its latest session description has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it wants RTP; none where the description names no host.
    pub remote: Option<SocketAddr>,
    /// Where it wants RTCP; else one port above.
    pub remote_rtcp: Option<SocketAddr>,
    /// Whether it wants RTCP on the RTP port, where DTLS was agreed.
    pub rtcp_mux: bool,
    /// How samples and events travel.
    pub payloads: Payloads,
    /// Whether it wants to hear. Where not, the call is held.
    pub hears: bool,
    /// Whether it means to send.
    pub sends: bool,
}

/// Something the leg tells the control.
pub enum LegOutput {
    /// The first sample of a clip was sent.
    PromptStarted {
        /// The clip.
        id: SegmentId,
    },
    /// A clip was sent to its last sample.
    PromptFinished(Delivery),
    /// A clip was cut, perhaps before it began.
    PromptInterrupted {
        /// The clip.
        id: SegmentId,
        /// Samples sent.
        played: u64,
        /// Its length in samples.
        total: u64,
    },
    /// A mark was reached, or cleared.
    Mark {
        /// The agent's name for it.
        name: String,
        /// Whether its audio was dropped instead of played.
        cleared: bool,
    },
    /// The caller began or stopped to speak.
    Speech(SpeechEdge),
    /// The caller's speech silenced the agent. The driver tells a bot; its audio of earlier turns is dropped from now on.
    Hushed {
        /// The turn that the agent speaks in next.
        generation: Generation,
    },
    /// The caller only seemed to speak: what had fallen silent goes on.
    FalseInterruption,
    /// Streamed agent audio was cut, and how much of that turn was heard and was not.
    AgentCut {
        /// What was sent of it.
        played: Duration,
        /// What waited and was thrown away.
        dropped: Duration,
    },
    /// A key outside captures.
    MenuKey(MenuKey),
    /// A declared collect has ended.
    Collected(Collected),
    /// Render this prompt of the capture and play it with [`LegCommand::PlayCapture`].
    CapturePrompt(CapturePrompt),
    /// The capture went a step on.
    Capture(CaptureEvent),
    /// A control of the capture failed.
    Control(ControlFailure),
    /// Keys were dropped.
    Suppressed(Suppressed),
    /// Nothing came from the caller for too long.
    MediaTimeout,
    /// The source of the caller's media is locked.
    SourceLocked {
        /// Whether it is the address that the session description named.
        as_described: bool,
    },
    /// The DTLS handshake gave the keys: media flows.
    Secured {
        /// How packets are protected.
        suite: Suite,
        /// From its beginning to the keys.
        took: Duration,
    },
    /// The DTLS handshake gave no keys: no media ever flows.
    HandshakeFailed(HandshakeFailure),
    /// The caller holds the call: what is to be said waits.
    Held,
    /// The caller is back: what waited goes on.
    Resumed,
    /// The leg is closed; the last output.
    Closed(rtp::Quality),
}

impl LegOutput {
    /// What the audit has to hear of it though the call is over: what became of the last card.
    #[must_use]
    pub fn last_word(&self) -> Option<AuditEvent> {
        if let Self::Capture(CaptureEvent::WipeRecord(record)) = self {
            return Some(AuditEvent::CardWiped(*record));
        }
        let is_unconfirmed = matches!(self, Self::Control(ControlFailure::WipeUnconfirmed));
        is_unconfirmed.then_some(AuditEvent::ControlFailed { control: "wipe_unconfirmed" })
    }
}

/// The proof that a clip was sent: what its packets were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The clip.
    pub id: SegmentId,
    /// Samples sent: all of them.
    pub samples: u64,
    /// The SSRC of the packets.
    pub ssrc: u32,
    /// The sequence number of the first packet.
    pub first_sequence: u16,
    /// The sequence number of the last packet.
    pub last_sequence: u16,
    /// The RTP timestamp of the first packet.
    pub first_timestamp: u32,
    /// The RTP timestamp of the last packet.
    pub last_timestamp: u32,
}

/// What a tap's queue carries: one copy for all taps of a leg, which they read and let go.
pub enum TapItem {
    /// The caller, past the gate. Exact silence in a capture.
    Caller(CleanFrame),
    /// What was sent to the caller: one frame at 8 kHz. Only the recorder gets it.
    Sent {
        /// The stream time before this frame, on the caller's own count.
        index: u64,
        /// The samples.
        samples: [i16; 160],
    },
}
