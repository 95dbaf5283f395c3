//! Why calls end.

use serde::Serialize;

/// Why a call ended. The label goes into `tonegate_calls_ended_total{reason}` and into the call row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The agent had said its last word.
    Completed,
    /// The caller hung up.
    CallerHungUp,
    /// The caller gave up before the answer.
    Cancelled,
    /// The answer was never acknowledged.
    AckTimeout,
    /// The call could not be set up.
    SetUpFailed,
    /// The call could not be made durable, so it was not answered.
    NotDurable,
    /// No media arrived for too long.
    MediaTimeout,
    /// SRTP's keys were to come from a DTLS handshake, and did not: nothing could be said.
    HandshakeFailed,
    /// The agent failed; the caller heard an apology.
    AgentFailed,
    /// A carrier goes on taking a card although the mute for it has ended; the caller heard an apology.
    CaptureLapsed,
    /// The longest time a call may take was over.
    LongestCall,
    /// The gateway is shutting down.
    Drained,
    /// An operator or the bot's own interface ended it.
    Requested,
    /// The caller was handed over to somebody else.
    Transferred,
    /// The gateway died in the middle of it; said after the restart.
    Interrupted,
}

impl EndReason {
    /// Every reason.
    pub const ALL: [Self; Self::Interrupted as usize + 1] = [
        Self::Completed,
        Self::CallerHungUp,
        Self::Cancelled,
        Self::AckTimeout,
        Self::SetUpFailed,
        Self::NotDurable,
        Self::MediaTimeout,
        Self::HandshakeFailed,
        Self::AgentFailed,
        Self::CaptureLapsed,
        Self::LongestCall,
        Self::Drained,
        Self::Requested,
        Self::Transferred,
        Self::Interrupted,
    ];

    /// The reason as a metric's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::CallerHungUp => "caller_hung_up",
            Self::Cancelled => "cancelled",
            Self::AckTimeout => "ack_timeout",
            Self::SetUpFailed => "set_up_failed",
            Self::NotDurable => "not_durable",
            Self::MediaTimeout => "media_timeout",
            Self::HandshakeFailed => "handshake_failed",
            Self::AgentFailed => "agent_failed",
            Self::CaptureLapsed => "capture_lapsed",
            Self::LongestCall => "longest_call",
            Self::Drained => "drained",
            Self::Requested => "requested",
            Self::Transferred => "transferred",
            Self::Interrupted => "interrupted",
        }
    }
}
