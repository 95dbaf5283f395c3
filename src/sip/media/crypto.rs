//! SRTP keys in session descriptions: the `crypto` attribute (RFC 4568 §4, §6).
//!
//! A line that asks for what is not done here is passed over: an MKI, several keys, a key derivation rate, streams left
//! unencrypted or unauthenticated. The far end's lifetime for its own key is its own to keep.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sdp_types::Media;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of the longest key with its salt.
const MAX_BYTES: usize = 30;
/// Base64 as RFC 4568 §6.1 asks for it; some leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a stream is protected, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CryptoSuite {
    /// AES-128 in counter mode, HMAC-SHA1 cut to 32 bits (RFC 4568 §6.2.2).
    AesCm128HmacSha1_32,
    /// The same with 80 bits (RFC 4568 §6.2.1).
    AesCm128HmacSha1_80,
    /// AES-128 in Galois/counter mode (RFC 7714 §14.2).
    AeadAes128Gcm,
}

impl CryptoSuite {
    const ALL: [Self; 3] = [Self::AesCm128HmacSha1_32, Self::AesCm128HmacSha1_80, Self::AeadAes128Gcm];

    /// Its name in the attribute.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
        }
    }

    /// Bytes of a key of 16 with its salt: of 14, or 12 with GCM.
    #[must_use]
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_32 | Self::AesCm128HmacSha1_80 => 30,
            Self::AeadAes128Gcm => 28,
        }
    }
}

/// A master key with its salt, for one direction. Wiped when dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct CryptoKey {
    suite: CryptoSuite,
    /// Boxed, so that moving the key leaves no copy behind.
    bytes: Zeroizing<Box<[u8]>>,
}

impl CryptoKey {
    /// What it is for.
    #[must_use]
    pub fn suite(&self) -> CryptoSuite {
        self.suite
    }

    /// Key, then salt.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn decode(suite: CryptoSuite, text: &str) -> Option<Self> {
        let mut room = Zeroizing::new([0; MAX_BYTES]);
        let length = BASE64.decode_slice(text, &mut *room).ok()?;
        (length == suite.key_bytes()).then(|| Self { suite, bytes: Zeroizing::new(room[..length].into()) })
    }
}

impl fmt::Debug for CryptoKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CryptoKey").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// Random bytes that become a call's own key, where SRTP is agreed. Wiped when dropped, and never printed.
pub struct KeyMaterial(Zeroizing<Box<[u8]>>);

impl KeyMaterial {
    /// From a generator that is fit for keys.
    #[must_use]
    pub fn new(random: [u8; 30]) -> Self {
        Self(Zeroizing::new(Box::new(random)))
    }

    /// The key for a suite.
    pub(super) fn key(&self, suite: CryptoSuite) -> CryptoKey {
        CryptoKey { suite, bytes: Zeroizing::new(self.0[..suite.key_bytes()].into()) }
    }
}

/// What was agreed about SRTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// The number of the offer's line that was chosen.
    pub(super) tag: u32,
    /// The key that the caller protects with.
    pub remote: CryptoKey,
}

/// The strongest of a line's crypto attributes; of equals the first.
pub(super) fn choose(line: &Media) -> Option<Crypto> {
    let usable = line.get_attribute_values("crypto").flatten().filter_map(read);
    usable.reduce(|best, next| if next.remote.suite > best.remote.suite { next } else { best })
}

/// Reads `tag suite inline:key[|lifetime] [parameters]` (RFC 4568 §9.1).
fn read(value: &str) -> Option<Crypto> {
    let mut words = value.split_ascii_whitespace();
    let tag = words.next().filter(|tag| tag.len() <= 9 && tag.bytes().all(|digit| digit.is_ascii_digit()))?;
    let name = words.next()?;
    let suite = CryptoSuite::ALL.into_iter().find(|suite| suite.name() == name)?;
    let parameters = words.next()?;
    let mut parts = parameters.get(7..).filter(|_| has_prefix(parameters, "inline:"))?.split('|');
    let remote = CryptoKey::decode(suite, parts.next()?)?;
    let has_mki = parts.any(|part| part.contains(':'));
    let is_usable = !has_mki && words.all(is_harmless);
    is_usable.then_some(Crypto { tag: tag.parse().ok()?, remote })
}

/// Whether a session parameter changes nothing here: a hint of the window's size, or one that may be ignored (§6.3).
fn is_harmless(parameter: &str) -> bool {
    has_prefix(parameter, "WSH=") || parameter.starts_with('-')
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The attribute of an answer.
pub(super) fn attribute(tag: u32, key: &CryptoKey) -> Zeroizing<String> {
    let text = Zeroizing::new(BASE64.encode(key.as_bytes()));
    Zeroizing::new(format!("a=crypto:{tag} {} inline:{}\r\n", key.suite.name(), *text))
}

/// Takes the keys out of a description that is kept.
pub(super) fn forget(lines: &mut [Media]) {
    for line in lines {
        for attribute in line.attributes.iter_mut().filter(|attribute| attribute.attribute == "crypto") {
            attribute.value.zeroize();
        }
        line.attributes.retain(|attribute| attribute.attribute != "crypto");
    }
}
