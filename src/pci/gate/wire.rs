//! The messages between the gateway and the vault: fixed in size, versioned, and without free text.
//!
//! Two kinds of `SOCK_SEQPACKET` socket join the two processes. The *control* socket lives as long as the vault
//! (it is the vault's standard input); a *capture* socket lives as long as one capture, and closing it from either
//! side wipes the capture. One packet is one message:
//!
//! | socket | direction | type | bytes | what it can hold of a card |
//! |---|---|---|---|---|
//! | capture | to the vault | [`ToVault`], read as [`VaultInput`] | 4 | one key |
//! | capture | to the gateway | [`FromVault`] | 128 | kind and last four, once the processor keeps it |
//! | control | to the vault | [`ControlToVault`] (with one descriptor) | 128 | nothing |
//! | control | to the gateway | [`ControlFromVault`] | 128 | nothing |
//!
//! Byte 0 is [`VERSION`], byte 1 the kind, then the fields in order, in Borsh's form; every unused byte must be zero.
//! A message that breaks any rule decodes to a [`WireError`], and the side that reads it ends the capture. A key cannot be
//! serialised by what serialises the messages, and not be handed to another thread:
//!
//! ```compile_fail,E0277
//! fn serialise(key: &gate::wire::Keypress) -> Vec<u8> { borsh::to_vec(key).unwrap() }
//! ```
//! ```compile_fail,E0277
//! fn send_out(key: gate::wire::Keypress) { std::thread::spawn(move || drop(key)); }
//! ```

use std::marker::PhantomData;

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;
use zeroize::Zeroizing;

pub use payment::{
    Authorisation, Brand, Brands, CaptureName, Currency, DeclineReason, EntryError, FailReason, FormatError, Held,
    Holder, LastFour, Method, Open, Outcome, Postal, PromptReason, Shape, Step, Token, WipeCause, WipeRecord,
};

/// The version of these messages. Both processes come from one build, so any other version is refused.
pub const VERSION: u8 = 2;
/// Bytes of a message on a capture socket to the vault.
pub const TO_VAULT_BYTES: usize = 4;
/// Bytes of every other message.
pub const PACKET_BYTES: usize = 128;

/// Why a message was refused. Names the rule, never the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct WireError(&'static str);

/// Gives messages their packets: [`VERSION`], the message, and zeros.
macro_rules! packets {
    ($($message:ident)+) => { $(impl $message {
        /// The packet of this message. Every message fits by construction; a test encodes each.
        pub fn encode(&self) -> [u8; PACKET_BYTES] {
            let mut packet = [0; PACKET_BYTES];
            let fits = (VERSION, self).serialize(&mut &mut packet[..]);
            debug_assert!(fits.is_ok(), "a message does not fit its packet");
            packet
        }

        /// Reads one packet.
        ///
        /// # Errors
        /// The first rule that the packet breaks.
        pub fn decode(packet: &[u8]) -> Result<Self, WireError> {
            let Some((&VERSION, mut fields)) = packet.split_first().filter(|_| packet.len() == PACKET_BYTES) else {
                return Err(WireError("wrong length or version"));
            };
            let message = Self::deserialize(&mut fields).map_err(|_| WireError("unknown kind or field"))?;
            if fields.iter().all(|&byte| byte == 0) { Ok(message) } else { Err(WireError("padding not zero")) }
        }
    })+ };
}
packets!(FromVault ControlToVault ControlFromVault);

/// One key of a telephone on its way to the vault: `0` to `9`, `*` or `#`. Only the gate makes it and only the vault
/// reads it; it cannot be printed, cloned, compared or handed to another thread, and is wiped when dropped.
pub struct Keypress(Zeroizing<u8>, PhantomData<*const ()>);

impl Keypress {
    /// The key of this character, where it is one that a card is keyed with.
    pub(crate) fn new(key: u8) -> Option<Self> {
        matches!(key, b'0'..=b'9' | b'*' | b'#').then_some(Self(Zeroizing::new(key), PhantomData))
    }

    /// Hands the key's character to the vault's `Entry`, which is the one caller.
    pub fn reveal_to_entry(&self) -> u8 {
        *self.0
    }
}

const KEY: u8 = 1;
const PROMPT_ENDED: u8 = 2;
const CANCEL: u8 = 3;

/// A message to the vault on a capture socket. It may hold a key, so it can only be sent: once, and then it is wiped.
/// On the heap, because a message that is moved through a queue would leave its bytes behind in the queue's slot.
pub struct ToVault(Box<Zeroizing<[u8; TO_VAULT_BYTES]>>);

impl ToVault {
    /// A key was pressed.
    #[allow(clippy::needless_pass_by_value, reason = "the key ends here and is wiped")]
    pub(crate) fn key(key: Keypress) -> Self {
        Self::new(KEY, *key.0)
    }

    /// The prompt of this step was played to its end, or the caller's key cut it short: the step's timers start.
    pub fn prompt_ended(step: Step) -> Self {
        Self::new(PROMPT_ENDED, step as u8)
    }

    /// The capture is withdrawn: wipe and end. Without effect on a card already submitted.
    pub fn cancel() -> Self {
        Self::new(CANCEL, 0)
    }

    fn new(kind: u8, field: u8) -> Self {
        Self(Box::new(Zeroizing::new([VERSION, kind, field, 0])))
    }

    /// Writes the message as one packet. Only for the gateway's end of a capture socket.
    ///
    /// # Errors
    /// Whatever the socket says; the capture must then end, because a key may be lost.
    #[allow(clippy::needless_pass_by_value, reason = "a key is sent once and wiped")]
    pub fn send(self, to: &mut impl std::io::Write) -> std::io::Result<()> {
        to.write_all(&self.0[..])
    }
}

/// What the vault reads from a capture socket: the other side of [`ToVault`]. Not printable: it may hold a key.
pub enum VaultInput {
    /// A key was pressed.
    Key(Keypress),
    /// The prompt of this step has ended.
    PromptEnded(Step),
    /// The gateway withdraws the capture.
    Cancel,
}

impl VaultInput {
    /// Reads one packet. The caller wipes `packet`.
    ///
    /// # Errors
    /// The first rule that the packet breaks.
    pub fn decode(packet: &[u8]) -> Result<Self, WireError> {
        let &[version, kind, field, padding] = packet else { return Err(WireError("wrong length")) };
        match (version, kind, field, padding) {
            (VERSION, KEY, key, 0) => Keypress::new(key).map(Self::Key),
            (VERSION, PROMPT_ENDED, step, 0) => Step::ALL.get(usize::from(step)).copied().map(Self::PromptEnded),
            (VERSION, CANCEL, 0, 0) => Some(Self::Cancel),
            _ => None,
        }
        .ok_or(WireError("no message to the vault"))
    }
}

/// What the vault tells the gateway on a capture socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum FromVault {
    /// Play this prompt, then send [`ToVault::prompt_ended`].
    Prompt {
        /// What to ask for.
        step: Step,
        /// Why.
        reason: PromptReason,
    },
    /// The field now holds this many keys. For the security code always zero.
    Progress {
        /// The field.
        step: Step,
        /// Keys held.
        count: u8,
    },
    /// Everything is keyed: make the payment row durable, then send [`ControlToVault::Connect`].
    ConnectionWanted,
    /// How the capture ended. [`FromVault::Wiped`] follows.
    Outcome(Outcome),
    /// Nothing of the card is left. The last message; the vault closes its end after it.
    Wiped(WipeRecord),
}

/// What the gateway tells the vault on the control socket. `Open` and `Connect` come with exactly one descriptor
/// (`SCM_RIGHTS`), `Ping` with none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ControlToVault {
    /// Opens a capture; the descriptor is the vault's end of the capture socket.
    Open(Open),
    /// The descriptor is a TCP connection to the processor, and the permission to submit: sent only once the payment
    /// row is durable.
    Connect {
        /// The capture that may submit.
        capture: CaptureName,
    },
    /// Asks whether the vault still serves; answered by [`ControlFromVault::Pong`].
    Ping,
}

/// What the vault tells the gateway on the control socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ControlFromVault {
    /// The hardening holds and captures may be opened. The first message, sent once.
    Ready {
        /// SHA-256 of the vault's executable.
        build: [u8; 32],
        /// The Ed25519 key that signs this vault's wipe records; made at start, never stored.
        public_key: [u8; 32],
    },
    /// A capture was wiped. Every record is sent here, so that a hang-up leaves one too.
    Wiped(WipeRecord),
    /// The vault still serves.
    Pong,
}

#[cfg(test)]
mod tests;
