//! What a caller says about paying: an amount each time, a number of payments, all of it, or more time.

use std::fmt;

use rules::arrangement::Frequency;
use rules::money::{Currency, Money};

use super::Words;
use super::number::{cardinal, figures, is_number_word};

/// The largest amount that is heard, in whole units; anything above was misheard.
const MOST_UNITS: u64 = 1_000_000;
/// The largest number of payments that is heard.
const MOST_PAYMENTS: u64 = 120;
/// A bare number below this could as well be a number of payments.
const LEAST_BARE_AMOUNT: u64 = 13;

/// An amount as heard, before its currency is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    units: u64,
    hundredths: u8,
}

impl Amount {
    /// An amount of whole units; `None` where it is nothing or absurdly large.
    #[must_use]
    pub fn units(units: u64) -> Option<Self> {
        (1..=MOST_UNITS).contains(&units).then_some(Self { units, hundredths: 0 })
    }

    /// The amount in a currency. Hundredths that the currency does not have are dropped.
    #[must_use]
    pub fn in_currency(self, currency: Currency) -> Money {
        let per_unit = currency.units_per_major();
        let units = i64::try_from(self.units).unwrap_or(i64::MAX).saturating_mul(per_unit);
        Money::new(units.saturating_add(i64::from(self.hundredths) * per_unit / 100), currency)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Amount(..)")
    }
}

/// Terms that a caller named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// All of it at once.
    Full,
    /// More time or parts, without a figure.
    MoreTime,
    /// This much each time.
    Each(Amount, Option<Frequency>),
    /// In this many payments.
    Payments(u16, Option<Frequency>),
}

/// Ways to ask for time or parts that a recogniser should expect.
pub(crate) const SPOKEN_MORE_TIME: [&str; 9] = [
    "more time",
    "i need more time",
    "can i have more time",
    "a payment plan",
    "can i have a payment plan",
    "pay in installments",
    "pay it over time",
    "smaller payments",
    "i can't pay it all",
];
/// Ways to offer all of it that a recogniser should expect.
pub(crate) const SPOKEN_FULL: [&str; 4] =
    ["pay it all", "i can pay it all", "pay it in full", "i can pay the full balance"];
/// What asks for time or parts without a figure.
const MORE_TIME: [&str; 13] = [
    "more time",
    "need time",
    "payment plan",
    "a plan",
    "in installments",
    "installments",
    "in parts",
    "over time",
    "monthly payments",
    "smaller payments",
    "a little at a time",
    "not all of it",
    "can not pay it all",
];
/// What offers all of it.
const FULL: [&str; 7] =
    ["in full", "all of it", "pay it all", "everything", "the full balance", "the full amount", "the whole thing"];

const FREQUENCIES: [(&str, Frequency); 16] = [
    ("every two weeks", Frequency::Biweekly),
    ("every other week", Frequency::Biweekly),
    ("every second week", Frequency::Biweekly),
    ("biweekly", Frequency::Biweekly),
    ("a week", Frequency::Weekly),
    ("each week", Frequency::Weekly),
    ("every week", Frequency::Weekly),
    ("per week", Frequency::Weekly),
    ("weekly", Frequency::Weekly),
    ("a month", Frequency::Monthly),
    ("each month", Frequency::Monthly),
    ("every month", Frequency::Monthly),
    ("per month", Frequency::Monthly),
    ("monthly", Frequency::Monthly),
    ("over months", Frequency::Monthly),
    ("months", Frequency::Monthly),
];
const UNITS: [&str; 6] = ["dollar", "dollars", "buck", "bucks", "euros", "pounds"];
const COUNTED: [&str; 5] = ["payment", "payments", "instalment", "instalments", "parts"];

/// A number and the word after it.
struct Figure<'a> {
    value: u64,
    before: Option<&'a str>,
    after: &'a [String],
}

/// The terms of an utterance: "fifty a month", "can I do four payments", "more time". `None` where there are none, or
/// more than one figure.
#[must_use]
pub fn spoken_terms(words: &Words) -> Option<Terms> {
    let spaced = without_frequency_numbers(words.as_slice());
    let figures = numbers(&spaced)?;
    let frequency = frequency(words);
    match figures.as_slice() {
        [] => without_figure(words),
        [one] => one_figure(one, frequency),
        [whole, part]
            if is_unit(whole.after.first())
                && part.after.first().is_some_and(|word| word == "cents" || word == "cent") =>
        {
            let hundredths = u8::try_from(part.value).ok().filter(|value| *value < 100)?;
            Some(Terms::Each(Amount { hundredths, ..Amount::units(whole.value)? }, frequency))
        }
        _ => None,
    }
}

fn without_figure(words: &Words) -> Option<Terms> {
    let (more_time, full) = (words.contain_any(&MORE_TIME), words.contain_any(&FULL));
    match (more_time, full) {
        (true, _) => Some(Terms::MoreTime),
        (false, true) if words.contain("not") => Some(Terms::MoreTime),
        (false, true) => Some(Terms::Full),
        (false, false) => None,
    }
}

fn one_figure(figure: &Figure<'_>, frequency: Option<Frequency>) -> Option<Terms> {
    let after = figure.after.first().map(String::as_str);
    let counted = figure.after.iter().take(2).any(|word| COUNTED.contains(&word.as_str()));
    let months = after == Some("months") && matches!(figure.before, Some("over" | "in" | "for" | "within"));
    if counted || months {
        let count =
            u16::try_from(figure.value).ok().filter(|count| (1..=MOST_PAYMENTS).contains(&u64::from(*count)))?;
        return Some(Terms::Payments(count, frequency));
    }
    let has_unit = is_unit(figure.after.first());
    let is_bare = !has_unit && frequency.is_none();
    let is_plain = figure.after.is_empty() || has_unit || frequency.is_some();
    if !is_plain || after == Some("months") || (is_bare && figure.value < LEAST_BARE_AMOUNT) {
        return None;
    }
    Some(Terms::Each(Amount::units(figure.value)?, frequency))
}

fn is_unit(word: Option<&String>) -> bool {
    word.is_some_and(|word| UNITS.contains(&word.as_str()))
}

fn frequency(words: &Words) -> Option<Frequency> {
    FREQUENCIES.iter().find(|(phrase, _)| words.contain(phrase)).map(|(_, frequency)| *frequency)
}

/// The words without the "two" of "every two weeks", which is no figure.
fn without_frequency_numbers(words: &[String]) -> Vec<String> {
    let is_frequency =
        |at: usize| at > 0 && words[at - 1] == "every" && words.get(at + 1).is_some_and(|word| word == "weeks");
    let kept = (0..words.len()).filter(|&at| !is_frequency(at));
    kept.filter_map(|at| words.get(at).cloned()).collect()
}

/// Every number of the utterance with its neighbours; `None` where number words do not make one.
fn numbers(words: &[String]) -> Option<Vec<Figure<'_>>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let length = number_length(&words[at..]);
        if length == 0 {
            at += 1;
            continue;
        }
        let value = cardinal(&words[at..at + length])?;
        let before = at.checked_sub(1).and_then(|index| words.get(index)).map(String::as_str);
        found.push(Figure { value, before, after: &words[at + length..] });
        at += length;
    }
    Some(found)
}

/// How many words at the start belong to one number: "a hundred and twenty" is four.
fn number_length(words: &[String]) -> usize {
    let is_scale = |word: Option<&String>| word.is_some_and(|word| word == "hundred" || word == "thousand");
    let starts_with_a = words.first().is_some_and(|word| word == "a") && is_scale(words.get(1));
    let mut length = usize::from(starts_with_a);
    while let Some(word) = words.get(length) {
        let joins = word == "and"
            && length > 0
            && is_scale(words.get(length - 1))
            && words.get(length + 1).is_some_and(|next| is_number_word(next));
        let belongs = is_number_word(word) && (length == 0 || figures(word).is_none());
        if !joins && !belongs {
            break;
        }
        length += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spoken;

    fn read(text: &str) -> Option<Terms> {
        spoken_terms(&Words::of(text))
    }

    fn each(units: u64, hundredths: u8, frequency: Option<Frequency>) -> Option<Terms> {
        Some(Terms::Each(Amount { units, hundredths }, frequency))
    }

    #[test]
    fn amounts_as_people_say_them() {
        let monthly = Some(Frequency::Monthly);
        let cases = [
            ("can I pay fifty a month", each(50, 0, monthly)),
            ("I could do like fifty dollars", each(50, 0, None)),
            ("a hundred and twenty every month", each(120, 0, monthly)),
            ("$50 per month, please", each(50, 0, monthly)),
            ("fifty dollars and twenty five cents", each(50, 25, None)),
            ("$1,250.40", each(1_250, 40, None)),
            ("maybe twenty bucks a week", each(20, 0, Some(Frequency::Weekly))),
            ("sixty every two weeks", each(60, 0, Some(Frequency::Biweekly))),
            ("eighty", each(80, 0, None)),
            ("five dollars", each(5, 0, None)),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn counts_and_time() {
        let cases = [
            ("four payments", Terms::Payments(4, None)),
            ("can I pay it in six monthly installments", Terms::Payments(6, Some(Frequency::Monthly))),
            ("over ten months", Terms::Payments(10, Some(Frequency::Monthly))),
            ("I need more time", Terms::MoreTime),
            ("no, I can't pay all of it", Terms::MoreTime),
            ("can we do a payment plan", Terms::MoreTime),
            ("I'll pay it all", Terms::Full),
            ("in full", Terms::Full),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn unclear_terms_are_none() {
        let unclear = [
            "",
            "fifty or sixty",
            "one fifty",
            "four",
            "two months",
            "fifty dollars in four payments",
            "zero dollars",
            "nine million dollars",
            "five hundred payments",
            "purple",
            "fifty percent",
            "twenty of them",
        ];
        for text in unclear {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn an_amount_takes_the_currency_of_the_account() {
        let amount = Amount { units: 50, hundredths: 25 };
        assert_eq!(amount.in_currency(Currency::USD), Money::new(5_025, Currency::USD));
        let yen = Currency::parse("JPY").unwrap();
        assert_eq!(amount.in_currency(yen), Money::new(50, yen));
    }

    proptest! {
        #[test]
        fn what_is_said_is_read_back_the_same(minor in 100_i64..10_000_000) {
            let money = Money::new(minor, Currency::USD);
            let heard = read(&format!("{} a month", spoken::money(money)));
            let Some(Terms::Each(amount, Some(Frequency::Monthly))) = heard else {
                return Err(TestCaseError::fail("not an amount"));
            };
            prop_assert_eq!(amount.in_currency(Currency::USD), money);
        }

        #[test]
        fn reading_never_panics(text in ".{0,80}") {
            let _ = read(&text);
        }
    }
}
