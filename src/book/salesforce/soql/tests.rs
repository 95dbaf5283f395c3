use jiff::civil::date;
use proptest::prelude::*;
use rules::money::Currency;

use super::*;

fn name(text: &str) -> ApiName {
    text.parse().unwrap()
}

fn path(text: &str) -> FieldPath {
    text.parse().unwrap()
}

fn rows(limit: u16) -> Query {
    Query::of(name("cxp__Collection_Account__c"), limit).field(path("Id"))
}

fn where_is(value: Value) -> String {
    let text = rows(1).matching(Condition::Is(path("F"), value)).text().unwrap();
    let start = text.find(" WHERE F = ").unwrap() + " WHERE F = ".len();
    text[start..].strip_suffix(" LIMIT 1").unwrap().to_owned()
}

/// How Salesforce reads a quoted literal at the beginning of a text (SOQL and SOSL Reference, "Quoted String Escape
/// Sequences"), written apart from how this crate writes one: what it means, and what follows it.
fn read_literal(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('\'')?.chars();
    let mut meaning = String::new();
    loop {
        match rest.next()? {
            '\'' => return Some((meaning, rest.as_str())),
            '\\' => meaning.push(match rest.next()? {
                'n' | 'N' => '\n',
                'r' | 'R' => '\r',
                't' | 'T' => '\t',
                'b' | 'B' => '\u{8}',
                'f' | 'F' => '\u{c}',
                quoted @ ('"' | '\'' | '\\') => quoted,
                _ => return None,
            }),
            plain => meaning.push(plain),
        }
    }
}

#[test]
fn the_inbound_look_up_is_one_statement_with_its_children() {
    let open = Condition::In(path("Status"), vec![Value::text("Open").unwrap(), Value::text("Under Review").unwrap()]);
    let disputes = Query::of(name("cxp__Disputes__r"), 1).field(path("Id")).matching(open);
    let by_number = ["cxp__Phone_E164__c", "cxp__Alt_Phone_E164__c"]
        .map(|field| Condition::Is(path(field), Value::text("+12025550143").unwrap()));
    let query = rows(3)
        .field(path("cxp__Debtor__r.Birthdate"))
        .field(path("Id"))
        .with(disputes)
        .matching(Condition::All(vec![
            Condition::IsNot(path("cxp__Queue__c"), Value::NULL),
            Condition::Any(by_number.to_vec()),
        ]))
        .ordered_by(path("CreatedDate"), Direction::Descending);
    assert_eq!(
        query.text().unwrap(),
        "SELECT Id, cxp__Debtor__r.Birthdate, (SELECT Id FROM cxp__Disputes__r WHERE Status IN ('Open', 'Under Review') LIMIT 1) \
         FROM cxp__Collection_Account__c WHERE (cxp__Queue__c != null AND (cxp__Phone_E164__c = '+12025550143' OR \
         cxp__Alt_Phone_E164__c = '+12025550143')) ORDER BY CreatedDate DESC NULLS LAST LIMIT 3"
    );
}

#[test]
fn every_kind_of_value_has_its_literal() {
    let usd = Currency::parse("USD").unwrap();
    for (value, literal) in [
        (Value::from(true), "true"),
        (Value::from(-7_i64), "-7"),
        (Value::from(Money::new(123_450, usd)), "1234.50"),
        (Value::date(date(2026, 11, 29)).unwrap(), "2026-11-29"),
        (Value::instant("2026-11-29T20:15:59.9Z".parse().unwrap()).unwrap(), "2026-11-29T20:15:59Z"),
        (Value::from(RecordId::parse("a0B5g00000Ab1cD").unwrap()), "'a0B5g00000Ab1cDEAR'"),
        (Value::NULL, "null"),
        (Value::text(r"O'Brien\x").unwrap(), r"'O\'Brien\\x'"),
        (Value::text("a\nb\t\"c\"").unwrap(), r#"'a\nb\t\"c\"'"#),
    ] {
        assert_eq!(where_is(value), literal);
    }
}

#[test]
fn what_salesforce_could_not_take_is_refused_here() {
    assert_eq!(Value::text("a\0b"), Err(SoqlError::Control));
    assert_eq!(Value::text("a\u{1b}[2J"), Err(SoqlError::Control));
    assert_eq!(Value::text(&"a".repeat(4_001)), Err(SoqlError::Literal));
    assert_eq!(Value::date(date(1699, 12, 31)), Err(SoqlError::Year));
    assert_eq!(Value::instant(Timestamp::MIN), Err(SoqlError::Year));
    assert_eq!(Query::of(name("Account"), 1).text(), Err(SoqlError::NoField));
    for nothing in
        [Condition::In(path("F"), vec![]), Condition::All(vec![]), Condition::Any(vec![Condition::All(vec![])])]
    {
        assert_eq!(rows(1).matching(nothing).text(), Err(SoqlError::Empty));
    }
    let child = Query::of(name("Children__r"), 1).field(path("Id"));
    assert_eq!(rows(1).with(child.clone().with(child.clone())).text(), Err(SoqlError::Children));
    let many = (0..=MOST_CHILDREN).fold(rows(1), |query, _| query.with(child.clone()));
    assert_eq!(many.text(), Err(SoqlError::Children));
    let long = Value::text(&"a".repeat(4_000)).unwrap();
    assert_eq!(rows(1).matching(Condition::In(path("F"), vec![long; 26])).text(), Err(SoqlError::Statement));
}

#[test]
fn nothing_of_a_value_shows_itself() {
    let condition = Condition::Is(path("Name"), Value::text("Dana").unwrap());
    assert_eq!(format!("{condition:?}"), r#"Is(FieldPath("Name"), Value { .. })"#);
}

proptest! {
    #[test]
    fn whatever_a_caller_says_is_one_literal_that_means_it(text in "\\PC{0,40}['\\\\\"\n\r\t]{0,6}\\PC{0,40}") {
        let written = where_is(Value::text(&text).unwrap());
        prop_assert_eq!(read_literal(&written), Some((text, "")));
    }

    #[test]
    fn what_would_be_an_injection_is_one_literal(tail in "' (OR|AND) (Name LIKE '%|Id != null)( --|\\\\|\\\\'|)") {
        let written = where_is(Value::text(&tail).unwrap());
        prop_assert_eq!(read_literal(&written), Some((tail, "")));
    }
}
