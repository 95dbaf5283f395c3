//! Refunds (`docs.stripe.com/api/refunds`): what is made of one, and what is said of it later.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{answer::Answer, book::Intent};

/// What becomes of a refund that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundFate {
    /// It is made.
    Succeeds,
    /// It is made, and not finished until [`super::Stripe::finish_refunds`].
    Pends,
    /// It is made, and fails: nothing goes back.
    Fails,
    /// It is refused for want of money, and that answer is stored under its key.
    Refused,
}

/// A refund.
#[derive(Clone, Debug)]
pub struct Refund {
    /// Its id.
    pub id: String,
    /// The intent whose money it gives back.
    pub intent: String,
    /// How far it is, by Stripe's name.
    pub status: &'static str,
    /// In the currency's smallest unit.
    pub amount: i64,
    metadata: BTreeMap<String, String>,
}

/// Every refund, oldest first.
#[derive(Default)]
pub(super) struct Refunds {
    pub(super) made: Vec<Refund>,
    pub(super) fates: Vec<RefundFate>,
}

impl Refunds {
    /// Gives the whole of an intent back, as the next fate wants.
    pub(super) fn make(&mut self, id: String, intent: &mut Intent, form: &BTreeMap<String, String>) -> Answer {
        let refused = |code: &str, text: &str| Answer::error(400, "invalid_request_error", code, text);
        let is_under_way = |refund: &Refund| refund.intent == intent.id && refund.status != "failed";
        if self.made.iter().any(is_under_way) {
            return refused("charge_already_refunded", "It was refunded");
        }
        if form.get("amount").and_then(|amount| amount.parse().ok()) != Some(intent.amount) {
            return refused("amount_too_large", "Not that amount");
        }
        let fate = if self.fates.is_empty() { RefundFate::Succeeds } else { self.fates.remove(0) };
        let status = match fate {
            RefundFate::Succeeds => "succeeded",
            RefundFate::Pends => "pending",
            RefundFate::Fails => "failed",
            RefundFate::Refused => return refused("balance_insufficient", "There is not enough money"),
        };
        intent.is_refunded = status == "succeeded";
        let metadata = form.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix("metadata[")?.strip_suffix(']')?;
            Some((name.to_owned(), value.clone()))
        });
        let refund =
            Refund { id, intent: intent.id.clone(), status, amount: intent.amount, metadata: metadata.collect() };
        let answer = Answer::ok(refund.object());
        self.made.push(refund);
        answer
    }

    /// Those of an intent, newest first.
    pub(super) fn list(&self, intent: &str) -> Answer {
        let data: Vec<Value> =
            self.made.iter().rev().filter(|refund| refund.intent == intent).map(Refund::object).collect();
        Answer::ok(json!({"object": "list", "data": data, "has_more": false}))
    }

    /// What is pending is made.
    pub(super) fn finish(&mut self, intents: &mut [Intent]) {
        for refund in self.made.iter_mut().filter(|refund| refund.status == "pending") {
            refund.status = "succeeded";
            for intent in intents.iter_mut().filter(|intent| intent.id == refund.intent) {
                intent.is_refunded = true;
            }
        }
    }
}

impl Refund {
    fn object(&self) -> Value {
        json!({
            "id": self.id, "object": "refund", "status": self.status, "amount": self.amount,
            "payment_intent": self.intent, "metadata": self.metadata,
        })
    }
}
