//! The pair of keys that recordings are sealed with, as text that can be copied.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hpke::{Deserializable, Kem as _, Serializable};
use ring::digest;
use zeroize::{Zeroize, Zeroizing};

/// X25519 with HKDF-SHA256 (RFC 9180 §7.1).
pub(super) type Kem = hpke::kem::X25519HkdfSha256;

/// How a public key's text begins.
const PUBLIC: &str = "recording-public:";
/// How a private key's text begins.
const PRIVATE: &str = "recording-private:";
/// Bytes of either key.
const KEY: usize = 32;
/// Bytes of the check that follows a key: a mistyped public key would seal recordings for good.
const CHECK: usize = 4;

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not the text of a public key.
    #[error("is no public key of recordings; write the line that begins with `{PUBLIC}`, whole")]
    NotPublic,
    /// It is a private key where a public one belongs.
    #[error("is a private key, and none belongs on this machine; write the line that begins with `{PUBLIC}`")]
    Private,
    /// It is not the text of a private key.
    #[error("there is no line with a private key in it, which begins with `{PRIVATE}`")]
    NotPrivate,
}

/// What recordings are sealed to. It opens none.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(pub(super) <Kem as hpke::Kem>::PublicKey);

impl PublicKey {
    /// Eight bytes that tell it from others.
    pub(super) fn fingerprint(&self) -> [u8; 8] {
        let hash = digest::digest(&digest::SHA256, &self.0.to_bytes());
        hash.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.starts_with(PRIVATE) {
            return Err(KeyError::Private);
        }
        let bytes = decode(PUBLIC, text).ok_or(KeyError::NotPublic)?;
        <Kem as hpke::Kem>::PublicKey::from_bytes(&bytes).map(Self).map_err(|_| KeyError::NotPublic)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encode(PUBLIC, &self.0.to_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// What opens recordings. It cannot be printed by accident, and is wiped.
pub struct PrivateKey(pub(super) <Kem as hpke::Kem>::PrivateKey);

impl PrivateKey {
    /// A new one, from the system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        Self(Kem::gen_keypair().0)
    }

    /// The first private key in the text of a key file.
    ///
    /// # Errors
    /// Where there is none.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = text.lines().find_map(|line| decode(PRIVATE, line.trim())).ok_or(KeyError::NotPrivate)?;
        <Kem as hpke::Kem>::PrivateKey::from_bytes(&bytes).map(Self).map_err(|_| KeyError::NotPrivate)
    }

    /// The public key of the pair.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(Kem::sk_to_pk(&self.0))
    }

    /// The key as text, for its file and nothing else.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut bytes = self.0.to_bytes();
        let text = Zeroizing::new(encode(PRIVATE, &bytes));
        bytes.zeroize();
        text
    }
}

fn encode(prefix: &str, key: &[u8]) -> String {
    let bytes = Zeroizing::new([key, &check(prefix, key)].concat());
    format!("{prefix}{}", Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(&*bytes)).as_str())
}

fn decode(prefix: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?);
    let (key, found) = bytes.split_at_checked(KEY)?;
    if found != check(prefix, key) {
        return None;
    }
    bytes.truncate(KEY);
    Some(bytes)
}

fn check(prefix: &str, key: &[u8]) -> [u8; CHECK] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(prefix.as_bytes());
    context.update(key);
    context.finish().as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_being_text() {
        let private = PrivateKey::generate();
        let public = private.public();
        assert_eq!(public.to_string().parse(), Ok(public.clone()));
        let file = format!("# a remark\n{}\n", *private.reveal());
        assert_eq!(PrivateKey::parse(&file).map(|key| key.public()).ok(), Some(public));
    }

    #[test]
    fn a_key_that_was_mistyped_or_is_the_other_one_is_refused() {
        let private = PrivateKey::generate();
        let text = private.public().to_string();
        let last = text.chars().last().unwrap();
        let mistyped = format!("{}{}", &text[..text.len() - 1], if last == 'A' { 'B' } else { 'A' });
        assert_eq!(mistyped.parse::<PublicKey>(), Err(KeyError::NotPublic));
        assert_eq!(text[..text.len() - 4].parse::<PublicKey>(), Err(KeyError::NotPublic));
        assert_eq!(private.reveal().parse::<PublicKey>(), Err(KeyError::Private));
        assert!(PrivateKey::parse(&text).is_err_and(|error| error == KeyError::NotPrivate));
    }
}
