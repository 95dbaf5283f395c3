use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{rand::SystemRandom, signature};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::{Value, json};

use super::client::Peer;
use crate::{CONSUMER_KEY, CONSUMER_SECRET, Fault, FaultOrder, ORG, USERNAME};

/// An assertion as RFC 7523 has it, signed with the key that the org hands out.
fn assertion(peer: &Peer, change: impl Fn(&mut Value)) -> String {
    let exp = jiff::Timestamp::now().as_second() + 180;
    let mut claims = json!({"iss": CONSUMER_KEY, "sub": USERNAME, "aud": peer.org.login_url(), "exp": exp});
    change(&mut claims);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "RS256"})), part(&claims));
    let pem = std::fs::read(peer.org.key_file()).unwrap();
    let key = PrivatePkcs8KeyDer::from_pem_slice(&pem).unwrap();
    let key = signature::RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn ask(peer: &Peer, form: &[(&str, &str)]) -> (u16, Value) {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let url = format!("{}/services/oauth2/token", peer.org.login_url());
    let request = peer.client.post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn bearer(peer: &Peer, assertion: &str) -> (u16, Value) {
    ask(peer, &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)]).await
}

#[tokio::test]
async fn an_assertion_is_worth_a_session_at_the_instance() {
    let mut peer = Peer::start().await;
    let (status, answer) = bearer(&peer, &assertion(&peer, |_| {})).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["token_type"], &answer["scope"]), (&json!("Bearer"), &json!("api refresh_token")));
    assert_eq!(answer["instance_url"], json!(peer.org.instance_url()));
    assert_ne!(peer.org.instance_url(), peer.org.login_url());
    let org = answer["id"].as_str().unwrap().rsplit('/').nth(1);
    assert_eq!(org, Some(ORG));
    assert!(answer.get("expires_in").is_none(), "an org does not tell");
    peer.token = answer["access_token"].as_str().unwrap().to_owned();
    assert!(peer.token.starts_with(&format!("{}!", &ORG[..15])));
    assert_eq!(peer.get("limits").await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_is_told() {
    let peer = Peer::start().await;
    let now = jiff::Timestamp::now().as_second();
    let cases: [(&str, Value, &str, &str); 6] = [
        ("aud", json!("https://login.salesforce.com"), "invalid_grant", "Audience validation failed"),
        ("exp", json!(now - 1), "invalid_grant", "expired authorization code"),
        ("exp", json!(now + 3_600), "invalid_grant", "expired authorization code"),
        ("sub", json!("nobody@collections.example"), "invalid_grant", "user hasn't approved this consumer"),
        ("iss", json!("another"), "invalid_client_id", "client identifier invalid"),
        ("iss", Value::Null, "invalid_grant", "invalid assertion"),
    ];
    for (claim, value, error, description) in cases {
        let (status, answer) = bearer(&peer, &assertion(&peer, |claims| claims[claim] = value.clone())).await;
        assert_eq!((status, answer), (400, json!({"error": error, "error_description": description})), "{claim}");
    }
    let mut forged = assertion(&peer, |_| {});
    let altered = forged.len() - 9..forged.len() - 8;
    let other = if &forged[altered.clone()] == "A" { "Q" } else { "A" };
    forged.replace_range(altered, other);
    assert_eq!(bearer(&peer, &forged).await.1["error_description"], "invalid assertion");
    assert_eq!(ask(&peer, &[("grant_type", "password")]).await.1["error"], "unsupported_grant_type");
}

#[tokio::test]
async fn a_secret_is_worth_a_session_in_the_body_or_in_the_header() {
    let peer = Peer::start().await;
    let secret = [("client_id", CONSUMER_KEY), ("client_secret", CONSUMER_SECRET)];
    let form = [[("grant_type", "client_credentials")].as_slice(), &secret].concat();
    assert_eq!(ask(&peer, &form).await.0, 200);
    let url = format!("{}/services/oauth2/token", peer.org.login_url());
    let basic =
        peer.client.post(url).basic_auth(CONSUMER_KEY, Some(CONSUMER_SECRET)).body("grant_type=client_credentials");
    assert_eq!(basic.send().await.unwrap().status(), 200);
    let wrong = [("grant_type", "client_credentials"), ("client_id", CONSUMER_KEY), ("client_secret", "guess")];
    assert_eq!(
        ask(&peer, &wrong).await,
        (400, json!({"error": "invalid_client", "error_description": "invalid client credentials"}))
    );
}

#[tokio::test]
async fn a_session_dies_of_idleness_and_lives_of_use() {
    let peer = Peer::start().await;
    let hours = |hours: u64| peer.org.advance(std::time::Duration::from_secs(3_600 * hours));
    for _ in 0..3 {
        hours(1);
        assert_eq!(peer.get("limits").await.status, 200);
    }
    hours(2);
    let stale = peer.get("limits").await;
    assert_eq!(stale.error(), (401, "INVALID_SESSION_ID".to_owned()));
    assert_eq!(stale.json()[0]["message"], "Session expired or invalid");
}

#[tokio::test]
async fn who_is_not_signed_in_sees_the_versions_alone() {
    let mut peer = Peer::start().await;
    peer.org.expire_sessions();
    let versions = peer.get("/services/data/").await.json();
    let last = versions.as_array().unwrap().last().unwrap().clone();
    assert_eq!(last, json!({"label": "Winter '27", "url": "/services/data/v68.0", "version": "68.0"}));
    assert!(versions.as_array().unwrap().iter().any(|one| one["label"] == "Spring '26" && one["version"] == "66.0"));
    peer.token = "00D!nothing".to_owned();
    assert_eq!(peer.get("limits").await.error().0, 401);
    assert_eq!(peer.org.counts().api_calls, 0);
}

#[tokio::test]
async fn the_token_endpoint_fails_in_its_own_shape() {
    let peer = Peer::start().await;
    let fault = |status, code: &str| Fault::Refused {
        status,
        code: code.to_owned(),
        message: String::new(),
        retry_after: None,
    };
    peer.org.order(FaultOrder::next("/services/oauth2/token", fault(400, "invalid_grant")));
    let (status, answer) = bearer(&peer, &assertion(&peer, |_| {})).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    assert_eq!(bearer(&peer, &assertion(&peer, |_| {})).await.0, 200);
}
