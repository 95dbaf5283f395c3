//! Dates of birth: said in words, in figures, or keyed.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::Words;
use super::number::{cardinal, digit, figures, ordinal, teen, tens};
use crate::digits::Digits;

const MONTHS: [(&str, &str); 12] = [
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may", "may"),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sept"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
];
/// Words that people say around a date.
const AROUND: [&str; 16] =
    ["it", "is", "my", "the", "of", "in", "on", "was", "i", "born", "birthday", "birth", "date", "and", "yes", "that"];
/// The earliest year of birth that is taken.
const EARLIEST_YEAR: i16 = 1900;
/// Two figures stand for a year of the last century from here on; below, they could be either.
const CENTURY_FROM: u64 = 30;

/// A date keyed as eight digits: month, day, year.
#[must_use]
pub fn keyed_date(digits: &Digits) -> Option<Date> {
    let text = Some(digits.as_str()).filter(|text| text.len() == 8)?;
    let number = |range| text.get(range).and_then(|part: &str| part.parse::<u64>().ok());
    valid(number(0..2)?, number(2..4)?, number(4..8)?)
}

/// A date of an utterance: "march third nineteen eighty one", "the third of march 1981", "03/03/1981". `None` where
/// the words allow two dates, or none.
#[must_use]
pub fn spoken_date(words: &Words) -> Option<Date> {
    let words: Vec<String> = words.as_slice().iter().filter(|word| !AROUND.contains(&word.as_str())).cloned().collect();
    let readings = match words.iter().position(|word| month(word).is_some()) {
        Some(at) => named_month(&words, at),
        None => figures_only(&words),
    };
    let mut readings = readings.into_iter();
    readings.next().filter(|_| readings.next().is_none())
}

fn named_month(words: &[String], at: usize) -> BTreeSet<Date> {
    let Some(month) = words.get(at).and_then(|word| month(word)) else { return BTreeSet::new() };
    let (before, after) = (&words[..at], &words[at + 1..]);
    if let Some(day) = day(before) {
        return year(after).and_then(|year| valid(month, day, year)).into_iter().collect();
    }
    if !before.is_empty() {
        return BTreeSet::new();
    }
    (1..after.len()).filter_map(|split| valid(month, day(&after[..split])?, year(&after[split..])?)).collect()
}

/// "3 3 1981", "oh three oh three nineteen eighty one", "03031981": the month stands first.
fn figures_only(words: &[String]) -> BTreeSet<Date> {
    if let [word] = words {
        return figures(word).and_then(Digits::parse).and_then(|digits| keyed_date(&digits)).into_iter().collect();
    }
    let mut readings = BTreeSet::new();
    for month_end in 1..words.len().min(4) {
        for day_end in month_end + 1..words.len().min(month_end + 4) {
            let parts = (
                small(&words[..month_end]),
                small(&words[month_end..day_end]).or_else(|| ordinal(&words[month_end..day_end])),
                year(&words[day_end..]),
            );
            if let (Some(month), Some(day), Some(year)) = parts {
                readings.extend(valid(month, day, year));
            }
        }
    }
    readings
}

fn month(word: &str) -> Option<u64> {
    let index = MONTHS.iter().position(|(long, short)| *long == word || *short == word)?;
    u64::try_from(index + 1).ok()
}

fn day(words: &[String]) -> Option<u64> {
    ordinal(words).or_else(|| small(words))
}

/// A day or month: a number below a hundred, with or without its leading zero.
fn small(words: &[String]) -> Option<u64> {
    match words {
        [zero, rest @ ..] if digit(zero) == Some(0) && rest.len() == 1 => digit(rest.first()?),
        _ => cardinal(words).filter(|value| *value < 100),
    }
}

/// A year: "nineteen eighty one", "nineteen oh five", "two thousand [and] one", "twenty oh one", "eighty one", "1981".
fn year(words: &[String]) -> Option<u64> {
    if let [word] = words
        && let Some(written) = figures(word).filter(|written| written.len() == 4)
    {
        return written.parse().ok();
    }
    if let Some(value) = cardinal(words) {
        return match value {
            1_000.. => Some(value),
            CENTURY_FROM..100 => Some(1_900 + value),
            _ => None,
        };
    }
    let (century, rest) = words.split_first()?;
    let century = teen(century).or_else(|| tens(century)).or_else(|| figures(century)?.parse().ok())?;
    let within = match rest {
        [zero, unit] if digit(zero) == Some(0) => digit(unit)?,
        _ => cardinal(rest).filter(|value| (10..100).contains(value))?,
    };
    matches!(century, 19 | 20).then_some(century * 100 + within)
}

fn valid(month: u64, day: u64, year: u64) -> Option<Date> {
    let (year, month, day) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    Date::new(year, month, day).ok().filter(|date| (EARLIEST_YEAR..2100).contains(&date.year()))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::spoken;

    fn read(text: &str) -> Option<Date> {
        spoken_date(&Words::of(text))
    }

    #[test]
    fn dates_as_people_say_them() {
        let cases = [
            ("march third nineteen eighty one", date(1981, 3, 3)),
            ("uh, it's March 3rd, 1981.", date(1981, 3, 3)),
            ("the third of march nineteen eighty one", date(1981, 3, 3)),
            ("march three eighty one", date(1981, 3, 3)),
            ("i was born on december twenty first nineteen oh five", date(1905, 12, 21)),
            ("march twenty one nineteen eighty one", date(1981, 3, 21)),
            ("march twenty nineteen eighty one", date(1981, 3, 20)),
            ("june thirtieth two thousand and one", date(2001, 6, 30)),
            ("june thirtieth twenty oh one", date(2001, 6, 30)),
            ("february twenty ninth two thousand", date(2000, 2, 29)),
            ("03/03/1981", date(1981, 3, 3)),
            ("oh three oh three nineteen eighty one", date(1981, 3, 3)),
            ("three three nineteen eighty one", date(1981, 3, 3)),
            ("12 1 1975", date(1975, 12, 1)),
            ("03031981", date(1981, 3, 3)),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn unclear_or_impossible_dates_are_none() {
        let unclear = [
            "",
            "march third",
            "nineteen eighty one",
            "march third oh five",
            "february thirtieth nineteen eighty one",
            "march third april fourth nineteen eighty one",
            "march third eighteen eighty one",
            "third nineteen eighty one",
            "march thirty two nineteen eighty",
            "13/41/1981",
            "may may may",
            "one two three",
        ];
        for text in unclear {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn keyed_dates_are_month_day_year() {
        let keyed = |text: &str| Digits::parse(text).and_then(|digits| keyed_date(&digits));
        assert_eq!(keyed("03031981"), Some(date(1981, 3, 3)));
        for wrong in ["31031981", "0303198", "02301981", "03033081"] {
            assert_eq!(keyed(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_said_is_read_back_the_same(year in 1900_i16..2100, month in 1_i8..=12, day in 1_i8..=28) {
            let said = date(year, month, day);
            prop_assert_eq!(read(&spoken::date(said)), Some(said));
        }

        #[test]
        fn reading_never_panics(text in ".{0,80}") {
            let _ = read(&text);
        }
    }
}
