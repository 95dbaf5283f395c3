//! How a payment ended, in the words of each who is told.

use dialogue::{Digits, phrase::CardBrand};
use gate::wire::{Brand, LastFour};

use crate::{
    api::CaptureReply,
    carrier::CarrierReceipt,
    port::{PaidCard, PaymentState},
};

/// How a payment ended, as an agent may know it.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Settled {
    Approved(PaidCard),
    HandedOn(PaidCard),
    /// The carrier has its receipt.
    PaidByCarrier,
    Declined,
    Failed(&'static str),
    Cancelled,
    Unknown,
}

impl Settled {
    /// The stable name.
    pub(in super::super) fn label(&self) -> &'static str {
        match self {
            Self::Approved(_) | Self::PaidByCarrier => "approved",
            Self::HandedOn(_) => "handed_on",
            Self::Declined => "declined",
            Self::Failed(reason) => reason,
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// Whether money was taken for it, may have been, or will be by whoever has its token.
    pub(super) fn is_taken(&self) -> bool {
        match self {
            Self::Approved(_) | Self::HandedOn(_) | Self::PaidByCarrier | Self::Unknown => true,
            Self::Declined | Self::Failed(_) | Self::Cancelled => false,
        }
    }

    /// As the interface tells it.
    pub(super) fn reply(&self, receipt: Option<&CarrierReceipt>) -> CaptureReply {
        match self {
            Self::PaidByCarrier => receipt.map_or(CaptureReply::Unknown, |receipt| CaptureReply::Approved {
                token: receipt.confirmation.map_or_else(String::new, |token| token.as_str().to_owned()),
                brand: receipt.brand.map_or("other", Brand::name).to_owned(),
                last_four: receipt.last_four.as_str().to_owned(),
            }),
            Self::Approved(card) => CaptureReply::Approved {
                token: card.token.as_str().to_owned(),
                brand: card.brand.name().to_owned(),
                last_four: card.last_four.as_str().to_owned(),
            },
            Self::HandedOn(card) => CaptureReply::Tokenised {
                token: card.token.as_str().to_owned(),
                brand: card.brand.name().to_owned(),
                last_four: card.last_four.as_str().to_owned(),
            },
            Self::Declined => CaptureReply::Declined,
            Self::Failed(reason) => CaptureReply::Failed { reason: (*reason).to_owned() },
            Self::Cancelled => CaptureReply::Failed { reason: "cancelled_by_caller".to_owned() },
            Self::Unknown => CaptureReply::Unknown,
        }
    }

    pub(super) fn state(&self) -> PaymentState {
        match self {
            Self::Approved(_) | Self::PaidByCarrier => PaymentState::Approved,
            Self::HandedOn(_) => PaymentState::HandedOn,
            Self::Declined => PaymentState::Declined,
            Self::Failed(_) | Self::Cancelled => PaymentState::Abandoned,
            Self::Unknown => PaymentState::Unknown,
        }
    }

    pub(super) fn for_collector(&self, receipt: Option<&CarrierReceipt>) -> dialogue::CaptureOutcome {
        let approved = |brand: Option<Brand>, last_four: &LastFour| match Digits::parse(last_four.as_str()) {
            Some(last_four) => {
                let brand = brand.map_or(CardBrand::Other, spoken_brand);
                dialogue::CaptureOutcome::Approved { brand, last_four }
            }
            None => dialogue::CaptureOutcome::Unknown,
        };
        match self {
            Self::Approved(card) => approved(Some(card.brand), &card.last_four),
            Self::PaidByCarrier => {
                receipt.map_or(dialogue::CaptureOutcome::Unknown, |receipt| approved(receipt.brand, &receipt.last_four))
            }
            // What will come of it is not known here, and it must not be paid again.
            Self::HandedOn(_) | Self::Unknown => dialogue::CaptureOutcome::Unknown,
            Self::Declined => dialogue::CaptureOutcome::Declined,
            Self::Failed(_) => dialogue::CaptureOutcome::Failed,
            Self::Cancelled => dialogue::CaptureOutcome::Cancelled,
        }
    }
}

fn spoken_brand(brand: Brand) -> CardBrand {
    match brand {
        Brand::Visa => CardBrand::Visa,
        Brand::Mastercard => CardBrand::Mastercard,
        Brand::Amex => CardBrand::AmericanExpress,
        Brand::Discover => CardBrand::Discover,
        Brand::Diners
        | Brand::Jcb
        | Brand::UnionPay
        | Brand::Maestro
        | Brand::Mir
        | Brand::Canary
        | Brand::BankAccount => CardBrand::Other,
    }
}
