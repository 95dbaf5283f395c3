//! SRTP and SRTCP (RFC 3711, RFC 7714): encrypts, authenticates and refuses replays, in the caller's buffers.
//!
//! One [`Outbound`] for what is sent and one [`Inbound`] for what is received, each under a master key of its own, as SDES
//! (RFC 4568) agrees them. No key is rolled over within a call and no packet carries an MKI. Nothing is allocated for a
//! packet; keys are wiped when dropped and cannot be printed.

mod cipher;
mod inbound;
mod key;
mod outbound;
mod replay;

#[cfg(test)]
mod tests;

pub use inbound::Inbound;
pub use key::{MasterKey, SrtpKeys, Suite};
pub use outbound::Outbound;

/// The most bytes that SRTP adds to a packet: the tag of AES-GCM.
pub const MAX_RTP_TRAILER: usize = 16;
/// The most bytes that SRTCP adds to a packet: that tag, and the word with the index.
pub const MAX_RTCP_TRAILER: usize = 20;

/// The bytes of RTCP that stay in clear: its header and the sender's SSRC (RFC 3711 §3.4).
const RTCP_CLEAR_BYTES: usize = 8;
/// The word with E flag and index.
const RTCP_INDEX_BYTES: usize = 4;
/// The E flag: the packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;

/// Both directions of one leg.
pub(crate) struct Srtp {
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
}

impl Srtp {
    pub(crate) fn new(keys: &SrtpKeys) -> Self {
        Self { inbound: Inbound::new(&keys.remote), outbound: Outbound::new(&keys.local) }
    }
}

/// Four bytes as a number.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}
