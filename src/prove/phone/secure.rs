//! SRTP for a caller: its keys stand in the session descriptions (RFC 4568), or come of a handshake (RFC 5764).

use std::{fmt::Write, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use dtls::{DtlsConfig, Fingerprint, FingerprintHash, Identity};
use rcgen::{CertificateParams, KeyPair};
use rtp::srtp::{Inbound, MAX_RTP_TRAILER, MasterKey, Outbound, SrtpKeys, Suite};
use zeroize::Zeroizing;

use super::{PhoneError, Protection};

/// What is offered: the suite that everybody has.
const SUITE: Suite = Suite::AesCm128HmacSha1_80;
/// How a certificate is named in a description.
const FINGERPRINT: &str = "a=fingerprint:sha-256 ";

/// What the caller brings.
pub(super) enum Secure {
    /// A key of its own.
    Described(Zeroizing<Vec<u8>>),
    /// A certificate, of this call alone.
    Certified(Arc<Identity>),
}

/// What offer and answer agreed.
pub(super) enum Agreement {
    /// The keys of both directions.
    Keys(Box<Channel>),
    /// A handshake that is to give them.
    Handshake(DtlsConfig),
}

impl Secure {
    /// What a kind of protection takes; nothing in clear.
    pub(super) fn new(protection: Protection) -> Result<Option<Self>, PhoneError> {
        Ok(match protection {
            Protection::None => None,
            Protection::Described => {
                let key = (0..SUITE.key_bytes()).map(|_| rand::random()).collect();
                Some(Self::Described(Zeroizing::new(key)))
            }
            Protection::Handshake => Some(Self::Certified(Arc::new(certificate()?))),
        })
    }

    /// The profile of the offer.
    pub(super) fn profile(&self) -> &'static str {
        match self {
            Self::Described(_) => "RTP/SAVP",
            Self::Certified(_) => "UDP/TLS/RTP/SAVP",
        }
    }

    /// The attributes of the offer. The gateway begins a handshake.
    pub(super) fn attributes(&self) -> String {
        match self {
            Self::Described(key) => format!("a=crypto:1 {} inline:{}\r\n", SUITE.name(), STANDARD.encode(&**key)),
            Self::Certified(identity) => {
                let mut text = format!("a=setup:passive\r\n{FINGERPRINT}");
                for (place, byte) in identity.fingerprint().digest.iter().enumerate() {
                    // Writing to a `String` cannot fail.
                    let _ = write!(text, "{}{byte:02X}", if place == 0 { "" } else { ":" });
                }
                text + "\r\n"
            }
        }
    }

    /// What is agreed by this answer; `None` where that is something else.
    pub(super) fn agree(self, answer: &str) -> Option<Agreement> {
        match self {
            Self::Described(key) => {
                let start = format!("a=crypto:1 {} inline:", SUITE.name());
                let theirs = answer.lines().find_map(|line| line.strip_prefix(&start))?;
                let remote = MasterKey::new(SUITE, &STANDARD.decode(theirs.trim_end()).ok()?)?;
                let local = MasterKey::new(SUITE, &key)?;
                Some(Agreement::Keys(Box::new(Channel::of(&SrtpKeys { local, remote }))))
            }
            Self::Certified(identity) => {
                let fingerprint = fingerprint(answer)?;
                Some(Agreement::Handshake(DtlsConfig { identity, is_active: false, fingerprints: vec![fingerprint] }))
            }
        }
    }
}

fn certificate() -> Result<Identity, PhoneError> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::default().self_signed(&key)?;
    Ok(Identity::new(certificate.der().to_vec(), key.serialize_der())?)
}

/// The certificate that a description names (RFC 8122 §5).
fn fingerprint(description: &str) -> Option<Fingerprint> {
    let told = description.lines().find_map(|line| line.strip_prefix(FINGERPRINT))?;
    let digest = told.trim_end().split(':').map(|byte| u8::from_str_radix(byte, 16).ok());
    Some(Fingerprint { hash: FingerprintHash::Sha256, digest: digest.collect::<Option<_>>()? })
}

/// Both directions of a protected call.
pub(super) struct Channel {
    outbound: Outbound,
    inbound: Inbound,
}

impl Channel {
    /// Under the keys of both.
    pub(super) fn of(keys: &SrtpKeys) -> Self {
        Self { outbound: Outbound::new(&keys.local), inbound: Inbound::new(&keys.remote) }
    }

    /// A packet as it goes out; empty where it cannot be protected.
    pub(super) fn protect(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let plain = packet.len();
        packet.resize(plain + MAX_RTP_TRAILER, 0);
        let length = self.outbound.protect_rtp(&mut packet, plain).unwrap_or(0);
        packet.truncate(length);
        packet
    }

    /// The length of a packet that came, opened in place.
    pub(super) fn unprotect(&mut self, packet: &mut [u8]) -> Option<usize> {
        self.inbound.unprotect_rtp(packet).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_reads_the_other_s_certificate_from_its_description() {
        let secure = Secure::new(Protection::Handshake).unwrap().unwrap();
        let text = secure.attributes();
        let Secure::Certified(identity) = secure else { panic!("a certificate") };
        assert_eq!(fingerprint(&text).as_ref(), Some(identity.fingerprint()));
        assert_eq!(fingerprint("a=setup:active\r\na=fingerprint:sha-1 AB\r\n"), None);
    }
}
