use std::{
    error::Error,
    io::ErrorKind,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{ACCOUNT, Peer, builder};
use crate::{Fault, FaultOrder, Latency, RowTrouble, Step};

/// Why a connection failed, as the system says.
fn kind(error: &reqwest::Error) -> Option<ErrorKind> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        source = error.source();
    }
    None
}

async fn write(peer: &Peer) -> reqwest::Result<super::client::Answer> {
    peer.try_send(Method::POST, &format!("sobjects/{ACCOUNT}"), Some(&json!({"cxp__External_Id__c": "CA-1"}))).await
}

#[tokio::test]
async fn a_reset_comes_before_or_after_the_row_is_written() {
    let peer = Peer::start().await;
    for (fault, rows) in [(Fault::ResetBefore, 0), (Fault::ResetAfter, 1)] {
        peer.org.order(FaultOrder::next("sobjects", fault));
        let error = write(&peer).await.expect_err("no answer");
        assert_eq!(kind(&error), Some(ErrorKind::ConnectionReset), "{error:?}");
        assert_eq!(peer.org.rows(ACCOUNT).len(), rows);
    }
    assert_eq!(write(&peer).await.unwrap().error().1, "DUPLICATE_VALUE", "the next connection is a good one");
}

#[tokio::test]
async fn a_request_is_never_answered_before_or_after_the_row_is_written() {
    let peer = Peer::start().await;
    for (fault, rows) in [(Fault::HangsBefore, 0), (Fault::HangsAfter, 1)] {
        peer.org.order(FaultOrder::next("sobjects", fault));
        let waited = tokio::time::timeout(Duration::from_millis(300), write(&peer)).await;
        assert!(waited.is_err(), "it is answered: {waited:?}");
        assert_eq!(peer.org.rows(ACCOUNT).len(), rows);
    }
}

#[tokio::test]
async fn nothing_comes_any_more_by_a_connection_that_is_half_open_and_others_are_not_meant() {
    let peer = Peer::start().await;
    let [one, other] = [(); 2].map(|()| builder(&peer.org).build().unwrap());
    let asked = async |client: &reqwest::Client, path: &str| {
        let url = format!("{}/services/data/{path}", peer.org.instance_url());
        let answer = tokio::time::timeout(Duration::from_millis(300), client.get(url).bearer_auth(&peer.token).send());
        answer.await.map(|answer| answer.unwrap().version())
    };
    for client in [&one, &other] {
        let version = tokio::time::timeout(Duration::from_secs(20), asked(client, "")).await;
        assert!(version.is_ok_and(|version| version.is_ok_and(|version| version == reqwest::Version::HTTP_2)));
    }
    peer.org.order(FaultOrder::next("limits", Fault::HalfOpen));
    for path in ["v68.0/limits", "v68.0/limits", ""] {
        assert!(asked(&one, path).await.is_err(), "{path} is answered");
    }
    assert!(other.get(format!("{}/services/data/", peer.org.instance_url())).send().await.unwrap().status() == 200);
}

#[tokio::test]
async fn answers_are_cut_or_are_no_answers_of_the_org() {
    let peer = Peer::start().await;
    peer.org.order(FaultOrder::next("sobjects", Fault::Truncated));
    assert!(write(&peer).await.expect_err("half an answer").is_decode() || peer.org.rows(ACCOUNT).len() == 1);
    assert_eq!(peer.org.rows(ACCOUNT).len(), 1);
    peer.org.order(FaultOrder::next("limits", Fault::Html { status: 503 }));
    let html = peer.get("limits").await;
    assert!(
        html.status == 503
            && html.text.starts_with("<html>")
            && html.headers["content-type"] == "text/html; charset=utf-8"
    );
    peer.org.order(FaultOrder::next("limits", Fault::Empty { status: 502 }));
    let empty = peer.get("limits").await;
    assert_eq!((empty.status, empty.text.as_str()), (502, ""));
    assert_eq!(peer.get("limits").await.status, 200);
}

#[tokio::test]
async fn requests_are_refused_by_path_method_and_number() {
    let peer = Peer::start().await;
    let refused = |status, code: &str| Fault::Refused {
        status,
        code: code.to_owned(),
        message: "no".to_owned(),
        retry_after: Some(7),
    };
    let twice = FaultOrder { times: Some(2), ..FaultOrder::every("sobjects", refused(503, "SERVER_UNAVAILABLE")) };
    peer.org.order(FaultOrder { method: Some("POST".to_owned()), ..twice });
    peer.org.order(FaultOrder::every("/services/data/v68.0/query", refused(403, "REQUEST_LIMIT_EXCEEDED")));
    assert_eq!(peer.get("sobjects").await.status, 200);
    for _ in 0..2 {
        let answer = write(&peer).await.unwrap();
        assert_eq!(
            (answer.error(), answer.headers["retry-after"].to_str().unwrap()),
            ((503, "SERVER_UNAVAILABLE".to_owned()), "7")
        );
    }
    assert_eq!(write(&peer).await.unwrap().status, 201);
    for _ in 0..3 {
        assert_eq!(peer.query("SELECT Id FROM Contact").await.error().1, "REQUEST_LIMIT_EXCEEDED");
    }
    peer.org.clear_faults();
    assert_eq!(peer.query("SELECT Id FROM Contact").await.status, 200);
    assert_eq!(peer.org.counts().by_kind["create"], 3, "refused requests are counted");
}

#[tokio::test]
async fn rows_are_refused_by_object_and_step() {
    let peer = Peer::start().await;
    let id = peer.account("CA-1");
    let rule = RowTrouble::rejected(ACCOUNT, "FIELD_CUSTOM_VALIDATION_EXCEPTION", Some(1));
    peer.org.trouble(RowTrouble { steps: vec![Step::Update], fields: vec!["Name".to_owned()], ..rule });
    let path = format!("sobjects/{ACCOUNT}/{id}");
    assert_eq!(peer.get(&path).await.status, 200);
    let refused = peer.patch(&path, &json!({"Name": "x"})).await;
    assert_eq!(
        (refused.error(), &refused.json()[0]["fields"]),
        ((400, "FIELD_CUSTOM_VALIDATION_EXCEPTION".to_owned()), &json!(["Name"]))
    );
    assert_eq!(peer.patch(&path, &json!({"Name": "x"})).await.status, 204);
    let read =
        RowTrouble { steps: vec![Step::Read], status: 500, ..RowTrouble::rejected(ACCOUNT, "QUERY_TIMEOUT", Some(1)) };
    peer.org.trouble(read);
    assert_eq!(peer.query(&format!("SELECT Id FROM {ACCOUNT}")).await.error(), (500, "QUERY_TIMEOUT".to_owned()));
}

#[tokio::test]
async fn a_read_only_org_reads() {
    let peer = Peer::start().await;
    let id = peer.account("CA-1");
    peer.org.set_read_only(true);
    assert_eq!(peer.get(&format!("sobjects/{ACCOUNT}/{id}")).await.status, 200);
    let code = "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE";
    assert_eq!(write(&peer).await.unwrap().error().1, code);
    let rows = json!({"records": [{"attributes": {"type": ACCOUNT}, "cxp__External_Id__c": "CA-2"}]});
    assert_eq!(peer.post("composite/sobjects", &rows).await.json()[0]["errors"][0]["statusCode"], code);
    peer.org.set_read_only(false);
    assert_eq!(peer.patch(&format!("sobjects/{ACCOUNT}/{id}"), &json!({"Name": "x"})).await.status, 204);
}

#[tokio::test]
async fn answers_are_late_as_ordered() {
    let peer = Peer::start().await;
    let started = Instant::now();
    peer.org.order(FaultOrder::next("limits", Fault::Late { milliseconds: 120 }));
    assert_eq!(peer.get("limits").await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(120));
    peer.org.set_latency(Some(Latency {
        p50_milliseconds: 60.0,
        p99_milliseconds: 60.0,
        stall_chance: 0.0,
        ..Latency::assumed(1)
    }));
    let started = Instant::now();
    assert_eq!(peer.get("limits").await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(59));
}

#[tokio::test]
async fn a_stale_token_is_refused_until_there_is_a_new_one() {
    let mut peer = Peer::start().await;
    peer.org.expire_sessions();
    assert_eq!(write(&peer).await.unwrap().error(), (401, "INVALID_SESSION_ID".to_owned()));
    assert_eq!(peer.org.rows(ACCOUNT), Vec::<Value>::new());
    peer.token = peer.org.session();
    assert_eq!(write(&peer).await.unwrap().status, 201);
}
