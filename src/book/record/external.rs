//! External ids: the idempotency keys of records.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::update::AccountUpdate;

/// Longest external id a book takes.
const MOST_CHARACTERS: usize = 64;
/// Where the names of records are unique. It was drawn once, and never changes: every id hangs on it.
const NAMESPACE: Uuid = Uuid::from_u128(0x5c1f_7f7a_0c2e_4e0b_9a0d_3d6f_52a8_b1c4);

/// An id that a record keeps whenever it is made again from the same call or payment: a UUID of version 5 (RFC 9562, section 5.5).
///
/// It is made of a random id, the kind of record and a number, and so tells nothing of a person.
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
        Self::named(&format!("attempt/{call}"))
    }

    /// The compliance record of a call.
    #[must_use]
    pub fn compliance(call: Uuid) -> Self {
        Self::named(&format!("compliance/{call}"))
    }

    /// The arrangement with this number, from 1, of a call.
    #[must_use]
    pub fn arrangement(call: Uuid, number: u16) -> Self {
        Self::named(&format!("arrangement/{call}/{number}"))
    }

    /// The transaction of a payment, by the payment's own random id.
    #[must_use]
    pub fn payment(payment: Uuid) -> Self {
        Self::named(&format!("payment/{payment}"))
    }

    /// The account update with this number, from 1, of a call.
    #[must_use]
    pub fn update(call: Uuid, number: u16) -> Self {
        Self::named(&format!("update/{call}/{number}"))
    }

    /// The dispute that an account update tells of; one for each update.
    #[must_use]
    pub fn dispute(update: &AccountUpdate) -> Self {
        Self::named(&format!("dispute/{}", update.external_id))
    }

    fn named(name: &str) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rules::account_data::masked;

    use super::*;

    #[test]
    fn each_record_of_a_call_has_an_id_of_its_own_that_is_always_the_same() {
        let call = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
        let made = || {
            [
                ExternalId::attempt(call),
                ExternalId::compliance(call),
                ExternalId::arrangement(call, 1),
                ExternalId::arrangement(call, 2),
                ExternalId::payment(call),
                ExternalId::update(call, 1),
            ]
        };
        assert_eq!(made().into_iter().collect::<BTreeSet<_>>().len(), made().len());
        assert_eq!(made(), made());
        assert_eq!(
            ExternalId::attempt(call).as_str(),
            "1769fb3e-fbb5-5299-9cfe-e5d68cc5e369",
            "whatever is in an org hangs on it"
        );
        for id in made() {
            assert_eq!(id.as_str().parse::<Uuid>().unwrap().get_version_num(), 5);
        }
    }

    #[test]
    fn no_id_is_taken_for_a_card_number() {
        for number in 0..200_000 {
            let id = ExternalId::attempt(Uuid::from_u128(number));
            assert!(matches!(masked(id.as_str()), std::borrow::Cow::Borrowed(_)), "the one of {number}");
        }
    }
}
