//! What a leg needs of a DTLS handshake (RFC 5764). The handshake itself is a zone of its own (`src/dtls`): its library
//! brings a generator and a log, which no core that decides may link.

use std::fmt;
use std::time::{Duration, Instant};

use crate::srtp::SrtpKeys;

/// Opens a leg's handshake: this side's certificate and role, and what is known of the far end.
pub trait OpenHandshake: fmt::Debug + Send + Sync {
    /// A handshake that waits for [`Handshake::begin`], or for the far end.
    fn open(&self, now: Instant) -> Box<dyn Handshake>;
}

/// One handshake, told the time. After every call the driver drains [`Handshake::poll_packet`].
pub trait Handshake: Send {
    /// The far end has the answer, or is about to: the deadline runs from now on.
    fn begin(&mut self, now: Instant) -> Progress;
    /// Takes a datagram of the far end.
    fn handle_packet(&mut self, now: Instant, bytes: &[u8]) -> Progress;
    /// When [`Handshake::handle_timeout`] has something to do.
    fn poll_timeout(&self) -> Option<Instant>;
    /// Does what is due.
    fn handle_timeout(&mut self, now: Instant) -> Progress;
    /// The next datagram to send.
    fn poll_packet(&mut self) -> Option<Box<[u8]>>;
}

/// What became of a handshake.
#[derive(Debug)]
pub enum Progress {
    /// It goes on, or was over before.
    None,
    /// It gave the keys of both directions, and took so long.
    Keys(Box<SrtpKeys>, Duration),
    /// It gave none, and gives none any more.
    Failed(HandshakeFailure),
}

/// Why a handshake gave no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeFailure {
    /// It was not over in time.
    Deadline,
    /// The far end showed another certificate than its session description names.
    Fingerprint,
    /// No SRTP profile in common.
    Profile,
    /// The far end gave it up.
    Alert,
    /// What came was no handshake that can go on.
    Protocol,
}

impl HandshakeFailure {
    /// Every failure.
    pub const ALL: [Self; 5] = [Self::Deadline, Self::Fingerprint, Self::Profile, Self::Alert, Self::Protocol];

    /// Its name, in metrics and timelines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Fingerprint => "fingerprint",
            Self::Profile => "profile",
            Self::Alert => "alert",
            Self::Protocol => "protocol",
        }
    }
}
