//! Card and bank rules as data, and the arithmetic of their check digits. Pure; nothing here keeps a digit.

use gate::wire::{Brand, Open};

/// The numbers of a brand.
pub struct Rule {
    /// The brand.
    pub brand: Brand,
    /// The lowest and the highest prefix of each range, of equally many digits.
    prefixes: &'static [(u32, u32)],
    /// The lengths that numbers may have, ascending.
    pub lengths: &'static [usize],
    /// The lengths that the security code may have: one.
    pub code: &'static [usize],
}

/// Prefixes and lengths of Braintree's public table (`credit-card-type` 10.3.0), because not every network publishes its own;
/// `UnionPay`'s ranges are taken together, and Maestro's 493698 and 6, which lie among other brands', are left out. None overlaps
/// another. Canaries stand under 9999: the leading 9 leaves the number to national bodies (ISO/IEC 7812-1) and 999 is no
/// country's (ISO 3166-1 numeric, user-assigned), so that no network can issue one.
const RULES: &[Rule] = &[
    Rule { brand: Brand::Visa, prefixes: &[(4, 4)], lengths: &[16, 18, 19], code: &[3] },
    Rule { brand: Brand::Mastercard, prefixes: &[(51, 55), (2221, 2720)], lengths: &[16], code: &[3] },
    Rule { brand: Brand::Amex, prefixes: &[(34, 34), (37, 37)], lengths: &[15], code: &[4] },
    Rule { brand: Brand::Discover, prefixes: &[(6011, 6011), (644, 649), (65, 65)], lengths: &[16, 19], code: &[3] },
    Rule { brand: Brand::Diners, prefixes: &[(300, 305), (36, 36), (38, 39)], lengths: &[14, 16, 19], code: &[3] },
    Rule { brand: Brand::Jcb, prefixes: &[(1800, 1800), (2131, 2131), (3528, 3589)], lengths: SIXTEEN_UP, code: &[3] },
    Rule { brand: Brand::UnionPay, prefixes: &[(62, 62), (81, 81)], lengths: &[14, 15, 16, 17, 18, 19], code: &[3] },
    Rule { brand: Brand::Maestro, prefixes: MAESTRO, lengths: &[12, 13, 14, 15, 16, 17, 18, 19], code: &[3] },
    Rule { brand: Brand::Mir, prefixes: &[(2200, 2204)], lengths: SIXTEEN_UP, code: &[3] },
    Rule { brand: Brand::Canary, prefixes: &[(9999, 9999)], lengths: &[16], code: &[3] },
];
const SIXTEEN_UP: &[usize] = &[16, 17, 18, 19];
const MAESTRO: &[(u32, u32)] =
    &[(500_000, 504_174), (504_176, 506_698), (506_779, 508_999), (56, 59), (63, 63), (67, 67)];

/// The lengths of a bank account's number (Nacha, entry detail record, field 5).
pub const ACCOUNT: &[usize] = &[4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17];

/// What `--test-numbers` takes, one a line: numbers that networks and processors publish for tests, and Stripe's bank of
/// that kind. None is issued to anyone.
const TEST_NUMBERS: &str = include_str!("test-numbers.txt");

/// Whether a number of a card, a bank or an account is published for tests, or a canary.
pub fn is_for_tests(number: &str) -> bool {
    let is_canary = |rule: &Rule| rule.brand == Brand::Canary && rule.admits(number);
    TEST_NUMBERS.lines().any(|listed| listed == number) || Rule::of(number).is_some_and(is_canary)
}

impl Rule {
    /// The rule that a number, or the beginning of one, falls under. `None` while too little is keyed to tell.
    pub fn of(number: &str) -> Option<&'static Self> {
        let covers = |(first, last): (u32, u32)| {
            let prefix = number.get(..first.ilog10() as usize + 1);
            prefix.is_some_and(|prefix| (first..=last).contains(&value(prefix)))
        };
        RULES.iter().find(|rule| rule.prefixes.iter().copied().any(covers))
    }

    /// Whether `number` has a length of this brand and the check digit of ISO/IEC 7812-1, annex B. `UnionPay` does not
    /// promise that every old card has one; it is asked for all the same, because among six lengths nothing else would
    /// notice a key that was lost.
    pub fn admits(&self, number: &str) -> bool {
        let doubled = |(place, digit)| if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 };
        let sum: u32 = digits(number).rev().enumerate().map(doubled).sum();
        self.lengths.contains(&number.len()) && sum.is_multiple_of(10)
    }
}

/// Most years that a card is issued for.
const LONGEST_VALIDITY: u32 = 20;

/// Whether MMYY is a month that is not past and at most twenty years ahead. A card is good to the last day of its month.
pub fn is_valid_expiry(expiry: &str, today: &Open) -> bool {
    let Some((month, year)) = expiry.split_at_checked(2).map(|(month, year)| (value(month), 2_000 + value(year)))
    else {
        return false;
    };
    let (this_month, this_year) = (u32::from(today.month), u32::from(today.year));
    let is_past = (year, month) < (this_year, this_month);
    (1..=12).contains(&month) && !is_past && year <= this_year + LONGEST_VALIDITY
}

/// Whether nine digits have the check digit of the American Bankers Association and a prefix of the Federal Reserve's
/// (Nacha; the twelve districts, thrift institutions, electronic entries, and 80 for traveller's cheques).
pub fn is_valid_routing(routing: &str) -> bool {
    let sum: u32 = digits(routing).zip([3, 7, 1].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
    let district = routing.get(..2).map_or(u32::MAX, value);
    sum > 0 && sum.is_multiple_of(10) && matches!(district, 0..=12 | 21..=32 | 61..=72 | 80)
}

fn digits(number: &str) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator {
    number.as_bytes().iter().map(|&digit| u32::from(digit.wrapping_sub(b'0')))
}

fn value(number: &str) -> u32 {
    digits(number).fold(0, |value, digit| value * 10 + digit)
}

#[cfg(test)]
mod tests;
