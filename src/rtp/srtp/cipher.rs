//! The transforms, each for one direction of one protocol.

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use aes::{Aes128Enc, Aes256Enc};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::consts::U12;
use aes_gcm::{AesGcm, Tag};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

use super::{RTCP_CLEAR_BYTES, RTCP_INDEX_BYTES};

/// Bytes of an AES-128 key.
pub(super) const KEY_BYTES: usize = 16;
/// Bytes of an AES-256 key.
pub(super) const LONG_KEY_BYTES: usize = 32;
/// Bytes of the tag of AES-GCM (RFC 7714 §13).
const GCM_TAG_BYTES: usize = 16;

/// AES-GCM by the length of its key.
pub(super) enum Gcm {
    Aes128(Box<AesGcm<Aes128Enc, U12>>),
    Aes256(Box<AesGcm<Aes256Enc, U12>>),
}

impl Gcm {
    pub(super) fn aes_128(key: &[u8; KEY_BYTES]) -> Self {
        Self::Aes128(Box::new(AesGcm::new(key.into())))
    }

    pub(super) fn aes_256(key: &[u8; LONG_KEY_BYTES]) -> Self {
        Self::Aes256(Box::new(AesGcm::new(key.into())))
    }
}

/// The packet is not what the holder of the key sent, or has no room for what is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failed;

/// Which packet: its SSRC and its index, of 48 bits with RTP and 31 with RTCP.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) ssrc: u32,
    pub(super) index: u64,
}

impl Place {
    /// What is added to the salt: the same places in both modes (RFC 3711 §4.1.1, RFC 7714 §8.1, §9.1).
    fn nonce(self) -> u128 {
        u128::from(self.ssrc) << 48 ^ u128::from(self.index)
    }

    /// The rollover counter, which counter mode authenticates behind the packet (RFC 3711 §4.2).
    fn rollover(self) -> [u8; 4] {
        ((self.index >> 16) as u32).to_be_bytes()
    }
}

pub(super) enum Cipher {
    Counter { cipher: Aes128Enc, salt: Zeroizing<u128>, mac: Box<Hmac<Sha1>>, tag_bytes: usize },
    Gcm { cipher: Gcm, salt: Zeroizing<u128> },
}

impl Cipher {
    pub(super) fn counter_mode(
        key: &[u8; KEY_BYTES],
        salt: &[u8],
        authentication: &[u8; 20],
        tag_bytes: usize,
    ) -> Self {
        // HMAC takes a key of a whole block: shorter ones are filled up with zeros (RFC 2104 §2).
        let mut block = Zeroizing::new([0; 64]);
        block[..authentication.len()].copy_from_slice(authentication);
        Self::Counter {
            cipher: Aes128Enc::new(key.into()),
            salt: Zeroizing::new(number(salt)),
            mac: Box::new(Hmac::new((&*block).into())),
            tag_bytes,
        }
    }

    pub(super) fn gcm(cipher: Gcm, salt: &[u8]) -> Self {
        Self::Gcm { cipher, salt: Zeroizing::new(number(salt)) }
    }

    /// Bytes of the tag.
    pub(super) fn tag_bytes(&self) -> usize {
        match self {
            Self::Counter { tag_bytes, .. } => *tag_bytes,
            Self::Gcm { .. } => GCM_TAG_BYTES,
        }
    }

    /// Encrypts `packet` behind its first `clear` bytes and writes the tag.
    pub(super) fn seal_rtp(&self, place: Place, clear: usize, packet: &mut [u8], tag: &mut [u8]) -> Result<(), Failed> {
        let (header, payload) = packet.split_at_mut_checked(clear).ok_or(Failed)?;
        match self {
            Self::Counter { cipher, salt, mac, .. } => {
                apply_keystream(cipher, **salt ^ place.nonce(), payload);
                sign(mac, &[packet, &place.rollover()], tag)
            }
            Self::Gcm { cipher, salt } => seal(cipher, **salt ^ place.nonce(), header, payload, tag),
        }
    }

    /// Checks the tag, then decrypts. What fails is left as it was.
    pub(super) fn open_rtp(&self, place: Place, clear: usize, packet: &mut [u8], tag: &[u8]) -> Result<(), Failed> {
        match self {
            Self::Counter { cipher, salt, mac, .. } => {
                verify(mac, &[packet, &place.rollover()], tag)?;
                let payload = packet.get_mut(clear..).ok_or(Failed)?;
                apply_keystream(cipher, **salt ^ place.nonce(), payload);
                Ok(())
            }
            Self::Gcm { cipher, salt } => {
                let (header, payload) = packet.split_at_mut_checked(clear).ok_or(Failed)?;
                open(cipher, **salt ^ place.nonce(), header, payload, tag)
            }
        }
    }

    /// Encrypts the first `length` bytes of `buffer` and writes word and tag behind them: word first in counter mode
    /// (RFC 3711 §3.4), tag first in GCM (RFC 7714 §9.2). Returns the packet's length.
    pub(super) fn seal_rtcp(
        &self,
        place: Place,
        word: [u8; 4],
        length: usize,
        buffer: &mut [u8],
    ) -> Result<usize, Failed> {
        let end = length + RTCP_INDEX_BYTES + self.tag_bytes();
        let buffer = buffer.get_mut(..end).ok_or(Failed)?;
        match self {
            Self::Counter { cipher, salt, mac, .. } => {
                let payload = buffer.get_mut(RTCP_CLEAR_BYTES..length).ok_or(Failed)?;
                apply_keystream(cipher, **salt ^ place.nonce(), payload);
                let (signed, tag) = buffer.split_at_mut_checked(length + RTCP_INDEX_BYTES).ok_or(Failed)?;
                signed[length..].copy_from_slice(&word);
                sign(mac, &[signed], tag)?;
            }
            Self::Gcm { cipher, salt } => {
                let (packet, rest) = buffer.split_at_mut_checked(length).ok_or(Failed)?;
                let (header, payload) = packet.split_first_chunk_mut::<RTCP_CLEAR_BYTES>().ok_or(Failed)?;
                let (tag, index) = rest.split_at_mut_checked(GCM_TAG_BYTES).ok_or(Failed)?;
                index.copy_from_slice(&word);
                seal(cipher, **salt ^ place.nonce(), &associated(header, word), payload, tag)?;
            }
        }
        Ok(end)
    }

    /// The E flag and index of an SRTCP packet, and the length without them and the tag.
    pub(super) fn split_rtcp(&self, buffer: &[u8]) -> Option<(u32, usize)> {
        let length = buffer.len().checked_sub(RTCP_INDEX_BYTES + self.tag_bytes())?;
        let at = match self {
            Self::Counter { .. } => length,
            Self::Gcm { .. } => length + GCM_TAG_BYTES,
        };
        Some((super::word(buffer, at)?, length))
    }

    /// Checks the tag of a whole SRTCP packet, then decrypts its first `length` bytes.
    pub(super) fn open_rtcp(
        &self,
        place: Place,
        word: [u8; 4],
        length: usize,
        buffer: &mut [u8],
    ) -> Result<(), Failed> {
        match self {
            Self::Counter { cipher, salt, mac, .. } => {
                let (signed, tag) = buffer.split_at_mut_checked(length + RTCP_INDEX_BYTES).ok_or(Failed)?;
                verify(mac, &[signed], tag)?;
                let payload = signed.get_mut(RTCP_CLEAR_BYTES..length).ok_or(Failed)?;
                apply_keystream(cipher, **salt ^ place.nonce(), payload);
                Ok(())
            }
            Self::Gcm { cipher, salt } => {
                let (packet, rest) = buffer.split_at_mut_checked(length).ok_or(Failed)?;
                let (header, payload) = packet.split_first_chunk_mut::<RTCP_CLEAR_BYTES>().ok_or(Failed)?;
                let tag = rest.get(..GCM_TAG_BYTES).ok_or(Failed)?;
                open(cipher, **salt ^ place.nonce(), &associated(header, word), payload, tag)
            }
        }
    }
}

/// Up to 16 bytes as one number.
pub(super) fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u128::from(byte))
}

/// AES in counter mode; the lowest 16 bits count blocks (RFC 3711 §4.1.1).
pub(super) fn apply_keystream<C>(cipher: &C, start: u128, bytes: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let counter = (start << 16).to_be_bytes();
    let core = CtrCore::<&C, Ctr128BE>::inner_iv_init(cipher, (&counter).into());
    StreamCipherCoreWrapper::from_core(core).apply_keystream(bytes);
}

fn sign(mac: &Hmac<Sha1>, parts: &[&[u8]], tag: &mut [u8]) -> Result<(), Failed> {
    let whole = digest(mac, parts).finalize().into_bytes();
    tag.copy_from_slice(whole.get(..tag.len()).ok_or(Failed)?);
    Ok(())
}

/// Compares in constant time.
fn verify(mac: &Hmac<Sha1>, parts: &[&[u8]], tag: &[u8]) -> Result<(), Failed> {
    digest(mac, parts).verify_truncated_left(tag).map_err(|_| Failed)
}

fn digest(mac: &Hmac<Sha1>, parts: &[&[u8]]) -> Hmac<Sha1> {
    let mut mac = mac.clone();
    for part in parts {
        mac.update(part);
    }
    mac
}

/// The twelve bytes of a nonce.
fn initialisation(nonce: u128) -> [u8; 12] {
    let [_, _, _, _, rest @ ..] = nonce.to_be_bytes();
    rest
}

fn seal(cipher: &Gcm, nonce: u128, associated: &[u8], payload: &mut [u8], tag: &mut [u8]) -> Result<(), Failed> {
    let nonce = initialisation(nonce);
    let whole = match cipher {
        Gcm::Aes128(cipher) => cipher.encrypt_inout_detached((&nonce).into(), associated, payload.into()),
        Gcm::Aes256(cipher) => cipher.encrypt_inout_detached((&nonce).into(), associated, payload.into()),
    };
    tag.copy_from_slice(&whole.map_err(|_| Failed)?);
    Ok(())
}

fn open(cipher: &Gcm, nonce: u128, associated: &[u8], payload: &mut [u8], tag: &[u8]) -> Result<(), Failed> {
    let nonce = initialisation(nonce);
    let tag = <&Tag>::try_from(tag).map_err(|_| Failed)?;
    let opened = match cipher {
        Gcm::Aes128(cipher) => cipher.decrypt_inout_detached((&nonce).into(), associated, payload.into(), tag),
        Gcm::Aes256(cipher) => cipher.decrypt_inout_detached((&nonce).into(), associated, payload.into(), tag),
    };
    opened.map_err(|_| Failed)
}

/// What GCM authenticates of an encrypted SRTCP packet beside the payload (RFC 7714 §9.2).
fn associated(header: &[u8; RTCP_CLEAR_BYTES], word: [u8; 4]) -> [u8; RTCP_CLEAR_BYTES + RTCP_INDEX_BYTES] {
    let mut bytes = [0; RTCP_CLEAR_BYTES + RTCP_INDEX_BYTES];
    bytes[..RTCP_CLEAR_BYTES].copy_from_slice(header);
    bytes[RTCP_CLEAR_BYTES..].copy_from_slice(&word);
    bytes
}
