//! What the store keeps, and the changes it takes.

use std::collections::BTreeSet;

use book::{
    AccountId, ComplianceRecord, ContactAttempt, ExternalId, PaymentTransaction, Record, RecordKind,
    record::{PaymentMethod, PaymentStatus},
};
use gate::wire::{Brand, Held, LastFour, Token};
use jiff::Timestamp;
use rules::money::Money;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::outbox::OutboxChange;
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

impl CallRow {
    /// The intent to dial: durable before any INVITE leaves, so that no call that was placed can be forgotten. It is concluded as
    /// any call is; where the gateway ends before, its next start concludes it.
    #[must_use]
    pub fn dialing(attempt: ContactAttempt) -> Self {
        let compliance = ComplianceRecord { account: attempt.account.clone(), ..ComplianceRecord::empty(attempt.call) };
        let (call, trunk, started_at) = (attempt.call, attempt.trunk.clone(), attempt.started_at);
        Self { call, trunk, started_at, attempt, compliance }
    }
}

/// How far a payment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The vault may submit it from now on.
    Submitted,
    /// The processor keeps the card, and its token is here; nothing was charged.
    Tokenised,
    /// The token may have been charged, under the key of the row.
    Charging,
    /// The token went to the account book, for somebody else to charge.
    HandedOn,
    /// The processor took it.
    Approved,
    /// The processor declined it.
    Declined,
    /// Nothing was charged, and nothing will be.
    Abandoned,
    /// The answer did not arrive: the processor must be asked by the payment's id.
    Unknown,
    /// It is being refunded, under the key of the row.
    Refunding,
    /// It was refunded.
    Refunded,
}

impl PaymentState {
    /// The states of which the processor must be read.
    pub const OPEN: [Self; 5] = [Self::Submitted, Self::Tokenised, Self::Charging, Self::Unknown, Self::Refunding];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Tokenised => "tokenised",
            Self::Charging => "charging",
            Self::HandedOn => "handed_on",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Abandoned => "abandoned",
            Self::Unknown => "unknown",
            Self::Refunding => "refunding",
            Self::Refunded => "refunded",
        }
    }

    pub(super) const ALL: [Self; 10] = [
        Self::Submitted,
        Self::Tokenised,
        Self::Charging,
        Self::HandedOn,
        Self::Approved,
        Self::Declined,
        Self::Abandoned,
        Self::Unknown,
        Self::Refunding,
        Self::Refunded,
    ];

    /// What a record of a payment says of its row, if anything.
    pub(super) fn told_by(record: &PaymentTransaction) -> Option<Self> {
        match record.status {
            PaymentStatus::Succeeded => Some(Self::Approved),
            PaymentStatus::Failed if record.failure.as_deref() == Some(DECLINED) => Some(Self::Declined),
            PaymentStatus::Failed => Some(Self::Abandoned),
            PaymentStatus::Refunded => Some(Self::Refunded),
            PaymentStatus::Initiated | PaymentStatus::Pending => None,
        }
    }
}

/// The failure of a payment that the processor declined, in its record.
pub const DECLINED: &str = "declined";

impl From<call::port::PaymentState> for PaymentState {
    fn from(state: call::port::PaymentState) -> Self {
        use call::port::PaymentState as Asked;
        match state {
            Asked::Submitted => Self::Submitted,
            Asked::Tokenised => Self::Tokenised,
            Asked::Charging => Self::Charging,
            Asked::HandedOn => Self::HandedOn,
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
    /// The random id by which the processor knows it, and the idempotency key that the vault submits under.
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
    /// By what it is paid.
    #[serde(default = "first_method")]
    pub method: PaymentMethod,
    /// The processor that it was opened for, by its name: no other one is asked about it.
    #[serde(default = "first_processor")]
    pub processor: String,
    /// How the gateway charges it by token, once it has one.
    #[serde(skip)]
    pub charge: Option<ChargeRow>,
    /// Its refund, once one was asked for and as long as it was not refused.
    #[serde(skip)]
    pub refund: Option<RefundRow>,
}

impl PaymentRow {
    /// Since when it is as it is: open payments and refunds count from different moments.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        match self.refund {
            Some(refund) if self.state == PaymentState::Refunding => refund.since,
            Some(_) | None => self.opened_at,
        }
    }
}

/// A refund that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundRow {
    /// Its idempotency key: random, kept before it is used.
    pub key: Uuid,
    /// When it was asked for first.
    pub since: Timestamp,
    /// When it was asked for last.
    pub asked_at: Timestamp,
}

/// What rows that do not say it were paid by.
const fn first_method() -> PaymentMethod {
    PaymentMethod::CardKeyed
}

/// The one processor of rows that name none.
fn first_processor() -> String {
    "sandbox".to_owned()
}

/// A charge by token, and what is needed to read it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargeRow {
    /// The idempotency key of the charge: random, kept before it is used.
    pub key: Uuid,
    /// What is charged.
    pub token: String,
    /// Its brand.
    pub brand: String,
    /// Its last four digits.
    pub last_four: String,
    /// The processor's own name for the payment, once it is made.
    pub reference: Option<String>,
}

impl ChargeRow {
    /// A charge that has not begun, under a new key.
    #[must_use]
    pub fn of(held: &Held) -> Self {
        Self {
            key: Uuid::new_v4(),
            token: held.token.as_str().to_owned(),
            brand: held.brand.name().to_owned(),
            last_four: held.last_four.as_str().to_owned(),
            reference: None,
        }
    }

    /// What is charged. `None` where the file was changed by something else.
    #[must_use]
    pub fn held(&self) -> Option<Held> {
        Some(Held {
            brand: Brand::named(&self.brand)?,
            last_four: LastFour::parse(&self.last_four).ok()?,
            token: Token::parse(&self.token).ok()?,
        })
    }

    /// The processor's own name for the payment.
    #[must_use]
    pub fn reference(&self) -> Option<Token> {
        Token::parse(self.reference.as_deref()?).ok()
    }
}

impl std::fmt::Debug for ChargeRow {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ChargeRow").field("key", &self.key).finish_non_exhaustive()
    }
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
    /// A payment's charge by token, as it is now.
    PaymentCharge {
        /// The payment.
        payment: Uuid,
        /// The charge.
        charge: Box<ChargeRow>,
        /// How far the payment has come with it.
        state: PaymentState,
        /// When.
        at: Timestamp,
    },
    /// A payment that is made is to be refunded: under this key, or under the one that it has already.
    PaymentRefund {
        /// The payment.
        payment: Uuid,
        /// The key: random, kept before it is used.
        key: Uuid,
        /// When.
        at: Timestamp,
    },
    /// The refund of a payment was refused: it stays paid, and the key is given up with the answer that belongs to it.
    PaymentRefundRefused {
        /// The payment.
        payment: Uuid,
        /// When.
        at: Timestamp,
    },
    /// How far a payment has come.
    PaymentState {
        /// The payment.
        payment: Uuid,
        /// How far it has come.
        state: PaymentState,
        /// When that was known.
        at: Timestamp,
    },
    /// A record for the account book. An attempt is given when it is over, not while it lasts. The record of a payment
    /// that is made, failed or refunded settles its row with it.
    Record(Box<Record>),
    /// Something for the audit chain.
    Audit(audit::Entry),
    /// A checkpoint of the audit chain as it is after what was written before.
    Checkpoint {
        /// When.
        at: Timestamp,
        /// Whether it need not go to the directory.
        kept: bool,
        /// Whether it need not go to the collector.
        posted: bool,
    },
    /// Checkpoints have arrived.
    CheckpointsShipped {
        /// Where.
        destination: Destination,
        /// The last of them; all before it have arrived, too.
        through: u64,
    },
    /// What became of an entry of the outbox.
    Outbox(OutboxChange),
    /// What was delivered is forgotten, to make room.
    DeliveredForgotten {
        /// When it was delivered at the latest.
        before: Timestamp,
    },
    /// A job of the account book takes entries of the outbox from now on.
    BulkJobBegun {
        /// The book's name for it.
        job: String,
        /// When.
        at: Timestamp,
    },
    /// The job is over, or there is no such job: nothing more comes of it.
    BulkJobOver {
        /// The book's name for it.
        job: String,
    },
    /// The book lacks what it took of a call: records of some kinds go into the outbox again.
    Redelivered {
        /// The call.
        call: Uuid,
        /// The kinds.
        kinds: BTreeSet<RecordKind>,
        /// When that was seen.
        at: Timestamp,
    },
}

impl Write {
    /// Whether something may be due in the outbox that was not before.
    pub(super) const fn fills_outbox(&self) -> bool {
        matches!(
            self,
            Self::Record(_)
                | Self::CallConcluded { .. }
                | Self::CallEnded { .. }
                | Self::Redelivered { .. }
                | Self::Outbox(OutboxChange::Replay { .. })
        )
    }
}

impl From<Record> for Write {
    fn from(record: Record) -> Self {
        Self::Record(Box::new(record))
    }
}

/// Where checkpoints of the audit chain go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Files in a directory.
    Directory,
    /// A collector.
    Collector,
}

impl Destination {
    /// The `destination` label.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Collector => "collector",
        }
    }
}

/// A checkpoint that has not arrived somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) number: u64,
    pub(crate) note: String,
    pub(crate) made_at: Timestamp,
}
