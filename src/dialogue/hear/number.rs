//! Number words, read strictly: what people say in one breath for one number, and nothing else.

const UNITS: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ORDINALS: [&str; 20] = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];

/// The longest figure that is read as a number.
const MOST_FIGURES: usize = 7;

fn index_of(table: &[&str], word: &str) -> Option<u64> {
    table.iter().position(|entry| *entry == word).and_then(|index| u64::try_from(index).ok())
}

/// A single digit: "zero", "oh", "o", "seven".
pub(super) fn digit(word: &str) -> Option<u64> {
    if word == "oh" || word == "o" {
        return Some(0);
    }
    index_of(&UNITS[..10], word)
}

/// A word from "ten" to "nineteen".
pub(super) fn teen(word: &str) -> Option<u64> {
    index_of(&UNITS, word).filter(|value| *value >= 10)
}

/// A word from "twenty" to "ninety".
pub(super) fn tens(word: &str) -> Option<u64> {
    index_of(&TENS, word).map(|index| (index + 2) * 10)
}

/// A number in figures, as written.
pub(super) fn figures(word: &str) -> Option<&str> {
    (!word.is_empty() && word.len() <= 8 && word.bytes().all(|byte| byte.is_ascii_digit())).then_some(word)
}

/// Whether a word can stand in a number.
pub(super) fn is_number_word(word: &str) -> bool {
    index_of(&UNITS, word).or_else(|| tens(word)).is_some()
        || figures(word).is_some()
        || word == "hundred"
        || word == "thousand"
}

/// A whole number: "a hundred and twenty", "twelve hundred", "one thousand two hundred fifty", "120". Every word has
/// to belong to it.
pub(super) fn cardinal(words: &[String]) -> Option<u64> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.iter().position(|word| *word == "thousand") {
        Some(at) => {
            let thousands = leading(&words[..at], below_thousand)?;
            Some(thousands * 1_000 + trailing(&words[at + 1..], below_thousand)?)
        }
        None => below_ten_thousand(&words),
    }
}

fn below_thousand(words: &[&str]) -> Option<u64> {
    below_ten_thousand(words).filter(|value| *value < 1_000)
}

fn below_ten_thousand(words: &[&str]) -> Option<u64> {
    match words.iter().position(|word| *word == "hundred") {
        Some(at) => Some(leading(&words[..at], below_hundred)? * 100 + trailing(&words[at + 1..], below_hundred)?),
        None => match words {
            [word] => figures(word)
                .filter(|figures| figures.len() <= MOST_FIGURES)
                .and_then(|figures| figures.parse().ok())
                .or_else(|| below_hundred(words)),
            _ => below_hundred(words),
        },
    }
}

/// What stands before "hundred" or "thousand": a number, or the "a" of "a hundred".
fn leading(words: &[&str], read: fn(&[&str]) -> Option<u64>) -> Option<u64> {
    if words == ["a"] { Some(1) } else { read(words).filter(|value| *value > 0) }
}

/// What stands after "hundred" or "thousand": nothing, or a number with or without "and".
fn trailing(words: &[&str], read: fn(&[&str]) -> Option<u64>) -> Option<u64> {
    match words {
        [] => Some(0),
        ["and", rest @ ..] | rest => read(rest).filter(|value| *value > 0),
    }
}

fn below_hundred(words: &[&str]) -> Option<u64> {
    match words {
        [word] => index_of(&UNITS, word)
            .or_else(|| tens(word))
            .or_else(|| figures(word).and_then(|figures| figures.parse().ok()).filter(|value| *value < 100)),
        [ten, unit] => Some(tens(ten)? + digit(unit).filter(|value| *value > 0)?),
        _ => None,
    }
}

/// A rank: "third", "twenty first", "3rd".
pub(super) fn ordinal(words: &[String]) -> Option<u64> {
    match words {
        [word] => index_of(&ORDINALS, word)
            .filter(|value| *value > 0)
            .or(match word.as_str() {
                "twentieth" => Some(20),
                "thirtieth" => Some(30),
                _ => None,
            })
            .or_else(|| suffixed(word)),
        [ten, unit] => Some(tens(ten)? + index_of(&ORDINALS[..10], unit).filter(|value| *value > 0)?),
        _ => None,
    }
}

fn suffixed(word: &str) -> Option<u64> {
    let digits = ["st", "nd", "rd", "th"].into_iter().find_map(|suffix| word.strip_suffix(suffix))?;
    figures(digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hear::Words;
    use crate::spoken;

    fn read(text: &str) -> Option<u64> {
        cardinal(Words::of(text).as_slice())
    }

    #[test]
    fn numbers_as_people_say_them() {
        let cases = [
            ("fifty", 50),
            ("a hundred and twenty", 120),
            ("one hundred twenty", 120),
            ("twelve hundred", 1_200),
            ("two hundred fifty five", 255),
            ("a thousand", 1_000),
            ("one thousand two hundred and fifty", 1_250),
            ("1,250", 1_250),
            ("120", 120),
            ("seventeen", 17),
            ("3 hundred", 300),
            ("nine hundred ninety nine", 999),
        ];
        for (text, value) in cases {
            assert_eq!(read(text), Some(value), "{text}");
        }
    }

    #[test]
    fn what_could_be_two_numbers_is_none() {
        let unclear = [
            "",
            "one fifty",
            "fifty sixty",
            "twenty ten",
            "hundred",
            "two two",
            "one hundred one hundred",
            "thousand hundred",
            "zero hundred",
            "fifty zero",
            "a",
            "and five",
            "one hundred and",
            "thirty eleven",
        ];
        for text in unclear {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_said_is_read_back_the_same(number in 1_u64..1_000_000) {
            prop_assert_eq!(read(&spoken::cardinal(number)), Some(number));
        }

        #[test]
        fn ranks_too(number in 1_u64..32) {
            prop_assert_eq!(ordinal(Words::of(&spoken::ordinal(number)).as_slice()), Some(number));
        }

        #[test]
        fn reading_never_panics(text in ".{0,80}") {
            let _ = (read(&text), ordinal(Words::of(&text).as_slice()));
        }
    }
}
