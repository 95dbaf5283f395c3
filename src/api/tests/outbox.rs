//! What the account book refused, as people see it.

use super::*;

/// Two letters, of which the first is tried again; a table of disputes, no answer for arrangements, and no mapping for the rest.
pub(super) struct Letters;

impl DeadLetters for Letters {
    fn list(&self) -> Told<Vec<DeadLetter>> {
        let letter = DeadLetter {
            entry: 1,
            kind: "dispute".into(),
            external_id: "dispute-1".into(),
            reason: "refused".into(),
            tries: 3,
            created: "2026-03-04T05:06:07Z".parse().unwrap(),
            parked: "2026-03-04T05:16:07Z".parse().unwrap(),
        };
        Box::pin(async move { Ok(vec![letter]) })
    }

    fn table(&self, object: book::salesforce::Object) -> Told<String> {
        use book::salesforce::Object;
        Box::pin(async move {
            match object {
                Object::Dispute => Ok("External_Id__c\ndispute-1\n".to_owned()),
                Object::PaymentArrangement => std::future::pending().await,
                Object::CollectionAccount
                | Object::CollectionStrategy
                | Object::ContactAttempt
                | Object::PaymentTransaction
                | Object::ComplianceRecord => Err(Untold::NoMapping),
            }
        })
    }

    fn replay(&self, entry: i64) -> Told<bool> {
        let told = if entry == 2 { Err(Untold::Unavailable) } else { Ok(entry == 1) };
        Box::pin(std::future::ready(told))
    }
}

#[tokio::test]
async fn people_see_what_was_refused_and_operators_take_it_away_as_tables() {
    let house = House::with(|_| None).await;
    let get = |path: &str| house.request(Method::GET, path).bearer_auth(OPERATOR);
    let list: Value = get("/v1/outbox/parked").send().await.unwrap().json().await.unwrap();
    let letter = json!({
        "entry": 1, "kind": "dispute", "external_id": "dispute-1", "reason": "refused", "tries": 3,
        "created": "2026-03-04T05:06:07Z", "parked": "2026-03-04T05:16:07Z",
    });
    assert_eq!(list, json!({ "parked": [letter] }));
    let table = get("/v1/outbox/parked.csv?kind=dispute").send().await.unwrap();
    assert_eq!(table.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(table.text().await.unwrap(), "External_Id__c\ndispute-1\n");
    for (query, status, kind) in [
        ("", 422, "no-kind"),
        ("?kind=", 422, "no-kind"),
        ("?kind=collection_strategy", 422, "no-kind"),
        ("?kind=payment_arrangement", 504, "late"),
        ("?kind=account_update", 409, "no-mapping"),
    ] {
        let (answered, body) = problem(get(&format!("/v1/outbox/parked.csv{query}"))).await;
        assert_eq!(
            (answered.as_u16(), &body["type"]),
            (status, &json!(format!("urn:tonegate:problem:{kind}"))),
            "{query}"
        );
    }
}

#[tokio::test]
async fn an_operator_has_a_refused_record_tried_again() {
    let house = House::with(|_| None).await;
    let post = |entry: &str| house.request(Method::POST, &format!("/v1/outbox/{entry}/replay")).bearer_auth(OPERATOR);
    let again = post("1").send().await.unwrap();
    assert_eq!(again.status(), StatusCode::ACCEPTED);
    assert_eq!(again.json::<Value>().await.unwrap(), json!({ "entry": 1, "state": "waiting" }));
    for (entry, status, kind) in [("2", 503, "unavailable"), ("3", 404, "no-entry"), ("none", 404, "no-entry")] {
        let (answered, body) = problem(post(entry)).await;
        assert_eq!((answered.as_u16(), &body["type"]), (status, &json!(format!("urn:tonegate:problem:{kind}"))));
    }
    let trail = house.trail.0.lock().unwrap().clone();
    assert_eq!(trail[0], "desk POST /v1/outbox/{entry}/replay 202");
}
