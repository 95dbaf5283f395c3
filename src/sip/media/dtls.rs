//! DTLS-SRTP in session descriptions: whose certificate it must be and who begins the handshake (RFC 5763, RFC 8122).
//!
//! The association of the first answer stays for the call's life. An offer that asks for another (another certificate, the
//! other role, `holdconn`) is refused.

use std::fmt::Write;

use sdp_types::{Attribute, Media, Session};

use super::OfferError;

/// Most fingerprints of one hash: a far end of several certificates (RFC 8122 §5.1).
const MAX_FINGERPRINTS: usize = 4;

/// How a certificate was hashed, from the weakest to the strongest that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FingerprintHash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl FingerprintHash {
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its name in the attribute (RFC 8122 §5).
    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The hash of a certificate in DER.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint {
    /// How it was hashed.
    pub hash: FingerprintHash,
    /// The hash.
    pub digest: Box<[u8]>,
}

impl Fingerprint {
    /// Reads `sha-256 AB:CD:…`; none where the hash is not taken or its value does not fit.
    fn read(value: &str) -> Option<Self> {
        let (name, digest) = value.trim().split_once(' ')?;
        let hash = FingerprintHash::ALL.into_iter().find(|hash| hash.name().eq_ignore_ascii_case(name))?;
        let bytes = digest.trim().split(':').map(|pair| {
            let is_pair = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            is_pair.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
        });
        let digest = bytes.collect::<Option<Box<[u8]>>>()?;
        (digest.len() == hash.bytes()).then_some(Self { hash, digest })
    }

    fn attribute(&self) -> String {
        let mut text = format!("a=fingerprint:{}", self.hash.name());
        for (number, byte) in self.digest.iter().enumerate() {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{}{byte:02X}", if number == 0 { ' ' } else { ':' });
        }
        text + "\r\n"
    }
}

/// What this side does in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// Begins it: the client.
    Active,
    /// Waits for it: the server.
    Passive,
}

impl DtlsRole {
    const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

/// What was agreed about DTLS-SRTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dtls {
    /// What this side does: it begins the handshake unless the far end insists on that (RFC 5763 §5).
    pub role: DtlsRole,
    /// Whether the far end leaves the roles to this side.
    leaves_roles: bool,
    /// The far end's certificate is one of these. All are of one hash, the strongest of its description.
    pub fingerprints: Vec<Fingerprint>,
    /// Whether RTCP comes on RTP's port (RFC 5761). Otherwise there is none: its port would need a handshake of its own.
    pub rtcp_mux: bool,
}

impl Dtls {
    /// Reads a line over UDP/TLS/RTP/SAVP or SAVPF.
    pub(super) fn read(session: &Session, line: &Media) -> Result<Self, OfferError> {
        let fingerprints = fingerprints(session, line);
        if fingerprints.is_empty() || fingerprints.len() > MAX_FINGERPRINTS {
            return Err(OfferError::NoFingerprint);
        }
        let setup = values(&line.attributes, "setup").chain(values(&session.attributes, "setup")).next();
        let (role, leaves_roles) = match setup.map(str::trim) {
            Some("actpass") => (DtlsRole::Active, true),
            Some("passive") => (DtlsRole::Active, false),
            Some("active") => (DtlsRole::Passive, false),
            Some(_) | None => return Err(OfferError::NoSetup),
        };
        Ok(Self { role, leaves_roles, fingerprints, rtcp_mux: line.has_attribute("rtcp-mux") })
    }

    /// What of a later description can be taken: the same association, with RTCP as it says.
    pub(super) fn keep(&self, later: Self) -> Result<Self, OfferError> {
        if later.fingerprints != self.fingerprints {
            Err(OfferError::NoFingerprint)
        } else if !later.leaves_roles && later.role != self.role {
            Err(OfferError::NoSetup)
        } else {
            Ok(Self { role: self.role, ..later })
        }
    }

    /// The attributes of this side's description.
    pub(super) fn attributes(&self, local: &Fingerprint) -> String {
        let mux = if self.rtcp_mux { "a=rtcp-mux\r\n" } else { "" };
        format!("{}a=setup:{}\r\n{mux}", local.attribute(), self.role.name())
    }
}

/// The fingerprints of the strongest hash, in order. Those of the line count instead of the session's (RFC 8122 §5).
fn fingerprints(session: &Session, line: &Media) -> Vec<Fingerprint> {
    let of = |attributes| values(attributes, "fingerprint").filter_map(Fingerprint::read).collect();
    let mut all: Vec<Fingerprint> =
        of(if line.has_attribute("fingerprint") { &line.attributes } else { &session.attributes });
    let strongest = all.iter().map(|fingerprint| fingerprint.hash).max();
    all.retain(|fingerprint| Some(fingerprint.hash) == strongest);
    all.sort_unstable();
    all.dedup();
    all
}

fn values<'a>(attributes: &'a [Attribute], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = attributes.iter().filter(move |attribute| attribute.attribute == name);
    named.filter_map(|attribute| attribute.value.as_deref())
}
