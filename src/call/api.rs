//! What the authenticated interface asks of one call, and what the call answers.
//!
//! Every request is answered by the call itself, so that the order it enforces (verification, then the
//! disclosure, then facts) holds for bots exactly as for the embedded collector. The text of a
//! [`Answer`] is private: it is compared and dropped.

use std::fmt;

use book::record::PaymentMethod;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::conditions::Unmet;
use crate::transfer::TransferView;

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
    /// Take a payment by the keys of the caller's telephone.
    StartCapture {
        /// What is to be taken.
        ask: CaptureAsk,
        /// Names this request: where it comes again, nothing new is started.
        key: Option<String>,
    },
    /// Take a payment as a language model's tool asks for it.
    CollectPayment {
        /// What is to be taken.
        ask: ToolAsk,
        /// Names this request, as in [`ApiRequest::StartCapture`].
        key: Option<String>,
    },
    /// How far a capture is; the newest, where none is named.
    CaptureState {
        /// Which.
        capture: Option<Uuid>,
    },
    /// Give a capture up; the newest, where none is named.
    CancelCapture {
        /// Which.
        capture: Option<Uuid>,
    },
    /// Begin a payment that its agent takes field by field.
    OpenSession {
        /// What is to be taken.
        ask: CaptureAsk,
        /// Names this request, as in [`ApiRequest::StartCapture`].
        key: String,
        /// Where its agent is told how it goes on.
        callback: Callback,
    },
    /// Go on with such a payment.
    StepSession {
        /// Which.
        session: Uuid,
        /// Names this request: where it comes again, nothing happens.
        key: String,
        /// Where its agent is told from now on.
        callback: Callback,
        /// What to do.
        step: SessionStep,
    },
    /// Hand the caller over to a configured destination.
    Transfer {
        /// The destination's name.
        to: String,
        /// Whether the call's own agent asks, and is to be told on its stream how it goes on.
        by_agent: bool,
    },
    /// How far the newest transfer is.
    TransferState,
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

/// What a capture is to take, fixed before it is armed. Nothing in it can be keyed by the caller.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureAsk {
    /// The amount, in minor units.
    pub amount_minor: i64,
    /// Three letters of ISO 4217; the account's where it is not given, and no other.
    #[serde(default)]
    pub currency: Option<String>,
    /// By what the caller pays.
    #[serde(default)]
    pub method: Method,
    /// Of a bank account, its kind; a consumer's checking account where it is not given.
    #[serde(default)]
    pub account_type: Option<AccountType>,
    /// The brands of cards to be taken, by name; those of the configuration where it is not given, and no others.
    #[serde(default)]
    pub brands: Option<Vec<String>>,
    /// Which postal code is asked for; as configured where it is not given.
    #[serde(default)]
    pub postal: Option<Postal>,
    /// How often a field may be keyed, 1 to 3; 3 where it is not given.
    #[serde(default)]
    pub attempts: Option<u8>,
    /// The language of the prompts, as a tag of BCP 47. English is all there is.
    #[serde(default)]
    pub language: Option<String>,
}

impl CaptureAsk {
    /// A card for this amount, on the configured terms.
    #[must_use]
    pub fn card(amount_minor: i64) -> Self {
        Self {
            amount_minor,
            currency: None,
            method: Method::Card,
            account_type: None,
            brands: None,
            postal: None,
            attempts: None,
            language: None,
        }
    }
}

/// What a language model asks a capture to take. Everything else is as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolAsk {
    /// The amount, a plain decimal such as `120.50`. The call knows of which currency, and how many decimals that has.
    pub amount: String,
    /// By what the caller pays.
    pub method: Method,
    /// As in [`CaptureAsk`].
    pub account_type: Option<AccountType>,
}

/// By what a caller pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A card.
    #[default]
    Card,
    /// An account at a bank in the United States, debited by ACH.
    BankAccount,
}

impl Method {
    /// The name in records.
    #[must_use]
    pub const fn recorded(self) -> PaymentMethod {
        match self {
            Self::Card => PaymentMethod::CardKeyed,
            Self::BankAccount => PaymentMethod::BankKeyed,
        }
    }
}

/// The kind of a bank account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountType {
    /// A person's checking account.
    #[default]
    ConsumerChecking,
    /// A person's savings account.
    ConsumerSavings,
    /// A company's checking account.
    CommercialChecking,
}

/// Which postal code of the billing address is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Postal {
    /// None.
    None,
    /// The ZIP code.
    Us,
    /// The digits of the Canadian code.
    Canada,
    /// The digits of the British code.
    UnitedKingdom,
}

/// The address of an agent's server. It may hold a secret, so it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback(String);

impl Callback {
    /// Wraps an address.
    #[must_use]
    pub fn new(address: String) -> Self {
        Self(address)
    }

    /// The address, to be called.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback(…)")
    }
}

/// What an agent wants next of a payment that it takes field by field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStep {
    /// Ask the caller for this field.
    Ask(CaptureStep),
    /// Everything is keyed: submit it.
    Complete,
    /// Give it up.
    Cancel,
}

/// A capture as its agent may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaptureView {
    /// Its id, once it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Whether caller and agent are muted for it, so that neither hears the other.
    pub muted: bool,
    /// How far it is.
    #[serde(flatten)]
    pub reply: CaptureReply,
}

impl CaptureView {
    /// No capture.
    #[must_use]
    pub const fn none() -> Self {
        Self { id: None, muted: false, reply: CaptureReply::None }
    }
}

/// What an agent that takes a payment field by field is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionUpdate {
    /// Its name for its agent, which stays.
    pub session: Uuid,
    /// The payment, which is another one once everything is keyed anew: rows, records and the processor know it by this.
    pub payment: Uuid,
    /// Where to tell it.
    pub callback: Callback,
    /// What is being taken.
    pub ask: CaptureAsk,
    /// Three letters of ISO 4217.
    pub currency: String,
    /// What happened.
    pub news: News,
    /// The fields that are still to be keyed, in the order in which they are asked for.
    pub required: Vec<CaptureStep>,
}

/// What happened to a payment that is taken field by field.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// It was begun.
    Opened,
    /// A field is asked for, holds more keys, or was refused.
    Keying {
        /// The field.
        step: CaptureStep,
        /// Keys that it holds; always zero for the security code.
        count: u8,
        /// How often it was asked for, this time included.
        attempt: u8,
        /// What was wrong with it last.
        error: Option<&'static str>,
    },
    /// A field is complete.
    Keyed(CaptureStep),
    /// It is over.
    Ended(CaptureReply),
}

/// Where a capture is. Never a digit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CaptureReply {
    /// No capture was started in this call.
    None,
    /// It is begun, and its agent has asked for no field yet.
    Opened,
    /// The sinks are being muted.
    Arming,
    /// The caller is keying.
    Keying {
        /// Which field.
        step: CaptureStep,
        /// Keys that it holds, as last told; always zero for the security code.
        count: u8,
        /// How often it was asked for, this time included.
        attempt: u8,
        /// What was wrong with it last, by name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Everything is keyed; it waits for its agent to say so.
    Keyed,
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
    /// The processor keeps the card, and nothing was charged here: the account book has the token.
    Tokenised {
        /// What it is charged by.
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

/// A field of a card or of a bank account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// The bank's routing number.
    Routing,
    /// The number of the account.
    Account,
}

/// What stands in the way of a request, named so that a bot can do it and ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The opening has not been played to its end.
    Opening,
    /// No account was found for this call.
    Account,
    /// The account book does not answer, so that the account is not known as it is now.
    Records,
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
    /// A transfer is under way, or no more can be tried.
    Transfer,
    /// The request's values make no sense: a date that is none, an amount outside its bounds.
    Sense,
    /// The key of an earlier request was used for another one.
    Key,
    /// The gateway takes no bank accounts, or none for this account's currency.
    BankAccounts,
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
    /// To [`ApiRequest::StartCapture`], [`ApiRequest::CollectPayment`] and [`ApiRequest::OpenSession`].
    CaptureStarted(CaptureView),
    /// To [`ApiRequest::CaptureState`] and [`ApiRequest::CancelCapture`].
    Capture(CaptureView),
    /// This call has no capture of this id.
    NoCapture,
    /// A card cannot be taken on this call as it is carried, or on this machine as it is set up.
    Unprotected(Unmet),
    /// To [`ApiRequest::Transfer`] and [`ApiRequest::TransferState`].
    Transfer(TransferView),
    /// The configuration has no destination of this name.
    NoDestination,
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
    fn a_callback_is_never_printed() {
        let callback = Callback::new("https://bot.example.com/pay?secret=k3y".into());
        let step = SessionStep::Complete;
        let request = ApiRequest::StepSession { session: Uuid::nil(), key: "one".into(), callback, step };
        assert!(!format!("{request:?}").contains("k3y"));
    }

    #[test]
    fn a_capture_has_no_field_that_a_digit_could_come_by() {
        let ask = |text: &str| serde_json::from_str::<CaptureAsk>(text);
        assert_eq!(ask(r#"{"amount_minor": 5000}"#).unwrap(), CaptureAsk::card(5_000));
        for field in ["card_number", "number", "digits", "cvv", "pan"] {
            assert!(ask(&format!(r#"{{"amount_minor": 5000, "{field}": "4111"}}"#)).is_err(), "{field}");
        }
    }

    #[test]
    fn a_capture_is_shown_flat() {
        let reply = CaptureReply::Keying { step: CaptureStep::Expiry, count: 2, attempt: 1, error: None };
        let view = CaptureView { id: Some(Uuid::nil()), muted: true, reply };
        let shown = serde_json::json!({"id": Uuid::nil(), "muted": true, "state": "keying", "step": "expiry", "count": 2, "attempt": 1});
        assert_eq!(serde_json::to_value(view).unwrap(), shown);
    }

    #[test]
    fn an_ask_with_an_unknown_field_is_refused() {
        assert!(serde_json::from_str::<OfferAsk>(r#"{"instalments":3}"#).is_ok());
        assert!(serde_json::from_str::<OfferAsk>(r#"{"installments":3}"#).is_err());
    }
}
