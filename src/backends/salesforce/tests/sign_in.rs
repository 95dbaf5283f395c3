use futures_util::future::join_all;

use super::*;

#[test]
fn a_file_that_cannot_be_used_is_named_by_its_setting() {
    let directory = tempfile::tempdir().unwrap();
    let options = |sign_in, authority| OrgOptions {
        url: "https://acme.my.salesforce.com".to_owned(),
        client_id: CONSUMER_KEY.to_owned(),
        sign_in,
        authority,
        session: Duration::from_secs(3_600),
    };
    let refused = |options, setting: &str, file: &Path, why: &str| {
        let Err(error) = Connections::new(options) else { panic!("{setting} is taken") };
        let error = error.to_string();
        let told = format!("a setting cannot be used: {setting}: {}: ", file.display());
        assert!(error.starts_with(&told) && error.contains(why) && !error.contains("c2VjcmV0"), "{error}");
    };
    let pem = |kind: &str| format!("-----BEGIN {kind}-----\nc2VjcmV0\n-----END {kind}-----\n");
    for (text, why) in [
        (None, "No such file"),
        (Some("no key".to_owned()), "a PEM file with an RSA key, PKCS #8"),
        (Some(pem("RSA PRIVATE KEY")), "openssl pkcs8 -topk8 -nocrypt"),
        (Some(pem("ENCRYPTED PRIVATE KEY")), "encrypted"),
        (Some(pem("PRIVATE KEY")), "2,048 bits or more"),
    ] {
        let file = directory.path().join("key.pem");
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let key = SignIn::Assertion { username: USERNAME.to_owned(), key: file.clone() };
        refused(options(key, None), "book.key_file", &file, why);
    }
    let secret = || SignIn::Secret(SecretString::from(CONSUMER_SECRET));
    let file = directory.path().join("ca.pem");
    refused(options(secret(), Some(file.clone())), "book.ca", &file, "No such file");
    std::fs::write(&file, "no certificate").unwrap();
    refused(options(secret(), Some(file.clone())), "book.ca", &file, "the certificate of an authority");
}

#[tokio::test]
async fn either_way_of_signing_in_is_worth_a_session_at_the_instance() {
    let secret = |_| SignIn::Secret(SecretString::from(CONSUMER_SECRET));
    for rig in [Rig::start().await, Rig::signing_in(secret).await] {
        let answer = rig.read().await.unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.body["DailyApiRequests"]["Max"].is_number());
        let session = rig.connections.authority().session().await.unwrap();
        assert_eq!(session.organization(), org::ORG);
        assert_eq!(format!("{session:?}"), "Session { .. }", "a token does not show itself");
        rig.read().await.unwrap();
        assert_eq!(rig.asked("token"), 1);
    }
}

#[tokio::test]
async fn a_session_that_ends_under_fifty_requests_is_renewed_once() {
    let rig = Rig::start().await;
    rig.read().await.unwrap();
    rig.org.expire_sessions();
    let answers = join_all((0..50).map(|_| rig.read())).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(rig.asked("token"), 2);
}

#[tokio::test]
async fn a_sign_in_that_is_refused_is_not_tried_again_at_once() {
    let rig = Rig::signing_in(|_| SignIn::Secret(SecretString::from("another"))).await;
    let refused = rig.read().await;
    assert!(matches!(refused, Err(SalesforceError::SignIn(SignInError::Refused(_)))), "{refused:?}");
    for _ in 0..10 {
        assert_eq!(rig.read().await, Err(SalesforceError::SignIn(SignInError::Waiting)));
    }
    assert_eq!(rig.asked("token"), 1);
}

#[tokio::test]
async fn a_session_that_is_refused_again_and_again_ends_in_an_error() {
    let rig = Rig::start().await;
    rig.order("limits", None, refused(401, "INVALID_SESSION_ID", "Session expired or invalid"));
    let Err(SalesforceError::Refused(refusal)) = rig.read().await else { panic!("an answer") };
    assert_eq!(refusal.fault, Fault::Session);
    assert_eq!(rig.asked("token"), 2, "once more, and no loop");
    for _ in 0..10 {
        rig.read().await.expect_err("no session is taken");
    }
    assert_eq!(rig.asked("token"), 3, "nor one over several requests");
}

#[tokio::test]
async fn a_sign_in_outlives_who_asked_for_it() {
    let rig = Rig::start().await;
    rig.order("/services/oauth2/token", Some(1), Trouble::Late { milliseconds: 300 });
    let hasty = Instant::now() + Duration::from_millis(30);
    assert_eq!(rig.connections.read(LIMITS, hasty).await, Err(SalesforceError::Lost));
    rig.read().await.unwrap();
    assert_eq!(rig.asked("token"), 1, "the next who asks has what came of it");
}

#[tokio::test]
async fn a_page_in_front_of_the_org_refuses_nobody() {
    let rig = Rig::start().await;
    rig.order("/services/oauth2/token", Some(1), Trouble::Html { status: 403 });
    assert_eq!(rig.read().await, Err(SalesforceError::SignIn(SignInError::Silent("HTTP 403".to_owned()))));
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_harms_no_session() {
    let rig = Rig::start().await;
    rig.read().await.unwrap();
    rig.order("/services/oauth2/token", None, Trouble::Html { status: 503 });
    rig.read().await.unwrap();
    rig.org.expire_sessions();
    assert_eq!(rig.read().await, Err(SalesforceError::SignIn(SignInError::Silent("HTTP 503".to_owned()))));
    assert_eq!(rig.read().await, Err(SalesforceError::SignIn(SignInError::Waiting)));
}

#[tokio::test]
async fn a_session_is_renewed_beside_its_use_ahead_of_its_end() {
    let rig = Rig::start().await;
    rig.read().await.unwrap();
    let authority = rig.connections.authority();
    let (began, first) = (Instant::now(), authority.session().await.unwrap());
    // Whoever asks for any session waits for a sign-in that is under way.
    let settled = async || authority.renewed(None).await.unwrap();
    // It lives for an hour, of which the sign-in took some.
    let early = authority.session_at(began + Duration::from_secs(2_400)).await.unwrap();
    assert!(Arc::ptr_eq(&early, &first) && Arc::ptr_eq(&settled().await, &first));
    assert_eq!(rig.asked("token"), 1, "nothing is renewed too soon");
    let late = began + Duration::from_secs(2_520);
    let used = authority.session_at(late).await.unwrap();
    assert!(Arc::ptr_eq(&used, &first), "nobody waits for it");
    let second = settled().await;
    assert!(!Arc::ptr_eq(&second, &first), "it is renewed all the same");
    assert!(Arc::ptr_eq(&authority.session_at(late).await.unwrap(), &second));
    assert_eq!(rig.asked("token"), 2);
}

#[tokio::test]
async fn a_renewal_ahead_of_the_end_that_fails_harms_nobody() {
    let rig = Rig::start().await;
    rig.read().await.unwrap();
    let authority = rig.connections.authority();
    let (began, first) = (Instant::now(), authority.session().await.unwrap());
    rig.order("/services/oauth2/token", None, Trouble::Html { status: 503 });
    for _ in 0..10 {
        let used = authority.session_at(began + Duration::from_secs(3_000)).await.unwrap();
        assert!(Arc::ptr_eq(&used, &first) && Arc::ptr_eq(&authority.renewed(None).await.unwrap(), &first));
    }
    assert_eq!(rig.asked("token"), 2, "and is not tried again at once");
    let ended = authority.session_at(Instant::now() + Duration::from_secs(3_600)).await;
    assert_eq!(ended.map(drop), Err(SignInError::Waiting), "what is over is not used");
}
