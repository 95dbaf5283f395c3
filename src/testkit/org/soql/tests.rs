mod injection;

use proptest::prelude::*;
use serde_json::{Map, json};

use super::{date, token::Token, *};
use crate::{
    schema::{COLLECTXPERT, Schema},
    world::USER,
};

const VIEW: View<'_> = View { version: "v68.0", with_deleted: false, now: Timestamp::UNIX_EPOCH };

fn store() -> Store {
    let mut store = Store::new(Schema::parse(COLLECTXPERT).unwrap(), USER.to_owned());
    let contact = store.object("Contact").unwrap();
    let fields: Map<String, serde_json::Value> = json!({"LastName": "Delgado"}).as_object().unwrap().clone();
    store.create(&contact, &fields, Timestamp::UNIX_EPOCH).unwrap();
    store
}

/// As the reference says that a literal is written.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[test]
fn weeks_months_and_years_have_their_days() {
    use jiff::civil::date as day;
    // A Monday.
    let now = "2026-11-30T12:00:00Z".parse().unwrap();
    for (name, number, first, after) in [
        ("THIS_WEEK", None, day(2026, 11, 29), day(2026, 12, 6)),
        ("LAST_MONTH", None, day(2026, 10, 1), day(2026, 11, 1)),
        ("NEXT_YEAR", None, day(2027, 1, 1), day(2028, 1, 1)),
        ("LAST_N_DAYS", Some(7), day(2026, 11, 23), day(2026, 12, 1)),
        ("NEXT_N_DAYS", Some(2), day(2026, 12, 1), day(2026, 12, 3)),
    ] {
        let range = date::Range::named(name, number).unwrap();
        assert_eq!(range.days(now), Some((first, after)), "{name}");
    }
    assert_eq!(date::Range::named("LAST_N_DAYS", Some(i64::MAX)), None);
}

proptest! {
    #[test]
    fn any_text_has_an_answer(text in "\\PC{0,200}") {
        query(&mut store(), &text, VIEW).ok();
    }

    #[test]
    fn any_words_have_an_answer(words in prop::collection::vec(
        prop::sample::select(vec!["SELECT", "Id", "FROM", "Contact", "WHERE", "Name", "(", ")", ",", "=", "IN", "NOT", "AND",
            "OR", "'x'", "LIKE", "ORDER", "BY", "LIMIT", "5", "count()", "LAST_N_DAYS:9", "null", "2026-01-01", "-", ":"]), 0..40)) {
        query(&mut store(), &words.join(" "), VIEW).ok();
    }

    #[test]
    fn a_quoted_text_is_one_literal_whatever_it_holds(text in "[^\\p{Cc}]{0,200}") {
        let found = token::tokens(&quoted(&text)).unwrap();
        prop_assert_eq!(found, vec![Token::Text(text.clone())]);
        let found = query(&mut store(), &format!("SELECT Id FROM Contact WHERE LastName = {}", quoted(&text)), VIEW).unwrap();
        prop_assert_eq!(found.total, 0);
    }
}
