//! Numbers of cards in written text.

use std::borrow::Cow;

use super::{FEWEST_DIGITS, MASK, MOST_DIGITS, is_card_number, is_of_a_brand};

/// Characters of a random id as it is written (RFC 9562 §4).
const UUID: usize = 36;
/// Fewest characters of a hash as it is written; what is shorter is looked at like any other text.
const FEWEST_IN_HASH: usize = 24;
/// Most digits of a telephone number (ITU-T E.164 §6.2.1).
const MOST_IN_TELEPHONE: usize = 15;
/// Where its hyphens stand.
const UUID_HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// The text with every digit of a card number masked: 13 to 19 digits in a row or in groups with single blanks or hyphens between,
/// whose check digit is right. Where a longer row begins or ends with it, it must also begin as the numbers of a large network
/// do. Random ids, hashes in hexadecimal and telephone numbers that begin with a plus are left as they are.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    let hidden = hidden(text);
    if hidden.is_empty() {
        return Cow::Borrowed(text);
    }
    let mask = |(at, character)| if hidden.binary_search(&at).is_ok() { MASK } else { character };
    Cow::Owned(text.char_indices().map(mask).collect())
}

/// The places of the digits to be masked, in order.
fn hidden(text: &str) -> Vec<usize> {
    let (mut hidden, mut run) = (Vec::new(), Run::default());
    let (mut before, mut skipped) = (None, 0);
    for (at, character) in text.char_indices() {
        if at < skipped {
            continue;
        }
        if is_uuid(&text.as_bytes()[at..]) && !run.is_open() {
            run.close(&mut hidden);
            (skipped, before) = (at + UUID, None);
            continue;
        }
        if let Some(length) = hash(&text[at..]).filter(|_| !before.is_some_and(char::is_alphanumeric)) {
            run.close(&mut hidden);
            (skipped, before) = (at + length, None);
            continue;
        }
        match value(character) {
            Some(value) => run.push(at, value, before),
            None if is_separator(character) && run.is_open() => run.is_between = true,
            None => run.close(&mut hidden),
        }
        before = Some(character);
    }
    run.close(&mut hidden);
    hidden
}

/// The value of a decimal digit as people and their programs write it.
fn value(character: char) -> Option<u8> {
    const ZEROS: [char; 4] = ['0', '\u{660}', '\u{6f0}', '\u{ff10}'];
    let offset = ZEROS.iter().find_map(|zero| u32::from(character).checked_sub(u32::from(*zero)).filter(|n| *n < 10));
    offset.and_then(|offset| u8::try_from(offset).ok())
}

fn is_separator(character: char) -> bool {
    matches!(character, ' ' | '-' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{2010}'..='\u{2013}')
}

/// The length of the hash in hexadecimal that a text begins with: one word, with a letter in it.
fn hash(text: &str) -> Option<usize> {
    let word = text.split(|character: char| !character.is_alphanumeric()).next().unwrap_or_default();
    let is_hash = word.len() >= FEWEST_IN_HASH
        && word.bytes().all(|byte| byte.is_ascii_hexdigit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_hash.then_some(word.len())
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.first_chunk::<UUID>().is_some_and(|id| {
        id.iter().enumerate().all(
            |(place, byte)| {
                if UUID_HYPHENS.contains(&place) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
            },
        )
    })
}

/// Digits that follow each other, in groups.
#[derive(Default)]
struct Run {
    /// Where each digit stands, and its value.
    places: Vec<usize>,
    values: Vec<u8>,
    /// With which digit each group begins.
    groups: Vec<usize>,
    /// Whether a separator was the last.
    is_between: bool,
    /// Whether it begins behind a plus, as the number of a telephone does (E.164).
    is_telephone: bool,
}

impl Run {
    /// Whether the last character was one of its digits.
    fn is_open(&self) -> bool {
        !self.values.is_empty() && !self.is_between
    }

    fn push(&mut self, at: usize, value: u8, before: Option<char>) {
        if self.values.is_empty() {
            self.is_telephone = before == Some('+');
        }
        if self.values.is_empty() || std::mem::take(&mut self.is_between) {
            self.groups.push(self.values.len());
        }
        self.places.push(at);
        self.values.push(value);
    }

    /// Ends the run, and adds what is to be masked of it.
    fn close(&mut self, hidden: &mut Vec<usize>) {
        let is_telephone = self.is_telephone && self.values.len() <= MOST_IN_TELEPHONE;
        if self.values.len() >= FEWEST_DIGITS && !is_telephone {
            let masks = self.masks();
            hidden.extend(self.places.iter().zip(masks).filter_map(|(at, is_masked)| is_masked.then_some(*at)));
        }
        self.places.clear();
        self.values.clear();
        self.groups.clear();
        self.is_between = false;
    }

    /// Which digits belong to a card number.
    fn masks(&self) -> Vec<bool> {
        let count = self.values.len();
        let mut masks = vec![false; count];
        for start in 0..=count - FEWEST_DIGITS {
            for end in start + FEWEST_DIGITS..=(start + MOST_DIGITS).min(count) {
                let digits = &self.values[start..end];
                let (begins, ends) = (self.groups.contains(&start), end == count || self.groups.contains(&end));
                let is_likely = (begins && ends) || ((begins || ends) && is_of_a_brand(digits));
                if is_likely && is_card_number(digits) {
                    masks[start..end].fill(true);
                }
            }
        }
        masks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_a_long_word_of_hexadecimal_with_a_letter() {
        assert_eq!(hash("4242424242424242aaaaaaaa and more"), Some(24));
        for text in ["4242424242424242e", "424242424242424242424242", "4242424242424242aaaaaaag", ""] {
            assert_eq!(hash(text), None, "{text}");
        }
    }

    #[test]
    fn a_uuid_is_told_from_its_look_alikes() {
        assert!(is_uuid(b"12345678-1234-7123-8123-123456789012 and more"));
        assert!(!is_uuid(b"12345678-1234-7123-8123-12345678901"));
        assert!(!is_uuid(b"12345678-1234-7123 8123-123456789012"));
    }
}
