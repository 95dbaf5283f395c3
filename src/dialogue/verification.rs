//! Is this the right person? The expected values go in and never come out.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::digits::Digits;

/// Wrong answers allowed in one call, all factors together, before verification locks.
pub const TRIES: u8 = 3;
/// Factors that must match besides the affirmed name.
pub const FACTORS_NEEDED: usize = 2;

/// Something only the right person is expected to know. The caller's number is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// The date of birth: keyed as MMDDYYYY.
    DateOfBirth,
    /// The five digits of the postal code.
    PostalCode,
    /// The last four digits of the account reference.
    LastFour,
}

impl Factor {
    /// Every factor, in the order in which they are asked.
    pub const ALL: [Self; 3] = [Self::DateOfBirth, Self::PostalCode, Self::LastFour];
}

/// What the caller claims.
#[derive(Clone, PartialEq, Eq)]
pub enum Claim {
    /// To be the person who was asked for by name.
    Name,
    /// A date of birth.
    DateOfBirth(Date),
    /// A postal code: five digits.
    PostalCode(Digits),
    /// The last four digits of the account reference.
    LastFour(Digits),
}

impl Claim {
    /// The factor this claim is about; `None` for the name.
    #[must_use]
    pub fn factor(&self) -> Option<Factor> {
        match self {
            Self::Name => None,
            Self::DateOfBirth(_) => Some(Factor::DateOfBirth),
            Self::PostalCode(_) => Some(Factor::PostalCode),
            Self::LastFour(_) => Some(Factor::LastFour),
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.factor() {
            None => formatter.write_str("Claim(Name)"),
            Some(factor) => write!(formatter, "Claim({factor:?}, ..)"),
        }
    }
}

/// The answer to a claim. It says nothing of what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The claim agrees.
    Match,
    /// The claim does not agree, or there is nothing to compare it with.
    NoMatch,
    /// Too many wrong answers: no further claim is looked at on this call.
    Locked,
}

/// What the account says about the person. It cannot be printed, cloned or compared.
#[derive(Default)]
pub struct Expected {
    date_of_birth: Option<Date>,
    postal_code: Option<String>,
    last_four: Option<String>,
}

impl Expected {
    /// Takes what is on file. A postal code counts by its first five digits and a reference by its last four;
    /// where there are fewer, the factor is left out.
    #[must_use]
    pub fn new(date_of_birth: Option<Date>, postal_code: Option<&str>, reference: Option<&str>) -> Self {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let postal_code = postal_code.map(digits).and_then(|code| code.get(..5).map(str::to_owned));
        let last_four = reference.map(digits).and_then(|all| {
            let start = all.len().checked_sub(4)?;
            all.get(start..).map(str::to_owned)
        });
        Self { date_of_birth, postal_code, last_four }
    }

    fn has(&self, factor: Factor) -> bool {
        match factor {
            Factor::DateOfBirth => self.date_of_birth.is_some(),
            Factor::PostalCode => self.postal_code.is_some(),
            Factor::LastFour => self.last_four.is_some(),
        }
    }
}

/// The verification of one call: the name affirmed and two factors right, within [`TRIES`] wrong answers.
pub struct Verification {
    expected: Expected,
    name_affirmed: bool,
    matched: Vec<Factor>,
    wrong: u8,
}

impl Verification {
    /// A verification against what is on file. Leave the reference out of `expected` where the caller was found by
    /// it: what was used to look up an account proves nothing more.
    #[must_use]
    pub fn new(expected: Expected) -> Self {
        Self { expected, name_affirmed: false, matched: Vec::new(), wrong: 0 }
    }

    /// The factors that can be asked, in the order in which to ask them.
    #[must_use]
    pub fn factors(&self) -> Vec<Factor> {
        Factor::ALL.into_iter().filter(|factor| self.expected.has(*factor)).collect()
    }

    /// Judges a claim. A wrong one costs a try; a factor that already matched is not judged again.
    pub fn claim(&mut self, claim: &Claim) -> Answer {
        if self.is_locked() {
            return Answer::Locked;
        }
        let Some(factor) = claim.factor() else {
            self.name_affirmed = true;
            return Answer::Match;
        };
        if self.matched.contains(&factor) {
            return Answer::Match;
        }
        if self.agrees(claim) {
            self.matched.push(factor);
            return Answer::Match;
        }
        self.wrong += 1;
        if self.is_locked() { Answer::Locked } else { Answer::NoMatch }
    }

    /// Whether the right party is verified.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.name_affirmed && self.matched.len() >= FACTORS_NEEDED && !self.is_locked()
    }

    /// Wrong answers that may still be given.
    #[must_use]
    pub fn tries_left(&self) -> u8 {
        TRIES.saturating_sub(self.wrong)
    }

    /// Whether too many answers were wrong.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.wrong >= TRIES
    }

    fn agrees(&self, claim: &Claim) -> bool {
        let same = |expected: Option<&String>, claimed: &str| expected.is_some_and(|text| same_text(text, claimed));
        match claim {
            Claim::Name => true,
            Claim::DateOfBirth(date) => self.expected.date_of_birth.is_some_and(|expected| expected == *date),
            Claim::PostalCode(digits) => same(self.expected.postal_code.as_ref(), digits.as_str()),
            Claim::LastFour(digits) => same(self.expected.last_four.as_ref(), digits.as_str()),
        }
    }
}

/// Compares without stopping at the first difference.
fn same_text(expected: &str, claimed: &str) -> bool {
    let difference =
        expected.bytes().zip(claimed.bytes()).fold(0, |difference, (one, other)| difference | (one ^ other));
    difference == 0 && expected.len() == claimed.len()
}

impl fmt::Debug for Verification {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Verification").field("verified", &self.is_verified()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn verification() -> Verification {
        Verification::new(Expected::new(Some(date(1981, 3, 3)), Some("40219-1234"), Some("TG-20417319")))
    }

    fn postal(text: &str) -> Claim {
        Claim::PostalCode(Digits::parse(text).unwrap())
    }

    fn last_four(text: &str) -> Claim {
        Claim::LastFour(Digits::parse(text).unwrap())
    }

    #[test]
    fn the_name_and_any_two_factors_verify() {
        let pairs = [
            [Claim::DateOfBirth(date(1981, 3, 3)), postal("40219")],
            [postal("40219"), last_four("7319")],
            [last_four("7319"), Claim::DateOfBirth(date(1981, 3, 3))],
        ];
        for pair in pairs {
            let mut verification = verification();
            for claim in &pair {
                assert_eq!(verification.claim(claim), Answer::Match);
                assert!(!verification.is_verified());
            }
            assert_eq!(verification.claim(&Claim::Name), Answer::Match);
            assert!(verification.is_verified());
        }
    }

    #[test]
    fn one_factor_twice_is_one_factor() {
        let mut verification = verification();
        verification.claim(&Claim::Name);
        assert_eq!(verification.claim(&postal("40219")), Answer::Match);
        assert_eq!(verification.claim(&postal("40219")), Answer::Match);
        assert!(!verification.is_verified());
    }

    #[test]
    fn the_third_wrong_answer_locks_for_good() {
        let mut verification = verification();
        verification.claim(&Claim::Name);
        let wrong = [postal("40218"), last_four("7310"), Claim::DateOfBirth(date(1981, 3, 4))];
        let answers: Vec<_> = wrong.iter().map(|claim| verification.claim(claim)).collect();
        assert_eq!(answers, [Answer::NoMatch, Answer::NoMatch, Answer::Locked]);
        assert_eq!(verification.claim(&postal("40219")), Answer::Locked);
        assert!(!verification.is_verified());
    }

    #[test]
    fn what_is_not_on_file_is_neither_asked_nor_matched() {
        let mut verification = Verification::new(Expected::new(None, Some("402"), Some("12")));
        assert!(verification.factors().is_empty());
        assert_eq!(verification.claim(&postal("40219")), Answer::NoMatch);
    }

    #[test]
    fn a_prefix_is_no_match() {
        assert_eq!(verification().claim(&postal("4021")), Answer::NoMatch);
        assert_eq!(verification().claim(&last_four("319")), Answer::NoMatch);
    }

    #[test]
    fn nothing_expected_or_claimed_is_printed() {
        let text = format!("{:?} {:?}", verification(), postal("40219"));
        assert!(!text.chars().any(|character| character.is_ascii_digit()), "{text}");
    }
}
