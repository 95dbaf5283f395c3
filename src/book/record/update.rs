//! The account update: flags that a call set, which bind from then on.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rules::contact::Flag;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::external::ExternalId;
use crate::account::AccountId;

/// Flags to set on an account. A call never clears one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountUpdate {
    /// [`ExternalId::update`] of the call.
    pub external_id: ExternalId,
    /// The call.
    pub call: Uuid,
    /// The account.
    pub account: AccountId,
    /// The flags to set.
    pub set: BTreeSet<Flag>,
    /// When the person said so.
    pub at: Timestamp,
}
