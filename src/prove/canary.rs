//! Cards that nobody owns: random numbers of a range that no network can issue, each unique to its run.
//!
//! Whoever searches for a number holds it. So that a searcher does not find itself, a canary is kept with every byte
//! changed by a mask, and is handed out one digit at a time.

use std::fmt;

use rand::Rng;
use zeroize::Zeroize;

/// Digits of a canary's number.
pub const DIGITS: usize = 16;
/// Digits in a row that are too many: a permitted truncation shows fewer (PCI SSC FAQ 1091).
pub const RUN: usize = 7;
/// The range of numbers that the sandbox and a vault with `--canary` take: a leading 9 is left to national bodies
/// (ISO/IEC 7812-1), and 999 is no country's.
const PREFIX: [u8; 4] = [9, 9, 9, 9];
/// The first run of [`RUN`] digits that has five random ones. Those before it are told apart from chance too badly.
pub(crate) const FIRST_RUN: usize = 2;
/// Different digits that a run must have, so that no counter, date or pattern looks like one.
const LEAST_VARIETY: usize = 5;
/// How far ahead an expiry date may lie, in years.
const EXPIRY_YEARS: u16 = 15;

/// What of a card is keyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The number.
    Number,
    /// The expiry date as MMYY.
    Expiry,
    /// The security code.
    Code,
    /// The postal code.
    Postal,
}

/// One card. It cannot be printed or compared.
pub struct Canary {
    mask: u8,
    number: [u8; DIGITS],
    expiry: [u8; 4],
    code: [u8; 3],
    postal: [u8; 5],
}

impl Canary {
    /// Draws a card whose expiry date lies in the years after `year` (such as 2026).
    fn draw(random: &mut impl Rng, year: u16) -> Self {
        let mut number = [0; DIGITS];
        number[..PREFIX.len()].copy_from_slice(&PREFIX);
        for digit in &mut number[PREFIX.len()..DIGITS - 1] {
            *digit = random.random_range(0..10);
        }
        number[DIGITS - 1] = check_digit(&number[..DIGITS - 1]);
        let (month, year) = (random.random_range(1..=12_u8), year % 100 + random.random_range(1..=EXPIRY_YEARS));
        let year = u8::try_from(year % 100).unwrap_or_default();
        let mut canary = Self {
            // Above all digits, as values and as text, so that what is masked is neither.
            mask: random.random_range(0x80..=0xff),
            number,
            expiry: [month / 10, month % 10, year / 10, year % 10],
            code: std::array::from_fn(|_| random.random_range(0..10)),
            postal: std::array::from_fn(|_| random.random_range(0..10)),
        };
        let mask = canary.mask;
        canary.fields_mut().for_each(|byte| *byte ^= mask);
        canary
    }

    /// The digit of the number at a place, as a value from 0 to 9.
    #[must_use]
    pub(crate) fn digit(&self, place: usize) -> u8 {
        self.number[place] ^ self.mask
    }

    /// The keys of a field, one after the other, as characters.
    pub fn keys(&self, field: Field) -> impl Iterator<Item = u8> {
        let masked: &[u8] = match field {
            Field::Number => &self.number,
            Field::Expiry => &self.expiry,
            Field::Code => &self.code,
            Field::Postal => &self.postal,
        };
        masked.iter().map(|byte| b'0' + (byte ^ self.mask))
    }

    /// The runs of the number that are searched for: where each begins.
    pub(crate) fn runs(length: usize) -> impl Iterator<Item = usize> {
        FIRST_RUN..=DIGITS - length
    }

    fn fields_mut(&mut self) -> impl Iterator<Item = &mut u8> {
        let Self { number, expiry, code, postal, .. } = self;
        number.iter_mut().chain(expiry).chain(code).chain(postal)
    }

    fn is_varied(&self) -> bool {
        Self::runs(RUN).all(|begin| {
            let mut seen = [false; 10];
            (begin..begin + RUN).for_each(|place| seen[usize::from(self.digit(place))] = true);
            seen.iter().filter(|seen| **seen).count() >= LEAST_VARIETY
        })
    }

    fn shares_a_run_with(&self, other: &Self) -> bool {
        Self::runs(RUN).any(|mine| {
            Self::runs(RUN).any(|theirs| (0..RUN).all(|place| self.digit(mine + place) == other.digit(theirs + place)))
        })
    }

    /// Whether the code or postal code of another card would be taken for this one's.
    fn is_confused_with(&self, other: &Self) -> bool {
        let same = |field| self.keys(field).eq(other.keys(field));
        same(Field::Code) || same(Field::Postal) || self.shares_a_run_with(other)
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.fields_mut().for_each(Zeroize::zeroize);
    }
}

impl fmt::Debug for Canary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Canary(..)")
    }
}

/// Draws so many cards, none of which can be taken for another.
#[must_use]
pub fn draw(count: usize, random: &mut impl Rng, year: u16) -> Vec<Canary> {
    let mut drawn: Vec<Canary> = Vec::with_capacity(count);
    while drawn.len() < count {
        let canary = Canary::draw(random, year);
        if canary.is_varied() && !drawn.iter().any(|other| canary.is_confused_with(other)) {
            drawn.push(canary);
        }
    }
    drawn
}

/// The last digit of a number (ISO/IEC 7812-1, annex B).
fn check_digit(payload: &[u8]) -> u8 {
    let doubled = |digit: u8| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let digits = payload.iter().rev().enumerate();
    let sum: u32 = digits.map(|(place, &digit)| u32::from(if place % 2 == 0 { doubled(digit) } else { digit })).sum();
    u8::try_from((10 - sum % 10) % 10).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn cards(count: usize) -> Vec<Canary> {
        draw(count, &mut StdRng::seed_from_u64(7), 2026)
    }

    #[test]
    fn numbers_are_of_the_reserved_range_and_pass_the_check_digit() {
        assert_eq!(check_digit(b"424242424242424".map(|byte| byte - b'0').as_slice()), 2);
        for card in cards(50) {
            let digits: Vec<u8> = (0..DIGITS).map(|place| card.digit(place)).collect();
            assert!(digits.starts_with(&PREFIX) && digits.iter().all(|digit| *digit < 10));
            assert!(check_digit(&digits[..DIGITS - 1]) == digits[DIGITS - 1]);
            let month = card.keys(Field::Expiry).take(2).fold(0, |month, key| month * 10 + key - b'0');
            assert!((1..=12).contains(&month));
            assert!(card.keys(Field::Code).count() == 3 && card.keys(Field::Postal).all(|key| key.is_ascii_digit()));
        }
    }

    #[test]
    fn no_card_can_be_taken_for_another() {
        let cards = cards(50);
        for (place, card) in cards.iter().enumerate() {
            assert!(card.is_varied() && !cards[..place].iter().any(|other| card.is_confused_with(other)));
        }
    }

    #[test]
    fn a_card_is_nowhere_in_the_memory_that_holds_it_and_cannot_be_printed() {
        for card in cards(20) {
            assert!(card.number.iter().chain(&card.code).all(|byte| *byte > b'9'));
            assert_eq!(format!("{card:?}"), "Canary(..)");
        }
    }
}
