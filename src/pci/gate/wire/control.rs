//! The control socket's messages, and the signed record of a wipe.

use super::{
    Brands, CONTROL_FROM_VAULT_BYTES, CONTROL_TO_VAULT_BYTES, CaptureName, Currency, Fields, Packet, WireError, coded,
};

/// A capture to be opened. Everything about the payment is fixed here, before the first key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The capture's name.
    pub capture: CaptureName,
    /// The payment's id, a random UUID: the idempotency key at the processor.
    pub payment: [u8; 16],
    /// The amount in the currency's minor unit; never zero.
    pub amount_minor: u64,
    /// The currency.
    pub currency: Currency,
    /// The year of today, for the expiry rule.
    pub year: u16,
    /// The month of today, 1 to 12.
    pub month: u8,
    /// Whether the postal code is asked for.
    pub postal: bool,
    /// The brands that are taken.
    pub brands: Brands,
}

/// What the gateway tells the vault on the control socket. `Open` and `Connect` come with exactly one descriptor
/// (`SCM_RIGHTS`), `Ping` with none.
#[derive(Clone, Debug, PartialEq, Eq)]
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

const OPEN: u8 = 1;
const CONNECT: u8 = 2;
const PING: u8 = 3;

impl ControlToVault {
    /// The packet of this message.
    #[must_use]
    pub fn encode(&self) -> [u8; CONTROL_TO_VAULT_BYTES] {
        match self {
            Self::Open(open) => Packet::new(OPEN)
                .put(&open.capture)
                .put(&open.payment)
                .put(&open.amount_minor.to_be_bytes())
                .put(open.currency.as_bytes())
                .put(&open.year.to_be_bytes())
                .put(&[open.month, u8::from(open.postal)])
                .put(&open.brands.bits().to_be_bytes()),
            Self::Connect { capture } => Packet::new(CONNECT).put(capture),
            Self::Ping => Packet::new(PING),
        }
        .bytes
    }

    /// Reads one packet.
    ///
    /// # Errors
    /// The first rule that the packet breaks.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let (kind, mut fields) = Fields::open::<CONTROL_TO_VAULT_BYTES>(bytes)?;
        let message = match kind {
            OPEN => Self::Open(Open::take(&mut fields)?),
            CONNECT => Self::Connect { capture: fields.take() },
            PING => Self::Ping,
            _ => return Err(WireError::Kind),
        };
        fields.close(message)
    }
}

impl Open {
    fn take(fields: &mut Fields<'_>) -> Result<Self, WireError> {
        let open = Self {
            capture: fields.take(),
            payment: fields.take(),
            amount_minor: u64::from_be_bytes(fields.take()),
            currency: Currency::from_bytes(fields.take())?,
            year: u16::from_be_bytes(fields.take()),
            month: fields.byte(),
            postal: match fields.byte() {
                0 => false,
                1 => true,
                _ => return Err(WireError::Value),
            },
            brands: Brands::from_bits(u16::from_be_bytes(fields.take()))?,
        };
        let dated = (2000..2100).contains(&open.year) && (1..=12).contains(&open.month);
        if dated && open.amount_minor > 0 { Ok(open) } else { Err(WireError::Value) }
    }
}

coded! {
    /// Why a capture was wiped.
    pub enum WipeCause {
        /// The processor answered.
        Answered = 1,
        /// The capture failed, before or without an answer.
        Failed = 2,
        /// The caller or the gateway cancelled.
        Cancelled = 3,
        /// The gateway's end of the capture socket closed: hang-up, or the gateway died.
        Closed = 4,
    }
}

/// The vault's statement that nothing of a capture is left, signed with the key of [`ControlFromVault::Ready`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WipeRecord {
    /// The capture.
    pub capture: CaptureName,
    /// Why it was wiped.
    pub cause: WipeCause,
    /// Counts this vault's records from 1, so that a missing one shows.
    pub sequence: u64,
    /// When, in milliseconds of Unix time.
    pub unix_millis: u64,
    /// Ed25519 over [`WipeRecord::signed_bytes`].
    pub signature: [u8; 64],
}

impl WipeRecord {
    /// Bytes that the signature covers.
    pub const SIGNED_BYTES: usize = 49;
    const DOMAIN: &[u8; 16] = b"tonegate-wipe-v1";

    /// What the signature covers: a name for the purpose, then every field but the signature.
    #[must_use]
    pub fn signed_bytes(&self) -> [u8; Self::SIGNED_BYTES] {
        let mut bytes = [0; Self::SIGNED_BYTES];
        bytes[..16].copy_from_slice(Self::DOMAIN);
        bytes[16..32].copy_from_slice(&self.capture);
        bytes[32] = self.cause as u8;
        bytes[33..41].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[41..].copy_from_slice(&self.unix_millis.to_be_bytes());
        bytes
    }

    pub(super) fn put<const N: usize>(&self, packet: Packet<N>) -> Packet<N> {
        packet.put(&self.signed_bytes()[16..]).put(&self.signature)
    }

    pub(super) fn take(fields: &mut Fields<'_>) -> Result<Self, WireError> {
        Ok(Self {
            capture: fields.take(),
            cause: WipeCause::from_code(fields.byte())?,
            sequence: u64::from_be_bytes(fields.take()),
            unix_millis: u64::from_be_bytes(fields.take()),
            signature: fields.take(),
        })
    }
}

/// What the vault tells the gateway on the control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
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

const READY: u8 = 1;
const WIPED: u8 = 2;
const PONG: u8 = 3;

impl ControlFromVault {
    /// The packet of this message.
    #[must_use]
    pub fn encode(&self) -> [u8; CONTROL_FROM_VAULT_BYTES] {
        match self {
            Self::Ready { build, public_key } => Packet::new(READY).put(build).put(public_key),
            Self::Wiped(record) => record.put(Packet::new(WIPED)),
            Self::Pong => Packet::new(PONG),
        }
        .bytes
    }

    /// Reads one packet.
    ///
    /// # Errors
    /// The first rule that the packet breaks.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let (kind, mut fields) = Fields::open::<CONTROL_FROM_VAULT_BYTES>(bytes)?;
        let message = match kind {
            READY => Self::Ready { build: fields.take(), public_key: fields.take() },
            WIPED => Self::Wiped(WipeRecord::take(&mut fields)?),
            PONG => Self::Pong,
            _ => return Err(WireError::Kind),
        };
        fields.close(message)
    }
}
