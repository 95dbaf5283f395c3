mod durability;
mod trouble;

use std::path::Path;

use book::{AccountId, ComplianceRecord, ContactAttempt, ExternalId};
use jiff::Timestamp;
use rules::money::{Currency, Money};
use tempfile::TempDir;
use uuid::Uuid;

use book::Record;
use book::record::{Delivery, Disclosure, DisclosureKind};

use super::*;
use crate::audit::{Details, Entry, Kind, verify};

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
    let due = store.outbox_due(Timestamp::now(), 16).await.unwrap();
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
    let summary = verify(&directory.path().join("tonegate.sqlite"), None).unwrap();
    assert_eq!((summary.records, summary.calls), (1, 1));
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
    store.write(Write::Outbox(OutboxChange::Delivered { entry: 1 })).await.unwrap();
    let due = store.outbox_due(Timestamp::now(), 16).await.unwrap();
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
    let summary = verify(&directory.path().join("tonegate.sqlite"), None).unwrap();
    assert_eq!(summary.head, receipt.audit[1]);
    assert_eq!(store.call_audit(call).await.unwrap().len(), 2);
}

#[tokio::test]
async fn lanes_keep_their_order_and_flags_overtake_them() {
    let directory = TempDir::new().unwrap();
    let (store, _) = open(&directory);
    let account = AccountId::parse("CA-1001").unwrap();
    let attempt = |call: u128| {
        let call = Uuid::from_u128(call);
        Record::from(ContactAttempt { account: Some(account.clone()), ..call_row(call).attempt })
    };
    let flags = book::AccountUpdate {
        external_id: ExternalId::update(Uuid::from_u128(1), 1),
        call: Uuid::from_u128(1),
        account: account.clone(),
        set: [rules::contact::Flag::Cease].into(),
        at: Timestamp::UNIX_EPOCH,
    };
    let other = Record::from(call_row(Uuid::from_u128(9)).attempt);
    let records = [attempt(1), attempt(2), flags.into(), other];
    store.write(records.into_iter().map(Write::from).collect::<Vec<_>>()).await.unwrap();
    let numbers = |due: Vec<OutboxEntry>| due.into_iter().map(|entry| entry.entry).collect::<Vec<_>>();
    let later = Timestamp::now() + jiff::SignedDuration::from_secs(1);
    assert_eq!(numbers(store.outbox_due(later, 16).await.unwrap()), [1, 3, 4]);
    store.write(Write::Outbox(OutboxChange::Delivered { entry: 1 })).await.unwrap();
    assert_eq!(numbers(store.outbox_due(later, 16).await.unwrap()), [2, 3, 4]);
    // A record that waits for its next try holds up its lane; a parked one does not.
    let at = later + jiff::SignedDuration::from_secs(60);
    store.write(Write::Outbox(OutboxChange::Retry { entry: 2, tries: 1, at })).await.unwrap();
    store.write(Write::from(attempt(3))).await.unwrap();
    assert_eq!(numbers(store.outbox_due(later, 16).await.unwrap()), [3, 4]);
    store.write(Write::Outbox(OutboxChange::Park { entry: 2, tries: 3 })).await.unwrap();
    assert_eq!(numbers(store.outbox_due(later, 16).await.unwrap()), [3, 4, 5]);
    let depth = store.outbox_depth().await.unwrap();
    assert_eq!((depth.waiting, depth.parked), (3, 1));
    drop(store);
    let (store, _) = open(&directory);
    let depth = store.outbox_depth().await.unwrap();
    assert_eq!((depth.waiting, depth.parked), (4, 0), "each start offers what is parked again");
}
