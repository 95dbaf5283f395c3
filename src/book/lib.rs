//! The account book: accounts, strategies, records and the outbox.
//!
//! These are the types that every book shares, the embedded one and Salesforce alike. Nothing here touches a file
//! or a clock. What is personal does not show itself in `Debug`.

pub mod account;
pub mod breaker;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod import;
pub mod outbound;
pub mod outbox;
pub mod phone;
pub mod queue;
pub mod reconciliation;
pub mod record;
mod redact;
pub mod salesforce;
pub mod vetting;

pub use account::{Account, AccountId, AssignmentId, Found, LookUp, LookupKey, Name, Reference, Strategy, StrategyId};
pub use phone::Phone;
pub use record::{
    AccountUpdate, ComplianceRecord, ContactAttempt, ExternalId, PaymentArrangement, PaymentTransaction, Record,
    RecordKind,
};
