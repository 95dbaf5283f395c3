//! Recordings sealed to a public key: what this process writes, it cannot read again.
//!
//! A fresh key for each file is sealed to the public key by HPKE (RFC 9180: X25519-HKDF-SHA256, HKDF-SHA256, AES-256-GCM), and
//! the content is sealed with it in chunks by STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015; AES-256-GCM with a 32-bit
//! counter): no chunk can be changed, moved, repeated or left out without notice, and the last one says that it is.
//!
//! ```text
//! header   magic 16 · fingerprint of the public key 8 · length of the name 1 · name · encapsulated key 32 · sealed file key 48
//! chunk    length 4, big-endian, the top bit set in the last one · AES-256-GCM of at most 64 KiB, 16 bytes longer
//! ```
//!
//! Where something is missing, the next bit of the last length is set too, and the last chunk ends with eight bytes that say how
//! many milliseconds are: of the caller 4, of what was sent 4, big-endian. That it does is bound to the chunk.
//!
//! All of the header before the encapsulated key is bound to the file key. Whoever has the public key can make a file: a seal
//! keeps a secret, and does not prove who wrote it.

use aead_stream::{DecryptorBE32, EncryptorBE32};
use aes_gcm::Aes256Gcm;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::{
    Gaps,
    key::{Kem, PrivateKey, PublicKey},
};

/// Most bytes of content in a chunk.
pub(super) const CHUNK: usize = 65_536;
/// Bytes of a chunk's authentication.
pub(super) const TAG: usize = 16;
/// Bytes that a chunk adds to its content.
pub(super) const OVERHEAD: u64 = (LENGTH + TAG) as u64;
/// Bytes of a chunk's length.
pub(super) const LENGTH: usize = 4;
/// Set in the length of the last chunk.
pub(super) const LAST: u32 = 1 << 31;
/// Set too where the last chunk says what is missing.
pub(super) const WITH_GAPS: u32 = 1 << 30;
/// Bytes that say what is missing.
pub(super) const TRAILER: usize = 8;
/// How a sealed recording begins: its format and the version of it.
pub(super) const MAGIC: [u8; 16] = *b"tonegate-sealed1";
/// Bytes of the encapsulated key.
pub(super) const ENCAPSULATED: usize = 32;
/// Bytes of the sealed file key.
pub(super) const SEALED_KEY: usize = FILE_KEY + TAG;

const FILE_KEY: usize = 32;
/// The file key is used once, so its nonces need no part of their own.
const NONCE: [u8; 7] = [0; 7];
/// What the sealing of a file key is for (RFC 9180 §5.1).
const INFO: &[u8] = b"tonegate recording: file key";
/// What a last chunk that says what is missing is bound to.
const GAPS: &[u8] = b"gaps";

type Kdf = hpke::kdf::HkdfSha256;
type Aead = hpke::aead::AesGcm256;

/// Nothing could be sealed.
#[derive(Debug, thiserror::Error)]
#[error("the recording cannot be sealed to the public key")]
pub(super) struct CannotSeal;

impl From<CannotSeal> for std::io::Error {
    fn from(error: CannotSeal) -> Self {
        Self::other(error)
    }
}

/// Seals chunk after chunk.
pub(super) struct Sealer(EncryptorBE32<Aes256Gcm>);

impl Sealer {
    /// A sealer for one file, and the file's header.
    pub(super) fn new(key: &PublicKey, name: &str) -> Result<(Self, Vec<u8>), CannotSeal> {
        let mut file_key = Zeroizing::new([0; FILE_KEY]);
        SystemRandom::new().fill(&mut *file_key).map_err(|_| CannotSeal)?;
        let length = u8::try_from(name.len()).map_err(|_| CannotSeal)?;
        let mut header = [&MAGIC[..], &key.fingerprint(), &[length], name.as_bytes()].concat();
        let (encapsulated, sealed) =
            single_shot_seal::<Aead, Kdf, Kem>(&OpModeS::Base, &key.0, INFO, &*file_key, &header)
                .map_err(|_| CannotSeal)?;
        header.extend_from_slice(&encapsulated.to_bytes());
        header.extend_from_slice(&sealed);
        Ok((Self(EncryptorBE32::new((&*file_key).into(), &NONCE.into())), header))
    }

    /// Seals a chunk in its place. Returns what goes before it.
    pub(super) fn seal(&mut self, chunk: &mut Vec<u8>) -> Result<[u8; LENGTH], CannotSeal> {
        self.0.encrypt_next_in_place(&[], chunk).map_err(|_| CannotSeal)?;
        length(chunk, 0)
    }

    /// Seals the last chunk, which may be empty and has room for what says that there are gaps, in its place. Returns what goes
    /// before it.
    pub(super) fn seal_last(self, chunk: &mut Vec<u8>, gaps: Gaps) -> Result<[u8; LENGTH], CannotSeal> {
        let (flags, bound): (u32, &[u8]) = if gaps.is_none() {
            (LAST, &[])
        } else {
            let millis = |millis: u64| u32::try_from(millis).unwrap_or(u32::MAX).to_be_bytes();
            chunk.extend([millis(gaps.caller_ms), millis(gaps.sent_ms)].as_flattened());
            (LAST | WITH_GAPS, GAPS)
        };
        self.0.encrypt_last_in_place(bound, chunk).map_err(|_| CannotSeal)?;
        length(chunk, flags)
    }
}

fn length(chunk: &[u8], flag: u32) -> Result<[u8; LENGTH], CannotSeal> {
    let length = u32::try_from(chunk.len()).map_err(|_| CannotSeal)?;
    Ok((length | flag).to_be_bytes())
}

/// Opens chunk after chunk.
pub(super) struct Unsealer(Option<DecryptorBE32<Aes256Gcm>>);

impl Unsealer {
    /// What opens the file with this header; `bound` is all of it before the encapsulated key. `None` where it does not belong
    /// to the key, or was changed.
    pub(super) fn new(key: &PrivateKey, bound: &[u8], encapsulated: &[u8], sealed: &[u8]) -> Option<Self> {
        let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).ok()?;
        let opened =
            single_shot_open::<Aead, Kdf, Kem>(&OpModeR::Base, &key.0, &encapsulated, INFO, sealed, bound).ok()?;
        let opened = Zeroizing::new(opened);
        let file_key: &[u8; FILE_KEY] = opened.as_slice().try_into().ok()?;
        Some(Self(Some(DecryptorBE32::new(file_key.into(), &NONCE.into()))))
    }

    /// Opens the next chunk in its place; whether it is what was written there.
    pub(super) fn open(&mut self, chunk: &mut Vec<u8>) -> bool {
        self.0.as_mut().is_some_and(|stream| stream.decrypt_next_in_place(&[], chunk).is_ok())
    }

    /// Opens the last chunk in its place; whether it is what was written there.
    pub(super) fn open_last(&mut self, chunk: &mut Vec<u8>) -> bool {
        self.0.take().is_some_and(|stream| stream.decrypt_last_in_place(&[], chunk).is_ok())
    }

    /// The same with one that says what is missing: it is returned, and no longer in the chunk.
    pub(super) fn open_last_with_gaps(&mut self, chunk: &mut Vec<u8>) -> Option<Gaps> {
        self.0.take()?.decrypt_last_in_place(GAPS, chunk).ok()?;
        let content = chunk.len().checked_sub(TRAILER)?;
        let (caller, sent) = chunk[content..].split_first_chunk()?;
        let gaps = Gaps {
            caller_ms: u32::from_be_bytes(*caller).into(),
            sent_ms: u32::from_be_bytes(*sent.first_chunk()?).into(),
        };
        chunk.truncate(content);
        Some(gaps)
    }
}
