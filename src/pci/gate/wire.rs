//! The messages between the gateway and the vault: fixed in size, versioned, and without free text.
//!
//! Two kinds of `SOCK_SEQPACKET` socket join the two processes. The *control* socket lives as long as the vault
//! (it is the vault's standard input); a *capture* socket lives as long as one capture, and closing it from either
//! side wipes the capture. One packet is one message:
//!
//! | socket | direction | type | bytes | what it can hold of a card |
//! |---|---|---|---|---|
//! | capture | to the vault | [`ToVault`], read as [`VaultInput`] | 4 | one key |
//! | capture | to the gateway | [`FromVault`] | 128 | brand and last four, after approval |
//! | control | to the vault | [`ControlToVault`] (with one descriptor) | 64 | nothing |
//! | control | to the gateway | [`ControlFromVault`] | 128 | nothing |
//!
//! Byte 0 is [`VERSION`], byte 1 the kind, then the fields in order, big-endian; every unused byte must be zero.
//! A message that breaks any rule decodes to a [`WireError`], and the side that reads it ends the capture.

mod control;
mod outcome;
mod values;

use std::io;

use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

pub use control::{ControlFromVault, ControlToVault, Open, WipeCause, WipeRecord};
pub use outcome::{Approval, DeclineReason, FailReason, Outcome};
pub use values::{Authorisation, Brand, Brands, Currency, LastFour, Token};

/// The version of these messages. Both processes come from one build, so any other version is refused.
pub const VERSION: u8 = 1;
/// Bytes of a message on a capture socket to the vault.
pub const TO_VAULT_BYTES: usize = 4;
/// Bytes of a message on a capture socket to the gateway.
pub const FROM_VAULT_BYTES: usize = 128;
/// Bytes of a message on the control socket to the vault.
pub const CONTROL_TO_VAULT_BYTES: usize = 64;
/// Bytes of a message on the control socket to the gateway.
pub const CONTROL_FROM_VAULT_BYTES: usize = 128;

/// A capture's name: random, made by the gateway.
pub type CaptureName = [u8; 16];

/// Why a message was refused. Names the rule, never the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// The packet is not exactly as long as its socket's messages are.
    #[error("wrong length")]
    Length,
    /// Byte 0 is not [`VERSION`].
    #[error("unknown version")]
    Version,
    /// Byte 1 is no kind of this socket and direction.
    #[error("unknown kind")]
    Kind,
    /// A field holds a value outside its set.
    #[error("field out of its set")]
    Value,
    /// A byte after the last field is not zero.
    #[error("padding not zero")]
    Padding,
}

/// Declares an enum that travels as one byte: the variants' discriminants are the wire's codes.
macro_rules! coded {
    ($(#[$outer:meta])* pub enum $name:ident { $($(#[$inner:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$inner])* $variant = $code,)+ }

        impl $name {
            /// Every value, in the order of the wire's codes.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub(crate) fn from_code(code: u8) -> Result<Self, $crate::wire::WireError> {
                match code { $($code => Ok(Self::$variant),)+ _ => Err($crate::wire::WireError::Value) }
            }
        }
    };
}
pub(crate) use coded;

coded! {
    /// What the caller is asked for, and at last the wait for the processor.
    pub enum Step {
        /// The card number.
        Number = 1,
        /// The expiry date, as MMYY.
        Expiry = 2,
        /// The security code.
        Code = 3,
        /// The postal code of five digits.
        Postal = 4,
        /// Everything is keyed; the processor is asked.
        Wait = 5,
    }
}

coded! {
    /// What was wrong with a field.
    pub enum EntryError {
        /// No key, or no end of the field, in time.
        Timeout = 1,
        /// Wrong length or check digit, or of no known brand.
        InvalidNumber = 2,
        /// A card of a brand that this payment does not take.
        DisallowedBrand = 3,
        /// No such month, past, or more than twenty years ahead.
        InvalidDate = 4,
        /// Not as many digits as the brand's code has.
        InvalidCode = 5,
        /// Not five digits.
        InvalidPostal = 6,
    }
}

/// Why a prompt is to be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptReason {
    /// The step is asked for the first time.
    First,
    /// The caller cleared the field with the star key.
    Cleared,
    /// What was keyed was refused.
    Retry(EntryError),
}

impl PromptReason {
    fn code(self) -> u8 {
        match self {
            Self::First => 0,
            Self::Cleared => 0x80,
            Self::Retry(error) => error as u8,
        }
    }

    fn from_code(code: u8) -> Result<Self, WireError> {
        match code {
            0 => Ok(Self::First),
            0x80 => Ok(Self::Cleared),
            error => EntryError::from_code(error).map(Self::Retry),
        }
    }
}

/// One key of a telephone on its way to the vault: `0` to `9`, `*` or `#`. Only the gate makes it and only the vault
/// reads it; it cannot be printed, cloned or compared, and is wiped when dropped.
pub struct Keypress(u8);

impl Keypress {
    /// The key of this character, where it is one that a card is keyed with.
    pub(crate) fn new(key: u8) -> Option<Self> {
        matches!(key, b'0'..=b'9' | b'*' | b'#').then_some(Self(key))
    }

    /// Hands the key's character to the vault's `Entry`, which is the one caller.
    #[must_use]
    pub fn reveal_to_entry(&self) -> u8 {
        self.0
    }
}

impl Drop for Keypress {
    fn drop(&mut self) {
        self.0.zeroize();
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
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "the key ends here and is wiped")]
    pub(crate) fn key(key: Keypress) -> Self {
        Self::new([VERSION, KEY, key.0, 0])
    }

    /// The prompt of this step was played to its end, or the caller's key cut it short: the step's timers start.
    #[must_use]
    pub fn prompt_ended(step: Step) -> Self {
        Self::new([VERSION, PROMPT_ENDED, step as u8, 0])
    }

    /// The capture is withdrawn: wipe and end. Without effect on a card already submitted.
    #[must_use]
    pub fn cancel() -> Self {
        Self::new([VERSION, CANCEL, 0, 0])
    }

    fn new(bytes: [u8; TO_VAULT_BYTES]) -> Self {
        Self(Box::new(Zeroizing::new(bytes)))
    }

    /// Writes the message as one packet. Only for the gateway's end of a capture socket.
    ///
    /// # Errors
    /// Whatever the socket says; the capture must then end, because a key may be lost.
    #[allow(clippy::needless_pass_by_value, reason = "a key is sent once and wiped")]
    pub fn send(self, to: &mut impl io::Write) -> io::Result<()> {
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
    /// Reads one packet. The caller wipes `bytes`.
    ///
    /// # Errors
    /// The first rule that the packet breaks.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let (kind, mut fields) = Fields::open::<TO_VAULT_BYTES>(bytes)?;
        let input = match kind {
            KEY => Self::Key(Keypress::new(fields.byte()).ok_or(WireError::Value)?),
            PROMPT_ENDED => Self::PromptEnded(Step::from_code(fields.byte())?),
            CANCEL => Self::Cancel,
            _ => return Err(WireError::Kind),
        };
        fields.close(input)
    }
}

const PROMPT: u8 = 1;
const PROGRESS: u8 = 2;
const CONNECTION_WANTED: u8 = 3;
const OUTCOME: u8 = 4;
const WIPED: u8 = 5;

/// What the vault tells the gateway on a capture socket.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl FromVault {
    /// The packet of this message.
    #[must_use]
    pub fn encode(&self) -> [u8; FROM_VAULT_BYTES] {
        match self {
            Self::Prompt { step, reason } => Packet::new(PROMPT).put(&[*step as u8, reason.code()]),
            Self::Progress { step, count } => Packet::new(PROGRESS).put(&[*step as u8, *count]),
            Self::ConnectionWanted => Packet::new(CONNECTION_WANTED),
            Self::Outcome(outcome) => outcome.put(Packet::new(OUTCOME)),
            Self::Wiped(record) => record.put(Packet::new(WIPED)),
        }
        .bytes
    }

    /// Reads one packet.
    ///
    /// # Errors
    /// The first rule that the packet breaks.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let (kind, mut fields) = Fields::open::<FROM_VAULT_BYTES>(bytes)?;
        let message = match kind {
            PROMPT => {
                Self::Prompt { step: Step::from_code(fields.byte())?, reason: PromptReason::from_code(fields.byte())? }
            }
            PROGRESS => Self::Progress { step: Step::from_code(fields.byte())?, count: fields.byte() },
            CONNECTION_WANTED => Self::ConnectionWanted,
            OUTCOME => Self::Outcome(Outcome::take(&mut fields)?),
            WIPED => Self::Wiped(WipeRecord::take(&mut fields)?),
            _ => return Err(WireError::Kind),
        };
        fields.close(message)
    }
}

/// A packet being filled. The fields of every kind fit by construction; a test encodes each of them.
struct Packet<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

impl<const N: usize> Packet<N> {
    fn new(kind: u8) -> Self {
        let mut bytes = [0; N];
        bytes[0] = VERSION;
        bytes[1] = kind;
        Self { bytes, used: 2 }
    }

    fn put(mut self, field: &[u8]) -> Self {
        self.bytes[self.used..][..field.len()].copy_from_slice(field);
        self.used += field.len();
        self
    }
}

/// The fields of a packet being read. Its length was checked when it was opened, and no kind reads more than fits.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn open<const N: usize>(bytes: &'a [u8]) -> Result<(u8, Self), WireError> {
        if bytes.len() != N {
            return Err(WireError::Length);
        }
        if bytes[0] != VERSION {
            return Err(WireError::Version);
        }
        Ok((bytes[1], Self(&bytes[2..])))
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut field = [0; N];
        let (head, rest) = self.0.split_at(N);
        field.copy_from_slice(head);
        self.0 = rest;
        field
    }

    fn byte(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    fn close<T>(self, message: T) -> Result<T, WireError> {
        if self.0.iter().all(|&byte| byte == 0) { Ok(message) } else { Err(WireError::Padding) }
    }
}

#[cfg(test)]
mod tests;
