//! SRTP for a telephone that is asked to use it: keys in the session descriptions (RFC 4568).

use base64::{Engine, engine::general_purpose::STANDARD};
use rtp::srtp::{Inbound, MAX_RTP_TRAILER, MasterKey, Outbound, Suite};

/// The telephone's own key.
pub(super) struct Secure {
    suite: Suite,
    material: Vec<u8>,
}

impl Secure {
    pub(super) fn new(suite: Suite) -> Self {
        Self { suite, material: (0..suite.key_bytes()).map(|_| rand::random()).collect() }
    }

    /// The attribute of the offer.
    pub(super) fn attribute(&self) -> String {
        format!("a=crypto:1 {} inline:{}\r\n", self.suite.name(), STANDARD.encode(&self.material))
    }

    /// Both directions, once the answer brought the other key; `None` where it agrees on something else.
    pub(super) fn channel(&self, answer: &str) -> Option<Channel> {
        let is_protected = answer.lines().any(|line| line.starts_with("m=audio ") && line.contains(" RTP/SAVP "));
        let start = format!("a=crypto:1 {} inline:", self.suite.name());
        let key = answer.lines().find_map(|line| line.strip_prefix(&start)).filter(|_| is_protected)?;
        let remote = MasterKey::new(self.suite, &STANDARD.decode(key.trim_end()).ok()?)?;
        let local = MasterKey::new(self.suite, &self.material)?;
        Some(Channel { outbound: Outbound::new(&local), inbound: Inbound::new(&remote) })
    }
}

/// Both directions of a protected call.
pub(super) struct Channel {
    pub(super) outbound: Outbound,
    pub(super) inbound: Inbound,
}

/// A packet as it goes out.
pub(super) fn protect(outbound: &mut Outbound, mut packet: Vec<u8>) -> Vec<u8> {
    let plain = packet.len();
    packet.resize(plain + MAX_RTP_TRAILER, 0);
    let length = outbound.protect_rtp(&mut packet, plain).unwrap_or(0);
    packet.truncate(length);
    packet
}
