//! How a conversation ended, by name, for the contact attempt.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hear::Interruption;

/// How the conversation ended. Each has one stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// The balance was paid in full.
    PaidInFull,
    /// A plan is saved and its first payment made.
    ArrangedAndPaid,
    /// A plan is saved; nothing was paid in the call.
    Arranged,
    /// A payment was submitted and its outcome is not known yet.
    PaymentUnknown,
    /// The right party was reached, and nothing was agreed.
    NoAgreement,
    /// The right party refused to pay.
    Refused,
    /// What the caller asked for is outside what may be agreed in the call.
    Referred,
    /// The caller wants no more calls.
    Cease,
    /// An attorney represents the caller.
    Attorney,
    /// A bankruptcy case was named.
    Bankruptcy,
    /// The caller disputes the debt.
    Dispute,
    /// The caller says that it was paid already.
    AlreadyPaid,
    /// The caller says that the debt comes from identity theft.
    IdentityTheft,
    /// The number is not that of the person.
    WrongNumber,
    /// Someone else is calling.
    ThirdParty,
    /// The person has died.
    Deceased,
    /// The caller is a minor.
    Minor,
    /// The caller is in hardship.
    Hardship,
    /// The caller is in a crisis; a person must look at it now.
    Crisis,
    /// The caller needs another language.
    Language,
    /// It was a bad time.
    BadTime,
    /// The caller asked for a person.
    PersonRequested,
    /// The caller was handed over to somebody else.
    Transferred,
    /// The caller does not want to be recorded.
    RecordingRefused,
    /// No account was found.
    Unidentified,
    /// The account may not be talked about by a machine.
    Barred,
    /// The right party could not be verified.
    NotVerified,
    /// Nothing was heard.
    NoResponse,
    /// What was heard was not understood.
    NotUnderstood,
    /// The caller hung up before an end was reached.
    HungUp,
    /// The account book did not answer, so that nothing could be told.
    Unavailable,
    /// The gateway was shut down.
    ShutDown,
    /// Something on our side failed.
    Failure,
}

impl Disposition {
    /// The stable code used in records and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PaidInFull => "paid_in_full",
            Self::ArrangedAndPaid => "arranged_and_paid",
            Self::Arranged => "arranged",
            Self::PaymentUnknown => "payment_unknown",
            Self::NoAgreement => "no_agreement",
            Self::Refused => "refused",
            Self::Referred => "referred",
            Self::Cease => "cease",
            Self::Attorney => "attorney",
            Self::Bankruptcy => "bankruptcy",
            Self::Dispute => "dispute",
            Self::AlreadyPaid => "already_paid",
            Self::IdentityTheft => "identity_theft",
            Self::WrongNumber => "wrong_number",
            Self::ThirdParty => "third_party",
            Self::Deceased => "deceased",
            Self::Minor => "minor",
            Self::Hardship => "hardship",
            Self::Crisis => "crisis",
            Self::Language => "language",
            Self::BadTime => "bad_time",
            Self::PersonRequested => "person_requested",
            Self::Transferred => "transferred",
            Self::RecordingRefused => "recording_refused",
            Self::Unidentified => "unidentified",
            Self::Barred => "barred",
            Self::NotVerified => "not_verified",
            Self::NoResponse => "no_response",
            Self::NotUnderstood => "not_understood",
            Self::HungUp => "hung_up",
            Self::Unavailable => "unavailable",
            Self::ShutDown => "shut_down",
            Self::Failure => "failure",
        }
    }
}

impl From<Interruption> for Disposition {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Cease => Self::Cease,
            Interruption::Attorney => Self::Attorney,
            Interruption::Bankruptcy => Self::Bankruptcy,
            Interruption::Dispute => Self::Dispute,
            Interruption::AlreadyPaid => Self::AlreadyPaid,
            Interruption::IdentityTheft => Self::IdentityTheft,
            Interruption::WrongNumber => Self::WrongNumber,
            Interruption::Deceased => Self::Deceased,
            Interruption::Minor => Self::Minor,
            Interruption::Hardship => Self::Hardship,
            Interruption::Crisis => Self::Crisis,
            Interruption::Language => Self::Language,
            Interruption::BadTime => Self::BadTime,
            Interruption::Person => Self::PersonRequested,
            Interruption::RecordingRefused => Self::RecordingRefused,
            Interruption::Refusal => Self::Refused,
        }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}
