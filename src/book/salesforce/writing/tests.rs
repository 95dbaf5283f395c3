mod deliveries;
mod filled;
mod graphs;
mod outcomes;

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;
use rules::contact::Flag;
use rules::money::{Currency, Money};
use serde_json::json;

use super::*;
use crate::account::AccountId;
use crate::record::{
    AccountUpdate, ArrangementKind, ArrangementStatus, AttemptStatus, ComplianceRecord, ContactAttempt, Direction,
    Disposition, ExternalId, Outcome, PaymentMethod, PaymentStatus, PaymentTransaction, RecordingConsent,
};
use crate::salesforce::fault::Fault;
use crate::salesforce::mapping::Profile;
use crate::salesforce::object::{account, arrangement, attempt, compliance, dispute, payment};
use crate::salesforce::sample::{CALL, CARD, mappings, records};

fn version() -> ApiVersion {
    "v68.0".parse().unwrap()
}

fn sample_attempt() -> ContactAttempt {
    let Record::ContactAttempt(attempt) = &records()[0] else { panic!("the first is the attempt") };
    attempt.clone()
}

fn sample_update(set: &[Flag]) -> AccountUpdate {
    let Record::AccountUpdate(update) = &records()[4] else { panic!("the last is the update") };
    AccountUpdate { set: set.iter().copied().collect(), ..update.clone() }
}

fn graph(mapping: &Mapping, records: &[Record]) -> Graph {
    Graph::of_call(mapping, records, &[]).unwrap().unwrap()
}

/// The row of one record that has one.
fn row(mapping: &Mapping, record: impl Into<Record>, refused: Refused<'_>) -> Upsert {
    let mut rows = upserts(mapping, &record.into(), refused).unwrap();
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

/// What a row has in a field, and null where it has not the field.
fn value(mapping: &Mapping, row: &Upsert, field: Field) -> Value {
    let path = mapping.field(field).unwrap().path.as_str();
    row.body().get(path).cloned().unwrap_or(Value::Null)
}

fn refusal(fault: Fault, code: &str, fields: &[&str]) -> Refusal {
    Refusal { fault, code: code.into(), fields: fields.iter().map(|field| (*field).to_owned()).collect() }
}

#[test]
fn a_compliance_record_says_what_was_given_and_asked_for() {
    for mapping in mappings() {
        let row = row(&mapping, records()[1].clone(), &[]);
        for (field, expected) in [
            (compliance::MINI_MIRANDA_GIVEN, json!(true)),
            (compliance::MINI_MIRANDA_AT, json!("2025-11-29T18:13:29.000Z")),
            (compliance::DISPUTE_RIGHTS_GIVEN, json!(false)),
            (compliance::DISPUTE_RIGHTS_AT, Value::Null),
            (compliance::AI_DISCLOSURE_GIVEN, json!(false)),
            (compliance::DISPUTE_RAISED, json!(true)),
            (compliance::CEASE_REQUEST, json!(false)),
            (compliance::RECORDING_BASIS, json!("Notice")),
            (compliance::EVIDENCE_SHA256, json!("e5".repeat(32))),
            (compliance::FINDINGS, json!("voice_opt_out set permit")),
        ] {
            assert_eq!(value(&mapping, &row, field), expected, "{}", field.name);
        }
        let disclosures = value(&mapping, &row, compliance::DISCLOSURES);
        assert!(disclosures.as_str().unwrap().contains("dispute_rights partial 2025-11-29T18:13:29Z 0f0f"));
    }
}

#[test]
fn every_word_of_a_record_has_a_value() {
    fn check<T: serde::Serialize>(mapping: &Mapping, field: Field, words: &[T]) {
        let table = field.kind.words();
        let written: BTreeSet<String> =
            words.iter().map(|word| serde_json::to_value(word).unwrap().as_str().unwrap().to_owned()).collect();
        assert!(written.iter().all(|word| table.contains(&word.as_str())), "{}: {written:?}", field.name);
        assert!(written.iter().all(|word| mapping.field(field).unwrap().values.value(word).is_some()));
    }
    for mapping in &mappings() {
        check(mapping, attempt::DIRECTION, &[Direction::Inbound, Direction::Outbound]);
        use AttemptStatus::{Completed, Dialing, InProgress, Interrupted};
        check(mapping, attempt::STATUS, &[Dialing, InProgress, Completed, Interrupted]);
        use Outcome::{Abandoned, BlockedByCompliance, Failed, NoAnswer, NotIdentified, RightParty, ThirdParty};
        use Outcome::{Unknown, Unverified, WrongParty};
        let outcomes = [
            Abandoned,
            BlockedByCompliance,
            Failed,
            NoAnswer,
            NotIdentified,
            RightParty,
            ThirdParty,
            Unknown,
            Unverified,
            WrongParty,
        ];
        check(mapping, attempt::OUTCOME, &outcomes);
        check(mapping, account::LAST_OUTCOME, &outcomes);
        use Disposition::{Arrangement, Attorney, Bankruptcy, Callback, Cease, Dispute, Dropped, Escalated, Hardship};
        use Disposition::{Paid, PromiseToPay, Refusal, Unavailable};
        check(
            mapping,
            attempt::DISPOSITION,
            &[
                Arrangement,
                Attorney,
                Bankruptcy,
                Callback,
                Cease,
                Dispute,
                Dropped,
                Escalated,
                Hardship,
                Paid,
                PromiseToPay,
                Refusal,
                Unavailable,
            ],
        );
        use RecordingConsent::{Granted, NotAsked, NotRequired, Refused};
        check(mapping, attempt::RECORDING_CONSENT, &[Granted, NotAsked, NotRequired, Refused]);
        use ArrangementKind::{Installments, PayInFull, Promise, Settlement};
        check(mapping, arrangement::TYPE, &[Installments, PayInFull, Promise, Settlement]);
        use ArrangementStatus::{Active, Cancelled, PendingApproval, Proposed};
        check(mapping, arrangement::STATUS, &[Active, Cancelled, PendingApproval, Proposed]);
        check(mapping, arrangement::FREQUENCY, &rules::arrangement::Frequency::ALL);
        use PaymentMethod::{BankKeyed, BankLink, CardKeyed, CardLink};
        check(mapping, payment::METHOD, &[BankKeyed, BankLink, CardKeyed, CardLink]);
        use PaymentStatus::{Initiated, Pending, Refunded, Succeeded};
        check(mapping, payment::STATUS, &[Initiated, Pending, Succeeded, PaymentStatus::Failed, Refunded]);
        use rules::recording::Basis;
        let bases = [
            Basis::Notice,
            Basis::OneParty,
            Basis::Off,
            Basis::Trunk,
            Basis::Refused,
            Basis::NoNotice,
            Basis::AllParty,
            Basis::UnknownPlace,
        ];
        check(mapping, compliance::RECORDING_BASIS, &bases);
        check(mapping, dispute::CATEGORY, &["identity_theft", "other"]);
        check(mapping, account::QUEUE, &["human"]);
    }
}

#[test]
fn flags_are_set_and_never_cleared_and_some_make_a_dispute() {
    for mapping in mappings() {
        for flag in Flag::ALL {
            let rows = upserts(&mapping, &sample_update(&[flag]).into(), &[]).unwrap();
            let (account, disputes) = rows.split_first().unwrap();
            assert_eq!(value(&mapping, account, account::flag(flag)), json!(true));
            assert!(account.body().as_object().unwrap().values().all(|value| *value != json!(false)));
            let is_disputed = matches!(flag, Flag::Dispute | Flag::WrittenDispute | Flag::IdentityTheft);
            assert_eq!(disputes.len(), usize::from(is_disputed), "{}", flag.name());
            let queue = if flag == Flag::VoiceOptOut { Value::Null } else { json!("Human") };
            assert_eq!(value(&mapping, account, account::QUEUE), queue, "{}", flag.name());
        }
        let both = upserts(&mapping, &sample_update(&[Flag::Dispute, Flag::IdentityTheft]).into(), &[]).unwrap();
        assert_eq!(value(&mapping, &both[1], dispute::CATEGORY), json!("Identity Theft"));
        assert_eq!(value(&mapping, &both[1], dispute::STATUS), json!("Open"));
    }
}

#[test]
fn a_card_number_is_masked_in_every_text() {
    for mapping in mappings() {
        let said = format!("paid with {CARD} yesterday");
        let attempt = ContactAttempt {
            trunk: said.clone(),
            recording: Some(said.clone()),
            escalation_reason: Some(said.clone()),
            end_reason: Some(said.clone()),
            agent: said.clone(),
            ..sample_attempt()
        };
        let Record::PaymentTransaction(paid) = records()[3].clone() else { panic!("the fourth is the payment") };
        let paid = PaymentTransaction { failure: Some(said.clone()), token: Some(said), ..paid };
        let graph = graph(&mapping, &[attempt.into(), paid.into()]);
        let text = graph.payload(version()).to_string();
        assert!(!text.contains(CARD) && text.contains("paid with ################ yesterday"));
        let masked =
            graph.nodes().iter().map(|node| node.upsert.body().to_string().matches("################").count());
        assert_eq!(
            masked.collect::<Vec<_>>(),
            [5, 1, 1],
            "five of the attempt, the payment's failure, and the account's reason"
        );
    }
}

#[test]
fn a_key_that_looks_like_a_card_is_refused() {
    for mapping in mappings() {
        let attempt = ContactAttempt { account: Some(AccountId::parse(CARD).unwrap()), ..sample_attempt() };
        assert_eq!(upserts(&mapping, &attempt.into(), &[]), Err(WriteError::Key(Object::CollectionAccount)));
        let update = AccountUpdate { account: AccountId::parse(CARD).unwrap(), ..sample_update(&[Flag::Cease]) };
        assert_eq!(upserts(&mapping, &update.into(), &[]), Err(WriteError::Key(Object::CollectionAccount)));
    }
}

#[test]
fn a_refused_row_is_cut_and_its_words_are_replaced() {
    for mapping in mappings() {
        let long = format!("{}{CARD}", "x".repeat(250));
        let attempt = ContactAttempt { escalation_reason: Some(long.clone()), ..sample_attempt() };
        let whole = row(&mapping, attempt.clone(), &[]);
        assert_eq!(value(&mapping, &whole, attempt::ESCALATION_REASON).as_str().unwrap().len(), long.len());
        let path = mapping.field(attempt::DISPOSITION).unwrap().path.as_str();
        let code = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST";
        let refused = [(Object::ContactAttempt, refusal(Fault::Rejected, code, &[path]))];
        let reduced = row(&mapping, attempt.clone(), &refused);
        let cut = value(&mapping, &reduced, attempt::ESCALATION_REASON);
        assert_eq!(cut, json!(format!("{}#####", "x".repeat(250))), "masked before it is cut");
        assert_eq!(value(&mapping, &reduced, attempt::DISPOSITION), json!("Other"));
        assert_eq!(value(&mapping, &reduced, attempt::NOTES), json!("disposition: arrangement"));
        assert_eq!(value(&mapping, &reduced, attempt::STATUS), json!("Completed"), "it was not refused");
        let unnamed = [(Object::ContactAttempt, refusal(Fault::Rejected, code, &[]))];
        let reduced = row(&mapping, attempt.clone(), &unnamed);
        assert_eq!(value(&mapping, &reduced, attempt::STATUS), Value::Null, "there is no other for it");
        assert_eq!(value(&mapping, &reduced, attempt::OUTCOME), json!("Unknown"));
        let other = [(Object::ComplianceRecord, refusal(Fault::Rejected, code, &[]))];
        assert_eq!(row(&mapping, attempt, &other), whole);
    }
}

#[test]
fn a_word_without_a_value_is_told_or_other() {
    let text = Profile::CollectXpert.text().replace("escalated = \"Escalated\"\n", "");
    let mapping = Mapping::read(&text, None).unwrap();
    let attempt = ContactAttempt { disposition: Some(Disposition::Escalated), ..sample_attempt() };
    assert_eq!(value(&mapping, &row(&mapping, attempt, &[]), attempt::DISPOSITION), json!("Other"));
}

#[test]
fn an_amount_has_the_orgs_currency_or_says_its_own() {
    let euros = Money::new(100, Currency::parse("EUR").unwrap());
    let Record::PaymentTransaction(paid) = records()[3].clone() else { panic!("the fourth is the payment") };
    for mapping in mappings() {
        let foreign = PaymentTransaction { amount: euros, ..paid.clone() };
        assert_eq!(upserts(&mapping, &foreign.into(), &[]), Err(WriteError::Currency(payment::AMOUNT)));
        let large = PaymentTransaction { amount: Money::new(i64::MAX, Currency::USD), ..paid.clone() };
        assert_eq!(upserts(&mapping, &large.into(), &[]), Err(WriteError::Amount(payment::AMOUNT)));
    }
    let text = Profile::CollectXpert
        .text()
        .replace("amount = \"{ns}Amount__c\"", "amount = \"{ns}Amount__c\"\ncurrency = \"CurrencyIsoCode\"");
    let mapping = Mapping::read(&text, None).unwrap();
    let row = row(&mapping, PaymentTransaction { amount: euros, ..paid }, &[]);
    assert_eq!(value(&mapping, &row, payment::CURRENCY), json!("EUR"));
    assert_eq!(value(&mapping, &row, payment::AMOUNT), json!(1.0));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,300}", "[0-9 -]{0,60}", "a{0,300}[0-9]{13,19}a{0,20}"]
}

proptest! {
    #[test]
    fn no_card_leaves_whole_or_cut(text in text(), before in 0_usize..300, second in any::<bool>(), is_refused in any::<bool>()) {
        let mapping = &mappings()[usize::from(second)];
        let text = format!("{}{CARD} {text}", "x".repeat(before));
        let attempt = ContactAttempt { escalation_reason: Some(text.clone()), agent: text, ..sample_attempt() };
        let refused = [(Object::ContactAttempt, refusal(Fault::Rejected, "STRING_TOO_LONG", &[]))];
        let row = row(mapping, attempt, if is_refused { &refused } else { &[] });
        let written = row.body().to_string();
        prop_assert!(!written.contains(&CARD[..6]), "{written}");
        let reason = value(mapping, &row, attempt::ESCALATION_REASON);
        prop_assert!(!is_refused || reason.as_str().unwrap().encode_utf16().count() <= 255);
    }

    #[test]
    fn any_moment_is_written_as_salesforce_reads_it(second in -62_000_000_000_i64..=253_000_000_000) {
        let started_at = Timestamp::from_second(second).unwrap();
        let mapping = &mappings()[0];
        let row = row(mapping, ContactAttempt { started_at, ..sample_attempt() }, &[]);
        let written = value(mapping, &row, attempt::STARTED_AT);
        prop_assert_eq!(written.as_str().unwrap().parse::<Timestamp>().unwrap(), started_at);
    }
}

#[test]
fn each_update_has_a_dispute_of_its_own() {
    let update = sample_update(&[Flag::Dispute]);
    let second = AccountUpdate { external_id: ExternalId::update(CALL, 2), ..update.clone() };
    assert_eq!(ExternalId::dispute(&update), ExternalId::dispute(&update.clone()));
    assert_ne!(ExternalId::dispute(&update), ExternalId::dispute(&second));
}
