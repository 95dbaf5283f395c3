use serde_json::json;

use super::*;
use crate::{schema::COLLECTXPERT, world::USER};

const ACCOUNT: &str = "cxp__Collection_Account__c";

fn store() -> (Store, Object) {
    let store = Store::new(Schema::parse(COLLECTXPERT).unwrap(), USER.to_owned());
    let object = store.object(ACCOUNT).unwrap();
    (store, object)
}

fn body(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn what_was_done_is_taken_back_with_its_index() {
    let (mut store, object) = store();
    let now = Timestamp::UNIX_EPOCH;
    let kept = store.create(&object, &body(&json!({"cxp__External_Id__c": "CA-1"})), now).unwrap();
    let savepoint = store.savepoint();
    store.create(&object, &body(&json!({"cxp__External_Id__c": "CA-2"})), now).unwrap();
    store.update(&object, &kept, &body(&json!({"cxp__External_Id__c": "CA-3"})), now).unwrap();
    store.delete(&object, &kept, now).unwrap();
    store.roll_back(savepoint);
    let key =
        |key: &str| store.keyed(&object, "cxp__External_Id__c", &Value::from(key)).into_iter().collect::<Vec<_>>();
    assert_eq!((key("ca-1"), key("CA-2"), key("CA-3")), (vec![kept], vec![], vec![]));
    assert_eq!(store.size(), 1);
}

#[test]
fn a_deleted_row_frees_its_key() {
    let (mut store, object) = store();
    let (now, key) = (Timestamp::UNIX_EPOCH, body(&json!({"cxp__External_Id__c": "CA-1"})));
    let first = store.create(&object, &key, now).unwrap();
    assert_eq!(store.create(&object, &key, now).unwrap_err().code, "DUPLICATE_VALUE");
    store.delete(&object, &first, now).unwrap();
    assert_ne!(store.create(&object, &key, now).unwrap(), first);
}

#[test]
fn values_come_back_as_an_org_writes_them() {
    let (mut store, object) = store();
    let fields = json!({
        "cxp__External_Id__c": " CA-1 ", "cxp__Balance_Outstanding__c": "612.404", "cxp__Days_Past_Due__c": 7,
        "cxp__Call_Window_Start__c": "08:00:00.000Z", "cxp__Due_Date__c": "2026-11-30T23:00:00Z", "cxp__Creditor_Name__c": "",
        "cxp__Next_Allowed_Contact__c": "2026-11-30T09:00:00.000+0000", "cxp__Deceased__c": "TRUE", "cxp__Attorney_Name__c": 5,
    });
    let id = store.create(&object, &body(&fields), Timestamp::UNIX_EPOCH).unwrap();
    let row = store.row(ACCOUNT, &id).unwrap();
    for (field, value) in [
        ("cxp__External_Id__c", json!("CA-1")),
        ("cxp__Balance_Outstanding__c", json!(612.4)),
        ("cxp__Days_Past_Due__c", json!(7.0)),
        ("cxp__Call_Window_Start__c", json!("08:00:00.000Z")),
        ("cxp__Due_Date__c", json!("2026-11-30")),
        ("cxp__Creditor_Name__c", Value::Null),
        ("cxp__Next_Allowed_Contact__c", json!("2026-11-30T09:00:00.000+0000")),
        ("cxp__Deceased__c", json!(true)),
        ("cxp__Attorney_Name__c", json!("5")),
        ("CreatedDate", json!("1970-01-01T00:00:00.000+0000")),
    ] {
        assert_eq!(row.value(field), &value, "{field}");
    }
}

#[test]
fn a_name_is_given_a_number_or_put_together() {
    let (mut store, _) = store();
    let now = Timestamp::UNIX_EPOCH;
    let contact = store.object("Contact").unwrap();
    let fields = body(&json!({"FirstName": "Maria", "LastName": "Delgado"}));
    let id = store.create(&contact, &fields, now).unwrap();
    store.update(&contact, &id, &body(&json!({"LastName": "Tran"})), now).unwrap();
    assert_eq!(store.row("Contact", &id).unwrap().value("Name"), "Maria Tran");
}
