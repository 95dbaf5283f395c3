//! How a leg is set up beside its parts, and what it says of itself.

use std::net::SocketAddr;
use std::time::Duration;

use audio::Discarded;
use rtp::{Sent, Statistics};

/// What the caller's speech does to interruptible speech of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HushPolicy {
    /// Nothing: the agent decides for itself and clears.
    Never,
    /// It is softer as soon as the caller speaks, falls silent once they have spoken for a moment, and is cut once they have
    /// gone on.
    OnSpeech {
        /// Until it falls silent.
        guard: Duration,
        /// From then until it is cut. Where the caller is quiet again before, it was a cough or a mm-hm, and speech goes on
        /// where it was. The gate notices quiet after 320 ms.
        confirm: Duration,
    },
}

impl Default for HushPolicy {
    /// Silent within 200 ms of the caller's first sound, 19 times of 20: the gate notices most onsets after 60 to 130 ms and soft
    /// ones after 170, and the next packet may be 20 ms away. Cut once there was time to notice a cough.
    fn default() -> Self {
        Self::OnSpeech { guard: Duration::from_millis(10), confirm: Duration::from_millis(500) }
    }
}

/// A packet to be sent at once.
#[derive(Clone, Copy, Debug)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// Its place in the stream.
    pub sent: Sent,
}

/// What a leg counted, at its end.
#[derive(Clone, Debug)]
pub struct LegReport {
    /// The wire.
    pub statistics: Statistics,
    /// The gate.
    pub gate: gate::Counters,
    /// Agent audio that was not taken.
    pub discarded: Discarded,
    /// The last RTCP packet, and where to send it.
    pub goodbye: Option<(SocketAddr, Vec<u8>)>,
}
