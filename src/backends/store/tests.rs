mod durability;
mod trouble;
mod vetting;

use std::collections::BTreeSet;
use std::path::Path;

use book::{AccountId, ComplianceRecord, ContactAttempt, ExternalId, PaymentTransaction};
use gate::wire::{Brand, Held, LastFour, Token};
use jiff::Timestamp;
use rules::money::{Currency, Money};
use tempfile::TempDir;
use uuid::Uuid;

use book::Record;
use book::record::{Delivery, Disclosure, DisclosureKind, PaymentMethod, PaymentStatus};

use super::*;
use crate::audit::{Details, Entry, Evidence, Kind, verify};
use crate::tests::{durability, durable};

/// A call's row with nothing known of the caller yet.
fn call_row(call: Uuid) -> CallRow {
    let started_at = Timestamp::UNIX_EPOCH;
    CallRow {
        call,
        trunk: "carrier".into(),
        started_at,
        attempt: ContactAttempt::inbound(call, "carrier", started_at, "collector"),
        compliance: ComplianceRecord::empty(call),
    }
}

fn payment_row(payment: Uuid) -> PaymentRow {
    PaymentRow {
        payment,
        call: Uuid::from_u128(1),
        account: AccountId::parse("CA-1001").unwrap(),
        arrangement: None,
        amount: Money::new(10_207, Currency::USD),
        state: PaymentState::Submitted,
        opened_at: Timestamp::UNIX_EPOCH,
        method: PaymentMethod::CardKeyed,
        processor: "sandbox".into(),
        charge: None,
        refund: None,
    }
}

fn entry(call: Uuid, kind: Kind) -> Entry {
    Entry { call, at: Timestamp::UNIX_EPOCH, kind, details: Details::new().count("samples_sent", 160) }
}

fn proof(call: Uuid, prompt: &str, complete: bool) -> Write {
    let details = Details::new().text("prompt", prompt).flag("complete", complete);
    Write::Audit(Entry { details, ..entry(call, Kind::Proof) })
}

/// A store that takes its time, so that a busy machine decides nothing.
fn patient(path: &Path) -> StoreOptions {
    StoreOptions { commit_deadline: Duration::from_secs(30), least_free: 0, ..StoreOptions::at(path) }
}

fn open(directory: &TempDir) -> (Store, Recovery) {
    Store::open(patient(&directory.path().join("tonegate.sqlite")), Timestamp::UNIX_EPOCH).unwrap()
}

#[tokio::test]
async fn an_interrupted_call_is_ended_recorded_and_still_owed_its_bye() {
    let directory = TempDir::new().unwrap();
    let (call, payment) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let (store, _) = open(&directory);
    let journal = r#"{"local":"a"}"#.to_owned();
    let known = ContactAttempt {
        account: Some(AccountId::parse("CA-1001").unwrap()),
        identity_verified: true,
        ..call_row(call).attempt
    };
    let accept = vec![Write::CallStarted(call_row(call).into()), Write::DialogSaved { call, journal: journal.clone() }];
    store.write(accept).await.unwrap();
    let compliance = ComplianceRecord::empty(call).into();
    store.write(Write::CallProgress { attempt: known.into(), compliance }).await.unwrap();
    store.write(Write::PaymentOpened(payment_row(payment).into())).await.unwrap();
    drop(store);

    let (store, recovery) = open(&directory);
    assert_eq!(recovery.interrupted.iter().map(|interrupted| interrupted.call).collect::<Vec<_>>(), [call]);
    assert_eq!(recovery.dialogs, [DialogJournal { call, journal: journal.clone() }]);
    assert_eq!(recovery.payments, [payment_row(payment)]);
    let due = store.outbox_due(Timestamp::now(), 16, &BTreeSet::new()).await.unwrap();
    let Some(Record::ContactAttempt(attempt)) = &due[0].record else { panic!("the attempt goes first") };
    assert_eq!(attempt.external_id, ExternalId::attempt(call));
    assert_eq!(attempt.status, book::record::AttemptStatus::Interrupted);
    assert!(attempt.identity_verified, "what was known is kept");
    assert_eq!(due.len(), 1, "one lane, one record at a time");
    assert_eq!(store.outbox_depth().await.unwrap().waiting, 2, "attempt and compliance record");
    drop(store);

    // A second crash before the BYE: the call is not interrupted twice, the BYE is still owed.
    let (store, recovery) = open(&directory);
    assert_eq!((recovery.interrupted.len(), recovery.dialogs.len()), (0, 1));
    store.write(Write::DialogRemoved { call }).await.unwrap();
    let resolved = Write::PaymentState { payment, state: PaymentState::Approved, at: Timestamp::UNIX_EPOCH };
    store.write(resolved).await.unwrap();
    drop(store);
    let (store, recovery) = open(&directory);
    assert_eq!((recovery.dialogs.len(), recovery.payments.len()), (0, 0));
    assert_eq!(store.payment(payment).await.unwrap().unwrap().state, PaymentState::Approved);
    let summary = verify(&directory.path().join("tonegate.sqlite"), &Evidence::default()).unwrap();
    assert_eq!((summary.records, summary.calls), (1, 1));
}

#[tokio::test]
async fn a_charge_is_kept_with_its_key_and_settled_by_its_record() {
    let directory = TempDir::new().unwrap();
    let payment = Uuid::from_u128(7);
    let (store, _) = open(&directory);
    store.write(Write::PaymentOpened(payment_row(payment).into())).await.unwrap();
    let held = Held {
        brand: Brand::Visa,
        last_four: LastFour::parse("4242").unwrap(),
        token: Token::parse("pm_abcdefghijkl").unwrap(),
    };
    let charge = ChargeRow::of(&held);
    let at = Timestamp::UNIX_EPOCH;
    for state in [PaymentState::Tokenised, PaymentState::Charging] {
        store.write(Write::PaymentCharge { payment, charge: charge.clone().into(), state, at }).await.unwrap();
    }
    drop(store);
    let (store, recovery) = open(&directory);
    let [row] = recovery.payments.as_slice() else { panic!("{} payments", recovery.payments.len()) };
    assert_eq!((row.state, row.charge.as_ref()), (PaymentState::Charging, Some(&charge)));
    assert_eq!(row.charge.as_ref().and_then(ChargeRow::held), Some(held));

    let record = |status, failure: Option<&str>| PaymentTransaction {
        external_id: ExternalId::payment(payment),
        payment,
        call: row.call,
        attempt: ExternalId::attempt(row.call),
        account: row.account.clone(),
        arrangement: None,
        amount: row.amount,
        method: PaymentMethod::CardKeyed,
        status,
        failure: failure.map(str::to_owned),
        card: None,
        token: None,
        processed_at: None,
    };
    for (status, failure, state) in [
        (PaymentStatus::Pending, None, PaymentState::Charging),
        (PaymentStatus::Failed, Some(DECLINED), PaymentState::Declined),
        (PaymentStatus::Failed, Some("cancelled"), PaymentState::Abandoned),
        (PaymentStatus::Succeeded, None, PaymentState::Approved),
        (PaymentStatus::Refunded, None, PaymentState::Refunded),
    ] {
        store.write(Write::Record(Box::new(record(status, failure).into()))).await.unwrap();
        assert_eq!(store.payment(payment).await.unwrap().unwrap().state, state);
    }
}

#[tokio::test]
async fn an_account_has_no_payment_beside_another_call_s_that_may_yet_be_made() {
    let directory = TempDir::new().unwrap();
    let (store, _) = open(&directory);
    let [first, second] = [7, 8].map(Uuid::from_u128);
    let elsewhere = PaymentRow { call: Uuid::from_u128(2), ..payment_row(second) };
    let open = |row: &PaymentRow| store.write(Write::PaymentOpened(row.clone().into()));
    let is_free = async |row: &PaymentRow| !store.has_open_payment(row.account.clone(), row.call).await.unwrap();
    assert!(is_free(&elsewhere).await);
    open(&payment_row(first)).await.unwrap();
    for state in [PaymentState::Submitted, PaymentState::Tokenised, PaymentState::Charging, PaymentState::Unknown] {
        store.write(Write::PaymentState { payment: first, state, at: Timestamp::UNIX_EPOCH }).await.unwrap();
        assert!(matches!(open(&elsewhere).await, Err(StoreError::PaymentOpen)), "{state:?}");
        assert!(!is_free(&elsewhere).await && is_free(&payment_row(second)).await, "its own call knows better");
    }
    assert_eq!(*store.health().borrow(), Health::Good, "a payment that is refused is no trouble of the store");
    let account = AccountId::parse("CA-1002").unwrap();
    open(&PaymentRow { account, call: elsewhere.call, ..payment_row(Uuid::from_u128(9)) }).await.unwrap();
    let approved = Write::PaymentState { payment: first, state: PaymentState::Approved, at: Timestamp::UNIX_EPOCH };
    store.write(approved).await.unwrap();
    assert!(is_free(&elsewhere).await);
    open(&elsewhere).await.unwrap();
}

#[tokio::test]
async fn a_refund_has_one_key_until_it_is_refused() {
    let directory = TempDir::new().unwrap();
    let (payment, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
    let (store, _) = open(&directory);
    for payment in [payment, other] {
        store.write(Write::PaymentOpened(payment_row(payment).into())).await.unwrap();
    }
    let at = |second| Timestamp::from_second(second).unwrap();
    let key = Uuid::from_u128;
    let intend = |payment, number, second| Write::PaymentRefund { payment, key: key(number), at: at(second) };
    let row = async |payment| store.payment(payment).await.unwrap().unwrap();
    store.write(Write::PaymentState { payment, state: PaymentState::Approved, at: at(1) }).await.unwrap();
    // Both are asked for in one batch: the first key counts.
    store.write(vec![intend(payment, 1, 10), intend(payment, 2, 20), intend(other, 3, 20)]).await.unwrap();
    let expected = RefundRow { key: key(1), since: at(10), asked_at: at(20) };
    assert_eq!((row(payment).await.state, row(payment).await.refund), (PaymentState::Refunding, Some(expected)));
    assert_eq!(row(payment).await.since(), at(10), "it is open since it was asked for");
    assert_eq!((row(other).await.state, row(other).await.refund), (PaymentState::Submitted, None), "it is not paid");
    let open: Vec<Uuid> = store.open_payments().await.unwrap().iter().map(|row| row.payment).collect();
    assert_eq!(open, [payment, other], "both are looked after");

    store.write(Write::PaymentRefundRefused { payment, at: at(30) }).await.unwrap();
    assert_eq!((row(payment).await.state, row(payment).await.refund), (PaymentState::Approved, None));
    store.write(intend(payment, 4, 40)).await.unwrap();
    assert_eq!(row(payment).await.refund, Some(RefundRow { key: key(4), since: at(40), asked_at: at(40) }));
    store.write(Write::PaymentState { payment, state: PaymentState::Refunded, at: at(50) }).await.unwrap();
    store.write(vec![intend(payment, 5, 60), Write::PaymentRefundRefused { payment, at: at(60) }]).await.unwrap();
    assert_eq!(row(payment).await.state, PaymentState::Refunded, "what is back is neither asked for nor refused");
}

#[tokio::test]
async fn a_file_of_before_charges_is_read_as_it_was() {
    let directory = TempDir::new().unwrap();
    let (payment, path) = (Uuid::from_u128(7), directory.path().join("tonegate.sqlite"));
    let mut file = rusqlite::Connection::open(&path).unwrap();
    schema::migrate_to(&mut file, 2).unwrap();
    let mut row = serde_json::to_value(payment_row(payment)).unwrap();
    for later in ["processor", "method"] {
        row.as_object_mut().unwrap().remove(later);
    }
    let statement = "INSERT INTO payments (payment, call, state, row, updated_at) VALUES (?1, ?2, 'submitted', ?3, ?4)";
    let values = (payment.to_string(), Uuid::from_u128(1).to_string(), row.to_string(), "1970-01-01T00:00:00Z");
    file.execute(statement, values).unwrap();
    drop(file);
    let (store, _) = open(&directory);
    assert_eq!(store.payment(payment).await.unwrap(), Some(payment_row(payment)));
}

#[tokio::test]
async fn an_entry_of_before_calls_were_told_apart_goes_with_its_call() {
    let directory = TempDir::new().unwrap();
    let mut file = rusqlite::Connection::open(directory.path().join("tonegate.sqlite")).unwrap();
    schema::migrate_to(&mut file, 4).unwrap();
    let record = serde_json::to_string(&Record::from(call_row(Uuid::from_u128(1)).attempt)).unwrap();
    for record in [record.as_str(), "torn"] {
        let statement = "INSERT INTO outbox (lane, kind, record, created_ms, next_ms) \
                         VALUES ('CA-1001', 'contact_attempt', ?1, 0, 0)";
        file.execute(statement, [record]).unwrap();
    }
    drop(file);
    let (store, _) = open(&directory);
    let batches = store.outbox_calls(Timestamp::UNIX_EPOCH, 16, &BTreeSet::new()).await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.entries()[0].entry).collect::<Vec<_>>(), [1], "the lane's first call");
    store
        .write(Write::Outbox(OutboxChange::Park { entry: 1, tries: 1, at: Timestamp::UNIX_EPOCH, failure: "refused" }))
        .await
        .unwrap();
    let parked = store.outbox_parked().await.unwrap();
    assert_eq!(parked[0].key, ExternalId::attempt(Uuid::from_u128(1)).as_str());
}

#[tokio::test]
async fn an_ended_call_leaves_nothing_to_do() {
    let directory = TempDir::new().unwrap();
    let call = Uuid::from_u128(1);
    let (store, _) = open(&directory);
    let ended = Write::CallEnded { call, at: Timestamp::UNIX_EPOCH, reason: "caller_hung_up".into() };
    let dialog = Write::DialogSaved { call, journal: "{}".into() };
    store.write(vec![Write::CallStarted(call_row(call).into()), dialog, ended]).await.unwrap();
    drop(store);
    let (_store, recovery) = open(&directory);
    assert!(recovery.interrupted.is_empty() && recovery.dialogs.is_empty());
}

#[tokio::test]
async fn a_concluded_call_has_its_records_and_the_evidence_in_them() {
    let directory = TempDir::new().unwrap();
    let (store, _) = open(&directory);
    let call = Uuid::from_u128(1);
    let CallRow { attempt, compliance, .. } = call_row(call);
    store.write(Write::CallStarted(call_row(call).into())).await.unwrap();
    let entry = entry(call, Kind::CallEnded);
    let proofs = store.write(vec![proof(call, "opening", false), proof(call, "opening", true)]).await.unwrap().audit;
    let said = |kind| Disclosure { kind, delivery: Delivery::Delivered, at: None, proof: None };
    let disclosures = [DisclosureKind::Opening, DisclosureKind::MiniMiranda].map(said).into();
    let (attempt, reason) = (attempt.into(), "completed".to_owned());
    let compliance = Box::new(ComplianceRecord { disclosures, ..compliance });
    let receipt = store.write(Write::CallConcluded { attempt, compliance, entry, reason }).await.unwrap();
    store.write(Write::Outbox(OutboxChange::Delivered { entry: 1, at: Timestamp::UNIX_EPOCH })).await.unwrap();
    let due = store.outbox_due(Timestamp::now(), 16, &BTreeSet::new()).await.unwrap();
    let Some(Record::ComplianceRecord(record)) = &due[0].record else { panic!("the attempt went first") };
    assert_eq!(record.evidence, Some(crate::audit::to_hex(&receipt.audit[0])));
    let proven: Vec<_> = record.disclosures.iter().map(|disclosure| disclosure.proof.clone()).collect();
    assert_eq!(proven, [Some(crate::audit::to_hex(&proofs[1])), None]);
    drop(store);
    let (_store, recovery) = open(&directory);
    assert!(recovery.interrupted.is_empty());
}

#[tokio::test]
async fn the_receipt_names_the_hash_of_each_audit_entry() {
    let directory = TempDir::new().unwrap();
    let (store, _) = open(&directory);
    let call = Uuid::from_u128(1);
    let writes = vec![Write::Audit(entry(call, Kind::CallStarted)), Write::Audit(entry(call, Kind::CallEnded))];
    let receipt = store.write(writes).await.unwrap();
    assert_eq!(receipt.audit.len(), 2);
    let summary = verify(&directory.path().join("tonegate.sqlite"), &Evidence::default()).unwrap();
    assert_eq!(summary.head, receipt.audit[1]);
    assert_eq!(store.call_audit(call).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_committed_to_the_ledger_is_on_the_disk() {
    let directory = TempDir::new().unwrap();
    let (store, _) = open(&directory);
    let level = store.inner.writer.ask(durability).unwrap();
    assert_eq!(level.await.unwrap(), durable());
}
