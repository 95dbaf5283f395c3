//! What is read of Stripe's objects. Their texts for people have no field here.

use std::collections::HashMap;

use gate::wire::DeclineReason;
use serde::Deserialize;
use uuid::Uuid;

use super::{PAYMENT, REFUND};

/// A PaymentIntent (`docs.stripe.com/api/payment_intents/object`).
#[derive(Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) livemode: bool,
    #[serde(default)]
    pub(super) metadata: HashMap<String, String>,
    #[serde(default)]
    pub(super) last_payment_error: Option<StripeError>,
}

impl Intent {
    /// Whether it is of this payment.
    pub(super) fn is_of(&self, payment: Uuid) -> bool {
        self.metadata.get(PAYMENT).is_some_and(|id| id.parse() == Ok(payment))
    }
}

/// A page of a list (`docs.stripe.com/api/pagination`), newest first.
#[derive(Deserialize)]
pub(super) struct IntentPage {
    pub(super) data: Vec<Intent>,
    pub(super) has_more: bool,
}

/// A Refund (`docs.stripe.com/api/refunds/object`).
#[derive(Deserialize)]
pub(super) struct RefundObject {
    status: Option<String>,
    pub(super) amount: i64,
    metadata: Option<HashMap<String, String>>,
}

impl RefundObject {
    /// How far it is; empty where it does not say.
    pub(super) fn status(&self) -> &str {
        self.status.as_deref().unwrap_or_default()
    }

    /// Whether it was made under this key.
    pub(super) fn is_of(&self, key: Uuid) -> bool {
        let named = self.metadata.as_ref().and_then(|metadata| metadata.get(REFUND));
        named.is_some_and(|id| id.parse() == Ok(key))
    }
}

/// A page of refunds, newest first.
#[derive(Deserialize)]
pub(super) struct RefundPage {
    pub(super) data: Vec<RefundObject>,
    pub(super) has_more: bool,
}

/// The body of every answer that is no success (`docs.stripe.com/api/errors`).
#[derive(Deserialize)]
pub(super) struct Refusal {
    pub(super) error: StripeError,
}

/// What went wrong, by Stripe's names.
#[derive(Deserialize)]
pub(super) struct StripeError {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
}

impl StripeError {
    /// Whether the card is what is wrong.
    pub(super) fn is_of_card(&self) -> bool {
        self.kind == "card_error"
    }

    /// Whether the key was used before with other parameters.
    pub(super) fn is_of_idempotency(&self) -> bool {
        self.kind == "idempotency_error"
    }

    /// Whether all of the payment's money went back before (`docs.stripe.com/error-codes`).
    pub(super) fn is_of_refunded(&self) -> bool {
        self.code.as_deref() == Some("charge_already_refunded")
    }

    /// Why a card was declined (`docs.stripe.com/declines/codes`). That it is lost, stolen or suspected is for nobody to
    /// say on the line, as Stripe asks: that is a decline without a reason.
    pub(super) fn reason(&self) -> DeclineReason {
        let mut codes = self.decline_code.iter().chain(&self.code);
        codes.find_map(|code| DeclineReason::of_processor(code)).unwrap_or(DeclineReason::Declined)
    }
}
