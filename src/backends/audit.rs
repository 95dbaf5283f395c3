//! The audit chain: what a gateway did, in an order that cannot be changed unseen.
//!
//! Every record is canonical JSON. Its hash covers the hash before it, `h(n) = SHA-256(h(n-1) || record(n))`, so the
//! records of all calls form one chain; each record also names the hash of the record before it in its own call.
//! The head (how many records there are, and the last hash) is kept apart and may be signed, so that cutting off the
//! end is seen too. Details hold names, counts, times and hashes: no keyed digit, no person's name, no account.

mod chain;
mod entry;
mod event;
mod signer;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use chain::{append, proof};
pub use entry::{Details, Entry, Kind};
pub use signer::{Signer, SignerError};
pub use verify::{Fault, FirstBad, Summary, VerifyError, verify};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash before the first record.
const GENESIS: Hash = [0; 32];

/// A hash in lower-case hexadecimal.
#[must_use]
pub fn to_hex(hash: &[u8]) -> String {
    hash.iter().fold(String::with_capacity(hash.len() * 2), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        text
    })
}

/// The SHA-256 hash of some bytes, as proofs name texts and prompts.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = GENESIS;
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    hash
}
