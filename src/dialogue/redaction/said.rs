//! Digits in what was said, however they were said.

use std::ops::Range;

use zeroize::Zeroizing;

/// Fillers in a row that may stand between digits of one run.
const MOST_FILLERS: usize = 6;

/// What people say between the digits of one number.
const FILLERS: &[&str] = &[
    "um", "uh", "uhm", "umm", "uhh", "er", "erm", "ah", "eh", "hm", "hmm", "mm", "mhm", "well", "so", "like", "please",
    "okay", "ok", "right", "yes", "yeah", "yep", "sure", "and", "then", "after", "that", "that's", "thats", "it",
    "it's", "its", "is", "are", "the", "a", "my", "comes", "followed", "by", "next", "last", "first", "final", "dash",
    "hyphen", "space", "comma", "point", "you", "know", "i", "mean", "wait", "got", "card", "number", "numbers",
    "digits", "here", "again",
];
/// Words that say which of the digits come, before how many.
const WHICH: &[&str] = &["next", "last", "first", "final", "other", "remaining"];
/// Words that say so after how many.
const THEY: &[&str] = &["digits", "numbers", "are", "is", "being"];

const UNITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const NOUGHTS: &[&str] = &["oh", "o", "nought", "naught", "zilch"];
const PLURALS: &[(&str, u8)] = &[
    ("zeros", 0),
    ("zeroes", 0),
    ("ohs", 0),
    ("ones", 1),
    ("twos", 2),
    ("threes", 3),
    ("fours", 4),
    ("fives", 5),
    ("sixes", 6),
    ("sevens", 7),
    ("eights", 8),
    ("nines", 9),
];
const TEENS: [&str; 10] =
    ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const TIMES: &[(&str, usize)] = &[("double", 2), ("triple", 3), ("treble", 3), ("quadruple", 4), ("twice", 2)];

/// What was said in one turn.
pub(super) struct Said {
    pub(super) runs: Vec<Run>,
    /// Whether only fillers were said after the last run; in the whole turn where there is none.
    pub(super) is_open_after: bool,
}

/// Digits in a row.
pub(super) struct Run {
    /// Their values.
    pub(super) digits: Zeroizing<Vec<u8>>,
    /// Their place in the text, in bytes, with what stands between them.
    pub(super) place: Range<usize>,
    /// Whether only fillers were said before, in this turn.
    pub(super) is_open_before: bool,
}

/// A word with its place.
struct Word<'a> {
    text: &'a str,
    place: Range<usize>,
}

/// Digits in a text, whether written or in words.
pub(super) fn said(text: &str) -> Said {
    // Its places are those of the text: only ASCII letters change.
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    let words = words(&lower);
    let (mut runs, mut rest, mut is_open) = (Vec::new(), words.as_slice(), true);
    while let Some((word, after)) = rest.split_first() {
        let counting = counts_digits(rest);
        if counting > 0 {
            rest = &rest[counting..];
        } else if let Some((digits, place, behind)) = run(rest) {
            runs.push(Run { digits, place, is_open_before: is_open && runs.is_empty() });
            (rest, is_open) = (behind, true);
        } else {
            is_open &= FILLERS.contains(&word.text);
            rest = after;
        }
    }
    Said { runs, is_open_after: is_open }
}

/// Letters and figures in a row, with the apostrophes inside.
fn words(text: &str) -> Vec<Word<'_>> {
    let is_inside = |character: char| character.is_alphanumeric() || character == '\'' || character == '\u{2019}';
    let (mut words, mut begin) = (Vec::new(), None);
    for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
        match (begin, is_inside(character)) {
            (None, true) => begin = Some(at),
            (Some(start), false) => {
                words.push(Word { text: &text[start..at], place: start..at });
                begin = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    words
}

/// Digits, their place, and the words behind them.
type Found<'a, 'b> = (Zeroizing<Vec<u8>>, Range<usize>, &'b [Word<'a>]);

/// The run at the start: its digits, its place, and the words behind it.
fn run<'a, 'b>(words: &'b [Word<'a>]) -> Option<Found<'a, 'b>> {
    let mut digits = Zeroizing::new(Vec::with_capacity(super::MOST_DIGITS));
    let (mut rest, mut behind, mut end) = (words, words, 0);
    let mut fillers = 0;
    while let Some(word) = rest.first() {
        let counting = counts_digits(rest);
        if counting == 0
            && let Some(taken) = number(rest, &mut digits)
        {
            end = rest[taken - 1].place.end;
            (rest, fillers) = (&rest[taken..], 0);
            behind = rest;
            continue;
        }
        if digits.is_empty() || fillers >= MOST_FILLERS || (counting == 0 && !FILLERS.contains(&word.text)) {
            break;
        }
        fillers += 1;
        rest = &rest[counting.max(1)..];
    }
    let begin = words.first()?.place.start;
    if digits.is_empty() { None } else { Some((digits, begin..end, behind)) }
}

/// Words at the start that only tell how many digits come: "the next *four are*"; none where they are digits themselves.
fn counts_digits(words: &[Word<'_>]) -> usize {
    match words {
        [which, many, they, ..]
            if WHICH.contains(&which.text) && unit(many.text).is_some() && THEY.contains(&they.text) =>
        {
            3
        }
        _ => 0,
    }
}

/// The digits of the number at the start, put behind `digits`. Returns how many words it takes.
fn number(words: &[Word<'_>], digits: &mut Zeroizing<Vec<u8>>) -> Option<usize> {
    let text = |nth: usize| words.get(nth).map(|word| word.text);
    let first = text(0)?;
    if let Some((_, times)) = TIMES.iter().find(|(name, _)| *name == first) {
        let digit = text(1).and_then(single)?;
        digits.extend(std::iter::repeat_n(digit, *times));
        return Some(2);
    }
    if let (Some(times), Some(digit)) =
        (single(first).filter(|times| (2..=6).contains(times)), text(1).and_then(plural))
    {
        digits.extend(std::iter::repeat_n(digit, usize::from(times)));
        return Some(2);
    }
    if let Some(figures) = figures(first)
        && (figures.len() > 2 || !text(1).is_some_and(is_scale))
    {
        digits.extend_from_slice(&figures);
        return Some(1);
    }
    cardinal(words, digits)
}

/// A number in words, whose digits are those it is written with: "forty two hundred" is 4200.
fn cardinal(words: &[Word<'_>], digits: &mut Zeroizing<Vec<u8>>) -> Option<usize> {
    let (mut value, mut taken) = below_hundred(words)?;
    if value == 0 {
        digits.push(0);
        return Some(taken);
    }
    for (scale, by) in [("thousand", 1_000), ("hundred", 100)] {
        if words.get(taken).is_none_or(|word| word.text != scale) {
            continue;
        }
        taken += 1;
        let and = usize::from(words.get(taken).is_some_and(|word| word.text == "and"));
        let below = below(&words[taken + and..], by);
        value = value * by + below.map_or(0, |(value, _)| value);
        taken += below.map_or(0, |(_, taken)| taken + and);
    }
    digits.extend(value.to_string().bytes().map(|byte| byte - b'0'));
    Some(taken)
}

/// What may follow a scale: a number below it, not zero.
fn below(words: &[Word<'_>], limit: u32) -> Option<(u32, usize)> {
    let (value, taken) = below_hundred(words).filter(|(value, _)| *value > 0)?;
    if limit == 1_000 && value < 10 && words.get(taken).is_some_and(|word| word.text == "hundred") {
        let and = usize::from(words.get(taken + 1).is_some_and(|word| word.text == "and"));
        let rest = below(&words[taken + 1 + and..], 100);
        let (more, further) = rest.map_or((0, 0), |(value, taken)| (value, taken + and));
        return Some((value * 100 + more, taken + 1 + further));
    }
    // A digit before others begins the next ones: "forty two hundred, three one".
    let begins_others = value < 10 && words.get(taken).is_some_and(|word| single(word.text).is_some());
    (!begins_others).then_some((value, taken))
}

/// A number below a hundred, and how many words it takes.
fn below_hundred(words: &[Word<'_>]) -> Option<(u32, usize)> {
    let first = words.first()?.text;
    let index = |table: &[&str]| table.iter().position(|word| *word == first).and_then(|at| u32::try_from(at).ok());
    if let Some(figures) = figures(first).filter(|figures| figures.len() <= 2) {
        return Some((figures.iter().fold(0, |value, digit| value * 10 + u32::from(*digit)), 1));
    }
    if let Some(unit) = unit(first) {
        return Some((u32::from(unit), 1));
    }
    if let Some(teen) = index(&TEENS) {
        return Some((10 + teen, 1));
    }
    let tens = (index(&TENS)? + 2) * 10;
    let next = words.get(1).and_then(|word| unit(word.text).filter(|unit| *unit > 0));
    Some(next.map_or((tens, 1), |unit| (tens + u32::from(unit), 2)))
}

fn is_scale(word: &str) -> bool {
    word == "hundred" || word == "thousand"
}

fn unit(word: &str) -> Option<u8> {
    if NOUGHTS.contains(&word) {
        return Some(0);
    }
    UNITS.iter().position(|unit| *unit == word).and_then(|value| u8::try_from(value).ok())
}

/// One digit, as a word or as a figure.
fn single(word: &str) -> Option<u8> {
    unit(word).or_else(|| figures(word).filter(|figures| figures.len() == 1).map(|figures| figures[0]))
}

/// "fours", "4s".
fn plural(word: &str) -> Option<u8> {
    let named = PLURALS.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    let stem = || word.strip_suffix("'s").or_else(|| word.strip_suffix('s'));
    named.or_else(|| figures(stem()?).filter(|figures| figures.len() == 1).map(|figures| figures[0]))
}

/// The values of a word that is written in figures alone, whoever's they are.
fn figures(word: &str) -> Option<Zeroizing<Vec<u8>>> {
    let value = |character: char| {
        let zeros = ['0', '\u{660}', '\u{6f0}', '\u{ff10}'];
        let above = |zero: &char| u32::from(character).checked_sub(u32::from(*zero)).filter(|value| *value < 10);
        zeros.iter().find_map(above).and_then(|value| u8::try_from(value).ok())
    };
    word.chars().map(value).collect::<Option<Vec<u8>>>().filter(|values| !values.is_empty()).map(Zeroizing::new)
}
