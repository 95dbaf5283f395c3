//! Names of objects and fields: the only words of a statement that are not Salesforce's own, and they come from the mapping.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::Deserialize;

/// Longest name: a namespace of 15, a name of 40, `__` twice and a suffix.
const MOST_CHARACTERS: usize = 80;
/// Most relationships that a path crosses (SOQL and SOSL Reference, "Relationship Query Limitations").
const MOST_RELATIONSHIPS: usize = 5;

/// The text cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Empty or too long.
    #[error("a name has 1 to {MOST_CHARACTERS} characters")]
    Length,
    /// It begins with something but a letter, or holds something but letters, digits and underscores.
    #[error("a name begins with a letter and has letters, digits and underscores only")]
    Character,
    /// Too many dots.
    #[error("a path crosses at most {MOST_RELATIONSHIPS} relationships")]
    Relationships,
}

/// The API name of an object, field or relationship, such as `cxp__Balance_Outstanding__c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Cow<'_, str>")]
pub struct ApiName(String);

impl ApiName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        check(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<Cow<'_, str>> for ApiName {
    type Error = InvalidName;

    fn try_from(text: Cow<'_, str>) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl fmt::Display for ApiName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A field, or a field of a parent: `Name`, `cxp__Debtor__r.Birthdate`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Cow<'_, str>")]
pub struct FieldPath(String);

impl FieldPath {
    /// The path as SOQL has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its names, relationships first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// The same field, from an object that has this one as a parent.
    ///
    /// # Errors
    /// [`InvalidName::Relationships`] where that crosses too many.
    pub fn under(&self, relationship: &ApiName) -> Result<Self, InvalidName> {
        format!("{relationship}.{self}").parse()
    }

    /// Whether it is a field of the object itself, and not of a parent: only such can be written.
    #[must_use]
    pub fn is_own(&self) -> bool {
        !self.0.contains('.')
    }
}

impl FromStr for FieldPath {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.split('.').count() > MOST_RELATIONSHIPS + 1 {
            return Err(InvalidName::Relationships);
        }
        text.split('.').try_for_each(check)?;
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<Cow<'_, str>> for FieldPath {
    type Error = InvalidName;

    fn try_from(text: Cow<'_, str>) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<ApiName> for FieldPath {
    fn from(name: ApiName) -> Self {
        Self(name.0)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn check(name: &str) -> Result<(), InvalidName> {
    if !(1..=MOST_CHARACTERS).contains(&name.len()) {
        return Err(InvalidName::Length);
    }
    let is_named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if is_named && begins { Ok(()) } else { Err(InvalidName::Character) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_are_checked() {
        for name in ["Id", "cxp__Balance_Outstanding__c", "CollectionPlan", "PaymentTransaction__e"] {
            assert_eq!(name.parse::<ApiName>().unwrap().as_str(), name);
        }
        for (name, why) in [
            ("", InvalidName::Length),
            (&*"a".repeat(81), InvalidName::Length),
            ("1st", InvalidName::Character),
            ("_x", InvalidName::Character),
            ("Name FROM Account", InvalidName::Character),
            ("Name'", InvalidName::Character),
            ("Debtor__r.Name", InvalidName::Character),
        ] {
            assert_eq!(name.parse::<ApiName>(), Err(why), "{name}");
        }
        let path: FieldPath = "cxp__Debtor__r.Birthdate".parse().unwrap();
        assert_eq!((path.names().count(), path.is_own()), (2, false));
        let parent = "cxp__Account__r".parse().unwrap();
        assert_eq!(path.under(&parent).unwrap().as_str(), "cxp__Account__r.cxp__Debtor__r.Birthdate");
        assert_eq!("a.b.c.d.e.f".parse::<FieldPath>().unwrap().under(&parent), Err(InvalidName::Relationships));
        assert_eq!("a.b.c.d.e.f.g".parse::<FieldPath>(), Err(InvalidName::Relationships));
        for path in ["a..b", ".a", "a."] {
            assert_eq!(path.parse::<FieldPath>(), Err(InvalidName::Length), "{path}");
        }
    }
}
