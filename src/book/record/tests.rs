use jiff::Timestamp;
use rules::money::{Currency, Money};

use super::*;
use crate::account::StrategyId;

const CALL: Uuid = Uuid::from_u128(7);

fn account() -> AccountId {
    AccountId::parse("ACC-0001").unwrap()
}

fn every_kind() -> [Record; 5] {
    let at = Timestamp::UNIX_EPOCH;
    let amount = Money::new(12_345, Currency::USD);
    let attempt = ExternalId::attempt(CALL);
    [
        ContactAttempt::inbound(CALL, "carrier", at, "collector").into(),
        ComplianceRecord { account: Some(account()), ..ComplianceRecord::empty(CALL) }.into(),
        PaymentArrangement {
            external_id: ExternalId::arrangement(CALL, 1),
            call: CALL,
            attempt: attempt.clone(),
            account: account(),
            strategy: StrategyId::parse("standard").unwrap(),
            kind: ArrangementKind::PayInFull,
            status: ArrangementStatus::Active,
            total: amount,
            instalments: Vec::new(),
            frequency: None,
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
            account: account(),
            arrangement: None,
            amount,
            method: PaymentMethod::CardKeyed,
            status: PaymentStatus::Succeeded,
            failure: None,
            card: Some(Card::new("visa", "4242").unwrap()),
            token: None,
            processed_at: Some(at),
        }
        .into(),
        AccountUpdate {
            external_id: ExternalId::update(CALL, 1),
            call: CALL,
            account: account(),
            set: [rules::contact::Flag::Cease].into(),
            at,
        }
        .into(),
    ]
}

#[test]
fn every_record_survives_json_and_keeps_its_ids() {
    let mut ids = std::collections::BTreeSet::new();
    for (record, kind) in every_kind().into_iter().zip(RecordKind::ALL) {
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        assert!(text.contains(&format!(r#""record":"{}""#, kind.name())), "{text}");
        assert_eq!((record.kind(), record.call()), (kind, CALL));
        assert!(ids.insert(record.external_id().clone()));
    }
}

#[test]
fn no_record_shows_an_account_or_an_amount() {
    for record in every_kind() {
        let shown = format!("{record:?}");
        assert!(!shown.contains("ACC") && !shown.contains("123") && !shown.contains("4242"), "{shown}");
    }
}

#[test]
fn more_than_brand_and_last_four_is_refused() {
    for (brand, last_four) in [("visa", "42424"), ("visa", "424"), ("4242424242424242", "4242"), ("", "4242")] {
        assert_eq!(Card::new(brand, last_four), Err(InvalidCard));
    }
    assert!(serde_json::from_str::<Card>(r#"{"brand":"visa","last_four":"4242","number":"4"}"#).is_err());
}
