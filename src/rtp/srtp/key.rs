//! Master keys, and the session keys derived from them (RFC 3711 §4.3).

use std::fmt;

use aes::cipher::KeyInit;
use aes::{Aes128Enc, Aes256Enc};
use zeroize::Zeroizing;

use super::cipher::{self, Cipher, Gcm, KEY_BYTES, LONG_KEY_BYTES};

/// Bytes of the key of HMAC-SHA1 (RFC 3711 §5.2).
const AUTHENTICATION_KEY_BYTES: usize = 20;
/// Bytes of the salt of counter mode.
const SALT_BYTES: usize = 14;

/// How packets are encrypted and authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-128 in counter mode, HMAC-SHA1 cut to 80 bits (RFC 3711).
    AesCm128HmacSha1_80,
    /// The same, cut to 32 bits for RTP and to 80 for RTCP (RFC 4568 §6.2.2).
    AesCm128HmacSha1_32,
    /// AES-128 in Galois/counter mode with the full tag of 128 bits (RFC 7714).
    AeadAes128Gcm,
    /// The same with AES-256. Only DTLS agrees on it here.
    AeadAes256Gcm,
}

impl Suite {
    /// Bytes of master key and master salt together.
    #[must_use]
    pub const fn key_bytes(self) -> usize {
        self.cipher_key_bytes() + self.salt_bytes()
    }

    /// Bytes of the master key alone.
    #[must_use]
    pub const fn cipher_key_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AeadAes128Gcm => KEY_BYTES,
            Self::AeadAes256Gcm => LONG_KEY_BYTES,
        }
    }

    const fn salt_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => SALT_BYTES,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// Its name, as the profiles of DTLS-SRTP and the suites of SDES have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }
}

/// A master key with its master salt: 16 bytes, or 32, then 14, or 12 with GCM. Wiped when dropped, and never printed.
#[derive(Clone)]
pub struct MasterKey {
    suite: Suite,
    /// Boxed, so that moving the key leaves no copy behind.
    bytes: Zeroizing<Box<[u8]>>,
}

impl MasterKey {
    /// A key for `suite`; `None` where `bytes` are not exactly [`Suite::key_bytes`].
    #[must_use]
    pub fn new(suite: Suite, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == suite.key_bytes()).then(|| Self { suite, bytes: Zeroizing::new(bytes.into()) })
    }

    /// What it is for.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The ciphers of RTP and of RTCP under this key.
    pub(super) fn ciphers(&self) -> (Cipher, Cipher) {
        let mut tags = (10, 10);
        if self.suite == Suite::AesCm128HmacSha1_32 {
            tags.0 = 4;
        }
        (self.cipher(&Labels::RTP, tags.0), self.cipher(&Labels::RTCP, tags.1))
    }

    fn cipher(&self, labels: &Labels, tag_bytes: usize) -> Cipher {
        let derivation = Derivation::new(self);
        match self.suite {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => {
                let key = derivation.derive::<KEY_BYTES>(labels.encryption);
                let salt = derivation.derive::<SALT_BYTES>(labels.salt);
                let authentication = derivation.derive::<AUTHENTICATION_KEY_BYTES>(labels.authentication);
                Cipher::counter_mode(&key, &*salt, &authentication, tag_bytes)
            }
            Suite::AeadAes128Gcm => {
                let cipher = Gcm::aes_128(&derivation.derive(labels.encryption));
                Cipher::gcm(cipher, &*derivation.derive::<12>(labels.salt))
            }
            Suite::AeadAes256Gcm => {
                let cipher = Gcm::aes_256(&derivation.derive(labels.encryption));
                Cipher::gcm(cipher, &*derivation.derive::<12>(labels.salt))
            }
        }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MasterKey").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// The keys of a leg: what is sent goes under `local`, what is received came under `remote`.
#[derive(Clone, Debug)]
pub struct SrtpKeys {
    /// Ours, as our SDP says.
    pub local: MasterKey,
    /// Theirs, as theirs says.
    pub remote: MasterKey,
}

/// The labels of a protocol's session keys (RFC 3711 §4.3.1, §4.3.2).
struct Labels {
    encryption: u8,
    authentication: u8,
    salt: u8,
}

impl Labels {
    const RTP: Self = Self { encryption: 0, authentication: 1, salt: 2 };
    const RTCP: Self = Self { encryption: 3, authentication: 4, salt: 5 };
}

/// AES-CM as a pseudo-random function with a key derivation rate of zero (RFC 3711 §4.3.3, RFC 6188 §3). GCM uses it too,
/// its shorter salt filled up with zeros (RFC 7714 §11).
pub(super) struct Derivation {
    cipher: Generator,
    salt: Zeroizing<u128>,
}

/// AES with a master key.
enum Generator {
    Aes128(Aes128Enc),
    Aes256(Box<Aes256Enc>),
}

impl Derivation {
    pub(super) fn new(master: &MasterKey) -> Self {
        let (key, rest) = master.bytes.split_at(master.suite.cipher_key_bytes());
        let mut aes_key = Zeroizing::new([0; LONG_KEY_BYTES]);
        aes_key[..key.len()].copy_from_slice(key);
        let mut salt = Zeroizing::new([0; SALT_BYTES]);
        salt[..rest.len()].copy_from_slice(rest);
        let cipher = match aes_key.first_chunk::<KEY_BYTES>() {
            Some(short) if key.len() == KEY_BYTES => Generator::Aes128(Aes128Enc::new(short.into())),
            Some(_) | None => Generator::Aes256(Box::new(Aes256Enc::new((&*aes_key).into()))),
        };
        Self { cipher, salt: Zeroizing::new(cipher::number(&*salt)) }
    }

    pub(super) fn derive<const N: usize>(&self, label: u8) -> Zeroizing<[u8; N]> {
        let mut key = Zeroizing::new([0; N]);
        let start = *self.salt ^ u128::from(label) << 48;
        match &self.cipher {
            Generator::Aes128(cipher) => cipher::apply_keystream(cipher, start, &mut *key),
            Generator::Aes256(cipher) => cipher::apply_keystream(&**cipher, start, &mut *key),
        }
        key
    }
}
