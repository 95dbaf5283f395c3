//! A bot's call whose account book is a Salesforce org, over HTTPS, in either of its mappings.

use std::{path::Path, time::Duration};

use ::book::{
    AccountId,
    salesforce::{
        Object, Profile,
        object::{account, arrangement, attempt},
    },
};
use jiff::{Timestamp, tz::TimeZone};
use org::{Fault, FaultOrder, FilledOrg};
use rules::contact::Flag;
use serde_json::{Value, json};
use testkit::{
    gateway::{Gateway, GatewayOptions},
    softphone::Keying,
};

use super::{HEARD_OUT, Scene, told};
use crate::{
    client::{Client, eventually, noted},
    plant,
};

/// From a call's end, or a gateway's start, until the org has its records: a try that failed waits for half a minute at most.
const DELIVERY: Duration = Duration::from_secs(90);

/// An org with the sample accounts, and how a gateway is told of it.
async fn filled(name: &str, profile: Profile) -> (FilledOrg, GatewayOptions) {
    let mut options = plant::options(name);
    let accounts = std::fs::read("config/sample-accounts.csv").expect("accounts");
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let directory = options.directory.join("org");
    let org = FilledOrg::start(&directory, profile, &accounts, today).await.expect("an org");
    options.book = org.settings();
    (org, options)
}

/// Changes the caller's account in the org.
fn set(org: &FilledOrg, field: ::book::salesforce::Field, value: &Value) {
    let caller = AccountId::parse("CA-1001").expect("an id");
    org.set(&caller, field, value).expect("a change");
}

async fn verify(base: &str, client: &Client) {
    for (factor, value) in [("name", "yes"), ("date_of_birth", "1984-03-17"), ("postal_code", "20009")] {
        let body = json!({"factor": factor, "value": value});
        let reply = client.post(&format!("{base}/verify"), &body).await;
        assert_eq!((reply.status, &reply.json()["result"]), (200, &json!("match")), "{}", reply.text);
    }
}

/// An offer of four payments, by its name.
async fn offer(base: &str, client: &Client) -> Value {
    let reply = client.post(&format!("{base}/offer"), &json!({"instalments": 4})).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

/// What comes of accepting an offer: the status, and what is missing or the problem's type.
async fn accept(base: &str, client: &Client, offer: &Value) -> (u16, String) {
    let body = json!({"disposition": "arranged", "accepted_offer": offer["offer"]});
    let reply = client.post(&format!("{base}/outcome"), &body).await;
    let problem = reply.json();
    let word = problem["missing"].as_str().or(problem["type"].as_str()).unwrap_or_default();
    (reply.status, word.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_agreed_is_what_the_org_says_at_that_moment() {
    let (org, options) = filled("bot-org", Profile::CollectionsAndRecovery).await;
    let scene = Scene::of(options, Keying::TelephoneEvent).await;
    let (base, client) = scene.interface();
    let Scene { gateway, line, mut bot, .. } = scene;
    verify(&base, &client).await;
    let facts = told(&client, &format!("{base}/facts"), &mut bot).await;
    assert_eq!((facts.status, &facts.json()["balance_minor"]), (200, &json!(61_240)), "{}", facts.text);

    let first = offer(&base, &client).await;
    org.org.order(FaultOrder::every("query", Fault::HangsBefore));
    assert_eq!(accept(&base, &client, &first).await, (503, "urn:tonegate:problem:no-records".into()));
    org.org.clear_faults();
    set(&org, account::BALANCE, &json!(500.0));
    assert_eq!(accept(&base, &client, &first).await, (409, "offer".into()), "it was made for another balance");
    let second = offer(&base, &client).await;
    assert_eq!(accept(&base, &client, &second).await.0, 204);
    set(&org, account::flag(Flag::Attorney), &json!(true));
    let third = offer(&base, &client).await;
    assert_eq!(accept(&base, &client, &third).await, (409, "stopped".into()));

    line.hang_up().await;
    noted(&gateway, HEARD_OUT, "ended", "caller_hung_up").await;
    let arrangement = eventually(DELIVERY, "an arrangement", async || only(&org, Object::PaymentArrangement)).await;
    let name = |field| org.mapping.field(field).expect("a field").path.as_str();
    assert_eq!(arrangement[name(arrangement::TOTAL)].as_f64(), Some(500.0));
    let attempt = only(&org, Object::ContactAttempt).expect("an attempt");
    assert_eq!(attempt[name(attempt::IDENTITY_VERIFIED)], true);
    assert!(only(&org, Object::ComplianceRecord).is_some(), "with the same graph");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_gateway_had_not_delivered_is_delivered_once() {
    let (org, options) = filled("bot-org-killed", Profile::CollectXpert).await;
    let scene = Scene::of(options, Keying::TelephoneEvent).await;
    let Scene { gateway, line, .. } = scene;
    org.org.set_read_only(true);
    line.hang_up().await;
    noted(&gateway, HEARD_OUT, "ended", "caller_hung_up").await;
    let directory = gateway.kill().expect("a crash");
    assert!(org.rows(Object::ContactAttempt).is_empty());
    let _gateway = resumed(&directory);
    org.org.set_read_only(false);
    for object in [Object::ContactAttempt, Object::ComplianceRecord] {
        eventually(DELIVERY, object.name(), async || only(&org, object)).await;
    }
}

fn resumed(directory: &Path) -> Gateway {
    Gateway::resume(&plant::tonegate(), directory).expect("the gateway again")
}

/// The only row of an object, once there is one.
fn only(org: &FilledOrg, object: Object) -> Option<Value> {
    let mut rows = org.rows(object);
    assert!(rows.len() < 2, "{} is doubled", object.name());
    rows.pop()
}
