//! The audit chain: what a gateway did, in an order that cannot be changed unseen. The format, for whoever verifies it by
//! other means, is in `deploy/audit/README.md`.
//!
//! Every record is canonical JSON. Its hash covers the hash before it, `h(n) = SHA-256(h(n-1) || record(n))`, so the
//! records of all calls and of all runs form one chain; each record also names the hash of the record before it in its own
//! call, and each run of the gateway begins with a record that names its predecessor's head.
//! The head (how many records there are, and the last hash) is kept apart and signed, so that cutting off the
//! end is seen too, and so are checkpoints, which are shipped off the machine: what they have seen cannot be taken back.
//! Details hold names, counts, times and hashes: no keyed digit, no person's name, no account.

mod author;
mod chain;
mod checkpoint;
mod entry;
mod event;
mod key;
mod note;
mod schedule;
mod ship;
#[cfg(test)]
mod tests;
mod verify;
mod watch;
mod wipe;

pub(crate) use author::{Author, make_checkpoint, open_instance};
pub use author::{Instance, Predecessor};
pub(crate) use chain::{append, head, proof, read};
pub use checkpoint::{Checkpoint, Found, NotBelieved, NoteFault, believe, split};
pub use entry::{Details, Entry, Kind, MOST_SETTING};
pub use key::{KeyError, Signer, Verifier, is_key_name};
pub use note::{Note, NoteError, fields};
pub use ship::{Collector, Shipping, ShippingError, ShippingOptions, newest};
pub use verify::{Evidence, Fault, FirstBad, Remark, Summary, VerifyError, verify};
pub(crate) use watch::{Place, Slice, look};

use uuid::Uuid;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash before the first record.
const GENESIS: Hash = [0; 32];

/// What stands for the call in records that concern none.
pub const NO_CALL: Uuid = Uuid::nil();
/// What stands for the call in records about protective controls and their approvals.
pub const CONTROLS: Uuid = Uuid::max();

/// A hash in lower-case hexadecimal.
#[must_use]
pub fn to_hex(hash: &[u8]) -> String {
    hash.iter().fold(String::with_capacity(hash.len() * 2), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        text
    })
}

/// The hash that was written in lower-case hexadecimal.
#[must_use]
pub fn from_hex(text: &str) -> Option<Hash> {
    let mut hash = GENESIS;
    let digits = text.as_bytes();
    if digits.len() != hash.len() * 2 || digits.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(hash)
}

/// The SHA-256 hash of some bytes, as proofs name texts and prompts.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = GENESIS;
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    hash
}
