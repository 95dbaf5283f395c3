//! Accounts, strategies, and what finds them.

use jiff::civil::Date;
use rules::arrangement::Bounds;
use rules::contact::Flags;
use rules::money::Money;
use serde::{Deserialize, Serialize};

use crate::phone::Phone;
use crate::redact::redacted_debug;

/// Longest external id, reference or strategy id: what an external id field of Salesforce holds.
const MOST_ID_CHARACTERS: usize = 64;
/// Shortest reference that a caller may give.
const FEWEST_REFERENCE_CHARACTERS: usize = 4;

/// The text cannot be an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Empty, too short, or longer than 64 characters.
    #[error("must have from 1 to 64 characters, a reference at least 4")]
    Length,
    /// A character that is neither a letter, a digit, a hyphen nor an underscore.
    #[error("may hold only letters, digits, hyphens and underscores")]
    Character,
}

/// Declares an identifier: checked text that does not show itself.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $fewest:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        redacted_debug!($name);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// [`IdError`] where it cannot be such an identifier.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check_id(text, $fewest)?;
                Ok(Self(text.to_owned()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                check_id(&text, $fewest)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

identifier! {
    /// The external id of a Collection Account: the same in every book.
    AccountId, 1
}
identifier! {
    /// The reference printed on a person's letters, which a caller can say or key.
    Reference, FEWEST_REFERENCE_CHARACTERS
}
identifier! {
    /// The id of a strategy.
    StrategyId, 1
}
identifier! {
    /// The id of an assignment to the call queue, under which it is acted on once.
    AssignmentId, 1
}

fn check_id(text: &str, fewest: usize) -> Result<(), IdError> {
    if !(fewest..=MOST_ID_CHARACTERS).contains(&text.len()) {
        return Err(IdError::Length);
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if text.bytes().all(is_allowed) { Ok(()) } else { Err(IdError::Character) }
}

impl Reference {
    /// The last four characters, one of the verification factors.
    #[must_use]
    pub fn last_four(&self) -> &str {
        self.0.get(self.0.len().saturating_sub(4)..).unwrap_or(&self.0)
    }
}

/// The parts of a person's name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Name {
    /// Given names.
    pub given: String,
    /// Family name.
    pub family: String,
}

redacted_debug!(Name, Account);

/// A Collection Account, as much of it as a call needs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The account's id in every book.
    pub id: AccountId,
    /// The reference on letters.
    pub reference: Reference,
    /// Who owes.
    pub name: Name,
    /// The person's number.
    pub phone: Phone,
    /// Verification factor.
    pub date_of_birth: Date,
    /// Verification factor.
    pub postal_code: String,
    /// What is owed now.
    pub balance: Money,
    /// To whom it is owed.
    pub creditor: String,
    /// What forbids or changes a talk.
    pub flags: Flags,
    /// The language to talk in, as BCP 47: `en`, `es`, `en-US`.
    pub language: String,
    /// The person's time zone by its IANA name.
    pub time_zone: String,
    /// What may be arranged.
    pub strategy: StrategyId,
}

/// Whether this can be a postal code: 3 to 10 letters, digits, blanks and hyphens.
pub(crate) fn is_postal_code(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-');
    (3..=10).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// Whether this is a language tag as accounts have it: a language, and a region where it matters (BCP 47).
pub(crate) fn is_language(text: &str) -> bool {
    let (language, region) = text.split_once('-').map_or((text, None), |(one, two)| (one, Some(two)));
    let is_language = matches!(language.len(), 2 | 3) && language.bytes().all(|byte| byte.is_ascii_lowercase());
    is_language && region.is_none_or(|region| region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// What may be arranged on the accounts that follow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// The strategy's id.
    pub id: StrategyId,
    /// Its name among people.
    pub name: String,
    /// The limits of arrangements.
    pub bounds: Bounds,
}

/// What a look-up goes by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LookupKey {
    /// The caller's number. It finds an account; it verifies nobody.
    Number(Phone),
    /// The reference that the caller gave.
    Reference(Reference),
    /// The account itself, to read its flags and balance again.
    Account(AccountId),
}

/// An account with its strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The account.
    pub account: Account,
    /// The strategy that the account names.
    pub strategy: Strategy,
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// No account.
    Nothing,
    /// One account.
    Found(Box<Found>),
    /// More than one account, so that a reference must decide.
    Several,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_checked() {
        assert_eq!(AccountId::parse(""), Err(IdError::Length));
        assert_eq!(AccountId::parse(&"a".repeat(65)), Err(IdError::Length));
        assert_eq!(Reference::parse("123"), Err(IdError::Length));
        assert_eq!(StrategyId::parse("a' OR 1=1"), Err(IdError::Character));
        assert_eq!(Reference::parse("40017731").unwrap().last_four(), "7731");
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key = LookupKey::Reference(Reference::parse("40017731").unwrap());
        assert_eq!(format!("{key:?}"), "Reference(Reference { .. })");
    }
}
