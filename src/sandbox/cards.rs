//! The numbers that the sandbox takes, and what becomes of each. All are published by networks and processors for tests,
//! save the canaries, which no network can issue.

/// What becomes of a payment with a number on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Approved.
    Approve,
    /// Declined, for this reason.
    Decline(&'static str),
    /// Approved and recorded, and answered only after longer than the vault waits.
    Slow,
    /// Approved and recorded, and never answered.
    Lose,
}

const LIST: &[(&str, &str, Fate)] = &[
    ("4242424242424242", "visa", Fate::Approve),
    ("4111111111111111", "visa", Fate::Approve),
    ("4012888888881881", "visa", Fate::Approve),
    ("4000056655665556", "visa", Fate::Approve),
    ("5555555555554444", "mastercard", Fate::Approve),
    ("2223003122003222", "mastercard", Fate::Approve),
    ("378282246310005", "amex", Fate::Approve),
    ("371449635398431", "amex", Fate::Approve),
    ("6011111111111117", "discover", Fate::Approve),
    ("6011000990139424", "discover", Fate::Approve),
    ("3056930009020004", "diners", Fate::Approve),
    ("36227206271667", "diners", Fate::Approve),
    ("3566002020360505", "jcb", Fate::Approve),
    ("6200000000000005", "unionpay", Fate::Approve),
    ("6205500000000000004", "unionpay", Fate::Approve),
    ("4000000000000002", "visa", Fate::Decline("declined")),
    ("4000000000009995", "visa", Fate::Decline("insufficient_funds")),
    ("4000000000000069", "visa", Fate::Decline("expired_card")),
    ("4000000000000127", "visa", Fate::Decline("incorrect_code")),
    ("5200828282828210", "mastercard", Fate::Slow),
    ("5105105105105100", "mastercard", Fate::Lose),
];

/// Bank accounts that Stripe publishes for tests.
const ACCOUNTS: &[(&str, Fate)] = &[
    ("000123456789", Fate::Approve),
    ("000111111116", Fate::Decline("declined")),
    ("000111111113", Fate::Decline("incorrect_number")),
    ("000222222227", Fate::Decline("insufficient_funds")),
];

/// The prefix and length of canaries: a leading 9 is left to national bodies (ISO/IEC 7812-1), and 999 is no country's.
const CANARY_PREFIX: &str = "9999";
const CANARY_LENGTH: usize = 16;

/// The brand and fate of a number. `None` for every number that is not for tests.
pub(super) fn look_up(number: &str) -> Option<(&'static str, Fate)> {
    if number.len() == CANARY_LENGTH && number.starts_with(CANARY_PREFIX) && passes_luhn(number) {
        return Some(("canary", Fate::Approve));
    }
    let card = LIST.iter().find(|(listed, ..)| *listed == number).map(|&(_, brand, fate)| (brand, fate));
    let account = || ACCOUNTS.iter().find(|(listed, _)| *listed == number).map(|&(_, fate)| ("bank_account", fate));
    card.or_else(account)
}

fn passes_luhn(number: &str) -> bool {
    let digits = number.bytes().rev().map(|byte| u32::from(byte.wrapping_sub(b'0')));
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 })
        .sum();
    number.bytes().all(|byte| byte.is_ascii_digit()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_for_tests_are_taken() {
        for (place, (number, brand, fate)) in LIST.iter().enumerate() {
            assert!(passes_luhn(number) && look_up(number) == Some((brand, *fate)), "number {place}");
        }
        assert!(look_up("9999000000000004") == Some(("canary", Fate::Approve)));
        for number in ["9999000000000005", "4242424242424241", "4000000000000010", "", "99990000000000a4"] {
            assert!(look_up(number).is_none());
        }
    }
}
