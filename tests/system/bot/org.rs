//! Calls whose account book is a Salesforce org, over HTTPS, in either of its mappings: a bot's, and the collector's.

use std::{path::Path, process::Command, time::Duration};

use ::book::{
    AccountId,
    salesforce::{
        EventField, Object, Profile,
        object::{account, arrangement, attempt, compliance},
    },
};
use jiff::{Timestamp, tz::TimeZone};
use org::{Fault, FaultOrder, FilledOrg};
use rules::contact::Flag;
use serde_json::{Value, json};
use testkit::{
    gateway::{Gateway, GatewayOptions, free_port},
    softphone::{CallRequest, Keying, Softphone},
};

use super::{HEARD_OUT, Scene, line::Line, processor::checked, told};
use crate::{
    client::{Client, eventually, metrics, noted, place, sum},
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
async fn a_dispute_that_a_bot_reports_is_in_the_org_before_the_call_is_over() {
    let (org, options) = filled("bot-org-dispute", Profile::CollectXpert).await;
    let scene = Scene::of(options, Keying::TelephoneEvent).await;
    let (base, client) = scene.interface();
    let Scene { gateway, line, mut bot, .. } = scene;
    verify(&base, &client).await;
    assert_eq!(told(&client, &format!("{base}/facts"), &mut bot).await.status, 200);
    let outcome = client.post(&format!("{base}/outcome"), &json!({"disposition": "disputed"})).await;
    assert_eq!(outcome.status, 204, "{}", outcome.text);
    let name = |field| org.mapping.field(field).expect("a field").path.as_str();
    let (flag, key) = (name(account::flag(Flag::Dispute)), name(account::EXTERNAL_ID));
    let is_set = async || {
        let accounts = org.rows(Object::CollectionAccount);
        accounts.iter().any(|row| row[key] == "CA-1001" && row[flag] == true).then_some(())
    };
    eventually(DELIVERY, "the flag", is_set).await;
    eventually(DELIVERY, "a dispute", async || only(&org, Object::Dispute)).await;
    assert!(only(&org, Object::ContactAttempt).is_none(), "the call is still up");
    let facts = client.get(&format!("{base}/facts")).await;
    assert_eq!(facts.json()["missing"].as_str().or(facts.json()["type"].as_str()), Some("stopped"), "{}", facts.text);

    line.hang_up().await;
    noted(&gateway, HEARD_OUT, "ended", "caller_hung_up").await;
    let compliance = eventually(DELIVERY, "a compliance record", async || only(&org, Object::ComplianceRecord)).await;
    assert_eq!(compliance[name(compliance::DISPUTE_RAISED)], true);
    assert!(only(&org, Object::Dispute).is_some(), "one, after its call too");
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
    org.org.set_read_only(false);
    let said = looked_at(&directory);
    assert!(
        said.contains("Salesforce") && org.rows(Object::ContactAttempt).is_empty(),
        "to look writes nothing: {said}"
    );
    org.org.set_read_only(true);
    let _gateway = resumed(&directory);
    org.org.set_read_only(false);
    for object in [Object::ContactAttempt, Object::ComplianceRecord] {
        eventually(DELIVERY, object.name(), async || only(&org, object)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_slow_org_is_told_so_and_hears_no_figure() {
    let (org, options) = filled("collector-org-slow", Profile::CollectXpert).await;
    let gateway = plant::start(&options);
    let request = CallRequest::new(gateway.addresses().sip_udp, "+15555550199", "collections");
    let line = Line::of(Softphone::call(&request).await.expect("an answer"));
    noted(&gateway, HEARD_OUT, "prompt.finished", "ask_reference").await;
    org.org.order(FaultOrder::every("query", Fault::Late { milliseconds: 5_000 }));
    line.press("40017731#").await;
    let timeline = noted(&gateway, HEARD_OUT, "prompt.finished", "records_unavailable").await;
    let steps = [
        ("caller.keyed", "8 keys"),
        ("prompt.started", "one_moment"),
        ("prompt.started", "still_looking"),
        ("request.failed", "Unavailable"),
        ("prompt.started", "records_unavailable"),
    ];
    let places = steps.map(|(kind, detail)| place(&timeline, kind, detail));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} of {timeline:#?}");
    line.until("BYE", HEARD_OUT, |heard| heard.is_over).await;
    assert!(place(&noted(&gateway, HEARD_OUT, "ended", "").await, "verified", "").is_none());

    org.org.clear_faults();
    let attempt = eventually(DELIVERY, "an attempt", async || only(&org, Object::ContactAttempt)).await;
    let disposition = org.mapping.field(attempt::DISPOSITION).expect("a field");
    let value = attempt[disposition.path.as_str()].as_str().expect("a value");
    assert_eq!(disposition.values.word(value), Some("unavailable"), "no wish to be called back");
}

/// What `tonegate check` says of a gateway that is not running.
fn looked_at(directory: &Path) -> String {
    let config = directory.join("tonegate.toml");
    let output = Command::new(plant::tonegate()).args(["check", "--config"]).arg(config).output().expect("a program");
    (String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr)).into_owned()
}

fn resumed(directory: &Path) -> Gateway {
    Gateway::resume(&plant::tonegate(), directory).expect("the gateway again")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_the_org_hides_is_named_at_the_start() {
    let (org, options) = filled("org-hides", Profile::CollectXpert).await;
    let name = |field| org.mapping.field(field).expect("a field").path.as_str();
    let cease = name(account::flag(Flag::Cease));
    assert!(org.org.hide(org.mapping.api(Object::CollectionAccount).as_str(), cease, true));
    let gateway = plant::start(&options);
    let findings =
        async || sum(&metrics(&gateway).await, "tonegate_salesforce_mapping_findings", &["weight=\"stops\""]);
    eventually(DELIVERY, "a finding", async || (findings().await > 0.0).then_some(())).await;
    let log = gateway.log().expect("a log");
    assert!(log.contains("Salesforce stops calls: collection_account.cease: "), "{log}");
    assert!(log.contains(cease), "and what to change");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_holds_the_day_before_against_the_org() {
    let (_org, options) = filled("org-reconciles", Profile::CollectXpert).await;
    let book = format!("reconcile_at = \"00:00\"\n{}", options.book);
    let gateway = plant::start(&GatewayOptions { book, ..options });
    eventually(DELIVERY, "a day that was looked at", async || {
        let exposed = metrics(&gateway).await;
        let at = sum(&exposed, "tonegate_reconciliation_timestamp_seconds", &[]);
        (at > 0.0 && sum(&exposed, "tonegate_reconciliation_difference", &[]) == 0.0).then_some(())
    })
    .await;
    assert!(gateway.log().expect("a log").contains("the ledger was held against the org"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_event_of_assignments_lacks_is_named_by_the_check() {
    for profile in Profile::ALL {
        let (org, options) = filled(&format!("org-event-check-{}", profile.name()), profile).await;
        let (event, directory) = (org.mapping.event().expect("an event"), &options.directory);
        let (api, account) = (event.api().as_str(), event.field(EventField::Account).expect("a field").as_str());
        let events = format!(
            "{}[book.events]\nenabled = true\nendpoint = \"{}\"\n[queue]\ndatabase = \"{}/queue.db\"\n",
            options.book,
            org.org.pubsub_url(),
            directory.display(),
        );
        let sandbox =
            format!("address = \"127.0.0.1:{}\"\nca = \"{}/processor/ca.pem\"", free_port(), directory.display());
        let (passed, said) = checked(directory, &events, &sandbox);
        assert!(passed && said.contains("ok       Salesforce signs in and describes"), "{said}");
        assert!(said.contains("ok       Salesforce lets assignments be subscribed to"), "{said}");
        let unknown = format!("api_version = \"v99.0\"\n{events}");
        let (passed, said) = checked(directory, &unknown, &sandbox);
        let signs_in = said.lines().find(|line| line.contains("Salesforce signs in"));
        assert!(!passed && said.contains("does not know version"), "{said}");
        assert_eq!(signs_in, Some("ok       Salesforce signs in"), "nothing was described: {said}");
        let elsewhere = events.replace(&org.org.pubsub_url(), org.org.instance_url());
        let (passed, said) = checked(directory, &elsewhere, &sandbox);
        assert!(
            !passed && said.contains("stops assignments: book.events.endpoint: what answers at https://"),
            "{said}"
        );
        let stranger = events.replace("client_id = \"", "client_id = \"not-");
        let (passed, said) = checked(directory, &stranger, &sandbox);
        let refused = "(book.ca): no session at Salesforce: the sign-in is refused: invalid_client_id; deploy/salesforce/README.md says what to look at";
        assert!(!passed && said.contains(refused), "{said}");
        let unread = events.replace(&org.org.authority().display().to_string(), "no/such.pem");
        let (passed, said) = checked(directory, &unread, &sandbox);
        assert!(!passed && said.matches("book.ca: no/such.pem: No such file").count() == 1, "{said}");
        let mut chain = Command::new(plant::tonegate());
        let verified = chain.args(["audit", "verify", "--config"]).arg(directory.join("check.toml")).output();
        let verified = verified.expect("a program");
        let verified = String::from_utf8_lossy(&verified.stdout) + String::from_utf8_lossy(&verified.stderr);
        assert!(!verified.contains("it was killed, or it crashed"), "a check that fails has ended: {verified}");

        assert!(org.org.forget(api, account));
        let (passed, said) = checked(directory, &events, &sandbox);
        let line = format!(
            "failing  Salesforce: stops assignments: assignment_event.account: {api} has no field {account}; create "
        );
        assert!(!passed && said.contains(&line), "{said}");
        assert!(org.org.hide_event(api, true));
        let (passed, said) = checked(directory, &events, &sandbox);
        assert!(!passed && said.contains(&format!("grant Read on {api} in the user's permission set")), "{said}");
        let (passed, said) = checked(directory, &options.book, &sandbox);
        assert!(passed && !said.contains(api), "nothing subscribes: {said}");
    }
}

/// The only row of an object, once there is one.
fn only(org: &FilledOrg, object: Object) -> Option<Value> {
    let mut rows = org.rows(object);
    assert!(rows.len() < 2, "{} is doubled", object.name());
    rows.pop()
}
