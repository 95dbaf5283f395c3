//! Account data (PCI DSS 4.0.1, section 2) in text that must hold none: numbers of cards are found and masked, and fields made
//! for them are known by name.
//!
//! This is a net below the controls that keep cards out of text, and it misses what is no longer written as digits. Of words
//! that a caller says, `dialogue::redaction` takes care.

mod fields;
#[cfg(test)]
mod tests;
mod text;

pub use self::fields::is_forbidden_field;
pub use self::text::masked;

/// Fewest digits of a card number that is looked for.
pub const FEWEST_DIGITS: usize = 13;
/// Most digits of a card number (ISO/IEC 7812-1).
pub const MOST_DIGITS: usize = 19;
/// What stands in the place of a digit.
pub const MASK: char = '#';

/// A brand's numbers: the first and the last beginning, which have the same length, and the lengths of the numbers.
type Range = (u32, u32, &'static [usize]);

/// The ranges of the large networks, as they publish them. Those of a few national ones are in them.
const BRANDS: [Range; 21] = [
    (4, 4, &[16, 18, 19]),
    (51, 55, &[16]),
    (2221, 2720, &[16]),
    (34, 34, &[15]),
    (37, 37, &[15]),
    (6011, 6011, &[16, 19]),
    (644, 649, &[16, 19]),
    (65, 65, &[16, 19]),
    (300, 305, &[14, 16, 19]),
    (36, 36, &[14, 16, 19]),
    (38, 39, &[14, 16, 19]),
    (3528, 3589, &[16, 17, 18, 19]),
    (62, 62, &[14, 15, 16, 17, 18, 19]),
    (81, 81, &[16, 17, 18, 19]),
    (5018, 5018, &[13, 14, 15, 16, 17, 18, 19]),
    (5020, 5020, &[13, 14, 15, 16, 17, 18, 19]),
    (5038, 5038, &[13, 14, 15, 16, 17, 18, 19]),
    (6304, 6304, &[13, 14, 15, 16, 17, 18, 19]),
    (6759, 6763, &[13, 14, 15, 16, 17, 18, 19]),
    (2200, 2204, &[16, 17, 18, 19]),
    (9792, 9792, &[16]),
];

/// Whether digits, given as values from 0 to 9, can be the number of a card: 13 to 19 of them, not all alike, with the
/// check digit of ISO/IEC 7812-1 annex B (Luhn). One in ten other numbers of that length is taken for one.
#[must_use]
pub fn is_card_number(digits: &[u8]) -> bool {
    (FEWEST_DIGITS..=MOST_DIGITS).contains(&digits.len())
        && digits.iter().any(|digit| Some(digit) != digits.first())
        && luhn(digits)
}

/// Whether digits begin as the numbers of a large network do and are as many as those have.
#[must_use]
pub fn is_of_a_brand(digits: &[u8]) -> bool {
    BRANDS.iter().any(|(first, last, lengths)| {
        let places = first.ilog10() as usize + 1;
        let begin = digits.iter().take(places).fold(0, |value, digit| value * 10 + u32::from(*digit));
        lengths.contains(&digits.len()) && (*first..=*last).contains(&begin)
    })
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(*digit) << (place % 2);
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    sum.is_multiple_of(10)
}
