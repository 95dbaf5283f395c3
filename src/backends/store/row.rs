//! What the store keeps, and the changes it takes.

use book::{AccountId, ComplianceRecord, ContactAttempt, ExternalId, Record};
use jiff::Timestamp;
use rules::money::Money;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit;

/// A call as it is accepted. Durable before 200 OK, so that no answered call can vanish.
#[derive(Clone, Debug)]
pub struct CallRow {
    /// The call.
    pub call: Uuid,
    /// The trunk it came by.
    pub trunk: String,
    /// When it began to ring.
    pub started_at: Timestamp,
    /// The attempt as it would be told if the gateway stopped now.
    pub attempt: ContactAttempt,
    /// The compliance record likewise.
    pub compliance: ComplianceRecord,
}

/// How far a payment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The vault may submit it from now on.
    Submitted,
    /// The processor took it.
    Approved,
    /// The processor declined it.
    Declined,
    /// No card was submitted.
    Abandoned,
    /// The answer did not arrive: the processor must be asked by the payment's id.
    Unknown,
}

impl PaymentState {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Abandoned => "abandoned",
            Self::Unknown => "unknown",
        }
    }

    pub(super) const ALL: [Self; 5] = [Self::Submitted, Self::Approved, Self::Declined, Self::Abandoned, Self::Unknown];
}

impl From<call::port::PaymentState> for PaymentState {
    fn from(state: call::port::PaymentState) -> Self {
        use call::port::PaymentState as Asked;
        match state {
            Asked::Submitted => Self::Submitted,
            Asked::Approved => Self::Approved,
            Asked::Declined => Self::Declined,
            Asked::Abandoned => Self::Abandoned,
            Asked::Unknown => Self::Unknown,
        }
    }
}

/// A payment. Durable before a card is submitted, and never holding one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentRow {
    /// The random id by which the processor knows it: its idempotency key.
    pub payment: Uuid,
    /// The call.
    pub call: Uuid,
    /// The account that is paid.
    pub account: AccountId,
    /// The arrangement it pays, where there is one.
    pub arrangement: Option<ExternalId>,
    /// What is to be paid.
    pub amount: Money,
    /// How far it has come.
    pub state: PaymentState,
    /// When it was opened.
    pub opened_at: Timestamp,
}

impl std::fmt::Debug for PaymentRow {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PaymentRow")
            .field("payment", &self.payment)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// One change. Changes given together are written together or not at all.
#[derive(Clone, Debug)]
pub enum Write {
    /// A call is accepted.
    CallStarted(Box<CallRow>),
    /// What would be told of the call if the gateway stopped now.
    CallProgress {
        /// The attempt so far; it names the call.
        attempt: Box<ContactAttempt>,
        /// The compliance record so far.
        compliance: Box<ComplianceRecord>,
    },
    /// A call is over. Its dialog leaves the journal and needs no BYE any more.
    CallEnded {
        /// The call.
        call: Uuid,
        /// When.
        at: Timestamp,
        /// Why, by the gateway's name for it.
        reason: String,
    },
    /// A call is over and all of it is known: its last audit entry, its records, its end, in one piece. The compliance
    /// record's evidence becomes the hash of that entry.
    CallConcluded {
        /// The attempt; it names the call.
        attempt: Box<ContactAttempt>,
        /// The compliance record.
        compliance: Box<ComplianceRecord>,
        /// The call's last audit entry; its moment is the call's end.
        entry: audit::Entry,
        /// Why the call ended, by the gateway's name for it.
        reason: String,
    },
    /// The dialog as it must be known to send BYE after a crash.
    DialogSaved {
        /// The call.
        call: Uuid,
        /// The dialog's journal, as JSON.
        journal: String,
    },
    /// The dialog is over.
    DialogRemoved {
        /// The call.
        call: Uuid,
    },
    /// A payment may be submitted once this is durable.
    PaymentOpened(Box<PaymentRow>),
    /// What became of a payment.
    PaymentState {
        /// The payment.
        payment: Uuid,
        /// How far it has come.
        state: PaymentState,
        /// When that was known.
        at: Timestamp,
    },
    /// A record for the account book. An attempt is given when it is over, not while it lasts.
    Record(Box<Record>),
    /// Something for the audit chain.
    Audit(audit::Entry),
    /// What became of an entry of the outbox.
    Outbox(OutboxChange),
}

impl From<Record> for Write {
    fn from(record: Record) -> Self {
        Self::Record(Box::new(record))
    }
}

/// A record waiting for the account book.
#[derive(Clone, Debug)]
pub struct OutboxEntry {
    /// Its number; records of one account go in this order.
    pub entry: i64,
    /// How often it was tried.
    pub tries: u32,
    /// The record; `None` where the entry cannot be read, which no trying again will mend.
    pub record: Option<Record>,
}

/// What became of an entry of the outbox.
#[derive(Clone, Copy, Debug)]
pub enum OutboxChange {
    /// The book has it.
    Delivered {
        /// The entry.
        entry: i64,
    },
    /// It will be tried again.
    Retry {
        /// The entry.
        entry: i64,
        /// How often it was tried so far.
        tries: u32,
        /// When it may be tried again.
        at: Timestamp,
    },
    /// A person must look at it.
    Park {
        /// The entry.
        entry: i64,
        /// How often it was tried.
        tries: u32,
    },
}

/// How full the outbox is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxDepth {
    /// Entries waiting.
    pub waiting: u64,
    /// Entries parked.
    pub parked: u64,
    /// When the oldest waiting entry was written.
    pub oldest: Option<Timestamp>,
    /// When the next waiting entry may be tried.
    pub next: Option<Timestamp>,
}
