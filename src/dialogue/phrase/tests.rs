use std::collections::BTreeMap;

use jiff::civil::date;
use rules::arrangement::{Frequency, Offer};
use rules::calendar::{BusinessDayRule, Calendar};
use rules::money::Currency;

use super::*;

/// Beginnings of words that would tell a stranger what the call is about.
const TELLING: [&str; 18] = [
    "account", "amount", "arrears", "balance", "bill", "card", "cent", "collect", "credit", "debt", "dollar", "due",
    "instal", "loan", "ow", "paid", "pay", "plan",
];

fn business() -> BusinessName {
    BusinessName::new("Harbor Lane").unwrap()
}

fn every_phrase() -> Vec<Phrase> {
    let money = Money::new(12_050, Currency::USD);
    let offer = Offer {
        total: money,
        instalments: 4,
        frequency: Some(Frequency::Monthly),
        first: date(2026, 12, 1),
        made_on: date(2026, 11, 20),
        business_days: BusinessDayRule::Following,
    };
    let plan = Plan::new(offer, &Calendar::united_states());
    let digits = Digits::parse("4242").unwrap();
    let mut phrases = Phrase::fixed();
    let name = Question::Name(PersonName::new("Jordan Avery"));
    phrases.extend(Attempt::ALL.map(|attempt| Phrase::Ask(name.clone(), attempt)));
    phrases.extend([
        Phrase::Opening { business: business() },
        Phrase::ReadBackDate(date(1981, 3, 3)),
        Phrase::ReadBackDigits(digits.clone()),
        Phrase::Balance { creditor: "Northside Dental".to_owned(), balance: money },
        Phrase::OfferAsAsked(plan),
        Phrase::OfferClosest(plan),
        Phrase::ReadBackPlan(plan),
        Phrase::CardIntroduction { amount: money },
        Phrase::PaymentApproved { amount: money, brand: CardBrand::Visa, last_four: digits },
    ]);
    phrases
}

fn telling_words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|character: char| !character.is_alphanumeric());
    words.filter(|word| TELLING.iter().any(|telling| word.starts_with(telling))).map(str::to_owned).collect()
}

#[test]
fn nothing_a_stranger_may_hear_tells_of_the_debt() {
    for phrase in every_phrase().iter().filter(|phrase| phrase.may_precede_verification()) {
        assert_eq!(telling_words(&phrase.text()), Vec::<String>::new(), "{}", phrase.name());
    }
}

#[test]
fn what_tells_of_the_debt_is_found_by_the_same_words() {
    let telling = |phrase: &Phrase| !telling_words(&phrase.text()).is_empty();
    for phrase in [Phrase::MiniMiranda, Phrase::PlanSaved, Phrase::PaymentDeclined, Phrase::SummaryNothing] {
        assert!(telling(&phrase) && !phrase.may_precede_verification(), "{}", phrase.name());
    }
}

#[test]
fn names_are_stable_identifiers_of_one_wording_each() {
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for phrase in every_phrase() {
        let name = phrase.name();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        let text = phrase.text();
        assert_eq!(texts.insert(name, text.clone()).unwrap_or(text.clone()), text, "{name} has two wordings");
    }
    assert!(texts.len() > 90);
}

#[test]
fn texts_are_words_and_punctuation_that_a_synthesiser_says() {
    for phrase in every_phrase() {
        let text = phrase.text();
        let is_plain = |character: char| character.is_ascii_alphabetic() || " .,?:'".contains(character);
        assert!(!text.is_empty() && text.chars().all(is_plain), "{}: {text}", phrase.name());
        assert!(!text.contains("  "), "{}: {text}", phrase.name());
    }
}

#[test]
fn disclosures_are_played_whole_and_the_notices_say_what_they_must() {
    let disclosing: Vec<&str> =
        every_phrase().iter().filter(|phrase| phrase.is_disclosure()).map(Phrase::name).collect();
    assert_eq!(disclosing, ["ai_notice", "recording_notice", "mini_miranda", "opening"]);
    assert!(every_phrase().iter().all(|phrase| !(phrase.is_disclosure() && phrase.is_interruptible())));
    let opening = Phrase::notices(&business()).map(|phrase| phrase.text()).join(" ");
    assert!(opening.contains("Harbor Lane") && opening.contains("artificial voice") && opening.contains("recorded"));
    let statement = Phrase::MiniMiranda.text();
    for required in ["debt collector", "attempt to collect a debt", "used for that purpose", "right to dispute"] {
        assert!(statement.contains(required), "{required}");
    }
}

#[test]
fn a_business_name_may_not_reveal() {
    for name in ["", "  ", "Acme Debt Recovery", "United Collections", "Fast COLLECTORS LLC", "Recoveries-R-Us"] {
        assert_eq!(BusinessName::new(name), Err(RevealingName), "{name}");
    }
    for name in ["Harbor Lane", "Cardinal Services", "Central Desk"] {
        assert_eq!(BusinessName::new(name).as_ref().map(BusinessName::as_str), Ok(name));
    }
}

#[test]
fn no_data_is_printed() {
    for phrase in every_phrase() {
        assert_eq!(format!("{phrase:?}"), format!("Phrase({})", phrase.name()));
    }
    let names = format!("{:?}{:?}", business(), PersonName::new("Jordan"));
    assert!(!names.contains("Jordan") && !names.contains("Harbor"));
}
