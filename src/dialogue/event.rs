//! What the call tells the collector.

use std::fmt;

use jiff::civil::Date;
use rules::money::Money;

use crate::digits::{Digits, KeyRun};
use crate::negotiation::OfferAnswer;
use crate::phrase::{CardBrand, PersonName};
use crate::verification::{Answer, Factor};

/// What a recogniser made of the caller's speech.
#[derive(Clone, PartialEq, Eq)]
pub enum Heard {
    /// These words.
    Text(String),
    /// These words, out of which a long number was taken: what the caller said may have been a card's.
    LongNumber(String),
    /// Speech that came to no words, or none at all.
    Nothing,
}

impl fmt::Debug for Heard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::LongNumber(_) => "LongNumber(..)",
            Self::Nothing => "Nothing",
        })
    }
}

/// Whether an account was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// It was, and may be talked about with the right person.
    Found {
        /// Whom to ask for.
        person: PersonName,
        /// What can be verified, in the order in which to ask.
        factors: Vec<Factor>,
    },
    /// There is none under what was given.
    Unknown,
    /// There is one, and its flags forbid any talk with a machine.
    Barred,
    /// The account book did not answer in time: whether there is one is not known.
    Unavailable,
}

/// What may be told of the debt once the right party is verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Facts {
    /// The original creditor.
    pub creditor: String,
    /// What is owed today.
    pub balance: Money,
    /// Today, where the caller is.
    pub today: Date,
}

impl fmt::Debug for Facts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Facts(..)")
    }
}

/// How a card capture ended, as the collector may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureOutcome {
    /// The payment went through.
    Approved {
        /// The brand of the card.
        brand: CardBrand,
        /// The last four digits of the card.
        last_four: Digits,
    },
    /// The processor declined; nothing was charged.
    Declined,
    /// It could not be finished; nothing was charged.
    Failed,
    /// The caller gave it up; nothing was charged.
    Cancelled,
    /// It was submitted and the answer is not known.
    Unknown,
}

/// What ends a conversation from outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interrupt {
    /// The caller hung up.
    HungUp,
    /// The gateway is being shut down: take leave now.
    ShuttingDown,
    /// Something the conversation needs has failed.
    Failure,
}

/// Something that happened in the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The three notices of the opening were proven played.
    Opened,
    /// No line is outstanding: all that [`crate::Action::Say`] asked for so far was played, or cut short.
    Said,
    /// The caller began to speak.
    SpeechStarted,
    /// The recogniser came to an end.
    Heard(Heard),
    /// A collect came to an end.
    Keys(KeyRun),
    /// Whether an account was found.
    Identified(Identity),
    /// What a claim came to.
    Verified(Answer),
    /// The Mini-Miranda was proven played.
    Disclosed,
    /// What may be told of the debt, as it is now. While a plan is being saved: the account is no longer what the plan was made
    /// for, and nothing is saved.
    Facts(Facts),
    /// The account book did not answer in time: what is owed now is not known.
    FactsUnavailable,
    /// By the account's flags, as they are now, nothing may be told or agreed by a machine.
    Barred,
    /// What the negotiation offers.
    Offer(OfferAnswer),
    /// The arrangement is saved.
    Saved,
    /// The arrangement could not be saved.
    SaveFailed,
    /// How the capture ended, and the gate is open again.
    Captured(CaptureOutcome),
    /// The conversation ends from outside.
    Interrupt(Interrupt),
}
