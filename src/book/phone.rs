//! Telephone numbers in the international form of ITU-T E.164.

use phonenumber::country::Id;
use serde::{Deserialize, Serialize};

use crate::redact::redacted_debug;

/// Longest text tried as a number; anything longer is no number and costs no parsing.
const MOST_CHARACTERS: usize = 40;

/// A valid telephone number as `+` and at most fifteen digits (ITU-T E.164 §6.2.1).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

redacted_debug!(Phone);

/// The text is not a valid telephone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid telephone number in international or North American form")]
pub struct NotANumber;

impl Phone {
    /// Reads a number as a person or a carrier writes it. One without a country code is North American.
    ///
    /// # Errors
    /// [`NotANumber`] where no subscriber can have such a number.
    pub fn parse(text: &str) -> Result<Self, NotANumber> {
        if text.len() > MOST_CHARACTERS {
            return Err(NotANumber);
        }
        let number = phonenumber::parse(Some(Id::US), text).map_err(|_| NotANumber)?;
        if number.extension().is_some() || !number.is_valid() {
            return Err(NotANumber);
        }
        Ok(Self(number.format().mode(phonenumber::Mode::E164).to_string()))
    }

    /// The number as `+` and digits.
    #[must_use]
    pub fn as_e164(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Phone {
    type Error = NotANumber;

    fn try_from(text: String) -> Result<Self, NotANumber> {
        Self::parse(&text)
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> Self {
        phone.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_number_has_one_form() {
        for text in ["+12025550143", "+1 202-555-0143", "(202) 555-0143", "12025550143", "2025550143"] {
            assert_eq!(Phone::parse(text).unwrap().as_e164(), "+12025550143", "{text}");
        }
        assert_eq!(Phone::parse("+442079460018").unwrap().as_e164(), "+442079460018");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "anonymous", "0", "+1", "+1 202 555", "911", "+12025550143 ext. 5", "+999999999999999"] {
            assert_eq!(Phone::parse(text), Err(NotANumber), "{text}");
        }
        assert_eq!(Phone::parse(&"2".repeat(5_000)), Err(NotANumber));
    }

    #[test]
    fn a_number_does_not_show_itself() {
        assert_eq!(format!("{:?}", Phone::parse("+12025550143").unwrap()), "Phone { .. }");
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".{0,60}") {
            if let Ok(phone) = Phone::parse(&text) {
                prop_assert_eq!(Phone::parse(phone.as_e164()), Ok(phone));
            }
        }
    }
}
