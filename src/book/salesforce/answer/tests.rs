use proptest::prelude::*;
use proptest::strategy::Strategy;
use rules::contact::Flag;
use rules::money::{BasisPoints, Currency};
use serde_json::{Number, json};

use super::*;
use crate::salesforce::mapping::Profile;
use crate::salesforce::object::{Object, account, dispute, strategy};
use crate::salesforce::sample::{answer, children, hide, mappings, path, row, set, usd};

fn read_row(mapping: &Mapping, row: Value) -> Result<Found, AnswerError> {
    match read(mapping, &answer(&[row]))? {
        LookUp::Found(found) => Ok(*found),
        LookUp::Nothing | LookUp::Several => Err(AnswerError::Shape),
    }
}

/// Every field that look-ups ask for.
fn asked(mapping: &Mapping) -> Vec<Field> {
    let both = [Object::CollectionAccount, Object::CollectionStrategy];
    let fields = both.into_iter().flat_map(Object::fields).copied();
    fields.filter(|field| field.is_read && mapping.field(*field).is_some()).collect()
}

#[test]
fn a_row_is_what_the_embedded_book_has_for_the_sample() {
    let strategies = crate::import::strategies(crate::import::BUILT_IN_STRATEGIES).unwrap().rows;
    let samples = include_bytes!("../../../../config/sample-accounts.csv");
    let accounts = crate::import::accounts(samples, &strategies, jiff::civil::date(2026, 11, 23)).unwrap().rows;
    let account = accounts.into_iter().find(|account| account.id.as_str() == "CA-1001").unwrap();
    let strategy = strategies.into_iter().find(|strategy| strategy.id == account.strategy).unwrap();
    let expected = Found { account, strategy };
    for mapping in mappings() {
        assert!(read_row(&mapping, row(&mapping)).unwrap() == expected);
    }
}

#[test]
fn a_known_strategy_is_as_good_as_one_that_was_asked_for() {
    for mapping in mappings() {
        let whole = row(&mapping);
        let expected = read_row(&mapping, whole.clone()).unwrap();
        let mut short = whole.clone();
        let id = path(&mapping, strategy::EXTERNAL_ID);
        short[&id[0]] = json!({ id[1].as_str(): "standard" });
        let known = |id: &StrategyId| (id.as_str() == "standard").then(|| expected.strategy.clone());
        let found = read_with(&mapping, &answer(std::slice::from_ref(&short)), known).unwrap();
        assert!(found == Some(LookUp::Found(Box::new(expected.clone()))));
        assert_eq!(read_with(&mapping, &answer(std::slice::from_ref(&short)), |_| None), Ok(None));
        assert_eq!(read_with(&mapping, &answer(&[]), |_| None), Ok(Some(LookUp::Nothing)));
        assert_eq!(read_with(&mapping, &answer(&[short.clone(), short]), |_| None), Ok(Some(LookUp::Several)));
        let mut own = whole[&id[0]].clone();
        let strategies = |row: &Value| read_strategies(&mapping, &answer(std::slice::from_ref(row))).unwrap();
        assert_eq!(strategies(&own), [expected.strategy]);
        let active = &mapping.field(strategy::ACTIVE).unwrap().path;
        own[active.as_str()] = json!("yes");
        assert!(strategies(&own).is_empty(), "what cannot be used is left out");
    }
}

#[test]
fn no_row_is_nothing_and_two_are_several() {
    for mapping in mappings() {
        assert_eq!(read(&mapping, &answer(&[])), Ok(LookUp::Nothing));
        let rows = [row(&mapping), row(&mapping)];
        assert_eq!(read(&mapping, &answer(&rows)), Ok(LookUp::Several));
        assert_eq!(read(&mapping, &answer(&[json!({}), json!(7), json!(null)])), Ok(LookUp::Several));
    }
}

#[test]
fn each_flag_set_is_set_and_no_other() {
    for mapping in mappings() {
        for flag in Flag::ALL {
            let mut row = row(&mapping);
            set(&mut row, &mapping, account::flag(flag), json!(true));
            assert_eq!(read_row(&mapping, row).unwrap().account.flags.set, [flag].into(), "{}", flag.name());
        }
    }
}

#[test]
fn an_open_dispute_is_one_without_the_flag() {
    for mapping in mappings() {
        let mut row = row(&mapping);
        row[children(&mapping)] = answer(&[json!({ "attributes": {}, "Id": "a0B5g00000Ab1cDEAR" })]);
        assert_eq!(read_row(&mapping, row.clone()).unwrap().account.flags.set, [Flag::Dispute].into());
        row[children(&mapping)] = answer(&[]);
        assert!(read_row(&mapping, row.clone()).unwrap().account.flags.set.is_empty());
        row[children(&mapping)] = json!({ "totalSize": 1, "done": true, "records": [] });
        assert_eq!(read_row(&mapping, row.clone()), Err(AnswerError::Shape));
        row.as_object_mut().unwrap().remove(children(&mapping));
        assert_eq!(read_row(&mapping, row), Err(AnswerError::Missing(dispute::ACCOUNT)));
    }
}

#[test]
fn what_is_hidden_null_or_of_another_kind_is_an_error_that_names_it() {
    for mapping in mappings() {
        for field in asked(&mapping) {
            let mut hidden = row(&mapping);
            hide(&mut hidden, &mapping, field);
            assert_eq!(read_row(&mapping, hidden), Err(AnswerError::Missing(field)), "{}", field.name);
            let mut null = row(&mapping);
            set(&mut null, &mapping, field, Value::Null);
            let expected = if field.is_required { Some(AnswerError::Unknown(field)) } else { None };
            assert_eq!(read_row(&mapping, null).err(), expected, "{}", field.name);
            let mut other = row(&mapping);
            set(&mut other, &mapping, field, json!([1]));
            let error = read_row(&mapping, other).unwrap_err();
            assert!(matches!(error, AnswerError::Malformed { field: named, .. } if named == field), "{}", field.name);
            assert!(error.to_string().starts_with(&format!("{}.{}", field.object.name(), field.name)));
        }
    }
}

#[test]
fn a_flag_is_true_or_false_and_nothing_like_it() {
    for mapping in mappings() {
        for value in [json!("false"), json!(0), json!(""), json!([])] {
            let mut row = row(&mapping);
            set(&mut row, &mapping, account::CEASE, value);
            assert!(matches!(read_row(&mapping, row), Err(AnswerError::Malformed { .. })));
        }
    }
}

#[test]
fn an_account_without_a_strategy_or_a_debtor_is_unknown() {
    for mapping in mappings() {
        for (field, expected) in
            [(strategy::EXTERNAL_ID, strategy::EXTERNAL_ID), (account::FAMILY_NAME, account::GIVEN_NAME)]
        {
            let mut row = row(&mapping);
            row[&path(&mapping, field)[0]] = Value::Null;
            assert_eq!(read_row(&mapping, row), Err(AnswerError::Unknown(expected)));
        }
    }
}

#[test]
fn values_that_cannot_be_meant_are_refused() {
    for mapping in mappings() {
        for (field, value) in [
            (account::BALANCE, json!(612.405)),
            (account::BALANCE, json!(1e16)),
            (account::BALANCE, json!(10_000_000_000_000.00)),
            (account::BALANCE, json!("612.40")),
            (account::PHONE, json!("911")),
            (account::DATE_OF_BIRTH, json!("17.03.1984")),
            (account::LANGUAGE, json!("English")),
            (account::TIME_ZONE, json!("America/Springfield")),
            (account::POSTAL_CODE, json!("2")),
            (account::REFERENCE, json!("12")),
            (account::EXTERNAL_ID, json!("CA 1001")),
            (account::CREDITOR, json!("Harborlight\nMedical")),
            (account::CREDITOR, json!("a".repeat(257))),
            (strategy::MAX_INSTALMENTS, json!(6.5)),
            (strategy::MAX_INSTALMENTS, json!(-1)),
            (strategy::MAX_DAYS_TO_FIRST, json!(70_000)),
            (strategy::FREQUENCIES_ON_OFFER, json!("Monthly;Yearly")),
            (strategy::BUSINESS_DAYS, json!("Backward")),
            (strategy::SETTLEMENT_FLOOR, json!(70.125)),
        ] {
            let mut row = row(&mapping);
            set(&mut row, &mapping, field, value.clone());
            let error = read_row(&mapping, row).unwrap_err();
            assert!(
                matches!(error, AnswerError::Malformed { field: named, .. } if named == field),
                "{} {value}: {error}",
                field.name
            );
        }
    }
}

#[test]
fn a_strategy_must_be_active_and_make_sense() {
    for mapping in mappings() {
        let mut inactive = row(&mapping);
        set(&mut inactive, &mapping, strategy::ACTIVE, json!(false));
        assert_eq!(read_row(&mapping, inactive), Err(AnswerError::Inactive));
        let mut none = row(&mapping);
        set(&mut none, &mapping, strategy::MAX_INSTALMENTS, json!(0));
        assert_eq!(read_row(&mapping, none), Err(AnswerError::Bounds(BoundsError::MaxInstalments)));
    }
}

#[test]
fn a_settlement_is_whole_or_none() {
    for mapping in mappings() {
        let mut row = row(&mapping);
        set(&mut row, &mapping, strategy::SETTLEMENT_FLOOR, json!(70.5));
        let missing = AnswerError::Unknown(strategy::SETTLEMENT_APPROVAL_UNDER);
        assert_eq!(read_row(&mapping, row.clone()), Err(missing));
        set(&mut row, &mapping, strategy::SETTLEMENT_APPROVAL_UNDER, json!(85.0));
        set(&mut row, &mapping, strategy::SETTLEMENT_VALID_DAYS, json!(30.0));
        let settlement = read_row(&mapping, row).unwrap().strategy.bounds.settlement.unwrap();
        assert_eq!((settlement.floor, settlement.valid_days), (BasisPoints(7_050), 30));
    }
}

#[test]
fn a_currency_that_is_mapped_is_read_and_must_be_one() {
    let text = Profile::CollectXpert.text().replace(
        "balance = \"{ns}Balance_Outstanding__c\"",
        "balance = \"{ns}Balance_Outstanding__c\"\ncurrency = \"CurrencyIsoCode\"",
    );
    let mapping = Mapping::read(&text, None).unwrap();
    let mut row = row(&mapping);
    set(&mut row, &mapping, account::CURRENCY, json!("USD"));
    assert!(read_row(&mapping, row.clone()).is_ok());
    set(&mut row, &mapping, account::CURRENCY, json!("EUR"));
    assert_eq!(read_row(&mapping, row.clone()), Err(AnswerError::Currency));
    set(&mut row, &mapping, account::CURRENCY, Value::Null);
    assert_eq!(read_row(&mapping, row), Err(AnswerError::Unknown(account::CURRENCY)));
}

#[test]
fn names_come_in_whatever_case_the_org_defined_them() {
    for mapping in mappings() {
        let mut row = row(&mapping);
        hide(&mut row, &mapping, account::CEASE);
        row[path(&mapping, account::CEASE)[0].to_uppercase()] = json!(true);
        assert_eq!(read_row(&mapping, row).unwrap().account.flags.set, [Flag::Cease].into());
    }
}

#[test]
fn a_card_number_in_a_text_does_not_come_in() {
    for mapping in mappings() {
        let mut row = row(&mapping);
        set(&mut row, &mapping, account::CREDITOR, json!("Visa 9999 2718 2845 9041"));
        let found = read_row(&mapping, row).unwrap();
        assert_eq!(found.account.creditor, "Visa #### #### #### ####");
    }
}

#[test]
fn what_is_no_whole_answer_is_refused() {
    for mapping in mappings() {
        let row = row(&mapping);
        for answer in [
            json!(null),
            json!([]),
            json!({}),
            json!({ "totalSize": 1, "done": true, "records": null }),
            json!({ "totalSize": 3, "done": false, "records": [row] }),
            json!({ "totalSize": 2, "done": true, "records": [row] }),
            json!({ "totalSize": 1, "done": true, "records": [7] }),
            json!([{ "errorCode": "INVALID_FIELD", "message": "No such column" }]),
        ] {
            assert_eq!(read(&mapping, &answer), Err(AnswerError::Shape), "{answer}");
        }
    }
}

/// Any JSON, a few levels deep.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| Number::from_f64(number).map_or(Value::Null, Value::Number)),
        "\\PC{0,24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_answer_is_read_or_refused(value in json_value(), field in any::<prop::sample::Index>(), second in any::<bool>()) {
        let mapping = &mappings()[usize::from(second)];
        let _ = read(mapping, &value);
        let field = *field.get(&asked(mapping));
        let mut row = row(mapping);
        set(&mut row, mapping, field, value);
        if let Ok(found) = read_row(mapping, row) {
            prop_assert!(found.strategy.bounds.check().is_ok());
        }
    }

    #[test]
    fn an_amount_comes_as_it_was_written(minor in -999_999_999_999_999_i64..=999_999_999_999_999) {
        let number: f64 = usd(minor).to_decimal().parse().unwrap();
        let read = row::scaled(&Number::from_f64(number).unwrap(), Currency::USD.exponent());
        prop_assert_eq!(read, Some(minor));
    }
}
