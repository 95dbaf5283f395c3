//! RTP as a pure core: packets, ordering, decoding, pacing, RTCP, SRTP.
//!
//! A [`Session`] is one leg's media as seen from the wire. Packets go in with the time they came; out come frames in order,
//! one per 20 ms of stream time, with markers where one was lost. The other way it makes packets out of samples. It owns no
//! socket and no clock, logs nothing, and never looks inside a telephone-event.

mod bursts;
mod clock;
mod conflict;
mod drift;
mod emodel;
mod extended;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod jitter;
mod lock;
mod packet;
mod patience;
mod protection;
mod quality;
mod receiver;
mod redundancy;
mod reorder;
mod reporter;
mod rtcp;
mod sender;
mod session;
pub mod srtp;
mod statistics;
mod tally;
mod timeline;

pub use bursts::LossRuns;
pub use conflict::Conflicts;
pub use extended::{ExtendedReports, VoipMetrics};
pub use handshake::{Handshake, HandshakeFailure, OpenHandshake, Progress};
pub use packet::{Malformed, Packet, PacketBuffer};
pub use protection::Keying;
pub use quality::{Heard, Quality};
pub use sender::Sent;
pub use session::{EventPayload, Payloads, Session, SessionConfig, SessionOutput};
pub use statistics::{Rejection, Rejections, RemoteView, Statistics};
pub use timeline::Received;

/// Where virtual time begins.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests count from any moment")]
fn an_instant() -> std::time::Instant {
    std::time::Instant::now()
}
