//! A caller's SRTP by keys in the session descriptions (RFC 4568), with the suite that every carrier has.

use base64::{Engine, engine::general_purpose::STANDARD};
use rtp::srtp::{Inbound, MasterKey, Outbound, Suite};

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const NAME: &str = "AES_CM_128_HMAC_SHA1_80";

/// The caller's own key.
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn random() -> Self {
        Self((0..SUITE.key_bytes()).map(|_| rand::random()).collect())
    }

    /// The line of an offer.
    pub(crate) fn attribute(&self) -> String {
        format!("a=crypto:1 {NAME} inline:{}\r\n", STANDARD.encode(&self.0))
    }

    /// Both directions, once the answer brought the other key.
    pub(crate) fn ciphers(&self, answer: &str) -> Option<(Outbound, Inbound)> {
        let start = format!("a=crypto:1 {NAME} inline:");
        let remote = answer.lines().find_map(|line| line.strip_prefix(&start))?;
        let remote = MasterKey::new(SUITE, &STANDARD.decode(remote.trim_end()).ok()?)?;
        Some((Outbound::new(&MasterKey::new(SUITE, &self.0)?), Inbound::new(&remote)))
    }
}
