//! What is fuzzed of RTP (`fuzz/README.md`).

use crate::srtp::Suite;
use crate::{Packet, rtcp};

#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;
#[path = "../../fuzz/shared/script.rs"]
mod script;
mod session;
mod srtp;

pub use session::rtp_session;
pub use srtp::srtp;

const SUITES: [Suite; 4] =
    [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32, Suite::AeadAes128Gcm, Suite::AeadAes256Gcm];

/// One datagram, as a packet and as a report.
pub fn rtp_packet(bytes: &[u8]) {
    if let Ok(packet) = Packet::parse(bytes) {
        assert!(packet.payload.len() + 12 <= bytes.len(), "a payload lies within its packet");
        assert!(packet.payload_type < 128);
    }
    for ours in [0, 1] {
        if let Ok(digest) = rtcp::read(bytes, rtcp::Parties { ours, theirs: Some(77) }) {
            assert!(digest.about_us.is_none_or(|block| block.ssrc == ours), "a block about another stream is not ours");
            assert!(digest.answer.is_none_or(|answer| answer.ssrc == ours), "an answer to another is not ours");
            let mos = digest.metrics.and_then(|metrics| metrics.mos());
            assert!(mos.is_none_or(|mos| (1.0..=5.0).contains(&mos)), "a score lies on its scale");
        }
    }
}

#[cfg(test)]
mod tests {
    super::replay::replay!(rtp_packet, rtp_session, srtp);
}
