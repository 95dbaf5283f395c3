//! Card rules as data: brands with their prefixes, lengths and code lengths; check digit; expiry.

use gate::wire::Brand;

/// The numbers of a brand under one range of prefixes.
pub struct Rule {
    /// The brand.
    pub brand: Brand,
    /// The lowest and the highest prefix, of equally many digits.
    prefixes: (u32, u32),
    /// The lengths that numbers may have, ascending.
    lengths: &'static [usize],
    /// Digits of the security code.
    pub code_length: usize,
}

const fn rule(brand: Brand, first: u32, last: u32, lengths: &'static [usize], code_length: usize) -> Rule {
    Rule { brand, prefixes: (first, last), lengths, code_length }
}

/// Ranges as the networks publish them; none overlaps another. Canaries stand under 9999: the leading 9 leaves the
/// number to national bodies (ISO/IEC 7812-1) and 999 is no country's (ISO 3166-1 numeric, user-assigned), so that no
/// network can issue one.
const RULES: &[Rule] = &[
    rule(Brand::Visa, 4, 4, &[16, 18, 19], 3),
    rule(Brand::Mastercard, 51, 55, &[16], 3),
    rule(Brand::Mastercard, 2221, 2720, &[16], 3),
    rule(Brand::Amex, 34, 34, &[15], 4),
    rule(Brand::Amex, 37, 37, &[15], 4),
    rule(Brand::Discover, 6011, 6011, &[16, 19], 3),
    rule(Brand::Discover, 644, 649, &[16, 19], 3),
    rule(Brand::Discover, 65, 65, &[16, 19], 3),
    rule(Brand::Diners, 300, 305, &[14, 16, 19], 3),
    rule(Brand::Diners, 36, 36, &[14, 16, 19], 3),
    rule(Brand::Diners, 38, 39, &[14, 16, 19], 3),
    rule(Brand::Jcb, 1800, 1800, &[16, 17, 18, 19], 3),
    rule(Brand::Jcb, 2131, 2131, &[16, 17, 18, 19], 3),
    rule(Brand::Jcb, 3528, 3589, &[16, 17, 18, 19], 3),
    rule(Brand::UnionPay, 62, 62, &[14, 15, 16, 17, 18, 19], 3),
    rule(Brand::UnionPay, 81, 81, &[14, 15, 16, 17, 18, 19], 3),
    rule(Brand::Canary, 9999, 9999, &[16], 3),
];

impl Rule {
    /// The rule that a number, or the beginning of one, falls under. `None` while too little is keyed to tell.
    #[must_use]
    pub fn of(number: &[u8]) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.covers(number))
    }

    fn covers(&self, number: &[u8]) -> bool {
        let (first, last) = self.prefixes;
        let digits = first.ilog10() as usize + 1;
        number.get(..digits).is_some_and(|prefix| (first..=last).contains(&value(prefix)))
    }

    /// The length at which a number of this brand cannot go on.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.lengths.last().copied().unwrap_or_default()
    }

    /// Whether `number` has a length of this brand and its check digit.
    #[must_use]
    pub fn admits(&self, number: &[u8]) -> bool {
        self.lengths.contains(&number.len()) && passes_luhn(number)
    }
}

/// Today, as far as an expiry date goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Today {
    /// The year, 2000 to 2099.
    pub year: u16,
    /// The month, 1 to 12.
    pub month: u8,
}

/// Most years that a card is issued for.
const LONGEST_VALIDITY: u32 = 20;

/// Whether four digits MMYY are a month that is not past and at most twenty years ahead. A card is good to the last day
/// of its month.
#[must_use]
pub fn is_valid_expiry(digits: &[u8], today: Today) -> bool {
    let [month @ .., _, _] = digits else { return false };
    let (month, year) = (value(month), 2_000 + value(&digits[month.len()..]));
    let (this_month, this_year) = (u32::from(today.month), u32::from(today.year));
    digits.len() == 4
        && (1..=12).contains(&month)
        && (year, month) >= (this_year, this_month)
        && year <= this_year + LONGEST_VALIDITY
}

/// The check digit of ISO/IEC 7812-1, annex B.
fn passes_luhn(number: &[u8]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| {
            let digit = u32::from(digit - b'0');
            if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn value(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that the networks and processors publish for tests, and two canaries.
    const PUBLISHED: &[(&[u8], Brand)] = &[
        (b"4242424242424242", Brand::Visa),
        (b"4000056655665556", Brand::Visa),
        (b"5555555555554444", Brand::Mastercard),
        (b"2223003122003222", Brand::Mastercard),
        (b"378282246310005", Brand::Amex),
        (b"6011111111111117", Brand::Discover),
        (b"3056930009020004", Brand::Diners),
        (b"36227206271667", Brand::Diners),
        (b"3566002020360505", Brand::Jcb),
        (b"6200000000000005", Brand::UnionPay),
        (b"6205500000000000004", Brand::UnionPay),
        (b"9999000000000004", Brand::Canary),
    ];

    #[test]
    fn published_test_numbers_are_of_their_brand_and_pass() {
        for (place, (number, brand)) in PUBLISHED.iter().enumerate() {
            let passes = Rule::of(number).is_some_and(|rule| rule.brand == *brand && rule.admits(number));
            assert!(passes, "number {place}");
        }
    }

    #[test]
    fn a_wrong_check_digit_or_length_is_refused() {
        for (place, (number, _)) in PUBLISHED.iter().enumerate() {
            let mut wrong = number.to_vec();
            let last = wrong.len() - 1;
            wrong[last] = b'0' + (wrong[last] - b'0' + 1) % 10;
            assert!(Rule::of(&wrong).is_some_and(|rule| !rule.admits(&wrong)), "number {place}");
            assert!(Rule::of(number).is_some_and(|rule| !rule.admits(&number[..12])), "number {place}");
        }
    }

    #[test]
    fn ranges_end_where_they_are_said_to() {
        let brand = |prefix: &[u8]| Rule::of(prefix).map(|rule| rule.brand);
        assert!(brand(b"2220").is_none() && brand(b"2221") == Some(Brand::Mastercard));
        assert!(brand(b"2720") == Some(Brand::Mastercard) && brand(b"2721").is_none());
        assert!(brand(b"50").is_none() && brand(b"56").is_none() && brand(b"").is_none());
        assert!(brand(b"3527").is_none() && brand(b"3590").is_none() && brand(b"9998").is_none());
    }

    #[test]
    fn an_expiry_is_this_month_to_twenty_years_ahead() {
        let today = Today { year: 2026, month: 11 };
        let cases: [(&[u8], bool); 9] = [
            (b"1326", false),
            (b"0000", false),
            (b"0026", false),
            (b"1026", false),
            (b"1126", true),
            (b"0127", true),
            (b"1246", true),
            (b"0147", false),
            (b"112", false),
        ];
        for (place, (digits, valid)) in cases.into_iter().enumerate() {
            assert!(is_valid_expiry(digits, today) == valid, "case {place}");
        }
    }
}
