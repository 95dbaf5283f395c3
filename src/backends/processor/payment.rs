//! What a processor is asked for, and what it says.

use call::{refunding, settlement::Answer};
use gate::wire::{DeclineReason, Held, Token};
use jiff::Timestamp;
use rules::money::Money;
use uuid::Uuid;

/// A charge by token.
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    /// The payment.
    pub payment: Uuid,
    /// The idempotency key: random, kept with the payment's row before it is used, the same for every attempt.
    pub key: Uuid,
    /// What is charged.
    pub held: Held,
    /// How much.
    pub amount: Money,
}

/// A payment to be read.
#[derive(Clone, Copy, Debug)]
pub struct Sought {
    /// The payment.
    pub payment: Uuid,
    /// The processor's own name for it, where that is known.
    pub reference: Option<Token>,
    /// How much it is of; nothing else counts as this payment.
    pub amount: Money,
    /// When its row was opened.
    pub opened_at: Timestamp,
}

/// A refund of a whole payment.
#[derive(Clone, Copy, Debug)]
pub struct Refund {
    /// The payment.
    pub payment: Uuid,
    /// The processor's own name for it, where it gave one.
    pub reference: Option<Token>,
    /// The idempotency key of the refund, as of a charge.
    pub key: Uuid,
    /// How much.
    pub amount: Money,
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It was made.
    Approved(Receipt),
    /// It was declined; nothing was charged.
    Declined(DeclineReason),
    /// It is not decided.
    Pending,
    /// The processor does not know it. Final only once no submission can be under way any more: the vault's handshake
    /// and answer deadlines after the connection was handed over, or [`call::settlement::LONGEST`] after a charge.
    Absent,
}

/// What is known of a payment that was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The processor's own name for it, where it has one beside the payment's id.
    pub reference: Option<Token>,
    /// What was charged, where only the processor knows.
    pub held: Option<Held>,
}

/// What became of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refunded {
    /// The money goes back.
    Done,
    /// The processor has it and has not finished.
    Pending,
    /// It will not be made.
    Failed,
    /// The processor knows of none under this key. An answer to a reading.
    Absent,
}

impl Reading {
    /// What it means for a charge.
    #[must_use]
    pub const fn answer(self) -> Answer {
        match self {
            Self::Approved(_) => Answer::Approved,
            Self::Declined(reason) => Answer::Declined(reason),
            Self::Pending => Answer::Pending,
            Self::Absent => Answer::Absent,
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Approved(_) => "approved",
            Self::Declined(_) => "declined",
            Self::Pending => "pending",
            Self::Absent => "absent",
        }
    }
}

impl Refunded {
    /// What it means for a refund.
    #[must_use]
    pub const fn answer(self) -> refunding::Answer {
        match self {
            Self::Done => refunding::Answer::Done,
            Self::Pending => refunding::Answer::Pending,
            Self::Failed => refunding::Answer::Failed,
            Self::Absent => refunding::Answer::Absent,
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Done => "refunded",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Absent => "absent",
        }
    }
}
