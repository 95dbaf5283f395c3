use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::client::{ACCOUNT, Peer};

async fn send(peer: &Peer, method: Method, path: &str, body: Value) -> (u16, Value) {
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.request(method, format!("{}{path}", peer.org.admin_url()));
    let request = if body.is_null() { request } else { request.json(&body) };
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn whatever_can_be_ordered_can_be_ordered_from_outside() {
    let peer = Peer::start().await;
    let account = json!({"cxp__External_Id__c": "CA-1", "Name": "Delgado"});
    let (status, made) = send(&peer, Method::POST, &format!("/rows/{ACCOUNT}"), account).await;
    assert_eq!(status, 201);
    let row = format!("/rows/{ACCOUNT}/{}", made["id"].as_str().unwrap());
    let refused = json!({"kind": "refused", "status": 503, "code": "SERVER_UNAVAILABLE"});
    for (method, path, body) in [
        (Method::PATCH, row.as_str(), json!({"cxp__Queue__c": "AI"})),
        (Method::POST, "/faults", json!({"path": "limits", "times": 1, "fault": refused})),
        (Method::POST, "/troubles", json!({"object": ACCOUNT, "code": "UNABLE_TO_LOCK_ROW", "times": 1})),
        (Method::PUT, "/latency", json!({"p50_milliseconds": 1, "p99_milliseconds": 2})),
        (Method::PUT, "/hidden", json!({"object": ACCOUNT, "field": "cxp__Status__c", "hidden": true})),
        (Method::PUT, "/usage", json!({"others": 5, "daily": 100})),
        (Method::PUT, "/next-job", json!({"fails_after": 3})),
        (Method::POST, "/clock/advance", json!({"seconds": 60})),
        (Method::PUT, "/events/cxp__AI_Queue_Assignment__e/hidden", json!(true)),
        (Method::DELETE, "/events/cxp__AI_Queue_Assignment__e/fields/cxp__Time_Zone__c", Value::Null),
    ] {
        assert_eq!(send(&peer, method, path, body).await, (204, Value::Null), "{path}");
    }
    let state = send(&peer, Method::GET, "/state", Value::Null).await.1;
    assert_eq!((&state["faults"][0]["fault"]["kind"], &state["troubles"][0]["times"]), (&json!("refused"), &json!(1)));
    assert_eq!(
        (&state["seconds_ahead"], &state["next_job_fails_after"], &state["used_requests"]),
        (&json!(60), &json!(3), &json!(5))
    );
    assert_eq!(peer.get("limits").await.error().0, 503);
    assert_eq!(peer.query(&format!("SELECT cxp__Status__c FROM {ACCOUNT}")).await.error().1, "INVALID_FIELD");
    assert_eq!(
        send(&peer, Method::GET, "/counts", Value::Null).await.1,
        json!({"api_calls": 1, "by_kind": {"limits": 1, "query": 1}, "http2": 0})
    );
    assert_eq!(send(&peer, Method::GET, &format!("/rows/{ACCOUNT}"), Value::Null).await.1[0]["cxp__Queue__c"], "AI");

    assert_eq!(send(&peer, Method::DELETE, "/faults", Value::Null).await.0, 204);
    let state = send(&peer, Method::GET, "/state", Value::Null).await.1;
    assert_eq!((&state["faults"], &state["troubles"], &state["latency"]), (&json!([]), &json!([]), &Value::Null));
    assert_eq!(send(&peer, Method::PUT, "/read-only", json!(true)).await.0, 204);
    assert_eq!(send(&peer, Method::POST, "/sessions/expire", Value::Null).await.0, 204);
    assert_eq!(peer.get("limits").await.error().0, 401);
    assert_eq!(send(&peer, Method::POST, "/faults", json!({"fault": {"kind": "nonsense"}})).await.0, 422);
    assert_eq!(send(&peer, Method::POST, &format!("/rows/{ACCOUNT}"), json!({})).await.0, 400);
}

#[tokio::test]
async fn the_interface_explains_itself() {
    let peer = Peer::start().await;
    let client = Client::builder().no_proxy().build().unwrap();
    let help = client.get(peer.org.admin_url()).send().await.unwrap().text().await.unwrap();
    assert!(help.contains("/sessions/expire") && help.lines().count() > 10);
}

#[tokio::test]
async fn an_order_that_nothing_can_meet_is_refused_with_what_there_is() {
    let peer = Peer::start().await;
    let refused = json!({"kind": "refused", "status": 503, "code": "SERVER_UNAVAILABLE"});
    let locked = json!({"object": "Dispute__c", "code": "UNABLE_TO_LOCK_ROW"});
    for (path, body, status) in [
        ("/troubles", locked, 404),
        ("/faults", json!({"path": "sobjects/Dispute__c", "fault": refused}), 400),
        ("/faults", json!({"path": "quary", "fault": refused}), 400),
        ("/faults", json!({"path": "query", "method": "ASK", "fault": refused}), 400),
    ] {
        let (answered, told) = send(&peer, Method::POST, path, body.clone()).await;
        let expected = match (path, body["method"].as_str()) {
            (_, Some(_)) => "PATCH",
            _ if body["path"] == "quary" => "query",
            _ => "cxp__Dispute__c",
        };
        assert_eq!(answered, status, "{body}");
        assert!(told["error"].as_str().is_some_and(|why| why.contains(expected)), "{body}: {told}");
    }
    let state = send(&peer, Method::GET, "/state", Value::Null).await.1;
    assert_eq!((&state["faults"], &state["troubles"]), (&json!([]), &json!([])));
}
