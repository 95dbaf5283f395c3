//! The payment arrangement: what was agreed, with every due date.

use jiff::Timestamp;
use rules::arrangement::{Frequency, Instalment};
use rules::money::Money;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::external::ExternalId;
use crate::account::{AccountId, StrategyId};

/// What sort of arrangement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrangementKind {
    /// All of it at once.
    PayInFull,
    /// One payment on a later day.
    Promise,
    /// More than one payment.
    Installments,
    /// Less than is owed.
    Settlement,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrangementStatus {
    /// Offered.
    Proposed,
    /// A person must approve it.
    PendingApproval,
    /// Agreed: read back and affirmed.
    Active,
    /// Called off.
    Cancelled,
}

/// What was agreed in one call (Payment Arrangement).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentArrangement {
    /// [`ExternalId::arrangement`] of the call.
    pub external_id: ExternalId,
    /// The call.
    pub call: Uuid,
    /// The contact attempt it belongs to.
    pub attempt: ExternalId,
    /// The account.
    pub account: AccountId,
    /// The strategy whose bounds it keeps.
    pub strategy: StrategyId,
    /// What sort it is.
    pub kind: ArrangementKind,
    /// How far it has come.
    pub status: ArrangementStatus,
    /// What is paid in all.
    pub total: Money,
    /// Every payment with its due date.
    pub instalments: Vec<Instalment>,
    /// How often; `None` for a single payment.
    pub frequency: Option<Frequency>,
    /// What was owed when it was agreed.
    pub balance_at_creation: Money,
    /// Whether amount, count and dates were read back and affirmed.
    pub read_back_confirmed: bool,
    /// When it was agreed.
    pub agreed_at: Timestamp,
}
