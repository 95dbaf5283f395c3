//! RTP as a pure core: packets, ordering, decoding, pacing, RTCP, SRTP.
//!
//! A [`Session`] is one leg's media as seen from the wire. Packets go in with the time they came; out come frames in order,
//! one per 20 ms of stream time, with markers where one was lost. The other way it makes packets out of samples. It owns no
//! socket and no clock, logs nothing, and never looks inside a telephone-event.

mod codec;
mod lock;
mod packet;
mod receiver;
mod reorder;
mod reporter;
mod rtcp;
mod sender;
mod session;
pub mod srtp;
mod statistics;
mod timeline;

pub use codec::Codec;
pub use packet::{Malformed, Packet, PacketBuffer};
pub use sender::Sent;
pub use session::{Payloads, Session, SessionConfig, SessionOutput};
pub use statistics::{Rejection, Rejections, RemoteView, Statistics};
pub use timeline::Received;

/// The clock of G.711 and of its telephone-events, in hertz (RFC 3551 §4.5.14).
pub const CLOCK_HZ: u32 = 8_000;
/// Samples in one 20 ms frame.
pub const FRAME_SAMPLES: usize = 160;

/// A span in units of the RTP clock.
fn clock_units(span: std::time::Duration) -> u64 {
    span.as_secs().saturating_mul(u64::from(CLOCK_HZ)) + u64::from(span.subsec_micros() / 125)
}

/// Samples as a span of time.
fn samples_span(samples: usize) -> std::time::Duration {
    std::time::Duration::from_micros(samples as u64 * 125)
}

/// Where virtual time begins.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests count from any moment")]
fn an_instant() -> std::time::Instant {
    std::time::Instant::now()
}
