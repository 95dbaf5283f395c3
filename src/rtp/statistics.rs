use std::time::Duration;

use audio::Codec;

use crate::bursts::LossRuns;
use crate::conflict::Conflicts;
use crate::extended::VoipMetrics;
use crate::packet::Malformed;

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Shorter than a header.
    Short,
    /// Not version 2.
    Version,
    /// Contributing sources cut off.
    Contributors,
    /// Header extension cut off.
    Extension,
    /// Padding that does not fit.
    Padding,
    /// From an address that the leg is not locked to, and that cannot take the lock.
    Source,
    /// From a source or stream that must first send three in a row.
    Probation,
    /// A payload type nobody agreed to.
    PayloadType,
    /// A payload too long to be what its type says, or an empty telephone-event.
    PayloadLength,
    /// A sequence number far from where the stream is.
    Sequence,
    /// Came twice.
    Duplicate,
    /// Came after its time, or waited for one that did not come when another sequence or codec began.
    Late,
    /// Not RTCP, or cut off.
    Report,
    /// An SRTP tag that does not fit: not from the holder of the key.
    Authentication,
    /// An SRTP packet that came before, or is too old to tell.
    Replay,
    /// One SSRC too many under one SRTP key.
    Streams,
    /// Before the DTLS handshake gave keys, or RTCP to a port that has none.
    Unkeyed,
    /// DTLS after the handshake was over.
    Handshake,
    /// Of another stream than the one that is heard and goes on.
    SecondStream,
}

impl Rejection {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 19] = [
        Self::Short,
        Self::Version,
        Self::Contributors,
        Self::Extension,
        Self::Padding,
        Self::Source,
        Self::Probation,
        Self::PayloadType,
        Self::PayloadLength,
        Self::Sequence,
        Self::Duplicate,
        Self::Late,
        Self::Report,
        Self::Authentication,
        Self::Replay,
        Self::Streams,
        Self::Unkeyed,
        Self::Handshake,
        Self::SecondStream,
    ];

    /// The reason as a metric's label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Version => "version",
            Self::Contributors => "contributors",
            Self::Extension => "extension",
            Self::Padding => "padding",
            Self::Source => "source",
            Self::Probation => "probation",
            Self::PayloadType => "payload_type",
            Self::PayloadLength => "payload_length",
            Self::Sequence => "sequence",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::Report => "report",
            Self::Authentication => "authentication",
            Self::Replay => "replay",
            Self::Streams => "streams",
            Self::Unkeyed => "unkeyed",
            Self::Handshake => "handshake",
            Self::SecondStream => "second_stream",
        }
    }
}

impl From<Malformed> for Rejection {
    fn from(fault: Malformed) -> Self {
        match fault {
            Malformed::Short => Self::Short,
            Malformed::Version => Self::Version,
            Malformed::Contributors => Self::Contributors,
            Malformed::Extension => Self::Extension,
            Malformed::Padding => Self::Padding,
        }
    }
}

/// Dropped packets by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejections([u64; Rejection::ALL.len()]);

impl Rejections {
    /// How many were dropped for one reason.
    #[must_use]
    pub fn count(&self, reason: Rejection) -> u64 {
        self.0[reason as usize]
    }

    /// How many were dropped in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn add(&mut self, reason: Rejection) {
        self.0[reason as usize] += 1;
    }
}

/// What the far end reports about the stream we send (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoteView {
    /// Packets it misses, in all.
    pub lost: i32,
    /// Share of packets it missed since its last report, in 256ths.
    pub fraction_lost: u8,
    /// Interarrival jitter it sees.
    pub jitter: Duration,
}

/// The counts of one leg's media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets taken from the wire and admitted.
    pub received: u64,
    /// Packets that did not come, by sequence number; some of the last may still.
    pub lost: u64,
    /// Those of them that are no longer waited for. Never falls.
    pub given_up: u64,
    /// How losses and discards lie together.
    pub loss_runs: LossRuns,
    /// How samples travel.
    pub codec: Option<Codec>,
    /// Frames marked as missing because packets did not come.
    pub lost_frames: u64,
    /// Frames marked, or filled with comfort noise, because the far end sent nothing.
    pub paused_frames: u64,
    /// Frames of lost packets that the packets after them had as well (Opus, RFC 6716 §2.1.7).
    pub recovered_frames: u64,
    /// Frames left out because the far end's clock is faster than ours.
    pub left_out_frames: u64,
    /// Frames put in because it is slower.
    pub put_in_frames: u64,
    /// Packets of comfort noise.
    pub comfort_noise: u64,
    /// Times the stream had to be found again: a jump of sequence or timestamp.
    pub resynchronised: u64,
    /// Times the far end changed its SSRC, or took the lock from somebody else.
    pub stream_changes: u64,
    /// Dropped packets by reason.
    pub rejected: Rejections,
    /// Interarrival jitter (RFC 3550 A.8).
    pub jitter: Duration,
    /// Packets sent.
    pub sent: u64,
    /// Frames that were not sent: for want of a destination, or because the codec leaves silence out.
    pub skipped: u64,
    /// Valid RTCP packets received.
    pub reports: u64,
    /// What the far end says.
    pub remote: Option<RemoteView>,
    /// Time to it and back, once a report or a reference time of ours was answered.
    pub round_trip: Option<Duration>,
    /// How it hears what we send, where it says so (RFC 3611 §4.7).
    pub reported: Option<VoipMetrics>,
    /// Times that our SSRC was somebody else's too.
    pub conflicts: Conflicts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_numbered_in_the_order_they_are_listed() {
        for (number, reason) in Rejection::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
        }
    }
}
