//! How a capture ended, as the vault tells it.

use super::{Authorisation, Brand, Fields, LastFour, Packet, Token, WireError, coded};

coded! {
    /// Why the processor or the issuer declined. A closed list: the processor's own words are never forwarded.
    pub enum DeclineReason {
        /// No reason given, or one that is not on this list.
        Declined = 1,
        /// Not enough money.
        InsufficientFunds = 2,
        /// The card has expired.
        ExpiredCard = 3,
        /// The security code does not match.
        IncorrectCode = 4,
    }
}

coded! {
    /// Why a capture ended without a payment. In every one of these cases nothing was charged.
    pub enum FailReason {
        /// The third wrong entry in one field, or the fifth in all.
        TooManyAttempts = 1,
        /// The session's 300 seconds are over.
        SessionTimeout = 2,
        /// The caller pressed star twice.
        CancelledByCaller = 3,
        /// The gateway withdrew the capture.
        Withdrawn = 4,
        /// The gateway sent no connection to the processor in time.
        NoConnection = 5,
        /// The processor could not be reached, or no TLS session came about in time.
        ProcessorUnreachable = 6,
        /// The processor's certificate is not the configured one's.
        ProcessorUntrusted = 7,
        /// The processor refused the request itself.
        ProcessorRefused = 8,
        /// The gateway broke the rules of the messages.
        Protocol = 9,
    }
}

/// What is known of an approved payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The processor's name for the card.
    pub token: Token,
    /// The card's brand.
    pub brand: Brand,
    /// The card's last four digits.
    pub last_four: LastFour,
    /// The issuer's authorisation code.
    pub authorisation: Authorisation,
}

/// How a capture ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The payment is made.
    Approved(Approval),
    /// The payment was declined; nothing was charged.
    Declined(DeclineReason),
    /// The capture ended before a decision; nothing was charged.
    Failed(FailReason),
    /// The card was submitted and the answer was lost. Read the payment's id at the processor; never submit again.
    Unknown,
}

const APPROVED: u8 = 1;
const DECLINED: u8 = 2;
const FAILED: u8 = 3;
const UNKNOWN: u8 = 4;

impl Outcome {
    pub(super) fn put<const N: usize>(&self, packet: Packet<N>) -> Packet<N> {
        match self {
            Self::Approved(approval) => packet
                .put(&[APPROVED, approval.brand as u8])
                .put(approval.last_four.as_bytes())
                .put(approval.token.as_bytes())
                .put(approval.authorisation.as_bytes()),
            Self::Declined(reason) => packet.put(&[DECLINED, *reason as u8]),
            Self::Failed(reason) => packet.put(&[FAILED, *reason as u8]),
            Self::Unknown => packet.put(&[UNKNOWN]),
        }
    }

    pub(super) fn take(fields: &mut Fields<'_>) -> Result<Self, WireError> {
        match fields.byte() {
            APPROVED => Ok(Self::Approved(Approval {
                brand: Brand::from_code(fields.byte())?,
                last_four: LastFour::from_bytes(fields.take())?,
                token: Token::from_bytes(fields.take())?,
                authorisation: Authorisation::from_bytes(fields.take())?,
            })),
            DECLINED => DeclineReason::from_code(fields.byte()).map(Self::Declined),
            FAILED => FailReason::from_code(fields.byte()).map(Self::Failed),
            UNKNOWN => Ok(Self::Unknown),
            _ => Err(WireError::Value),
        }
    }
}
