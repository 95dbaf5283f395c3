use borsh::BorshDeserialize;
use proptest::prelude::*;

use super::*;

#[test]
fn a_token_that_could_hide_a_card_is_refused() {
    for token in ["pm_1NwZyI2eZvKYlo2C", "tok_abcdefghijklmnopqrstuvwx", "tok_22223333444-abcdefghijklm", "12345678"] {
        assert!(Token::parse(token).is_ok_and(|read| read.as_str() == token));
    }
    for token in ["tok_222233334444abcdefgh", "4242424242424242", "tok_abc", "tok_abc def", "tok\0abcdef", ""] {
        assert!(Token::parse(token).is_err());
    }
    for token in
        ["4242-4242-4242-4242", "tok_4242_4242_4242_4242", "tok-1-3782-822463-10005_x", "4-2-4-2-4242-4242--4242"]
    {
        assert!(Token::parse(token).is_err(), "a number in groups passes");
    }
    for token in ["4243-4243-4243-4241", "4242a4242a4242a4242", "0193b5a0-7c1e-4242-8424-2424a2424242"] {
        assert!(Token::parse(token).is_ok(), "what is no number is refused");
    }
    assert!(Token::parse(&"x".repeat(65)).is_err());
    assert!(LastFour::parse("12a4").is_err() && LastFour::parse("12345").is_err());
    assert!(Holder::parse("4242").is_err() && Holder::parse("").is_ok_and(|holder| holder.as_str().is_empty()));
    assert!(Currency::parse("XXX").is_err() && Currency::parse("usd").is_err() && Currency::parse("USD EUR").is_err());
}

#[test]
fn names_are_unique_and_lead_back() {
    assert!(Brand::ALL.iter().all(|&brand| Brand::named(brand.name()) == Some(brand)));
    assert!(DeclineReason::ALL.iter().all(|&reason| DeclineReason::named(reason.name()) == Some(reason)));
    assert!(
        Brand::ALL.iter().all(|&brand| Brands::none().with(brand).contains(brand) && Brands::all().contains(brand))
    );
    assert!(!Brands::none().with(Brand::Visa).contains(Brand::Mastercard));
}

#[test]
fn a_processors_code_becomes_a_reason_of_the_closed_list_or_none() {
    for (code, reason) in [
        ("insufficient_funds", Some(DeclineReason::InsufficientFunds)),
        ("incorrect_cvc", Some(DeclineReason::IncorrectCode)),
        ("routing_number_invalid", Some(DeclineReason::IncorrectNumber)),
        ("card_declined", Some(DeclineReason::Declined)),
        ("fraudulent", None),
        ("", None),
    ] {
        assert_eq!(DeclineReason::of_processor(code), reason, "{code}");
    }
}

/// A card number of 12 to 19 digits, under a prefix that no network can issue.
fn card_number() -> impl Strategy<Value = String> {
    prop::collection::vec(0..10_u32, 7..=14).prop_map(|rest| {
        let payload: Vec<u32> = [9; 4].into_iter().chain(rest).collect();
        // What each digit counts, where every second one is doubled, from the last on.
        let counts = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
        let sum: u32 = payload.iter().rev().step_by(2).map(|&digit| counts[digit as usize]).sum::<u32>()
            + payload.iter().rev().skip(1).step_by(2).sum::<u32>();
        payload.into_iter().chain([(10 - sum % 10) % 10]).filter_map(|digit| char::from_digit(digit, 10)).collect()
    })
}

proptest! {
    #[test]
    fn no_card_number_passes_for_a_token_however_it_is_separated(
        number in card_number(),
        separators in prop::collection::vec(prop::sample::select(vec!["", "", "-", "_", "--", "_-"]), 19),
        (before, after) in ("([a-z]{0,6}|[a-z]{0,3}[_-]|[0-9]{1,3}-)", "([a-z]{0,6}|[_-][a-z0-9]{0,3})"),
    ) {
        let separated = number.chars().zip(separators).flat_map(|(digit, between)| [digit.to_string(), between.into()]);
        let number: String = separated.collect();
        let text = format!("{before}{}{after}", number.trim_end_matches(['-', '_']));
        prop_assert!(Token::parse(&text).is_err(), "{text} passes");
    }

    #[test]
    fn a_text_with_letters_between_its_digits_is_a_token(text in "([A-Za-z_-]{1,3}[0-9]{0,11}[A-Za-z]){4}") {
        prop_assert!(Token::parse(&text).is_ok());
    }

    #[test]
    fn what_is_read_is_what_was_written(bytes in prop::collection::vec(any::<u8>(), 64)) {
        if let Ok(token) = Token::try_from_slice(&bytes) {
            prop_assert_eq!(borsh::to_vec(&token).unwrap(), bytes.clone());
        }
        if let Ok(holder) = Holder::try_from_slice(&bytes[..40]) {
            prop_assert_eq!(borsh::to_vec(&holder).unwrap(), &bytes[..40]);
        }
    }
}
