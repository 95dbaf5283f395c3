//! No card number is written, whatever holds it, and the audit chain tells.

use book::record::{PaymentMethod, PaymentStatus};
use book::{ComplianceRecord, PaymentTransaction};

use super::*;

/// A card number that no network issues.
const CARD: &str = "9999271828459041";

/// Every write that takes texts, each with a card number in one of them.
fn odd_writes(call: Uuid) -> Vec<Write> {
    let said = || Some(format!("said {CARD}"));
    let row = call_row(call);
    let attempt = || ContactAttempt { escalation_reason: said(), ..call_row(call).attempt };
    let compliance = || ComplianceRecord { evidence: said(), ..ComplianceRecord::empty(call) };
    let payment = PaymentTransaction {
        external_id: ExternalId::payment(call),
        payment: call,
        call,
        attempt: ExternalId::attempt(call),
        account: AccountId::parse("CA-1001").unwrap(),
        arrangement: None,
        amount: Money::new(10_207, Currency::USD),
        method: PaymentMethod::CardKeyed,
        status: PaymentStatus::Failed,
        failure: said(),
        card: None,
        token: said(),
        processed_at: None,
    };
    vec![
        Write::CallStarted(CallRow { attempt: attempt(), compliance: compliance(), ..row }.into()),
        Write::CallProgress { attempt: attempt().into(), compliance: compliance().into() },
        Write::from(Record::from(payment)),
        Write::CallConcluded {
            attempt: attempt().into(),
            compliance: compliance().into(),
            entry: entry(call, Kind::CallEnded),
            reason: "completed".to_owned(),
        },
    ]
}

#[tokio::test]
async fn a_card_number_in_any_write_is_masked_and_audited() {
    let directory = TempDir::new().unwrap();
    let (store, _) = open(&directory);
    let call = Uuid::from_u128(1);
    store.write(odd_writes(call)).await.unwrap();
    let trail = store.call_audit(call).await.unwrap();
    let told = trail.iter().filter(|record| record.contains(crate::store::MASKED)).count();
    assert_eq!(told, 2 + 2 + 2 + 1, "one for each masked field; the evidence is written anew when a call ends");
    let due = store.outbox_due(Timestamp::now(), 16, &BTreeSet::new()).await.unwrap();
    assert!(due.iter().all(|entry| entry.record.is_some()), "what is masked can be read");
    drop(store);
    let files = std::fs::read_dir(directory.path()).unwrap().flatten();
    let bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file.path()).unwrap()).collect();
    let holds = |needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(holds("said ################") && !holds(CARD) && !holds(&CARD[..12]));
    assert!(verify(&directory.path().join("tonegate.sqlite"), &crate::audit::Evidence::default()).is_ok());
}

/// A row that another program put into the outbox, with a field for a card.
#[tokio::test]
async fn an_outbox_row_with_a_field_for_a_card_is_delivered_to_nobody() {
    let directory = TempDir::new().unwrap();
    let (store, _) = open(&directory);
    store.write(Write::from(Record::from(call_row(Uuid::from_u128(1)).attempt))).await.unwrap();
    let connection = rusqlite::Connection::open(directory.path().join("tonegate.sqlite")).unwrap();
    let change = "UPDATE outbox SET record = json_set(record, '$.blng__CardNumber__c', ?1)";
    assert_eq!(connection.execute(change, [CARD]).unwrap(), 1);
    let due = store.outbox_due(Timestamp::now(), 16, &BTreeSet::new()).await.unwrap();
    assert!(due[0].record.is_none(), "it cannot be read, and is parked for a person");
}

#[tokio::test]
async fn no_column_of_the_store_is_made_for_a_card() {
    let directory = TempDir::new().unwrap();
    drop(open(&directory));
    let connection = rusqlite::Connection::open(directory.path().join("tonegate.sqlite")).unwrap();
    let columns = "SELECT columns.name FROM sqlite_schema tables, pragma_table_info(tables.name) columns";
    let mut statement = connection.prepare(columns).unwrap();
    let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(names.len() > 25, "{names:?}");
    assert!(!names.iter().any(|column| rules::account_data::is_forbidden_field(column)), "{names:?}");
}
