use gate::wire::{Brands, Currency, Holder, Method, Postal};
use proptest::prelude::*;

use super::*;

/// Numbers that the networks and processors publish for tests, and a canary.
const PUBLISHED: &[(&str, Brand)] = &[
    ("4242424242424242", Brand::Visa),
    ("4000056655665556", Brand::Visa),
    ("5555555555554444", Brand::Mastercard),
    ("2223003122003222", Brand::Mastercard),
    ("378282246310005", Brand::Amex),
    ("6011111111111117", Brand::Discover),
    ("3056930009020004", Brand::Diners),
    ("36227206271667", Brand::Diners),
    ("3566002020360505", Brand::Jcb),
    ("6200000000000005", Brand::UnionPay),
    ("6205500000000000004", Brand::UnionPay),
    ("6759649826438453", Brand::Maestro),
    ("2200000000000004", Brand::Mir),
    ("9999000000000004", Brand::Canary),
];

fn today(year: u16, month: u8) -> Open {
    Open {
        capture: [0; 16],
        payment: [0; 16],
        method: Method::Card,
        amount_minor: 1,
        currency: Currency::parse("USD").unwrap(),
        brands: Brands::all(),
        postal: Postal::None,
        year,
        month,
        holder: Holder::parse("").unwrap(),
    }
}

#[test]
fn published_test_numbers_are_of_their_brand_and_pass() {
    for (place, (number, brand)) in PUBLISHED.iter().enumerate() {
        let passes = Rule::of(number).is_some_and(|rule| rule.brand == *brand && rule.admits(number));
        assert!(passes && is_for_tests(number), "number {place}");
    }
    for (place, number) in TEST_NUMBERS.lines().enumerate() {
        let is_card = Rule::of(number).is_some_and(|rule| rule.admits(number));
        assert!(is_card || is_valid_routing(number) || ACCOUNT.contains(&number.len()), "line {place}");
    }
}

#[test]
fn a_wrong_check_digit_or_length_is_refused() {
    for (place, (number, _)) in PUBLISHED.iter().enumerate() {
        let last = number.as_bytes()[number.len() - 1];
        let wrong = format!("{}{}", &number[..number.len() - 1], (last - b'0' + 1) % 10);
        assert!(Rule::of(&wrong).is_some_and(|rule| !rule.admits(&wrong)), "number {place}");
        assert!(Rule::of(number).is_some_and(|rule| !rule.admits(&number[..11])), "number {place}");
        assert!(!is_for_tests(&wrong), "number {place}");
    }
    for thirteen in ["4222222222222", "4000000000006"] {
        assert!(Rule::of(thirteen).is_some_and(|rule| rule.brand == Brand::Visa && !rule.admits(thirteen)));
    }
}

#[test]
fn ranges_end_where_they_are_said_to() {
    let brand = |prefix: &str| Rule::of(prefix).map(|rule| rule.brand);
    for (below, first, last, above, named) in [
        ("2220", "2221", "2720", "2721", Brand::Mastercard),
        ("2199", "2200", "2204", "2205", Brand::Mir),
        ("299", "300", "305", "306", Brand::Diners),
        ("3527", "3528", "3589", "3590", Brand::Jcb),
        ("643", "644", "649", "661", Brand::Discover),
        ("504175", "504176", "506698", "506699", Brand::Maestro),
        ("506778", "506779", "508999", "509000", Brand::Maestro),
        ("9998", "9999", "9999", "", Brand::Canary),
    ] {
        assert!(brand(first) == Some(named) && brand(last) == Some(named), "{named:?}");
        assert!(brand(below) != Some(named) && brand(above) != Some(named), "{named:?}");
    }
    assert!(brand("504175").is_none() && brand("35").is_none() && brand("").is_none() && brand("1").is_none());
}

#[test]
fn an_expiry_is_this_month_to_twenty_years_ahead() {
    for (place, (digits, valid)) in [
        ("1326", false),
        ("0000", false),
        ("0026", false),
        ("1026", false),
        ("1126", true),
        ("0127", true),
        ("1246", true),
        ("0147", false),
        ("1", false),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(is_valid_expiry(digits, &today(2026, 11)) == valid, "case {place}");
    }
    // Good until the last day of its month, whatever the month.
    assert!(is_valid_expiry("1226", &today(2026, 12)) && !is_valid_expiry("1226", &today(2027, 1)));
}

#[test]
fn a_routing_number_has_a_check_digit_and_a_district() {
    for (place, (digits, valid)) in [
        ("110000000", true),
        ("021000021", true),
        ("011401533", true),
        ("322271627", true),
        ("021000022", false),
        ("120000012", false),
        ("500000005", false),
        ("130000006", false),
        ("000000000", false),
        ("", false),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(is_valid_routing(digits) == valid, "case {place}");
    }
}

/// The same rules once more, from the reference's words: longest prefix first, as text.
fn reference_brand(number: &str) -> Option<Brand> {
    let starts = |digits: usize, first: u32, last: u32| {
        number.get(..digits).and_then(|prefix| prefix.parse::<u32>().ok()).is_some_and(|at| at >= first && at <= last)
    };
    let maestro =
        [(6, 500_000, 504_174), (6, 504_176, 506_698), (6, 506_779, 508_999), (2, 56, 59), (2, 63, 63), (2, 67, 67)];
    match () {
        () if starts(4, 9999, 9999) => Some(Brand::Canary),
        () if starts(4, 2200, 2204) => Some(Brand::Mir),
        () if starts(4, 2221, 2720) || starts(2, 51, 55) => Some(Brand::Mastercard),
        () if starts(4, 2131, 2131) || starts(4, 1800, 1800) || starts(4, 3528, 3589) => Some(Brand::Jcb),
        () if starts(4, 6011, 6011) || starts(3, 644, 649) || starts(2, 65, 65) => Some(Brand::Discover),
        () if starts(3, 300, 305) || starts(2, 36, 36) || starts(2, 38, 39) => Some(Brand::Diners),
        () if starts(2, 34, 34) || starts(2, 37, 37) => Some(Brand::Amex),
        () if starts(2, 62, 62) || starts(2, 81, 81) => Some(Brand::UnionPay),
        () if maestro.iter().any(|&(digits, first, last)| starts(digits, first, last)) => Some(Brand::Maestro),
        () if starts(1, 4, 4) => Some(Brand::Visa),
        () => None,
    }
}

fn reference_length(brand: Brand, length: usize) -> bool {
    match brand {
        Brand::Visa => [16, 18, 19].contains(&length),
        Brand::Mastercard | Brand::Canary => length == 16,
        Brand::Amex => length == 15,
        Brand::Discover => length == 16 || length == 19,
        Brand::Diners => [14, 16, 19].contains(&length),
        Brand::Jcb | Brand::Mir => (16..=19).contains(&length),
        Brand::UnionPay => (14..=19).contains(&length),
        Brand::Maestro => (12..=19).contains(&length),
        Brand::BankAccount => false,
    }
}

/// The check digit as ISO/IEC 7812-1 tells it: double every second digit from the right, and take crosswise sums.
fn reference_luhn(number: &str) -> bool {
    let (mut sum, mut double) = (0, false);
    for digit in number.chars().rev().filter_map(|letter| letter.to_digit(10)) {
        let value = if double { digit * 2 } else { digit };
        sum += if value > 9 { value - 9 } else { value };
        double = !double;
    }
    sum % 10 == 0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn numbers_are_as_the_reference_says(
        prefix in prop::sample::select(vec!["", "4", "5", "50", "51", "22", "27", "3", "35", "60", "64", "62", "81", "9999"]),
        rest in "[0-9]{0,19}",
    ) {
        let mut number = format!("{prefix}{rest}");
        number.truncate(19);
        let admitted = Rule::of(&number).filter(|rule| rule.admits(&number)).map(|rule| rule.brand);
        let brand = reference_brand(&number);
        prop_assert!(Rule::of(&number).map(|rule| rule.brand) == brand);
        let wanted = brand.filter(|&brand| reference_length(brand, number.len()) && reference_luhn(&number));
        prop_assert!(admitted == wanted);
    }

    #[test]
    fn one_wrong_digit_never_passes(place in 0usize..16, off in 1u8..10, which in 0usize..4) {
        let number = PUBLISHED[which].0;
        let mut wrong = number.as_bytes().to_vec();
        wrong[place] = b'0' + (wrong[place] - b'0' + off) % 10;
        let wrong = String::from_utf8(wrong).unwrap();
        prop_assert!(!reference_luhn(&wrong) && Rule::of(&wrong).is_none_or(|rule| !rule.admits(&wrong)));
    }

    #[test]
    fn an_expiry_is_as_the_calendar_says(month in 0u32..100, year in 0u32..100, this_year in 2020u16..2080, this_month in 1u8..13) {
        let months = |year: u32, month: u32| year * 12 + month;
        let now = months(u32::from(this_year), this_month.into());
        let then = months(2_000 + year, month);
        let wanted = (1..=12).contains(&month) && then >= now && 2_000 + year <= u32::from(this_year) + 20;
        let expiry = format!("{month:02}{year:02}");
        prop_assert!(is_valid_expiry(&expiry, &today(this_year, this_month)) == wanted);
    }

    #[test]
    fn a_routing_number_is_as_the_formula_says(digits in prop::collection::vec(0u32..10, 9)) {
        let d = &digits;
        let sum = 3 * (d[0] + d[3] + d[6]) + 7 * (d[1] + d[4] + d[7]) + (d[2] + d[5] + d[8]);
        let district = 10 * d[0] + d[1];
        let known = (0..=12).chain(21..=32).chain(61..=72).chain([80]).any(|known| known == district);
        let text: String = digits.iter().map(ToString::to_string).collect();
        prop_assert!(is_valid_routing(&text) == (sum % 10 == 0 && known && text != "000000000"));
    }
}
