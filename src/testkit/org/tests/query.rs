use serde_json::{Value, json};

use super::client::{ACCOUNT, ATTEMPT, BASE, DISPUTE, Peer, STRATEGY};

/// What a statement finds in one field, in its order.
async fn found(peer: &Peer, text: &str, field: &str) -> Vec<Value> {
    let answer = peer.query(text).await;
    assert_eq!(answer.status, 200, "{text}: {answer:?}");
    let records = answer.json()["records"].as_array().unwrap().clone();
    records.into_iter().map(|mut record| record[field].take()).collect()
}

/// Three accounts: two of a strategy, the first with a dispute and two attempts.
fn seed(peer: &Peer) -> String {
    let strategy = peer.row(STRATEGY, &json!({"Name": "gentle", "cxp__External_Id__c": "S-1", "cxp__Active__c": true}));
    let one = peer.row(ACCOUNT, &json!({
        "Name": "Delgado", "cxp__External_Id__c": "CA-1", "cxp__Queue__c": "AI", "cxp__Balance_Outstanding__c": 612.4,
        "cxp__Strategy__c": strategy, "cxp__Call_Days__c": "Mon;Tue", "cxp__Due_Date__c": "2026-11-01",
    }));
    peer.row(ACCOUNT, &json!({
        "Name": "O'Brien", "cxp__External_Id__c": "CA-2", "cxp__Queue__c": "Human", "cxp__Balance_Outstanding__c": 50,
        "cxp__Strategy__c": strategy, "cxp__Call_Days__c": "Wed",
    }));
    peer.row(ACCOUNT, &json!({"Name": "100% \\ sure_thing", "cxp__External_Id__c": "CA-3"}));
    peer.row(
        DISPUTE,
        &json!({"cxp__External_Id__c": "D-1", "cxp__Collection_Account__c": one, "cxp__Status__c": "Open"}),
    );
    for (key, at) in [("AT-1", "2026-11-01T09:00:00Z"), ("AT-2", "2026-11-02T09:00:00Z")] {
        let fields = json!({"cxp__External_Id__c": key, "cxp__Collection_Account__c": one, "cxp__Started_At__c": at});
        peer.row(ATTEMPT, &fields);
    }
    one
}

#[tokio::test]
async fn parents_and_children_come_with_a_row() {
    let peer = Peer::start().await;
    let id = seed(&peer);
    let text = format!(
        "SELECT Id, cxp__Strategy__r.cxp__Active__c, cxp__Strategy__r.Name, cxp__Debtor__r.Name, \
         (SELECT Id FROM cxp__Disputes__r WHERE cxp__Status__c IN ('Open', 'Under Review') LIMIT 1), \
         (SELECT cxp__External_Id__c FROM cxp__Contact_Attempts__r WHERE cxp__Started_At__c >= 2026-11-01T00:00:00Z \
         ORDER BY cxp__Started_At__c DESC NULLS LAST LIMIT 50), (SELECT Id FROM cxp__Compliance_Records__r) \
         FROM cxp__Collection_Account__c WHERE Id = '{}' LIMIT 2",
        &id[..15]
    );
    let answer = peer.query(&text).await.json();
    assert_eq!((&answer["totalSize"], &answer["done"]), (&json!(1), &json!(true)));
    let record = &answer["records"][0];
    assert_eq!(record["attributes"], json!({"type": ACCOUNT, "url": format!("{BASE}/sobjects/{ACCOUNT}/{id}")}));
    let strategy = &record["cxp__Strategy__r"];
    assert_eq!((&strategy["cxp__Active__c"], &strategy["Name"]), (&json!(true), &json!("gentle")));
    assert_eq!(strategy["attributes"]["type"], STRATEGY);
    assert_eq!((&record["cxp__Debtor__r"], &record["cxp__Compliance_Records__r"]), (&Value::Null, &Value::Null));
    assert_eq!(record["cxp__Disputes__r"]["totalSize"], 1);
    let attempts = &record["cxp__Contact_Attempts__r"];
    assert_eq!((&attempts["records"][0]["cxp__External_Id__c"], &attempts["done"]), (&json!("AT-2"), &json!(true)));
}

#[tokio::test]
async fn conditions_choose_rows() {
    let peer = Peer::start().await;
    seed(&peer);
    for (condition, keys) in [
        ("Name = 'o\\'brien'", vec!["CA-2"]),
        ("Name LIKE 'D%'", vec!["CA-1"]),
        ("Name LIKE '%100\\% \\\\\\\\ sure\\_thing'", vec!["CA-3"]),
        ("Name LIKE '_elgado'", vec!["CA-1"]),
        ("cxp__Queue__c != 'AI'", vec!["CA-2", "CA-3"]),
        ("cxp__Queue__c = null", vec!["CA-3"]),
        ("cxp__Queue__c <> NULL AND cxp__Balance_Outstanding__c < 100", vec!["CA-2"]),
        ("NOT cxp__Queue__c IN ('AI', 'Human')", vec!["CA-3"]),
        ("cxp__Queue__c NOT IN ('AI')", vec!["CA-2", "CA-3"]),
        (
            "(cxp__Queue__c = 'AI' OR cxp__External_Id__c = 'ca-3') AND cxp__Cease_Desist__c = false",
            vec!["CA-1", "CA-3"],
        ),
        ("cxp__Strategy__r.Name = 'gentle' AND cxp__Balance_Outstanding__c >= 612.40", vec!["CA-1"]),
        ("cxp__Call_Days__c INCLUDES ('Tue;Mon', 'Sun')", vec!["CA-1"]),
        ("cxp__Call_Days__c EXCLUDES ('Mon')", vec!["CA-2", "CA-3"]),
        ("cxp__Due_Date__c > 2026-10-31", vec!["CA-1"]),
        ("CreatedDate = TODAY AND SystemModstamp >= LAST_N_DAYS:7", vec!["CA-1", "CA-2", "CA-3"]),
        ("CreatedDate < YESTERDAY OR CreatedDate = NEXT_MONTH", vec![]),
        ("cxp__External_Id__c IN ('CA-2', 'CA-1', 'none')", vec!["CA-1", "CA-2"]),
    ] {
        let text = format!("SELECT cxp__External_Id__c FROM {ACCOUNT} WHERE {condition}");
        let keys: Vec<Value> = keys.into_iter().map(Value::from).collect();
        assert_eq!(found(&peer, &text, "cxp__External_Id__c").await, keys, "{condition}");
    }
}

#[tokio::test]
async fn orders_limits_and_counts() {
    let peer = Peer::start().await;
    seed(&peer);
    for (rest, keys) in [
        ("ORDER BY cxp__Balance_Outstanding__c", ["CA-3", "CA-2", "CA-1"].as_slice()),
        ("ORDER BY cxp__Balance_Outstanding__c DESC NULLS LAST", &["CA-1", "CA-2", "CA-3"]),
        ("ORDER BY cxp__Strategy__r.Name DESC NULLS LAST, Name DESC LIMIT 2", &["CA-2", "CA-1"]),
        ("ORDER BY Name LIMIT 1 OFFSET 1", &["CA-1"]),
    ] {
        let text = format!("SELECT cxp__External_Id__c FROM {ACCOUNT} {rest}");
        let keys: Vec<Value> = keys.iter().map(|&key| Value::from(key)).collect();
        assert_eq!(found(&peer, &text, "cxp__External_Id__c").await, keys, "{rest}");
    }
    let count = peer.query(&format!("select count() from {ACCOUNT} where cxp__Queue__c != null")).await.json();
    assert_eq!(count, json!({"totalSize": 2, "done": true, "records": []}));
}

#[tokio::test]
async fn what_is_no_statement_is_told_by_its_code() {
    let peer = Peer::start().await;
    seed(&peer);
    for (text, code) in [
        ("SELECT FROM Contact", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Name = 'a' OR Name = 'b' AND Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Name = 'a' OR Name LIKE '%' GARBAGE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Name = 'a", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Name = 'a\\q'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Name = 'a\u{0}'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Name IN ()", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact; DROP", "MALFORMED_QUERY"),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE"),
        ("SELECT Nothing__c FROM Contact", "INVALID_FIELD"),
        ("SELECT Nothing__r.Id FROM Contact", "INVALID_FIELD"),
        ("SELECT Id, (SELECT Id FROM Nothing__r) FROM Contact", "INVALID_TYPE"),
        ("SELECT Id FROM Contact WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Birthdate = '2026-01-01'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Id = '003'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact WHERE Birthdate LIKE '2026%'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM cxp__Dispute__c WHERE cxp__Reason__c = 'x'", "INVALID_FIELD"),
    ] {
        assert_eq!(peer.query(text).await.error(), (400, code.to_owned()), "{text}");
    }
    let deep = format!("SELECT Id FROM Contact WHERE {}Name = 'a'{}", "(".repeat(900), ")".repeat(900));
    assert_eq!(peer.query(&deep).await.error().1, "MALFORMED_QUERY");
    assert_eq!(peer.get("query").await.error().1, "MALFORMED_QUERY");
    assert_eq!(
        found(&peer, "SELECT Name FROM cxp__Collection_Account__c WHERE Name = '\\u0044elgado'", "Name").await,
        [json!("Delgado")]
    );
}

#[tokio::test]
async fn a_hidden_field_makes_a_statement_fail() {
    let peer = Peer::start().await;
    seed(&peer);
    peer.org.hide(ACCOUNT, "cxp__Cease_Desist__c", true);
    for text in ["SELECT cxp__Cease_Desist__c FROM {}", "SELECT Id FROM {} WHERE cxp__Cease_Desist__c = false"] {
        assert_eq!(peer.query(&text.replace("{}", ACCOUNT)).await.error(), (400, "INVALID_FIELD".to_owned()));
    }
    peer.org.hide(ACCOUNT, "cxp__Cease_Desist__c", false);
    assert_eq!(peer.query(&format!("SELECT cxp__Cease_Desist__c FROM {ACCOUNT}")).await.status, 200);
}

#[tokio::test]
async fn long_answers_come_in_pages() {
    let mut peer = Peer::start().await;
    (0..4_100).for_each(|number| drop(peer.account(&format!("CA-{number:04}"))));
    let text = format!("SELECT cxp__External_Id__c FROM {ACCOUNT} ORDER BY cxp__External_Id__c DESC");
    let mut page = peer.query(&text).await.json();
    let mut keys = Vec::new();
    loop {
        assert_eq!(page["totalSize"], 4_100);
        keys.extend(page["records"].as_array().unwrap().iter().map(|row| row["cxp__External_Id__c"].clone()));
        if page["done"] == json!(true) {
            break;
        }
        page = peer.get(page["nextRecordsUrl"].as_str().unwrap()).await.json();
    }
    assert_eq!((keys.len(), &keys[0], &keys[4_099]), (4_100, &json!("CA-4099"), &json!("CA-0000")));
    assert_eq!(peer.org.counts().by_kind["query"], 3);
    assert_eq!(peer.get("query/01gTg0000000009AAA-2000").await.error().1, "INVALID_QUERY_LOCATOR");
    let first = peer.query(&text).await.json();
    peer.org.advance(std::time::Duration::from_secs(3 * 24 * 3_600));
    peer.token = peer.org.session();
    assert_eq!(peer.get(first["nextRecordsUrl"].as_str().unwrap()).await.error().1, "INVALID_QUERY_LOCATOR");
}
