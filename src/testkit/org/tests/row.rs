use reqwest::Method;
use serde_json::{Value, json};

use super::client::{ACCOUNT, ATTEMPT, BASE, DISPUTE, Peer};
use crate::{Schema, schema::COLLECTXPERT};

#[tokio::test]
async fn a_row_is_made_read_changed_and_deleted() {
    let peer = Peer::start().await;
    let body = json!({"Name": "Delgado", "cxp__External_Id__c": "CA-1", "cxp__Balance_Outstanding__c": 612.4});
    let made = peer.post(&format!("sobjects/{ACCOUNT}"), &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.json(), json!({"id": id, "success": true, "errors": []}));
    assert_eq!(made.headers["location"], format!("{BASE}/sobjects/{ACCOUNT}/{id}"));
    assert!(id.starts_with("a00") && id.len() == 18);

    let path = format!("sobjects/{ACCOUNT}/{id}");
    let read = peer.get(&path).await.json();
    assert_eq!(read["attributes"], json!({"type": ACCOUNT, "url": format!("{BASE}/{path}")}));
    assert_eq!((&read["cxp__Balance_Outstanding__c"], &read["cxp__Cease_Desist__c"]), (&json!(612.4), &json!(false)));
    assert_eq!((&read["cxp__Queue__c"], &read["CreatedById"]), (&Value::Null, &json!(crate::USER)));
    let some = peer.get(&format!("{path}?fields=Name,cxp__queue__c")).await.json();
    assert_eq!(some.as_object().unwrap().len(), 4, "{some}");

    assert_eq!(peer.patch(&path, &json!({"cxp__Queue__c": "AI"})).await.status, 204);
    assert_eq!(peer.get(&path[..path.len() - 3]).await.json()["cxp__Queue__c"], "AI", "an id of 15 characters");
    assert_eq!(peer.send(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(peer.get(&path).await.error(), (404, "NOT_FOUND".to_owned()));
    assert_eq!(peer.patch(&path, &json!({})).await.error(), (404, "ENTITY_IS_DELETED".to_owned()));
    assert_eq!(peer.post(&path, &json!({})).await.error(), (405, "METHOD_NOT_ALLOWED".to_owned()));
}

#[tokio::test]
async fn an_upsert_makes_changes_or_finds_too_many() {
    let peer = Peer::start().await;
    let path = format!("sobjects/{ACCOUNT}/cxp__External_Id__c/CA%2F1");
    let missing = peer.patch(&format!("{path}?updateOnly=true"), &json!({"Name": "A"})).await;
    assert_eq!(missing.error(), (404, "NOT_FOUND".to_owned()));
    let made = peer.patch(&path, &json!({"Name": "A", "cxp__Phone_E164__c": "+12025550143"})).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((made.status, made.json()["created"].clone()), (201, json!(true)));
    let changed = peer
        .patch(
            &path.to_lowercase().replace("sobjects/cxp__collection_account__c", &format!("sobjects/{ACCOUNT}")),
            &json!({"Name": "B"}),
        )
        .await;
    assert_eq!(
        changed.json(),
        json!({"id": id, "success": true, "errors": [], "created": false}),
        "case does not count"
    );
    assert_eq!(changed.status, 200);
    let old = peer.patch(&format!("/services/data/v45.0/{path}"), &json!({"Name": "C"})).await;
    assert_eq!((old.status, old.text.as_str()), (204, ""));
    assert_eq!(peer.get(&path).await.json()["Name"], "C");

    peer.row(ACCOUNT, &json!({"cxp__External_Id__c": "CA/2", "cxp__Phone_E164__c": "+12025550143"}));
    let both = peer.patch(&format!("sobjects/{ACCOUNT}/cxp__Phone_E164__c/+12025550143"), &json!({"Name": "D"})).await;
    assert_eq!(both.status, 300);
    assert_eq!(both.json()[0], format!("{BASE}/sobjects/{ACCOUNT}/{id}"));
    let named = peer.patch(&path, &json!({"cxp__External_Id__c": "CA/1"})).await;
    assert_eq!(named.error(), (400, "INVALID_FIELD".to_owned()));
    assert_eq!(peer.patch(&format!("sobjects/{ACCOUNT}/Name/x"), &json!({})).await.error().0, 404);
}

#[tokio::test]
async fn what_a_field_does_not_take_is_told_by_its_code() {
    let peer = Peer::start().await;
    let account = peer.account("CA-1");
    let cases = [
        (json!({}), "REQUIRED_FIELD_MISSING", json!(["cxp__External_Id__c"])),
        (json!({"cxp__External_Id__c": "x".repeat(65)}), "STRING_TOO_LONG", json!(["cxp__External_Id__c"])),
        (json!({"cxp__External_Id__c": "CA-1"}), "DUPLICATE_VALUE", Value::Null),
        (json!({"cxp__External_Id__c": "ca-1 "}), "DUPLICATE_VALUE", Value::Null),
        (json!({"cxp__Queue__c": "Robot"}), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", json!(["cxp__Queue__c"])),
        (
            json!({"cxp__Call_Days__c": "Mon;Someday"}),
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            json!(["cxp__Call_Days__c"]),
        ),
        (json!({"cxp__Balance_Outstanding__c": "much"}), "JSON_PARSER_ERROR", Value::Null),
        (
            json!({"cxp__Balance_Outstanding__c": 1e17}),
            "NUMBER_OUTSIDE_VALID_RANGE",
            json!(["cxp__Balance_Outstanding__c"]),
        ),
        (json!({"cxp__Due_Date__c": "tomorrow"}), "JSON_PARSER_ERROR", Value::Null),
        (json!({"cxp__Debtor__c": "nobody"}), "MALFORMED_ID", json!(["cxp__Debtor__c"])),
        (json!({"cxp__Debtor__c": "003000000000000AAA"}), "INVALID_CROSS_REFERENCE_KEY", json!(["cxp__Debtor__c"])),
        (json!({"cxp__Debtor__c": account}), "FIELD_INTEGRITY_EXCEPTION", json!(["cxp__Debtor__c"])),
        (json!({"cxp__Nothing__c": 1}), "INVALID_FIELD", Value::Null),
        (json!({"CreatedDate": "2026-01-01T00:00:00Z"}), "INVALID_FIELD_FOR_INSERT_UPDATE", json!(["CreatedDate"])),
        (json!({"cxp__Strategy__r": {"cxp__External_Id__c": "none"}}), "INVALID_FIELD", Value::Null),
    ];
    for (body, code, fields) in cases {
        let refused = peer.post(&format!("sobjects/{ACCOUNT}"), &body).await;
        assert_eq!((refused.error(), refused.json()[0]["fields"].clone()), ((400, code.to_owned()), fields), "{body}");
    }
    assert_eq!(peer.org.rows(ACCOUNT).len(), 1, "nothing was written");
    assert_eq!(peer.post("sobjects/Nothing__c", &json!({})).await.error(), (404, "NOT_FOUND".to_owned()));
    let unread = peer.client.post(format!("{}{BASE}/sobjects/{ACCOUNT}", peer.org.instance_url()));
    let unread = unread.bearer_auth(&peer.token).body("{\"Name\": ").send().await.unwrap();
    assert_eq!(unread.json::<Value>().await.unwrap()[0]["errorCode"], "JSON_PARSER_ERROR");
}

#[tokio::test]
async fn a_row_refers_to_another_by_id_or_by_key() {
    let peer = Peer::start().await;
    let account = peer.account("CA-1");
    let body = json!({
        "cxp__External_Id__c": "AT-1", "cxp__Collection_Account__r": {"cxp__External_Id__c": "ca-1"},
        "cxp__Started_At__c": "2026-11-30T09:00:00.5+01:00",
    });
    assert_eq!(peer.post(&format!("sobjects/{ATTEMPT}"), &body).await.status, 201);
    let row = peer.org.rows(ATTEMPT)[0].clone();
    assert_eq!((&row["cxp__Collection_Account__c"], &row["Name"]), (&json!(account), &json!("ATT-000002")));
    assert_eq!(row["cxp__Started_At__c"], "2026-11-30T08:00:00.000+0000");
    let away = json!({"cxp__Collection_Account__r": null});
    assert_eq!(peer.patch(&format!("sobjects/{ATTEMPT}/cxp__External_Id__c/AT-1"), &away).await.status, 200);
    assert_eq!(peer.org.rows(ATTEMPT)[0]["cxp__Collection_Account__c"], Value::Null);
}

#[tokio::test]
async fn conditions_are_of_seconds() {
    let peer = Peer::start().await;
    let path = format!("sobjects/{ACCOUNT}/{}", peer.account("CA-1"));
    let send = async |method: Method, header: &str, date: &str| {
        let url = format!("{}{BASE}/{path}", peer.org.instance_url());
        let request = peer.client.request(method, url).bearer_auth(&peer.token).header(header, date).json(&json!({}));
        request.send().await.unwrap().status().as_u16()
    };
    let (before, after) = ("Mon, 30 Nov 2015 08:00:00 GMT", "Fri, 30 Nov 2035 08:00:00 GMT");
    assert_eq!(send(Method::GET, "if-modified-since", before).await, 200);
    assert_eq!(send(Method::GET, "if-modified-since", after).await, 304);
    assert_eq!(send(Method::PATCH, "if-unmodified-since", after).await, 204);
    assert_eq!(send(Method::PATCH, "if-unmodified-since", before).await, 412);
    assert_eq!(send(Method::PATCH, "if-unmodified-since", "yesterday").await, 400);
}

#[tokio::test]
async fn a_describe_tells_what_a_mapping_must_know() {
    let peer = Peer::start().await;
    let described = peer.get(&format!("sobjects/{DISPUTE}/describe")).await.json();
    let field = |name: &str| {
        let fields = described["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).cloned().unwrap_or_default()
    };
    let key = field("cxp__External_Id__c");
    assert_eq!(
        (&key["externalId"], &key["unique"], &key["length"], &key["nillable"]),
        (&json!(true), &json!(true), &json!(64), &json!(false))
    );
    let status = field("cxp__Status__c");
    assert_eq!((&status["type"], &status["picklistValues"][0]["value"]), (&json!("picklist"), &json!("Open")));
    assert_eq!(field("cxp__Reason__c")["filterable"], json!(false));
    assert_eq!(field("cxp__Collection_Account__c")["referenceTo"], json!([ACCOUNT]));
    let parent = peer.get(&format!("sobjects/{ACCOUNT}/describe")).await.json();
    assert!(
        parent["childRelationships"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["relationshipName"] == "cxp__Disputes__r")
    );
    assert_eq!(peer.get("sobjects").await.json()["sobjects"].as_array().unwrap().len(), 9);

    assert!(peer.org.hide(DISPUTE, "cxp__Status__c", true));
    let hidden = peer.get(&format!("sobjects/{DISPUTE}/describe")).await.text;
    assert!(!hidden.contains("cxp__Status__c"));
    let row = peer.row(DISPUTE, &json!({"cxp__External_Id__c": "D-1"}));
    let read = peer.get(&format!("sobjects/{DISPUTE}/{row}")).await;
    assert!(read.status == 200 && !read.text.contains("cxp__Status__c"), "a row leaves it out without a word");
}

#[tokio::test]
async fn an_event_describes_itself_to_whoever_may_read_it() {
    let peer = Peer::start().await;
    let schema = Schema::parse(COLLECTXPERT).unwrap();
    let event = schema.events().next().unwrap();
    let path = format!("sobjects/{}/describe", event.name);
    let described = peer.get(&path).await.json();
    let rights = ["queryable", "updateable", "createable"].map(|right| described[right] == json!(true));
    assert_eq!(rights, [false, false, true]);
    let fields = described["fields"].as_array().unwrap();
    let told: Vec<_> = fields.iter().map(|field| (field["name"].as_str().unwrap(), &field["type"])).collect();
    for own in &event.fields {
        assert!(told.contains(&(own.name.as_str(), &json!(own.kind.name()))), "{}", own.name);
    }
    assert_eq!(told.len(), event.fields.len() + 4, "and ReplayId, CreatedDate, CreatedById, EventUuid");

    let gone = event.fields[0].name.as_str();
    assert!(peer.org.forget(&event.name, gone) && !peer.org.forget(&event.name, gone));
    assert!(peer.org.evolve(&event.name, "cxp__Reason__c"));
    let changed = peer.get(&path).await.text;
    assert!(!changed.contains(gone) && changed.contains("cxp__Reason__c"));

    assert!(peer.org.hide_event(&event.name, true) && !peer.org.hide_event("Nothing__e", true));
    assert_eq!(peer.get(&path).await.error(), (404, "NOT_FOUND".to_owned()));
    assert_eq!(peer.get("sobjects").await.json()["sobjects"].as_array().unwrap().len(), 8);
    assert!(peer.org.hide_event(&event.name, false));
    assert_eq!(peer.get(&path).await.status, 200);
}

#[tokio::test]
async fn versions_that_are_gone_say_so() {
    let peer = Peer::start().await;
    assert_eq!(peer.get("/services/data/v30.0/limits").await.error(), (410, "UNSUPPORTED_API_VERSION".to_owned()));
    assert_eq!(peer.get("/services/data/v69.0/limits").await.status, 404);
    assert_eq!(peer.get("/services/data/v31.0/limits").await.status, 200);
    assert_eq!(peer.get("/services/data/v68.0").await.json()["query"], "/services/data/v68.0/query");
    let long = format!("query?q={}", "x".repeat(17_000));
    assert_eq!(peer.get(&long).await.status, 414);
}

#[tokio::test]
async fn every_answer_tells_what_is_used() {
    let peer = Peer::start().await;
    peer.org.set_usage(10_016, 100_000);
    let first = peer.get("limits").await;
    assert_eq!(first.headers["sforce-limit-info"], "api-usage=10017/100000");
    assert_eq!(first.json()["DailyApiRequests"], json!({"Max": 100_000, "Remaining": 89_983}));
    peer.org.set_usage(99_999, 100_000);
    let over = peer.get("limits").await;
    assert_eq!(over.error(), (403, "REQUEST_LIMIT_EXCEEDED".to_owned()));
    assert_eq!(over.json()[0]["message"], "TotalRequests Limit exceeded.");
}
