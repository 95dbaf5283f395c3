//! What a recogniser may expect while the collector listens, and what a transcript means there.
//!
//! `speech` builds a recogniser from [`GrammarId::jsgf`] and [`GrammarId::words`]; the collector reads every transcript
//! with [`GrammarId::parse`], whichever engine made it.

mod jsgf;

use jiff::civil::Date;

use crate::digits::{Digits, KeyRun};
use crate::hear::{
    Amount, Interruption, Terms, Words, YesNo, asks_to_repeat, interruption, keyed_date, name_affirmed, spoken_date,
    spoken_digits, spoken_terms, yes_or_no,
};

/// The fewest digits of an account reference.
pub const LEAST_REFERENCE: usize = 4;
/// The most digits of an account reference: as many as a menu may take.
pub const MOST_REFERENCE: usize = crate::digits::MAX_DIGITS;

/// One set of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GrammarId {
    /// Yes or no.
    YesNo,
    /// Whether the caller is the person asked for.
    Name,
    /// A date of birth.
    DateOfBirth,
    /// An account reference of four to eight digits.
    Reference,
    /// A postal code of five digits.
    PostalCode,
    /// The last four digits of the reference.
    LastFour,
    /// Whether the balance can be paid, or what else.
    PayInFull,
    /// An amount each time, or a number of payments.
    PlanTerms,
    /// Whether a plan will do, or what else.
    AcceptPlan,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Understood {
    /// Yes.
    Yes,
    /// No.
    No,
    /// These digits.
    Digits(Digits),
    /// This date.
    Date(Date),
    /// These terms.
    Terms(Terms),
    /// Something that ends the conversation.
    Interruption(Interruption),
    /// The caller wants to hear the last line again.
    Repeat,
    /// Something, but not an answer.
    Nothing,
}

impl GrammarId {
    /// Every grammar.
    pub const ALL: [Self; 9] = [
        Self::YesNo,
        Self::Name,
        Self::DateOfBirth,
        Self::Reference,
        Self::PostalCode,
        Self::LastFour,
        Self::PayInFull,
        Self::PlanTerms,
        Self::AcceptPlan,
    ];

    /// The stable name: of a recogniser, a file, a timeline entry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::YesNo => "yes_no",
            Self::Name => "name",
            Self::DateOfBirth => "date_of_birth",
            Self::Reference => "reference",
            Self::PostalCode => "postal_code",
            Self::LastFour => "last_four",
            Self::PayInFull => "pay_in_full",
            Self::PlanTerms => "plan_terms",
            Self::AcceptPlan => "accept_plan",
        }
    }

    /// The grammar as JSGF, public rule `<answer>`, with what can be said at any time in every one. Lower case, no
    /// unbounded loops, every word in [`GrammarId::words`].
    #[must_use]
    pub fn jsgf(self) -> String {
        jsgf::of(self)
    }

    /// The words of the grammar, sorted, each once: what a recogniser's dictionary has to hold.
    #[must_use]
    pub fn words(self) -> Vec<String> {
        jsgf::words(&self.jsgf())
    }

    /// The grammar with a long run of digits as one more answer: what somebody says who was asked for no such thing.
    #[must_use]
    pub fn jsgf_or_number(self) -> String {
        jsgf::or_number(self)
    }

    /// The name of that grammar.
    #[must_use]
    pub const fn name_or_number(self) -> &'static str {
        match self {
            Self::YesNo => "yes_no_or_number",
            Self::Name => "name_or_number",
            Self::DateOfBirth => "date_of_birth_or_number",
            Self::Reference => "reference_or_number",
            Self::PostalCode => "postal_code_or_number",
            Self::LastFour => "last_four_or_number",
            Self::PayInFull => "pay_in_full_or_number",
            Self::PlanTerms => "plan_terms_or_number",
            Self::AcceptPlan => "accept_plan_or_number",
        }
    }

    /// The words of a grammar's text, sorted, each once.
    #[must_use]
    pub fn words_of(jsgf: &str) -> Vec<String> {
        jsgf::words(jsgf)
    }

    /// What a transcript means here. What can be said at any time goes first.
    #[must_use]
    pub fn parse(self, transcript: &str) -> Understood {
        let words = Words::of(transcript);
        if let Some(interruption) = interruption(&words) {
            return Understood::Interruption(interruption);
        }
        if let Some(answer) = self.answer(&words) {
            return answer;
        }
        if asks_to_repeat(&words) { Understood::Repeat } else { Understood::Nothing }
    }

    /// What keys mean here. For yes-or-no questions 1 is yes, 2 is no, 9 stops all calls and 0 asks for a person.
    #[must_use]
    pub fn parse_keys(self, keys: &KeyRun) -> Understood {
        let understood = match self {
            Self::YesNo | Self::Name | Self::PayInFull | Self::AcceptPlan => keys.single().and_then(menu),
            Self::DateOfBirth => keys.digits().and_then(|digits| keyed_date(&digits)).map(Understood::Date),
            Self::Reference => keyed(keys, LEAST_REFERENCE, MOST_REFERENCE),
            Self::PostalCode => keyed(keys, 5, 5),
            Self::LastFour => keyed(keys, 4, 4),
            Self::PlanTerms => keys.digits().and_then(|digits| keyed_amount(&digits)),
        };
        understood.unwrap_or(Understood::Nothing)
    }

    /// How many keys an answer can have.
    #[must_use]
    pub const fn max_keys(self) -> u8 {
        match self {
            Self::YesNo | Self::Name | Self::PayInFull | Self::AcceptPlan => 1,
            Self::DateOfBirth | Self::Reference => 8,
            Self::PostalCode => 5,
            Self::LastFour => 4,
            Self::PlanTerms => 6,
        }
    }

    fn answer(self, words: &Words) -> Option<Understood> {
        match self {
            Self::YesNo => yes_or_no(words).map(Understood::from),
            Self::Name => name_affirmed(words).map(Understood::from),
            Self::DateOfBirth => spoken_date(words).map(Understood::Date),
            Self::Reference => spoken_digits(words, LEAST_REFERENCE, MOST_REFERENCE).map(Understood::Digits),
            Self::PostalCode => spoken_digits(words, 5, 5).map(Understood::Digits),
            Self::LastFour => spoken_digits(words, 4, 4).map(Understood::Digits),
            Self::PayInFull | Self::AcceptPlan => {
                spoken_terms(words).map(Understood::Terms).or_else(|| yes_or_no(words).map(Understood::from))
            }
            Self::PlanTerms => spoken_terms(words)
                .map(Understood::Terms)
                .or_else(|| yes_or_no(words).filter(|answer| *answer == YesNo::No).map(Understood::from)),
        }
    }
}

impl From<YesNo> for Understood {
    fn from(answer: YesNo) -> Self {
        match answer {
            YesNo::Yes => Self::Yes,
            YesNo::No => Self::No,
        }
    }
}

fn menu(key: char) -> Option<Understood> {
    match key {
        '1' => Some(Understood::Yes),
        '2' => Some(Understood::No),
        '9' => Some(Understood::Interruption(Interruption::Cease)),
        '0' => Some(Understood::Interruption(Interruption::Person)),
        '*' => Some(Understood::Repeat),
        _ => None,
    }
}

fn keyed(keys: &KeyRun, least: usize, most: usize) -> Option<Understood> {
    let digits = keys.digits()?;
    (least..=most).contains(&digits.as_str().len()).then_some(Understood::Digits(digits))
}

fn keyed_amount(digits: &Digits) -> Option<Understood> {
    let amount = Amount::units(digits.as_str().parse().ok()?)?;
    Some(Understood::Terms(Terms::Each(amount, None)))
}

#[cfg(test)]
mod tests;
