//! What a call writes into the account book.
//!
//! Every record has an external id made from the call or the payment it tells of, so that writing it twice leaves one.

mod arrangement;
mod attempt;
mod compliance;
mod external;
mod payment;
mod update;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use arrangement::{ArrangementKind, ArrangementStatus, PaymentArrangement};
pub use attempt::{AttemptStatus, ContactAttempt, Direction, Disposition, Outcome, RecordingConsent};
pub use compliance::{ComplianceRecord, DebtorRequest, Delivery, Disclosure, DisclosureKind};
pub use external::{ExternalId, InvalidExternalId};
pub use payment::{Card, InvalidCard, PaymentMethod, PaymentStatus, PaymentTransaction};
pub use update::AccountUpdate;

use crate::account::AccountId;
use crate::redact::redacted_debug;

redacted_debug!(ContactAttempt, ComplianceRecord, PaymentArrangement, PaymentTransaction, AccountUpdate);

/// One record of any kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// One call.
    ContactAttempt(ContactAttempt),
    /// What was disclosed and asked for in one call.
    ComplianceRecord(ComplianceRecord),
    /// What was agreed.
    PaymentArrangement(PaymentArrangement),
    /// One payment.
    PaymentTransaction(PaymentTransaction),
    /// Flags that a call set.
    AccountUpdate(AccountUpdate),
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// [`ContactAttempt`].
    ContactAttempt,
    /// [`ComplianceRecord`].
    ComplianceRecord,
    /// [`PaymentArrangement`].
    PaymentArrangement,
    /// [`PaymentTransaction`].
    PaymentTransaction,
    /// [`AccountUpdate`].
    AccountUpdate,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::ContactAttempt,
        Self::ComplianceRecord,
        Self::PaymentArrangement,
        Self::PaymentTransaction,
        Self::AccountUpdate,
    ];

    /// The kind's name in stores and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ContactAttempt => "contact_attempt",
            Self::ComplianceRecord => "compliance_record",
            Self::PaymentArrangement => "payment_arrangement",
            Self::PaymentTransaction => "payment_transaction",
            Self::AccountUpdate => "account_update",
        }
    }

    /// Whether it must be kept of every call: that it was made, what was said in it, and what was forbidden.
    #[must_use]
    pub const fn is_mandatory(self) -> bool {
        match self {
            Self::ContactAttempt | Self::ComplianceRecord | Self::AccountUpdate => true,
            Self::PaymentArrangement | Self::PaymentTransaction => false,
        }
    }
}

impl Record {
    /// What kind of record it is.
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        match self {
            Self::ContactAttempt(_) => RecordKind::ContactAttempt,
            Self::ComplianceRecord(_) => RecordKind::ComplianceRecord,
            Self::PaymentArrangement(_) => RecordKind::PaymentArrangement,
            Self::PaymentTransaction(_) => RecordKind::PaymentTransaction,
            Self::AccountUpdate(_) => RecordKind::AccountUpdate,
        }
    }

    /// The id that makes writing it idempotent.
    #[must_use]
    pub const fn external_id(&self) -> &ExternalId {
        match self {
            Self::ContactAttempt(record) => &record.external_id,
            Self::ComplianceRecord(record) => &record.external_id,
            Self::PaymentArrangement(record) => &record.external_id,
            Self::PaymentTransaction(record) => &record.external_id,
            Self::AccountUpdate(record) => &record.external_id,
        }
    }

    /// The account it belongs to; a call whose caller was never identified has none.
    #[must_use]
    pub const fn account(&self) -> Option<&AccountId> {
        match self {
            Self::ContactAttempt(record) => record.account.as_ref(),
            Self::ComplianceRecord(record) => record.account.as_ref(),
            Self::PaymentArrangement(record) => Some(&record.account),
            Self::PaymentTransaction(record) => Some(&record.account),
            Self::AccountUpdate(record) => Some(&record.account),
        }
    }

    /// The call it tells of.
    #[must_use]
    pub const fn call(&self) -> Uuid {
        match self {
            Self::ContactAttempt(record) => record.call,
            Self::ComplianceRecord(record) => record.call,
            Self::PaymentArrangement(record) => record.call,
            Self::PaymentTransaction(record) => record.call,
            Self::AccountUpdate(record) => record.call,
        }
    }
}

macro_rules! record_from {
    ($($type:ident),+ $(,)?) => {
        $(impl From<$type> for Record {
            fn from(record: $type) -> Self {
                Self::$type(record)
            }
        })+
    };
}

record_from!(ContactAttempt, ComplianceRecord, PaymentArrangement, PaymentTransaction, AccountUpdate);

#[cfg(test)]
mod tests;
