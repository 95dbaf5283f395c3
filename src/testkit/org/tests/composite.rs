use serde_json::{Value, json};

use super::client::{ACCOUNT, ATTEMPT, BASE, Peer};

fn part(method: &str, path: &str, name: &str, body: Value) -> Value {
    let mut part = json!({"method": method, "url": format!("{BASE}/{path}"), "referenceId": name});
    if !body.is_null() {
        part["body"] = body;
    }
    part
}

async fn composite(peer: &Peer, is_whole: bool, parts: Vec<Value>) -> Vec<Value> {
    let answer = peer.post("composite", &json!({"allOrNone": is_whole, "compositeRequest": parts})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["compositeResponse"].as_array().unwrap().clone()
}

#[tokio::test]
async fn parts_refer_to_those_before_them() {
    let peer = Peer::start().await;
    let done = composite(
        &peer,
        true,
        vec![
            part("PATCH", &format!("sobjects/{ACCOUNT}/cxp__External_Id__c/CA-1"), "acc", json!({"Name": "Delgado"})),
            part(
                "POST",
                &format!("sobjects/{ATTEMPT}"),
                "att",
                json!({"cxp__External_Id__c": "AT-1", "cxp__Collection_Account__c": "@{acc.id}"}),
            ),
            part("GET", &format!("query?q=SELECT+Name+FROM+{ACCOUNT}+WHERE+Id='@{{acc.id}}'"), "found", Value::Null),
            part(
                "PATCH",
                &format!("sobjects/{ATTEMPT}/@{{att.id}}"),
                "text",
                json!({"cxp__Summary__c": "spoke to @{found.records[0].Name}, of @{found.totalSize}"}),
            ),
        ],
    )
    .await;
    let statuses: Vec<&Value> = done.iter().map(|part| &part["httpStatusCode"]).collect();
    assert_eq!(statuses, [&json!(201), &json!(201), &json!(200), &json!(204)], "{done:?}");
    assert_eq!((&done[1]["referenceId"], &done[3]["body"]), (&json!("att"), &Value::Null));
    assert!(done[0]["httpHeaders"]["Location"].as_str().unwrap().starts_with(BASE));
    let row = peer.org.rows(ATTEMPT)[0].clone();
    assert_eq!(
        (&row["cxp__Summary__c"], &row["cxp__Collection_Account__c"]),
        (&json!("spoke to Delgado, of 1"), &done[0]["body"]["id"])
    );
    assert_eq!(peer.org.counts().api_calls, 1, "a composite is one call");
}

#[tokio::test]
async fn all_or_none_takes_everything_back() {
    let peer = Peer::start().await;
    let parts = || {
        vec![
            part("POST", &format!("sobjects/{ACCOUNT}"), "good", json!({"cxp__External_Id__c": "CA-1"})),
            part(
                "POST",
                &format!("sobjects/{ACCOUNT}"),
                "bad",
                json!({"cxp__External_Id__c": "CA-2", "cxp__Queue__c": "Robot"}),
            ),
            part("GET", &format!("sobjects/{ACCOUNT}/@{{bad.id}}"), "lost", Value::Null),
        ]
    };
    let codes =
        |done: &[Value]| -> Vec<Value> { done.iter().map(|part| part["body"][0]["errorCode"].clone()).collect() };
    let whole = composite(&peer, true, parts()).await;
    assert_eq!(codes(&whole), ["PROCESSING_HALTED", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "PROCESSING_HALTED"]);
    assert!(peer.org.rows(ACCOUNT).is_empty());
    let each = composite(&peer, false, parts()).await;
    assert_eq!(each[0]["httpStatusCode"], 201);
    assert_eq!(codes(&each)[1..], ["INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "PROCESSING_HALTED"]);
    assert_eq!(peer.org.rows(ACCOUNT).len(), 1);
}

#[tokio::test]
async fn a_composite_has_its_bounds() {
    let peer = Peer::start().await;
    let limits =
        |count: usize| (0..count).map(|number| part("GET", "sobjects", &format!("r{number}"), Value::Null)).collect();
    assert_eq!(composite(&peer, false, limits(25)).await.len(), 25);
    let over = composite(&peer, false, limits(26)).await;
    assert_eq!((over.len(), &over[0]["referenceId"]), (1, &Value::Null));
    assert_eq!(over[0]["body"][0]["errorCode"], "LIMIT_EXCEEDED");
    let queries =
        (0..6).map(|number| part("GET", "query?q=SELECT+Id+FROM+Contact", &format!("q{number}"), Value::Null));
    assert_eq!(composite(&peer, false, queries.collect()).await[0]["body"][0]["errorCode"], "LIMIT_EXCEEDED");
    let nested = composite(&peer, false, vec![part("POST", "composite", "inner", json!({}))]).await;
    assert_eq!(nested[0]["httpStatusCode"], 404);
    assert_eq!(peer.post("composite", &json!({"compositeRequest": 5})).await.error().1, "JSON_PARSER_ERROR");
}
