//! Every line the gateway can say.
//!
//! A phrase is a name with data. [`Phrase::name`] is stable and goes into timelines; [`Phrase::text`] is what a
//! synthesiser is given, with every figure already in words. Legal lines have one wording only.

mod card;
mod interruption;
mod plan;
mod question;
mod text;

use std::fmt;

use jiff::civil::Date;
use rules::money::Money;

pub use self::card::{CardBrand, CardReason, CardStep};
pub use self::plan::Plan;
pub use self::question::{Attempt, Question};
use crate::digits::Digits;
use crate::guard::Disclosure;
use crate::hear::Interruption;

/// Beginnings of words that no business name said to a stranger may hold.
const REVEALING: [&str; 6] = ["arrears", "collect", "debt", "overdue", "receivable", "recover"];

/// A business name that does not reveal what the business does (12 CFR 1006.6(d), 1006.10).
#[derive(Clone, PartialEq, Eq)]
pub struct BusinessName(String);

/// The name reveals collection, or is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the business name is empty, or a word in it such as collect, recovery or debt reveals what the call is about")]
pub struct RevealingName;

impl BusinessName {
    /// Takes a name to say to anyone who calls.
    ///
    /// # Errors
    /// [`RevealingName`] where it is empty or has a word such as collect, recovery or debt.
    pub fn new(name: &str) -> Result<Self, RevealingName> {
        let name = name.trim();
        if name.is_empty() || reveals(name) { Err(RevealingName) } else { Ok(Self(name.to_owned())) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BusinessName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BusinessName(..)")
    }
}

fn reveals(name: &str) -> bool {
    let lower = name.to_lowercase();
    let mut words = lower.split(|character: char| !character.is_alphanumeric());
    words.any(|word| REVEALING.iter().any(|revealing| word.starts_with(revealing)))
}

/// A person's name, to be said in a question and printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// Takes a full name as it is to be said.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.trim().to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PersonName(..)")
    }
}

/// How a line without legal content is worded; a seed chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wording {
    /// "Thank you."
    Plain,
    /// "Thanks, got it."
    Casual,
    /// "All right, thank you."
    Warm,
}

impl Wording {
    /// The wording that a seed chooses.
    #[must_use]
    pub const fn of_seed(seed: u64) -> Self {
        match seed % 3 {
            0 => Self::Plain,
            1 => Self::Casual,
            _ => Self::Warm,
        }
    }
}

/// A line to the caller. `Debug` shows its name alone.
#[derive(Clone, PartialEq, Eq)]
pub enum Phrase {
    /// Who is speaking. Disclosure.
    Opening {
        /// The registered, non-revealing name.
        business: BusinessName,
    },
    /// That the voice is artificial, and that a person can be asked for. Disclosure.
    AiNotice,
    /// That the call is recorded. Disclosure.
    RecordingNotice,
    /// A debt collector, an attempt to collect a debt, the use of information, the right to dispute. Disclosure,
    /// only after verification.
    MiniMiranda,
    /// A question, in the wording of its attempt.
    Ask(Question, Attempt),
    /// That an answer was taken.
    Acknowledge(Wording),
    /// That something is being looked up, in less than a second.
    OneMoment(Wording),
    /// That it is still being looked up.
    StillLooking,
    /// That the records cannot be reached now.
    RecordsUnavailable,
    /// That the account has changed during the talk.
    AccountChanged,
    /// A date that was heard.
    ReadBackDate(Date),
    /// Digits that were heard.
    ReadBackDigits(Digits),
    /// That long numbers are keyed, not said.
    KeypadOnly,
    /// That an answer does not agree with what is on file.
    NoMatch,
    /// What is owed, and to whom.
    Balance {
        /// The original creditor.
        creditor: String,
        /// What is owed today.
        balance: Money,
    },
    /// A plan as the caller asked for it.
    OfferAsAsked(Plan),
    /// The closest plan to what the caller asked for.
    OfferClosest(Plan),
    /// That the closest plan is the one that was offered last.
    OfferUnchanged,
    /// The plan to be agreed to, with amount, count and first date.
    ReadBackPlan(Plan),
    /// That the plan is saved.
    PlanSaved,
    /// That nothing was saved.
    PlanNotSaved,
    /// That a card payment begins, and how keys are kept from everyone.
    CardIntroduction {
        /// What will be charged.
        amount: Money,
    },
    /// A prompt inside a card capture.
    Card(CardStep, CardReason),
    /// The payment went through.
    PaymentApproved {
        /// What was charged.
        amount: Money,
        /// The brand of the card.
        brand: CardBrand,
        /// The last four digits of the card.
        last_four: Digits,
    },
    /// The card was declined; nothing was charged.
    PaymentDeclined,
    /// The capture could not be finished; nothing was charged.
    PaymentFailed,
    /// Whether the payment went through is not known yet.
    PaymentUnknown,
    /// The end of a call with a saved plan.
    SummaryPlan,
    /// The end of a call with the balance paid in full.
    SummaryPaid,
    /// The end of a call without an agreement.
    SummaryNothing,
    /// What the caller said was noted; the conversation about it ends here.
    Noted(Interruption),
    /// The caller is not the person asked for.
    NotThePerson,
    /// No file was found under what was given.
    NotFound,
    /// Verification failed; a person will have to help.
    NotVerified,
    /// Only a person can go on.
    PersonNeeded,
    /// Nothing the gateway may offer fits; a person will call back.
    ReferToPerson,
    /// Nothing was heard.
    NothingHeard,
    /// What was heard was not understood, also after asking again.
    NotUnderstood,
    /// The caller is being connected to somebody else.
    Connecting,
    /// The caller could not be connected; the call goes on.
    NotConnected,
    /// Something failed on our side.
    Apology,
    /// The last line.
    Goodbye,
}

impl Phrase {
    /// The stable name: lower case, underscores, different wherever the wording differs other than by its data.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opening { .. } => "opening",
            Self::AiNotice => "ai_notice",
            Self::RecordingNotice => "recording_notice",
            Self::MiniMiranda => "mini_miranda",
            Self::Ask(question, attempt) => question.name(*attempt),
            Self::Acknowledge(Wording::Plain) => "acknowledge_plain",
            Self::Acknowledge(Wording::Casual) => "acknowledge_casual",
            Self::Acknowledge(Wording::Warm) => "acknowledge_warm",
            Self::OneMoment(Wording::Plain) => "one_moment_plain",
            Self::OneMoment(Wording::Casual) => "one_moment_casual",
            Self::OneMoment(Wording::Warm) => "one_moment_warm",
            Self::StillLooking => "still_looking",
            Self::RecordsUnavailable => "records_unavailable",
            Self::AccountChanged => "account_changed",
            Self::ReadBackDate(_) => "read_back_date",
            Self::ReadBackDigits(_) => "read_back_digits",
            Self::KeypadOnly => "keypad_only",
            Self::NoMatch => "no_match",
            Self::Balance { .. } => "balance",
            Self::OfferAsAsked(_) => "offer_as_asked",
            Self::OfferClosest(_) => "offer_closest",
            Self::OfferUnchanged => "offer_unchanged",
            Self::ReadBackPlan(_) => "read_back_plan",
            Self::PlanSaved => "plan_saved",
            Self::PlanNotSaved => "plan_not_saved",
            Self::CardIntroduction { .. } => "card_introduction",
            Self::Card(step, reason) => step.name(*reason),
            Self::PaymentApproved { .. } => "payment_approved",
            Self::PaymentDeclined => "payment_declined",
            Self::PaymentFailed => "payment_failed",
            Self::PaymentUnknown => "payment_unknown",
            Self::SummaryPlan => "summary_plan",
            Self::SummaryPaid => "summary_paid",
            Self::SummaryNothing => "summary_nothing",
            Self::Noted(interruption) => interruption::name(*interruption),
            Self::NotThePerson => "not_the_person",
            Self::NotFound => "not_found",
            Self::NotVerified => "not_verified",
            Self::PersonNeeded => "person_needed",
            Self::ReferToPerson => "refer_to_person",
            Self::NothingHeard => "nothing_heard",
            Self::NotUnderstood => "not_understood",
            Self::Connecting => "connecting",
            Self::NotConnected => "not_connected",
            Self::Apology => "apology",
            Self::Goodbye => "goodbye",
        }
    }

    /// What a synthesiser is given.
    #[must_use]
    pub fn text(&self) -> String {
        text::of(self)
    }

    /// The disclosure this line makes, once it is proven played to its end.
    #[must_use]
    pub fn disclosure(&self) -> Option<Disclosure> {
        let disclosures = [
            (matches!(self, Self::Opening { .. }), Disclosure::Opening),
            (matches!(self, Self::AiNotice), Disclosure::AiNotice),
            (matches!(self, Self::RecordingNotice), Disclosure::RecordingNotice),
            (matches!(self, Self::MiniMiranda), Disclosure::MiniMiranda),
        ];
        disclosures.into_iter().find_map(|(is_this, disclosure)| is_this.then_some(disclosure))
    }

    /// Whether this line is a required statement: one wording, a prompt of the gateway, played to its end with proof.
    #[must_use]
    pub fn is_disclosure(&self) -> bool {
        self.disclosure().is_some()
    }

    /// Whether the caller may cut this line short by speaking. Statements and read-backs are heard to their end.
    #[must_use]
    pub fn is_interruptible(&self) -> bool {
        let whole =
            matches!(self, Self::ReadBackPlan(_) | Self::Noted(_) | Self::Goodbye | Self::CardIntroduction { .. });
        !whole && !self.is_disclosure()
    }

    /// Whether a stranger may hear this line: it tells nothing of the debt.
    #[must_use]
    pub const fn may_precede_verification(&self) -> bool {
        match self {
            Self::Ask(question, _) => question.may_precede_verification(),
            Self::Opening { .. }
            | Self::AiNotice
            | Self::RecordingNotice
            | Self::Acknowledge(_)
            | Self::OneMoment(_)
            | Self::StillLooking
            | Self::RecordsUnavailable
            | Self::ReadBackDate(_)
            | Self::ReadBackDigits(_)
            | Self::KeypadOnly
            | Self::NoMatch
            | Self::Noted(_)
            | Self::NotThePerson
            | Self::NotFound
            | Self::NotVerified
            | Self::PersonNeeded
            | Self::NothingHeard
            | Self::NotUnderstood
            | Self::Connecting
            | Self::NotConnected
            | Self::Apology
            | Self::Goodbye => true,
            Self::MiniMiranda
            | Self::AccountChanged
            | Self::Balance { .. }
            | Self::OfferAsAsked(_)
            | Self::OfferClosest(_)
            | Self::OfferUnchanged
            | Self::ReadBackPlan(_)
            | Self::PlanSaved
            | Self::PlanNotSaved
            | Self::CardIntroduction { .. }
            | Self::Card(..)
            | Self::PaymentApproved { .. }
            | Self::PaymentDeclined
            | Self::PaymentFailed
            | Self::PaymentUnknown
            | Self::SummaryPlan
            | Self::SummaryPaid
            | Self::SummaryNothing
            | Self::ReferToPerson => false,
        }
    }

    /// The three notices that open every call, in their order.
    #[must_use]
    pub fn notices(business: &BusinessName) -> [Self; 3] {
        [Self::Opening { business: business.clone() }, Self::AiNotice, Self::RecordingNotice]
    }

    /// The lines without data that no call can do without, beside its notices: what has to be rendered before the first.
    #[must_use]
    pub fn indispensable() -> [Self; 3] {
        [Self::MiniMiranda, Self::Apology, Self::Goodbye]
    }

    /// Every line that needs no data of a call: what a prompt cache renders once and for good.
    #[must_use]
    pub fn fixed() -> Vec<Self> {
        let wordings = [Wording::Plain, Wording::Casual, Wording::Warm];
        let mut phrases = vec![Self::AiNotice, Self::RecordingNotice, Self::MiniMiranda];
        phrases.extend(wordings.into_iter().flat_map(|wording| [Self::Acknowledge(wording), Self::OneMoment(wording)]));
        phrases.extend(
            Question::fixed()
                .into_iter()
                .flat_map(|question| Attempt::ALL.into_iter().map(move |attempt| Self::Ask(question.clone(), attempt))),
        );
        phrases.extend(CardStep::prompts().into_iter().map(|(step, reason)| Self::Card(step, reason)));
        phrases.extend(Interruption::ALL.into_iter().map(Self::Noted));
        phrases.extend([
            Self::StillLooking,
            Self::RecordsUnavailable,
            Self::AccountChanged,
            Self::KeypadOnly,
            Self::NoMatch,
            Self::OfferUnchanged,
            Self::PlanSaved,
            Self::PlanNotSaved,
            Self::PaymentDeclined,
            Self::PaymentFailed,
            Self::PaymentUnknown,
            Self::SummaryPlan,
            Self::SummaryPaid,
            Self::SummaryNothing,
            Self::NotThePerson,
            Self::NotFound,
            Self::NotVerified,
            Self::PersonNeeded,
            Self::ReferToPerson,
            Self::NothingHeard,
            Self::NotUnderstood,
            Self::Connecting,
            Self::NotConnected,
            Self::Apology,
            Self::Goodbye,
        ]);
        phrases
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Phrase({})", self.name())
    }
}

#[cfg(test)]
mod tests;
