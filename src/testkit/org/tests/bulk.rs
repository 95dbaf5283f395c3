use reqwest::Method;
use serde_json::{Value, json};

use super::client::{ACCOUNT, ATTEMPT, Answer, BASE, Peer};
use crate::RowTrouble;

async fn open(peer: &Peer, change: &Value) -> Value {
    let mut body = json!({
        "object": ATTEMPT, "operation": "upsert", "externalIdFieldName": "cxp__External_Id__c", "contentType": "CSV",
        "lineEnding": "LF", "columnDelimiter": "COMMA",
    });
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    peer.post("jobs/ingest", &body).await.json()
}

async fn upload(peer: &Peer, job: &Value, csv: &str) -> Answer {
    let url = format!("{}/{}", peer.org.instance_url(), job["contentUrl"].as_str().unwrap());
    let request = peer.client.put(url).bearer_auth(&peer.token).header("content-type", "text/csv").body(csv.to_owned());
    let response = request.send().await.unwrap();
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

fn path(job: &Value) -> String {
    format!("jobs/ingest/{}", job["id"].as_str().unwrap())
}

/// Has a job processed, and tells the states that are seen on the way.
async fn finish(peer: &Peer, job: &Value) -> (Vec<String>, Value) {
    let closed = peer.patch(&path(job), &json!({"state": "UploadComplete"})).await.json();
    let mut states = vec![closed["state"].as_str().unwrap().to_owned()];
    loop {
        let seen = peer.get(&path(job)).await.json();
        states.push(seen["state"].as_str().unwrap().to_owned());
        if !matches!(seen["state"].as_str(), Some("UploadComplete" | "InProgress")) {
            return (states, seen);
        }
    }
}

#[tokio::test]
async fn every_row_of_a_job_is_accounted_for() {
    let peer = Peer::start().await;
    peer.account("CA-1");
    peer.row(
        ATTEMPT,
        &json!({"cxp__External_Id__c": "AT-1", "cxp__Summary__c": "kept", "cxp__Recording_Ref__c": "old"}),
    );
    let job = open(&peer, &json!({})).await;
    assert_eq!(
        (&job["state"], &job["apiVersion"], &job["jobType"]),
        (&json!("Open"), &json!(68.0), &json!("V2Ingest"))
    );
    let csv = "cxp__External_Id__c,cxp__Collection_Account__r.cxp__External_Id__c,cxp__Summary__c,cxp__Recording_Ref__c,cxp__Right_Party__c\n\
               AT-1,CA-1,,#N/A,true\n\
               AT-2,CA-1,\"said \"\"no\"\", twice\nand left\",r,false\n\
               AT-3,nobody,x,r,false\n\
               AT-4,CA-1,x,r,perhaps\n";
    assert_eq!(upload(&peer, &job, csv).await.status, 201);
    assert_eq!(upload(&peer, &job, csv).await.status, 400, "a job takes one upload");
    let (states, done) = finish(&peer, &job).await;
    assert_eq!(states, ["UploadComplete", "InProgress", "JobComplete"]);
    assert_eq!((&done["numberRecordsProcessed"], &done["numberRecordsFailed"]), (&json!(4), &json!(2)));
    let good = peer.get(&format!("{}/successfulResults/", path(&job))).await;
    assert_eq!(good.headers["content-type"], "text/csv");
    let mut rows = csv::Reader::from_reader(good.text.as_bytes());
    assert_eq!(
        rows.headers().unwrap().iter().take(3).collect::<Vec<_>>(),
        ["sf__Id", "sf__Created", "cxp__External_Id__c"]
    );
    let created: Vec<(String, String)> =
        rows.records().map(|row| row.unwrap()).map(|row| (row[1].to_owned(), row[2].to_owned())).collect();
    assert_eq!(created, [("false".into(), "AT-1".into()), ("true".into(), "AT-2".into())]);
    let bad = peer.get(&format!("{}/failedResults", path(&job))).await.text;
    assert!(bad.contains("INVALID_FIELD:Foreign key external ID: nobody not found") && bad.contains("AT-4"), "{bad}");
    for name in ["unprocessedrecords", "unprocessedRecords"] {
        assert_eq!(peer.get(&format!("{}/{name}", path(&job))).await.text.lines().count(), 1);
    }
    let first = peer.org.rows(ATTEMPT)[0].clone();
    assert_eq!(
        (&first["cxp__Summary__c"], &first["cxp__Recording_Ref__c"], &first["cxp__Right_Party__c"]),
        (&json!("kept"), &Value::Null, &json!(true))
    );
    assert_eq!(peer.send(Method::DELETE, &path(&job), None).await.status, 204);
    assert_eq!(peer.get(&path(&job)).await.status, 404);
}

#[tokio::test]
async fn a_job_that_fails_half_way_leaves_rows_unprocessed() {
    let peer = Peer::start().await;
    peer.org.fail_next_job_after(3);
    let job = open(&peer, &json!({"operation": "insert", "object": ACCOUNT, "columnDelimiter": "SEMICOLON"})).await;
    let rows: String = (0..10).map(|row| format!("CA-{row};AI\n")).collect();
    upload(&peer, &job, &format!("cxp__External_Id__c;cxp__Queue__c\n{rows}")).await;
    let (states, done) = finish(&peer, &job).await;
    assert_eq!(states.last().map(String::as_str), Some("Failed"));
    assert!(done["errorMessage"].as_str().unwrap().starts_with("InternalServerError"));
    assert_eq!((&done["numberRecordsProcessed"], peer.org.rows(ACCOUNT).len()), (&json!(3), 3));
    let left = peer.get(&format!("{}/unprocessedrecords", path(&job))).await.text;
    assert_eq!((left.lines().count(), left.lines().nth(1)), (8, Some("\"CA-3\";\"AI\"")));
}

#[tokio::test]
async fn a_job_that_cannot_be_read_fails_whole() {
    let peer = Peer::start().await;
    for (csv, message) in [
        ("Nothing__c\nx\n", "Field name not found : Nothing__c"),
        ("", "InvalidBatch"),
        ("cxp__External_Id__c\na,b\n", "InvalidBatch"),
    ] {
        let job = open(&peer, &json!({})).await;
        upload(&peer, &job, csv).await;
        let (_, done) = finish(&peer, &job).await;
        assert_eq!(done["state"], "Failed", "{csv}");
        assert!(done["errorMessage"].as_str().unwrap().contains(message), "{done}");
    }
    let aborted = open(&peer, &json!({})).await;
    assert_eq!(peer.patch(&path(&aborted), &json!({"state": "Aborted"})).await.json()["state"], "Aborted");
    assert_eq!(peer.patch(&path(&aborted), &json!({"state": "UploadComplete"})).await.error().1, "INVALIDJOBSTATE");
    assert_eq!(open(&peer, &json!({"externalIdFieldName": "Name"})).await[0]["errorCode"], "INVALIDJOB");
    assert_eq!(peer.get("jobs/ingest").await.json()["records"].as_array().unwrap().len(), 4);
    let url = format!("{}{BASE}/{}/batches", peer.org.instance_url(), path(&aborted));
    let html = peer
        .client
        .put(url)
        .bearer_auth(&peer.token)
        .header("content-type", "text/html")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(html.status(), 415);
}

#[tokio::test]
async fn rows_are_changed_and_deleted_by_their_ids_and_locks_are_told() {
    let peer = Peer::start().await;
    let ids = ["CA-1", "CA-2", "CA-3"].map(|key| peer.account(key));
    peer.org.trouble(RowTrouble::locked(ACCOUNT, Some(&ids[1]), Some(1)));
    let csv: String = ids.iter().map(|id| format!("{id},Hold\r\n")).collect();
    let job = open(&peer, &json!({"operation": "update", "object": ACCOUNT, "lineEnding": "CRLF"})).await;
    upload(&peer, &job, &format!("Id,cxp__Queue__c\r\n{csv}")).await;
    assert_eq!(finish(&peer, &job).await.1["numberRecordsFailed"], 1);
    assert!(peer.get(&format!("{}/failedResults", path(&job))).await.text.contains("UNABLE_TO_LOCK_ROW"));
    let job = open(&peer, &json!({"operation": "delete", "object": ACCOUNT})).await;
    upload(&peer, &job, &format!("Id\n{}\n", ids.join("\n"))).await;
    assert_eq!(finish(&peer, &job).await.1["numberRecordsFailed"], 0);
    assert!(peer.org.rows(ACCOUNT).is_empty());
}
