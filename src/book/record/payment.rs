//! The payment transaction: one payment, as the processor answered it.

use jiff::Timestamp;
use rules::money::Money;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::external::ExternalId;
use crate::account::AccountId;
use crate::redact::redacted_debug;

/// Longest brand name kept.
const MOST_BRAND_CHARACTERS: usize = 16;

/// How it was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// A card keyed on the telephone.
    CardKeyed,
    /// A bank account keyed on the telephone, debited by ACH.
    BankKeyed,
    /// A card on a secure page.
    CardLink,
    /// A bank transfer on a secure page.
    BankLink,
}

/// How the processor answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Nothing was submitted.
    Initiated,
    /// Submitted; the outcome is not known yet.
    Pending,
    /// Paid.
    Succeeded,
    /// Declined or failed; nothing was paid.
    Failed,
    /// It was paid, and the money went back.
    Refunded,
}

/// What may be kept of a card: its brand and last four digits, never more.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "CardWire", into = "CardWire")]
pub struct Card {
    brand: String,
    last_four: String,
}

redacted_debug!(Card);

/// A brand or last four that could hide more of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a card is kept as a brand name of letters and exactly four digits")]
pub struct InvalidCard;

impl Card {
    /// A brand of at most 16 letters, spaces and hyphens, and exactly four digits.
    ///
    /// # Errors
    /// [`InvalidCard`] for anything else.
    pub fn new(brand: &str, last_four: &str) -> Result<Self, InvalidCard> {
        let is_brand = brand.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-' | b'_'));
        let is_last_four = last_four.len() == 4 && last_four.bytes().all(|byte| byte.is_ascii_digit());
        if brand.is_empty() || brand.len() > MOST_BRAND_CHARACTERS || !is_brand || !is_last_four {
            return Err(InvalidCard);
        }
        Ok(Self { brand: brand.to_owned(), last_four: last_four.to_owned() })
    }

    /// The brand.
    #[must_use]
    pub fn brand(&self) -> &str {
        &self.brand
    }

    /// The last four digits.
    #[must_use]
    pub fn last_four(&self) -> &str {
        &self.last_four
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CardWire {
    brand: String,
    last_four: String,
}

impl TryFrom<CardWire> for Card {
    type Error = InvalidCard;

    fn try_from(wire: CardWire) -> Result<Self, InvalidCard> {
        Self::new(&wire.brand, &wire.last_four)
    }
}

impl From<Card> for CardWire {
    fn from(card: Card) -> Self {
        Self { brand: card.brand, last_four: card.last_four }
    }
}

/// One payment (Payment Transaction).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentTransaction {
    /// [`ExternalId::payment`] of the payment.
    pub external_id: ExternalId,
    /// The payment's random id, which the processor knows too.
    pub payment: Uuid,
    /// The call.
    pub call: Uuid,
    /// The contact attempt it belongs to.
    pub attempt: ExternalId,
    /// The account.
    pub account: AccountId,
    /// The arrangement it pays, where there is one.
    pub arrangement: Option<ExternalId>,
    /// What was to be paid.
    pub amount: Money,
    /// How.
    pub method: PaymentMethod,
    /// How the processor answered.
    pub status: PaymentStatus,
    /// Why it failed, by the processor's name for it.
    pub failure: Option<String>,
    /// Brand and last four.
    pub card: Option<Card>,
    /// The processor's token.
    pub token: Option<String>,
    /// When the processor answered.
    pub processed_at: Option<Timestamp>,
}
