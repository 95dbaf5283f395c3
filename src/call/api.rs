//! What the authenticated interface asks of one call, and what the call answers.
//!
//! Every request is answered by the call itself, so that the order it enforces (verification, then the
//! disclosure, then facts) holds for bots exactly as for the embedded collector. The text of a
//! [`Answer`] is private: it is compared and dropped.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A request to one call.
#[derive(Debug, PartialEq)]
pub enum ApiRequest {
    /// Compare one factor with the account.
    Verify {
        /// Which factor.
        factor: Factor,
        /// What the caller said.
        value: Answer,
    },
    /// What the agent may say about the debt.
    Facts,
    /// The closest arrangement inside the strategy's bounds to what the caller asks for.
    Offer(OfferAsk),
    /// How the conversation ended or what was agreed in it.
    Outcome(OutcomeReport),
    /// Take a card for an amount, in minor units of the account's currency.
    StartCapture {
        /// The amount to take.
        amount_minor: i64,
    },
    /// How far the capture is.
    CaptureState,
    /// Give the capture up.
    CancelCapture,
    /// The caller does not want to be recorded: stop.
    RefuseRecording,
    /// The steps of the call so far.
    Timeline,
    /// End the call with the gateway's own good-bye.
    HangUp,
}

/// Something the caller said to prove who they are. Cannot be printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Answer(String);

impl Answer {
    /// Wraps what was said.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for comparison only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer(…)")
    }
}

/// What a caller can be verified by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// The caller says to be the person named: `yes` or `no`.
    Name,
    /// As `YYYY-MM-DD`.
    DateOfBirth,
    /// The postal code of the address on file.
    PostalCode,
    /// The last four characters of the account reference.
    ReferenceEnding,
}

/// What a comparison came to. Which part did not match is never said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyResult {
    /// It matches; more factors may be needed.
    Match,
    /// It does not match.
    NoMatch,
    /// Too many tries: this call cannot be verified any more.
    Locked,
}

/// What the caller can do about the debt, in whole minor units and ISO dates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfferAsk {
    /// An amount the caller can pay at once.
    pub amount_minor: Option<i64>,
    /// How many instalments the caller asks for.
    pub instalments: Option<u32>,
    /// What one instalment may cost.
    pub instalment_minor: Option<i64>,
    /// The first day the caller can pay, as `YYYY-MM-DD`.
    pub first_payment: Option<String>,
}

/// What the strategy allows, closest to what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferReply {
    /// Names the offer when it is accepted.
    pub offer: String,
    /// Whether this is exactly what was asked for.
    pub as_asked: bool,
    /// Three letters of ISO 4217.
    pub currency: String,
    /// Each payment, in order.
    pub payments: Vec<Payment>,
}

/// One payment of an arrangement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The day it is due, as `YYYY-MM-DD`.
    pub due: String,
    /// In minor units.
    pub amount_minor: i64,
}

/// What the agent may say once the right party is verified and the disclosure was played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactsReply {
    /// Whom the debt is owed to.
    pub creditor: String,
    /// What is owed, in minor units.
    pub balance_minor: i64,
    /// Three letters of ISO 4217.
    pub currency: String,
    /// The last four characters of the account reference.
    pub reference_ending: String,
}

/// What the bot reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeReport {
    /// How the conversation ended.
    pub disposition: Disposition,
    /// The offer the caller agreed to, if any.
    #[serde(default)]
    pub accepted_offer: Option<String>,
}

/// How a conversation ended, as the contact attempt records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// A plan or promise was agreed.
    Arranged,
    /// A payment was made in the call.
    Paid,
    /// Nothing was agreed.
    NoAgreement,
    /// The caller will call back or be called back.
    CallBack,
    /// The caller disputes the debt.
    Disputed,
    /// The caller asked not to be contacted.
    CeaseContact,
    /// A lawyer represents the caller.
    Represented,
    /// The caller is not the person sought.
    WrongParty,
    /// The caller asked for a person.
    Transferred,
}

/// Where a capture is. Never a digit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CaptureReply {
    /// No capture was started in this call.
    None,
    /// The sinks are being muted.
    Arming,
    /// The caller is keying.
    Keying {
        /// Which field.
        step: CaptureStep,
    },
    /// The processor has it.
    Submitted,
    /// Paid.
    Approved {
        /// What later payments are made with.
        token: String,
        /// The card's brand.
        brand: String,
        /// The last four digits.
        last_four: String,
    },
    /// The processor said no.
    Declined,
    /// Given up, with a named reason.
    Failed {
        /// Why.
        reason: String,
    },
    /// Submitted, but what became of it is not known yet; it will be, without submitting again.
    Unknown,
}

/// A field of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureStep {
    /// The card number.
    Number,
    /// Month and year.
    Expiry,
    /// The security code.
    Code,
    /// The billing postal code.
    Postal,
}

/// What stands in the way of a request, named so that a bot can do it and ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The opening has not been played to its end.
    Opening,
    /// No account was found for this call.
    Account,
    /// The right party is not verified.
    Verification,
    /// Verification was locked after too many tries.
    Unlocked,
    /// The caller ended the collection on this call.
    Stopped,
    /// The disclosure has not been played to its end; the call plays it now.
    Disclosure,
    /// The offer named was not made in this call.
    Offer,
    /// A capture is running or has none to act on.
    Capture,
    /// The request's values make no sense: a date that is none, an amount outside its bounds.
    Sense,
}

/// A call's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ApiReply {
    /// To [`ApiRequest::Verify`].
    Verified {
        /// Of this factor.
        result: VerifyResult,
        /// Whether the right party is verified now.
        verified: bool,
        /// Tries left in this call.
        tries_left: u8,
    },
    /// To [`ApiRequest::Facts`].
    Facts(FactsReply),
    /// To [`ApiRequest::Offer`].
    Offer(OfferReply),
    /// To [`ApiRequest::StartCapture`], [`ApiRequest::CaptureState`] and [`ApiRequest::CancelCapture`].
    Capture(CaptureReply),
    /// To [`ApiRequest::Timeline`]: the timeline as JSON.
    Timeline(serde_json::Value),
    /// To [`ApiRequest::Outcome`] and [`ApiRequest::HangUp`]: written down, or under way.
    Done,
    /// Not now, and why.
    Refused(Missing),
    /// The book or the store did not answer in time.
    Unavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_never_printed() {
        let request = ApiRequest::Verify { factor: Factor::PostalCode, value: Answer::new("97201".into()) };
        assert!(!format!("{request:?}").contains("97201"));
    }

    #[test]
    fn an_ask_with_an_unknown_field_is_refused() {
        assert!(serde_json::from_str::<OfferAsk>(r#"{"instalments":3}"#).is_ok());
        assert!(serde_json::from_str::<OfferAsk>(r#"{"installments":3}"#).is_err());
    }
}
