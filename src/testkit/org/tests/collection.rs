use reqwest::Method;
use serde_json::{Value, json};

use super::client::{ACCOUNT, Peer};

fn account(key: &str, queue: &str) -> Value {
    json!({"attributes": {"type": ACCOUNT}, "cxp__External_Id__c": key, "cxp__Queue__c": queue})
}

#[tokio::test]
async fn each_row_has_an_answer_of_its_own() {
    let peer = Peer::start().await;
    let body = json!({"allOrNone": false, "records": [account("CA-1", "AI"), account("CA-2", "Robot"), {"attributes": {"type": "Nothing"}}]});
    let made = peer.post("composite/sobjects", &body).await.json();
    assert_eq!((&made[0]["success"], &made[0]["errors"]), (&json!(true), &json!([])));
    let error = &made[1]["errors"][0];
    assert_eq!(
        (&error["statusCode"], &error["fields"]),
        (&json!("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"), &json!(["cxp__Queue__c"]))
    );
    assert!(error.get("errorCode").is_none() && made[1].get("id").is_none());
    assert_eq!(made[2]["errors"][0]["statusCode"], "INVALID_TYPE");

    let id = made[0]["id"].as_str().unwrap();
    let change = json!({"records": [{"attributes": {"type": ACCOUNT}, "id": id, "cxp__Queue__c": "Human"}, {"cxp__Queue__c": "AI"}]});
    let changed = peer.patch("composite/sobjects", &change).await.json();
    assert_eq!(
        (&changed[0]["success"], &changed[1]["errors"][0]["statusCode"]),
        (&json!(true), &json!("MISSING_ARGUMENT"))
    );
    let read = peer
        .get(&format!("composite/sobjects/{ACCOUNT}?ids={id},a00000000000000AAA&fields=cxp__Queue__c"))
        .await
        .json();
    assert_eq!((&read[0]["cxp__Queue__c"], &read[1]), (&json!("Human"), &Value::Null));
    let posted =
        peer.post(&format!("composite/sobjects/{ACCOUNT}"), &json!({"ids": [id], "fields": ["Name"]})).await.json();
    assert_eq!(posted[0]["Id"], id);
    let deleted = peer.send(Method::DELETE, &format!("composite/sobjects?ids={id},{id}"), None).await.json();
    assert_eq!(
        (&deleted[0]["success"], &deleted[1]["errors"][0]["statusCode"]),
        (&json!(true), &json!("ENTITY_IS_DELETED"))
    );
}

#[tokio::test]
async fn rows_are_upserted_by_their_key() {
    let peer = Peer::start().await;
    peer.account("CA-1");
    let path = format!("composite/sobjects/{ACCOUNT}/cxp__External_Id__c");
    let body = json!({"records": [account("CA-1", "AI"), account("CA-2", "Human"), {"attributes": {"type": ACCOUNT}}]});
    let done = peer.patch(&path, &body).await.json();
    let created: Vec<&Value> = (0..3).map(|row| &done[row]["created"]).collect();
    assert_eq!(created, [&json!(false), &json!(true), &json!(false)]);
    assert_eq!(done[2]["errors"][0]["statusCode"], "MISSING_ARGUMENT");
    assert_eq!(peer.org.rows(ACCOUNT)[0]["cxp__Queue__c"], "AI");
    assert_eq!(peer.patch(&format!("composite/sobjects/{ACCOUNT}/Name"), &body).await.error().0, 404);
}

#[tokio::test]
async fn all_or_none_takes_every_row_back() {
    let peer = Peer::start().await;
    let body = json!({"allOrNone": true, "records": [account("CA-1", "AI"), account("CA-2", "Robot")]});
    let done = peer.post("composite/sobjects", &body).await.json();
    assert_eq!(done[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert!(peer.org.rows(ACCOUNT).is_empty());
    assert_eq!(
        peer.query(&format!("SELECT Id FROM {ACCOUNT} WHERE cxp__External_Id__c = 'CA-1'")).await.json()["totalSize"],
        0
    );
}

#[tokio::test]
async fn two_hundred_rows_are_the_most() {
    let peer = Peer::start().await;
    let rows = |count: usize| json!({"records": (0..count).map(|row| account(&format!("CA-{row}"), "AI")).collect::<Vec<_>>()});
    assert_eq!(peer.post("composite/sobjects", &rows(201)).await.error(), (400, "EXCEEDED_ID_LIMIT".to_owned()));
    assert_eq!(peer.post("composite/sobjects", &rows(200)).await.json().as_array().unwrap().len(), 200);
}
