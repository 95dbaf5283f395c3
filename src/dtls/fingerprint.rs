//! The hashes of certificates (RFC 8122).

use ring::digest;

/// How a certificate is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FingerprintHash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// What a session description says of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// How it is hashed.
    pub hash: FingerprintHash,
    /// The hash.
    pub digest: Box<[u8]>,
}

impl Fingerprint {
    /// The SHA-256 fingerprint of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let digest = digest::digest(&digest::SHA256, certificate);
        Self { hash: FingerprintHash::Sha256, digest: digest.as_ref().into() }
    }

    /// Whether it is that of a certificate in DER.
    pub(super) fn is_of(&self, certificate: &[u8]) -> bool {
        let algorithm = match self.hash {
            FingerprintHash::Sha256 => &digest::SHA256,
            FingerprintHash::Sha384 => &digest::SHA384,
            FingerprintHash::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, certificate).as_ref() == &*self.digest
    }
}
