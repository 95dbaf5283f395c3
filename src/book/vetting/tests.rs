use std::collections::BTreeSet;

use jiff::Timestamp;
use rules::arrangement::{Frequency, Instalment};
use rules::contact::Flag;
use rules::money::{Currency, Money};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::account::{AccountId, StrategyId};
use crate::record::{
    ArrangementKind, ArrangementStatus, AttemptStatus, Card, DebtorRequest, Delivery, Direction, Disclosure,
    DisclosureKind, Disposition, Outcome, PaymentMethod, PaymentStatus, RecordingConsent,
};
use crate::{
    AccountUpdate, ComplianceRecord, ContactAttempt, ExternalId, PaymentArrangement, PaymentTransaction, Record,
    RecordKind,
};

/// A card number that no network issues.
const CARD: &str = "9999271828459041";
const CALL: Uuid = Uuid::from_u128(0x1234_5678_1234_7123_8123_1234_5678_9012);

/// Every kind of record with every field filled. A new field does not compile until it is here.
fn full() -> [Record; 5] {
    let (at, amount) = (Timestamp::UNIX_EPOCH, Money::new(12_345, Currency::USD));
    let (attempt, account) = (ExternalId::attempt(CALL), AccountId::parse("CA-1001").unwrap());
    let text = || "some text".to_owned();
    [
        ContactAttempt {
            external_id: attempt.clone(),
            call: CALL,
            account: Some(account.clone()),
            direction: Direction::Inbound,
            status: AttemptStatus::Completed,
            trunk: text(),
            started_at: at,
            answered_at: Some(at),
            ended_at: Some(at),
            outcome: Outcome::RightParty,
            disposition: Some(Disposition::Paid),
            identity_verified: true,
            recording_consent: RecordingConsent::Granted,
            recording: Some(format!("{CALL}.wav")),
            escalation_reason: Some(text()),
            end_reason: Some(text()),
            agent: text(),
        }
        .into(),
        ComplianceRecord {
            external_id: ExternalId::compliance(CALL),
            call: CALL,
            attempt: attempt.clone(),
            account: Some(account.clone()),
            disclosures: vec![Disclosure {
                kind: DisclosureKind::Opening,
                delivery: Delivery::Delivered,
                at: Some(at),
                proof: Some("0123456789abcdef".repeat(4)),
            }],
            recording: Some(rules::recording::Basis::Notice),
            requests: vec![DebtorRequest::Cease],
            findings: Vec::new(),
            evidence: Some("fedcba9876543210".repeat(4)),
        }
        .into(),
        PaymentArrangement {
            external_id: ExternalId::arrangement(CALL, 1),
            call: CALL,
            attempt: attempt.clone(),
            account: account.clone(),
            strategy: StrategyId::parse("standard").unwrap(),
            kind: ArrangementKind::Installments,
            status: ArrangementStatus::Active,
            total: amount,
            instalments: vec![Instalment { due: jiff::civil::date(2026, 12, 1), amount }],
            frequency: Some(Frequency::Monthly),
            balance_at_creation: amount,
            read_back_confirmed: true,
            agreed_at: at,
        }
        .into(),
        PaymentTransaction {
            external_id: ExternalId::payment(CALL),
            payment: CALL,
            call: CALL,
            attempt,
            account: account.clone(),
            arrangement: Some(ExternalId::arrangement(CALL, 1)),
            amount,
            method: PaymentMethod::CardKeyed,
            status: PaymentStatus::Succeeded,
            failure: Some(text()),
            card: Some(Card::new("visa", "4242").unwrap()),
            token: Some(text()),
            processed_at: Some(at),
        }
        .into(),
        AccountUpdate { external_id: ExternalId::update(CALL, 1), call: CALL, account, set: [Flag::Cease].into(), at }
            .into(),
    ]
}

/// The way to every text of a value.
fn texts(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::String(_) => {
            found.insert(path.to_owned());
        }
        Value::Array(values) => {
            (0..).zip(values).for_each(|(nth, value)| texts(value, &format!("{path}/{nth}"), found));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, value)| texts(value, &format!("{path}/{name}"), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn whole_records_go_through_as_they_are() {
    for record in full() {
        let vetted = vet(&record).unwrap();
        assert_eq!(vetted, Vetted { json: serde_json::to_string(&record).unwrap(), masked: Vec::new() });
    }
}

/// Reads every field from the records themselves: one that is added later is in it.
#[test]
fn a_card_number_is_masked_in_every_text_of_every_kind_of_record() {
    let mut looked_at = 0;
    for (record, kind) in full().into_iter().zip(RecordKind::ALL) {
        assert_eq!(record.kind(), kind);
        let tree = serde_json::to_value(&record).unwrap();
        let mut found = BTreeSet::new();
        texts(&tree, "", &mut found);
        assert!(found.len() > 3, "{} has texts", kind.name());
        for path in &found {
            let mut changed = tree.clone();
            *changed.pointer_mut(path).unwrap() = json!(format!("keyed {CARD} then"));
            let vetted = vet(&changed).unwrap();
            assert!(
                !vetted.json.contains(CARD) && vetted.json.contains("keyed ################ then"),
                "{}{path}",
                kind.name()
            );
            assert_eq!(vetted.masked, [path[1..].replace('/', ".")], "{}", kind.name());
            looked_at += 1;
        }
    }
    println!("texts of records looked at: {looked_at}");
}

#[test]
fn no_field_of_any_kind_of_record_is_made_for_a_card() {
    fn names(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                found.insert(name.clone());
                names(value, found);
            }),
            Value::Array(values) => values.iter().for_each(|value| names(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = BTreeSet::new();
    full().iter().for_each(|record| names(&serde_json::to_value(record).unwrap(), &mut found));
    assert!(found.len() > 30, "{found:?}");
    assert_eq!(found.into_iter().filter(|name| is_forbidden_field(name)).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn fields_made_for_cards_are_refused_wherever_they_stand_and_whatever_they_hold() {
    for name in ["blng__CardNumber__c", "blng__CVV__c", "CardNumber", "CVV", "SecurityCode"] {
        for value in [json!({ name: "4242" }), json!({ "a": [{ "b": { name: null } }] })] {
            let refused = vet(&value).unwrap_err();
            assert!(matches!(&refused, Forbidden::Field(path) if path.ends_with(name)), "{refused}");
        }
    }
}

#[test]
fn a_card_number_that_is_a_number_is_refused_and_not_repeated() {
    let refused = vet(&json!({ "amount": { "minor": 9_999_271_828_459_041_u64 } })).unwrap_err();
    assert_eq!(refused, Forbidden::Number("amount.minor".to_owned()));
    assert!(!refused.to_string().contains("9999"));
    let refused = vet(&json!({ CARD: 9_999_271_828_459_041_u64 })).unwrap_err();
    assert!(!refused.to_string().contains(CARD));
}

#[test]
fn a_masked_record_can_still_be_read() {
    let [attempt, ..] = full();
    let Record::ContactAttempt(attempt) = attempt else { panic!("the first is an attempt") };
    let odd = Record::from(ContactAttempt { escalation_reason: Some(format!("said {CARD}")), ..attempt });
    let vetted = vet(&odd).unwrap();
    let Record::ContactAttempt(read) = serde_json::from_str(&vetted.json).unwrap() else { panic!("it is an attempt") };
    assert_eq!(read.escalation_reason.as_deref(), Some("said ################"));
    assert_eq!(read.external_id, ExternalId::attempt(CALL));
}
