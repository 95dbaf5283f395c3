//! External ids: the idempotency keys of records.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::update::AccountUpdate;

/// Longest external id a book takes.
const MOST_CHARACTERS: usize = 64;

/// An id that a record keeps whenever it is made again from the same call or payment.
///
/// It holds a random id and the kind of record, and so tells nothing of a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExternalId(String);

/// The text cannot be an external id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an external id has from 1 to 64 letters, digits and hyphens")]
pub struct InvalidExternalId;

impl ExternalId {
    /// The contact attempt of a call.
    #[must_use]
    pub fn attempt(call: Uuid) -> Self {
        Self(format!("attempt-{call}"))
    }

    /// The compliance record of a call.
    #[must_use]
    pub fn compliance(call: Uuid) -> Self {
        Self(format!("compliance-{call}"))
    }

    /// The arrangement with this number, from 1, of a call.
    #[must_use]
    pub fn arrangement(call: Uuid, number: u16) -> Self {
        Self(format!("arrangement-{call}-{number}"))
    }

    /// The transaction of a payment, by the payment's own random id.
    #[must_use]
    pub fn payment(payment: Uuid) -> Self {
        Self(format!("payment-{payment}"))
    }

    /// The account update with this number, from 1, of a call.
    #[must_use]
    pub fn update(call: Uuid, number: u16) -> Self {
        Self(format!("update-{call}-{number}"))
    }

    /// The dispute that an account update tells of; one for each update.
    #[must_use]
    pub fn dispute(update: &AccountUpdate) -> Self {
        let number = update.external_id.0.strip_prefix("update");
        Self(number.map_or_else(|| format!("dispute-{}", update.call), |number| format!("dispute{number}")))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ExternalId {
    type Error = InvalidExternalId;

    fn try_from(text: String) -> Result<Self, InvalidExternalId> {
        let is_allowed = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if text.is_empty() || text.len() > MOST_CHARACTERS || !is_allowed {
            return Err(InvalidExternalId);
        }
        Ok(Self(text))
    }
}

impl From<ExternalId> for String {
    fn from(id: ExternalId) -> Self {
        id.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
