//! The seven objects that the gateway reads and writes, by their logical names and fields.
//!
//! Names are those of CollectXpert's objects, of which no schema is published; any object of an org that has such fields will
//! do, and the mapping says which.

pub mod account;
pub mod arrangement;
pub mod attempt;
pub mod compliance;
pub mod dispute;
pub mod payment;
pub mod strategy;
#[cfg(test)]
mod tests;

use super::field::Field;

/// One of the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// A debt, with who owes it and what forbids a talk about it.
    CollectionAccount,
    /// What may be arranged.
    CollectionStrategy,
    /// One call.
    ContactAttempt,
    /// What was agreed.
    PaymentArrangement,
    /// What was disputed.
    Dispute,
    /// One payment.
    PaymentTransaction,
    /// What was disclosed and asked for in one call.
    ComplianceRecord,
}

impl Object {
    /// Every object, in the order in which the rows of a call are written: parents first, what must be there before what
    /// depends on it.
    pub const ALL: [Self; 7] = [
        Self::CollectionAccount,
        Self::CollectionStrategy,
        Self::ContactAttempt,
        Self::PaymentArrangement,
        Self::Dispute,
        Self::PaymentTransaction,
        Self::ComplianceRecord,
    ];

    /// Its name in mappings and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CollectionAccount => "collection_account",
            Self::CollectionStrategy => "collection_strategy",
            Self::ContactAttempt => "contact_attempt",
            Self::PaymentArrangement => "payment_arrangement",
            Self::Dispute => "dispute",
            Self::PaymentTransaction => "payment_transaction",
            Self::ComplianceRecord => "compliance_record",
        }
    }

    /// Its fields.
    #[must_use]
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::CollectionAccount => account::FIELDS,
            Self::CollectionStrategy => strategy::FIELDS,
            Self::ContactAttempt => attempt::FIELDS,
            Self::PaymentArrangement => arrangement::FIELDS,
            Self::Dispute => dispute::FIELDS,
            Self::PaymentTransaction => payment::FIELDS,
            Self::ComplianceRecord => compliance::FIELDS,
        }
    }

    /// The field by which its rows are written and linked to.
    #[must_use]
    pub const fn external_id(self) -> Field {
        match self {
            Self::CollectionAccount => account::EXTERNAL_ID,
            Self::CollectionStrategy => strategy::EXTERNAL_ID,
            Self::ContactAttempt => attempt::EXTERNAL_ID,
            Self::PaymentArrangement => arrangement::EXTERNAL_ID,
            Self::Dispute => dispute::EXTERNAL_ID,
            Self::PaymentTransaction => payment::EXTERNAL_ID,
            Self::ComplianceRecord => compliance::EXTERNAL_ID,
        }
    }

    /// Whether calls make rows of it. Those of the others exist before, and calls read them or change them at most.
    #[must_use]
    pub const fn is_created(self) -> bool {
        match self {
            Self::CollectionAccount | Self::CollectionStrategy => false,
            Self::ContactAttempt
            | Self::PaymentArrangement
            | Self::Dispute
            | Self::PaymentTransaction
            | Self::ComplianceRecord => true,
        }
    }
}
