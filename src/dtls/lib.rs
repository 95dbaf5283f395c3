//! The DTLS handshake that gives a leg its SRTP keys (RFC 5764).
//!
//! DTLS 1.2 alone, which every peer that speaks DTLS-SRTP has; what peers sign with is ECDSA. The far end's certificate is
//! that of the session description, or there are no keys. Told the time and without sockets like the cores that decide, but
//! its keys come from the system's generator and its library can log: so it is a zone of its own, behind a trait of `rtp`.
//!
//! A handshake runs on the media thread of its leg. Its steps, by `costs` in `association/tests.rs`, on average of 200 in the
//! profile of development on a busy machine of two cores: 30 to 70 µs to open a leg; for the side that begins 0.4 to 0.5 ms
//! for the far end's certificate and its own flight; for the other 0.1 ms, then 0.3 to 0.4 ms; less than 50 µs for everything
//! else. None reaches a millisecond, but forty callers that answer within one tick would fill it.

mod association;
mod fingerprint;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod provider;

use std::sync::Arc;
use std::time::Instant;

use rtp::{Handshake, OpenHandshake};

use association::Association;
pub use fingerprint::{Fingerprint, FingerprintHash};
pub use identity::{Identity, IdentityError};

/// What offer and answer agreed about a handshake.
#[derive(Clone, Debug)]
pub struct DtlsConfig {
    /// This side's certificate.
    pub identity: Arc<Identity>,
    /// Whether this side begins.
    pub is_active: bool,
    /// The far end's certificate is one of these.
    pub fingerprints: Vec<Fingerprint>,
}

impl OpenHandshake for DtlsConfig {
    fn open(&self, now: Instant) -> Box<dyn Handshake> {
        Box::new(Association::new(self, now))
    }
}
