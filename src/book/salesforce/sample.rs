//! Rows and records for tests, in the names of whatever mapping is tested.

use jiff::Timestamp;
use jiff::civil::date;
use rules::arrangement::{Frequency, Instalment};
use rules::contact::{Finding, Flag, Verdict};
use rules::money::{Currency, Money};
use rules::recording::Basis;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::field::Field;
use super::mapping::{Mapping, Profile};
use super::object::{Object, account, dispute, strategy};
use crate::account::{AccountId, StrategyId};
use crate::record::{
    AccountUpdate, ArrangementKind, ArrangementStatus, AttemptStatus, Card, ComplianceRecord, ContactAttempt,
    DebtorRequest, Delivery, Direction, Disclosure, DisclosureKind, Disposition, ExternalId, Outcome,
    PaymentArrangement, PaymentMethod, PaymentStatus, PaymentTransaction, Record, RecordingConsent,
};

pub(super) const CALL: Uuid = Uuid::from_u128(0x1234_5678_1234_7123_8123_1234_5678_9012);
/// A card number that no network issues.
pub(super) const CARD: &str = "9999271828459041";

pub(super) fn mappings() -> [Mapping; 2] {
    Profile::ALL.map(|profile| profile.mapping(None).unwrap())
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_764_440_000 + second).unwrap()
}

pub(super) fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

/// An account's row as an org answers, with every field that look-ups ask for.
pub(super) fn row(mapping: &Mapping) -> Value {
    let mut row = json!({ "attributes": { "type": mapping.api(Object::CollectionAccount).as_str() } });
    for (field, value) in [
        (account::EXTERNAL_ID, json!("CA-1001")),
        (account::REFERENCE, json!("40017731")),
        (account::GIVEN_NAME, json!("Maria")),
        (account::FAMILY_NAME, json!("Delgado")),
        (account::PHONE, json!("+12025550143")),
        (account::DATE_OF_BIRTH, json!("1984-03-17")),
        (account::POSTAL_CODE, json!("20009")),
        (account::BALANCE, json!(612.4)),
        (account::CREDITOR, json!("Harborlight Medical")),
        (account::LANGUAGE, json!("en")),
        (account::TIME_ZONE, json!("America/New_York")),
        (strategy::EXTERNAL_ID, json!("standard")),
        (strategy::NAME, json!("Standard: six months")),
        (strategy::ACTIVE, json!(true)),
        (strategy::MIN_PAYMENT, json!(25.0)),
        (strategy::MIN_FIRST_PAYMENT, json!(25.0)),
        (strategy::MAX_INSTALMENTS, json!(6.0)),
        (strategy::FREQUENCIES_ON_OFFER, json!("Monthly;Biweekly")),
        (strategy::MAX_DAYS_TO_FIRST, json!(30)),
        (strategy::MAX_TOTAL_DAYS, json!(210.0)),
        (strategy::BUSINESS_DAYS, json!("Following")),
        (strategy::APPROVAL_OVER, json!(2500)),
        (strategy::SETTLEMENT_FLOOR, Value::Null),
        (strategy::SETTLEMENT_APPROVAL_UNDER, Value::Null),
        (strategy::SETTLEMENT_VALID_DAYS, Value::Null),
    ] {
        set(&mut row, mapping, field, value);
    }
    for flag in Flag::ALL {
        set(&mut row, mapping, account::flag(flag), json!(false));
    }
    row[children(mapping)] = Value::Null;
    row
}

/// The name under which the disputes of a row are.
pub(super) fn children(mapping: &Mapping) -> &str {
    mapping.field(dispute::ACCOUNT).unwrap().children.as_ref().unwrap().as_str()
}

/// The way to a field from the row of an account.
pub(super) fn path(mapping: &Mapping, field: Field) -> Vec<String> {
    let mapped = mapping.field(field).unwrap();
    let from_account = mapping.from_account(mapped).unwrap();
    let path = if field.object == Object::CollectionStrategy { &from_account } else { &mapped.path };
    path.names().map(str::to_owned).collect()
}

pub(super) fn set(row: &mut Value, mapping: &Mapping, field: Field, value: Value) {
    let mut place = row;
    for name in path(mapping, field) {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[name.as_str()];
    }
    *place = value;
}

/// Takes a field out of a row.
pub(super) fn hide(row: &mut Value, mapping: &Mapping, field: Field) {
    let path = path(mapping, field);
    let (last, parents) = path.split_last().unwrap();
    let parent = parents.iter().fold(row, |place, name| &mut place[name.as_str()]);
    parent.as_object_mut().unwrap().remove(last).unwrap();
}

pub(super) fn answer(rows: &[Value]) -> Value {
    json!({ "totalSize": rows.len(), "done": true, "records": rows })
}

/// Every kind of record of one call, with every field filled.
pub(super) fn records() -> [Record; 5] {
    let (attempt, account) = (ExternalId::attempt(CALL), AccountId::parse("CA-1001").unwrap());
    [
        ContactAttempt {
            external_id: attempt.clone(),
            call: CALL,
            account: Some(account.clone()),
            direction: Direction::Inbound,
            status: AttemptStatus::Completed,
            trunk: "carrier".into(),
            started_at: at(0),
            answered_at: Some(at(3)),
            ended_at: Some(at(183)),
            outcome: Outcome::RightParty,
            disposition: Some(Disposition::Arrangement),
            identity_verified: true,
            recording_consent: RecordingConsent::Granted,
            recording: Some(format!("{CALL}.wav")),
            escalation_reason: Some("asked for a person".into()),
            end_reason: Some("completed".into()),
            agent: "collector".into(),
        }
        .into(),
        compliance(&attempt, &account).into(),
        PaymentArrangement {
            external_id: ExternalId::arrangement(CALL, 1),
            call: CALL,
            attempt: attempt.clone(),
            account: account.clone(),
            strategy: StrategyId::parse("standard").unwrap(),
            kind: ArrangementKind::Installments,
            status: ArrangementStatus::Active,
            total: usd(61_240),
            instalments: vec![
                Instalment { due: date(2026, 12, 15), amount: usd(30_620) },
                Instalment { due: date(2027, 1, 15), amount: usd(30_620) },
            ],
            frequency: Some(Frequency::Monthly),
            balance_at_creation: usd(61_240),
            read_back_confirmed: true,
            agreed_at: at(120),
        }
        .into(),
        PaymentTransaction {
            external_id: ExternalId::payment(CALL),
            payment: CALL,
            call: CALL,
            attempt,
            account: account.clone(),
            arrangement: Some(ExternalId::arrangement(CALL, 1)),
            amount: usd(30_620),
            method: PaymentMethod::CardKeyed,
            status: PaymentStatus::Succeeded,
            failure: Some("none".into()),
            card: Some(Card::new("visa", "4242").unwrap()),
            token: Some("tok_1".into()),
            processed_at: Some(at(170)),
        }
        .into(),
        AccountUpdate {
            external_id: ExternalId::update(CALL, 1),
            call: CALL,
            account,
            set: [Flag::Dispute].into(),
            at: at(60),
        }
        .into(),
    ]
}

fn compliance(attempt: &ExternalId, account: &AccountId) -> ComplianceRecord {
    let notice = |kind, delivery| Disclosure { kind, delivery, at: Some(at(9)), proof: Some("0f".repeat(32)) };
    ComplianceRecord {
        attempt: attempt.clone(),
        account: Some(account.clone()),
        disclosures: vec![
            notice(DisclosureKind::Opening, Delivery::Delivered),
            notice(DisclosureKind::MiniMiranda, Delivery::Delivered),
            notice(DisclosureKind::DisputeRights, Delivery::Partial),
        ],
        recording: Some(Basis::Notice),
        requests: vec![DebtorRequest::Dispute],
        findings: vec![Finding { flag: Flag::VoiceOptOut, known: true, verdict: Verdict::Permit }],
        evidence: Some("e5".repeat(32)),
        ..ComplianceRecord::empty(CALL)
    }
}
