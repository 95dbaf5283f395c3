//! Digits said one by one or in pairs.

use super::Words;
use super::number::{digit, figures, teen, tens};
use crate::digits::{Digits, MAX_DIGITS};

/// Words that people say around digits.
const AROUND: [&str; 22] = [
    "it",
    "is",
    "my",
    "the",
    "zip",
    "code",
    "postal",
    "number",
    "reference",
    "account",
    "last",
    "digits",
    "are",
    "ends",
    "in",
    "with",
    "yes",
    "ok",
    "okay",
    "and",
    "that",
    "dash",
];

/// The digits of an utterance, where there is exactly one run of them and it is `least` to `most` long: "four oh two
/// one nine", "forty two double one", "40219". "Twenty one" is two digits.
#[must_use]
pub fn spoken_digits(words: &Words, least: usize, most: usize) -> Option<Digits> {
    let words: Vec<&str> = words.as_slice().iter().map(String::as_str).filter(|word| !AROUND.contains(word)).collect();
    let mut runs = Vec::new();
    let mut rest = words.as_slice();
    while !rest.is_empty() {
        let (run, after) = take_run(rest);
        if run.is_empty() {
            rest = &rest[1..];
        } else {
            runs.push(run);
            rest = after;
        }
    }
    let [run] = runs.as_slice() else { return None };
    if (least..=most.min(MAX_DIGITS)).contains(&run.len()) { Digits::parse(run) } else { None }
}

/// The digits at the start, and the words after them.
fn take_run<'a>(words: &'a [&'a str]) -> (String, &'a [&'a str]) {
    let mut run = String::new();
    let mut rest = words;
    while let Some((digits, after)) = take_digits(rest) {
        run.push_str(&digits);
        rest = after;
    }
    (run, rest)
}

fn take_digits<'a>(words: &'a [&'a str]) -> Option<(String, &'a [&'a str])> {
    let (first, rest) = words.split_first()?;
    if let Some(times) = repetition(first) {
        let (next, after) = rest.split_first()?;
        let repeated = digit(next).map(|value| value.to_string()).or_else(|| single_figure(next))?;
        return Some((repeated.repeat(times), after));
    }
    if let Some(written) = figures(first) {
        return Some((written.to_owned(), rest));
    }
    if let Some(value) = digit(first).or_else(|| teen(first)) {
        return Some((value.to_string(), rest));
    }
    let ten = tens(first)?;
    match rest.split_first().and_then(|(next, after)| digit(next).map(|unit| (next, unit, after))) {
        Some((next, unit, after)) if unit > 0 && *next != "o" => Some(((ten + unit).to_string(), after)),
        _ => Some((ten.to_string(), rest)),
    }
}

fn repetition(word: &str) -> Option<usize> {
    match word {
        "double" => Some(2),
        "triple" => Some(3),
        _ => None,
    }
}

fn single_figure(word: &str) -> Option<String> {
    figures(word).filter(|figures| figures.len() == 1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spoken;

    fn read(text: &str, length: usize) -> Option<String> {
        spoken_digits(&Words::of(text), length, length).map(|digits| digits.as_str().to_owned())
    }

    #[test]
    fn digits_as_people_say_them() {
        let cases = [
            ("four oh two one nine", "40219"),
            ("um, my zip code is 40219, thank you", "40219"),
            ("4 0 2 1 9", "40219"),
            ("four zero two nineteen", "40219"),
            ("forty two one nineteen", "42119"),
            ("double four two one nine", "44219"),
            ("it's triple five one two", "55512"),
            ("nine oh two ten", "90210"),
        ];
        for (text, digits) in cases {
            assert_eq!(read(text, 5).as_deref(), Some(digits), "{text}");
        }
        assert_eq!(read("it ends in seventy three nineteen", 4).as_deref(), Some("7319"));
        assert_eq!(read("seven thirty one nine", 4).as_deref(), Some("7319"));
    }

    #[test]
    fn too_few_too_many_or_two_runs_are_none() {
        let unclear = [
            "four oh two one",
            "four oh two one nine nine",
            "four oh no wait five oh two one nine",
            "i have two kids 40219",
            "four hundred two nineteen",
            "double",
            "",
            "for oh to one nine",
        ];
        for text in unclear {
            assert_eq!(read(text, 5), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_said_is_read_back_the_same(digits in "[0-9]{4,8}") {
            prop_assert_eq!(read(&spoken::digits(&digits), digits.len()), Some(digits));
        }

        #[test]
        fn reading_never_panics(text in ".{0,80}") {
            let _ = read(&text, 5);
        }
    }
}
