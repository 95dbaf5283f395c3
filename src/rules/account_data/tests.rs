use proptest::prelude::*;

use super::*;

/// Digits with the check digit that makes them a card number.
fn checked(digits: &str) -> String {
    let check = (0..10).find(|check| {
        let all: Vec<u8> = format!("{digits}{check}").bytes().map(|byte| byte - b'0').collect();
        luhn(&all)
    });
    format!("{digits}{}", check.unwrap())
}

fn grouped(number: &str, size: usize, between: &str) -> String {
    let digits: Vec<char> = number.chars().collect();
    digits.chunks(size).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(between)
}

fn count(text: &str) -> usize {
    text.matches(MASK).count()
}

#[test]
fn what_the_networks_publish_for_tests_is_a_card_number_of_a_brand() {
    let numbers = [
        "4242424242424242",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "6011111111111117",
        "3056930009020004",
        "3566002020360505",
        "6200000000000005",
        "4000000000000000006",
    ];
    for number in numbers {
        let digits: Vec<u8> = number.bytes().map(|byte| byte - b'0').collect();
        assert!(is_card_number(&digits) && is_of_a_brand(&digits));
        for between in ["", " ", "-"] {
            let text = format!("he said {}, and hung up", grouped(number, 4, between));
            assert_eq!(count(&masked(&text)), number.len(), "digits left with {between:?} between");
        }
    }
    assert!(!is_card_number(&[0; 16]) && !is_card_number(&[4, 2, 4, 2]));
}

#[test]
fn a_number_among_other_digits_is_masked() {
    for text in [
        "4242424242424242 12 26 123",
        "12 26 4242424242424242",
        "4242-4242-4242-4242-1226",
        "42424242424242421226123",
        "x4242424242424242",
        "code4242424242424242",
        "4242424242424242e",
        "f4242424242424242",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 4242 4242 4242 4242",
        "card=4242424242424242;",
        "\"number\":4242424242424242",
        "４２４２４２４２４２４２４２４２",
        "\u{664}\u{662}\u{664}\u{662}\u{664}\u{662}\u{664}\u{662}\u{664}\u{662}\u{664}\u{662}\u{664}\u{662}\u{664}\u{662}",
    ] {
        assert!(count(&masked(text)) >= 16);
    }
}

#[test]
fn what_is_no_card_number_stays() {
    for text in [
        "",
        "+12025550143 at 2026-11-29T11:12:34.123456Z",
        "4242424242424241",
        "attempt-12345678-1234-7123-8123-123456789012",
        "sha256 9f86d081884c7d654242424242424242a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "1764414754123456789",
        "4242 4242",
        "+8613800138000 and +491712345678901",
        "203.0.113.10:5060 -> 198.51.100.7:40000",
        "the last four are 4242, the plan is 12 payments of 120 dollars",
    ] {
        assert!(matches!(masked(text), std::borrow::Cow::Borrowed(_)), "{text}");
    }
}

#[test]
fn fields_made_for_cards_are_known_by_name() {
    for name in [
        "blng__CardNumber__c",
        "blng__CVV__c",
        "CardNumber",
        "card_number",
        "CVV",
        "cvc",
        "SecurityCode",
        "security-code",
        "Card_Security_Code__c",
        "PAN",
        "primary account number",
        "Track2",
        "billing_card_no",
        "PIN",
    ] {
        assert!(is_forbidden_field(name), "{name}");
    }
    for name in [
        "last_four",
        "LastFour__c",
        "brand",
        "card",
        "token",
        "expiry",
        "company",
        "postal_code",
        "opinion",
        "discard",
        "CardLastFour",
        "reference",
        "external_id",
        "span",
        "pinned",
    ] {
        assert!(!is_forbidden_field(name), "{name}");
    }
}

proptest! {
    #[test]
    fn every_number_is_masked_whole_wherever_it_stands(
        digits in "[1-9][0-9]{11,17}", size in 2_usize..7, between in 0_usize..3, before in "[g-z ]{0,8}", after in "[g-z ]{0,8}"
    ) {
        let number = checked(&digits);
        prop_assume!(number.chars().any(|digit| !number.starts_with(digit)));
        let text = format!("{before}{}{after}", grouped(&number, size, ["", " ", "-"][between]));
        prop_assert_eq!(count(&masked(&text)), number.len());
    }

    #[test]
    fn any_text_can_be_masked_and_keeps_its_length(text in "[0-9 -]{0,80}|.{0,80}") {
        prop_assert_eq!(masked(&text).chars().count(), text.chars().count());
    }
}
