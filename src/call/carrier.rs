//! A payment that the carrier takes: it hears the keys, keeps them and submits them. The gateway mutes everybody meanwhile and
//! throws away whatever of the keys still comes to it.

use gate::wire::{Brand, LastFour, Token};
use rules::money::Money;

use crate::{api::CaptureStep, port::Terms};

/// A carrier that takes payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Twilio, by the `Payments` of a call: the gateway asks the caller, and the carrier for each field in turn.
    Twilio,
    /// Telnyx, by the command `pay`: the carrier asks the caller itself.
    Telnyx,
}

impl Carrier {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Telnyx => "telnyx",
        }
    }

    /// Whether the gateway asks for each field.
    #[must_use]
    pub const fn is_asked_by_field(self) -> bool {
        match self {
            Self::Twilio => true,
            Self::Telnyx => false,
        }
    }
}

/// What the carrier is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CarrierCommand {
    /// Begin to take a payment.
    Start {
        /// What is charged.
        amount: Money,
        /// What is taken for it.
        terms: Terms,
    },
    /// Take this field from now on.
    Ask(CaptureStep),
    /// Submit what was keyed.
    Complete,
    /// Forget it.
    Cancel,
}

/// What the carrier tells of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CarrierEvent {
    /// A field is being keyed, or was refused.
    Keying {
        /// The field.
        step: CaptureStep,
        /// What was wrong with it.
        error: Option<&'static str>,
    },
    /// A field is complete.
    Keyed(CaptureStep),
    /// The payment is over.
    Ended(CarrierEnd),
}

/// How a payment ended that a carrier took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CarrierEnd {
    /// It was made.
    Paid(CarrierReceipt),
    /// It was declined; nothing was charged.
    Declined,
    /// The caller gave it up.
    Cancelled,
    /// It came to nothing; nothing was charged.
    Failed(&'static str),
    /// Nobody knows whether it was made.
    Unknown,
}

/// What a carrier tells of a payment that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierReceipt {
    /// The carrier's, or its processor's, name for the payment, where it told one that no card number passes for.
    pub confirmation: Option<Token>,
    /// The brand of the card.
    pub brand: Option<Brand>,
    /// The last four digits of the card.
    pub last_four: LastFour,
}
