use serde_json::{Value, json};

use super::client::{ACCOUNT, ATTEMPT, BASE, Peer};
use crate::RowTrouble;

fn node(method: &str, path: &str, name: &str, body: &Value) -> Value {
    json!({"method": method, "url": format!("{BASE}/sobjects/{path}"), "referenceId": name, "body": body})
}

/// What a call writes: an attempt, its record, and its account.
fn call(number: usize) -> Value {
    let nodes = [
        node(
            "PATCH",
            &format!("{ATTEMPT}/cxp__External_Id__c/AT-{number}"),
            "att",
            &json!({"cxp__Collection_Account__r": {"cxp__External_Id__c": "CA-1"}}),
        ),
        node(
            "PATCH",
            &format!("cxp__Compliance_Record__c/cxp__External_Id__c/CR-{number}"),
            "cr",
            &json!({"cxp__Contact_Attempt__c": "@{att.id}"}),
        ),
        node(
            "PATCH",
            &format!("{ACCOUNT}/cxp__External_Id__c/CA-1"),
            "acc",
            &json!({"cxp__Queue__c": "Human", "cxp__Last_Outcome__c": "@{att.id}"}),
        ),
    ];
    json!({"graphId": format!("call-{number}"), "compositeRequest": nodes})
}

async fn graphs(peer: &Peer, graphs: Vec<Value>) -> Vec<Value> {
    let answer = peer.post("composite/graph", &json!({"graphs": graphs})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["graphs"].as_array().unwrap().clone()
}

fn codes(graph: &Value) -> Vec<String> {
    let parts = graph["graphResponse"]["compositeResponse"].as_array().unwrap();
    parts.iter().map(|part| part["body"][0]["errorCode"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_graph_happens_whole_or_not_at_all() {
    let peer = Peer::start().await;
    peer.account("CA-1");
    let mut broken = call(2);
    broken["compositeRequest"][2]["body"]["cxp__Queue__c"] = json!("Robot");
    let done = graphs(&peer, vec![call(1), broken, call(3)]).await;
    let successful: Vec<&Value> = done.iter().map(|graph| &graph["isSuccessful"]).collect();
    assert_eq!(successful, [&json!(true), &json!(false), &json!(true)], "{done:?}");
    assert_eq!(codes(&done[1]), ["PROCESSING_HALTED", "PROCESSING_HALTED", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"]);
    assert_eq!((peer.org.rows(ATTEMPT).len(), peer.org.rows("cxp__Compliance_Record__c").len()), (2, 2));
    assert_eq!(done[0]["graphResponse"]["compositeResponse"][0]["httpStatusCode"], 201);
    assert_eq!(
        graphs(&peer, vec![call(1)]).await[0]["graphResponse"]["compositeResponse"][0]["httpStatusCode"],
        200,
        "again"
    );
    assert_eq!(peer.org.counts().api_calls, 2);
}

#[tokio::test]
async fn a_graph_is_done_in_the_order_of_its_references_and_of_nothing_else() {
    let peer = Peer::start().await;
    peer.account("CA-1");
    let mut backwards = call(1);
    backwards["compositeRequest"].as_array_mut().unwrap().reverse();
    let done = graphs(&peer, vec![backwards]).await;
    assert_eq!(done[0]["isSuccessful"], true, "{done:?}");
    let told = done[0]["graphResponse"]["compositeResponse"].as_array().unwrap();
    let names: Vec<&str> = told.iter().map(|part| part["referenceId"].as_str().unwrap()).collect();
    assert_eq!(names, ["acc", "cr", "att"], "told in the order of the request");
    let mut hopeful = call(2);
    hopeful["compositeRequest"][1]["body"] = json!({"cxp__Contact_Attempt__r": {"cxp__External_Id__c": "AT-2"}});
    assert_eq!(graphs(&peer, vec![hopeful]).await[0]["isSuccessful"], false, "its attempt may not be there yet");
    let mut circle = call(3);
    circle["compositeRequest"][0]["body"]["cxp__Outcome__c"] = json!("@{acc.id}");
    assert_eq!(graphs(&peer, vec![circle]).await[0]["isSuccessful"], false);
}

#[tokio::test]
async fn a_locked_parent_undoes_the_graph_once() {
    let peer = Peer::start().await;
    let account = peer.account("CA-1");
    peer.org.trouble(RowTrouble::locked(ACCOUNT, Some(&account), Some(1)));
    let done = graphs(&peer, vec![call(1)]).await;
    assert_eq!(codes(&done[0])[2], "UNABLE_TO_LOCK_ROW");
    assert!(peer.org.rows(ATTEMPT).is_empty());
    assert_eq!(graphs(&peer, vec![call(1)]).await[0]["isSuccessful"], true);
}

#[tokio::test]
async fn after_fourteen_failures_the_rest_is_not_tried() {
    let peer = Peer::start().await;
    let mut all: Vec<Value> = (0..14).map(call).collect();
    all.push(
        json!({"graphId": "last", "compositeRequest": [node("POST", "Contact", "c", &json!({"LastName": "Delgado"}))]}),
    );
    let done = graphs(&peer, all).await;
    assert_eq!((codes(&done[13])[0].as_str(), codes(&done[14])[0].as_str()), ("INVALID_FIELD", "PROCESSING_HALTED"));
    assert!(peer.org.rows("Contact").is_empty());
}

#[tokio::test]
async fn a_graph_has_its_bounds() {
    let peer = Peer::start().await;
    let contact = |name: &str| node("POST", "Contact", name, &json!({"LastName": "Delgado"}));
    let one = |nodes: Vec<Value>| vec![json!({"graphId": "g", "compositeRequest": nodes})];
    let many = (0..501).map(|number| contact(&format!("n{number}"))).collect();
    let chain = (0..16).map(|number: usize| {
        let before = number.saturating_sub(1);
        let body =
            if number == 0 { json!({"LastName": "x"}) } else { json!({"LastName": format!("@{{n{before}.id}}")}) };
        node("POST", "Contact", &format!("n{number}"), &body)
    });
    let chain: Vec<Value> = chain.collect();
    let kinds =
        (0..16).map(|number| node("POST", &format!("Thing{number}"), &format!("n{number}"), &json!({}))).collect();
    for (graphs, code) in [
        (one(many), "LIMIT_EXCEEDED"),
        (one(chain.clone()), "LIMIT_EXCEEDED"),
        (one(kinds), "LIMIT_EXCEEDED"),
        (vec![call(1); 76], "LIMIT_EXCEEDED"),
        (one(vec![contact("same"), contact("same")]), "INVALID_INPUT"),
    ] {
        let refused = peer.post("composite/graph", &json!({"graphs": graphs})).await;
        assert_eq!(refused.error(), (400, code.to_owned()));
    }
    assert_eq!(graphs(&peer, one(chain[..15].to_vec())).await[0]["isSuccessful"], true);
    let query = json!({"method": "GET", "url": format!("{BASE}/query?q=SELECT+Id+FROM+Contact"), "referenceId": "q"});
    assert_eq!(codes(&graphs(&peer, one(vec![query])).await[0]), ["INVALID_OPERATION"]);
}
