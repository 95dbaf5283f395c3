//! Assignments of an org in the queue of the real program, which is killed and comes back.

use std::{path::Path, time::Duration};

use org::{CONSUMER_KEY, Org, OrgOptions, Schema, USERNAME, schema::COLLECTXPERT};
use serde_json::json;
use testkit::gateway::{Gateway, GatewayOptions};

use crate::{
    client::{eventually, metrics, sum},
    plant,
};

const EVENT: &str = "cxp__AI_Queue_Assignment__e";
/// From a start until what was published is in the queue: the lease of one that was killed lasts 20 s.
const ARRIVAL: Duration = Duration::from_secs(60);
/// From the end of a gateway that subscribed until another does: the lease, which is looked at every 5 s.
const TAKEOVER: Duration = Duration::from_secs(30);

fn assign(org: &Org, number: u32) {
    let fields = json!({
        "cxp__Assignment_Id__c": format!("as-{number}"),
        "cxp__Account_External_Id__c": format!("CA-{number}"),
        "cxp__Action__c": "Assign",
    });
    org.publish(EVENT, &fields).expect("an event");
}

/// An org that has nothing but events.
async fn org(directory: &Path) -> Org {
    let options = OrgOptions::new(Schema::parse(COLLECTXPERT).expect("the sample schema"));
    Org::start(directory, options).await.expect("an org")
}

/// A gateway whose account book is the org, and which subscribes to it.
fn subscribing(name: &str, org: &Org, queue: &Path) -> GatewayOptions {
    let (authority, key) = (org.authority(), org.key_file());
    let book = format!(
        "kind = \"salesforce\"\nurl = \"{}\"\nclient_id = \"{CONSUMER_KEY}\"\nusername = \"{USERNAME}\"\n\
         key_file = \"{}\"\nca = \"{}\"\n\n[book.events]\nenabled = true\nendpoint = \"{}\"\n\n\
         [queue]\ndatabase = \"{}/queue.db\"\n",
        org.login_url(),
        key.display(),
        authority.display(),
        org.pubsub_url(),
        queue.display(),
    );
    GatewayOptions { book, ..plant::options(name) }
}

/// Waits until so many assignments wait.
async fn waits(gateway: &Gateway, count: f64) {
    eventually(ARRIVAL, "assignments in the queue", async || {
        let waiting = sum(&metrics(gateway).await, "tonegate_queue_depth", &["queue=\"assignments\""]);
        (waiting == count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assignments_reach_the_queue_of_a_gateway_that_is_killed_and_comes_back() {
    let files = tempfile::tempdir().expect("a directory");
    let org = org(files.path()).await;
    (0..3).for_each(|number| assign(&org, number));

    let gateway = plant::start(&subscribing("assignments", &org, files.path()));
    waits(&gateway, 3.0).await;
    let text = metrics(&gateway).await;
    assert_eq!(sum(&text, "tonegate_salesforce_event_subscriber_active", &[]), 1.0);
    assert_eq!(sum(&text, "tonegate_salesforce_events_total", &["outcome=\"queued\""]), 3.0);
    assert_eq!(sum(&text, "tonegate_salesforce_event_streams_total", &["outcome=\"corrupted\""]), 0.0);
    assert!(!text.contains("CA-1") && !text.contains("as-1"), "nothing of an assignment is in a metric");
    assign(&org, 3);
    let directory = gateway.kill().expect("a crash");
    assign(&org, 4);

    let gateway = Gateway::resume(&plant::tonegate(), &directory).expect("the gateway again");
    waits(&gateway, 5.0).await;
    let log = gateway.log().expect("a log");
    assert!(!log.contains("CA-1") && !log.contains("as-1"), "nothing of an assignment is in the log");
    assert!(gateway.stop().expect("an end").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_gateways_subscribes_and_the_other_takes_over_when_it_is_killed() {
    let files = tempfile::tempdir().expect("a directory");
    let org = org(files.path()).await;
    assign(&org, 0);
    let gateways =
        ["assignments-first", "assignments-second"].map(|name| plant::start(&subscribing(name, &org, files.path())));
    for gateway in &gateways {
        waits(gateway, 1.0).await;
    }
    assert_eq!(org.streams(), 1, "one of them subscribes");
    let [first, second] = gateways;
    let is_first = eventually(ARRIVAL, "a subscriber", async || match (queued(&first).await, queued(&second).await) {
        (1.0, 0.0) => Some(true),
        (0.0, 1.0) => Some(false),
        _ => None,
    });
    let (subscriber, other) = if is_first.await { (first, second) } else { (second, first) };

    subscriber.kill().expect("a crash");
    eventually(ARRIVAL, "the end of the stream", async || (org.streams() == 0).then_some(())).await;
    assign(&org, 1);
    eventually(TAKEOVER, "another subscriber", async || (org.streams() == 1).then_some(())).await;
    eventually(ARRIVAL, "its event", async || (queued(&other).await == 1.0).then_some(())).await;
    waits(&other, 2.0).await;
    let received = sum(&metrics(&other).await, "tonegate_salesforce_events_total", &[]);
    assert_eq!(received, 1.0, "what was in the queue already is not received again");
    let queue = rusqlite::Connection::open(files.path().join("queue.db")).expect("a queue");
    let times = "SELECT count(*) FROM assignments WHERE account = 'CA-1'";
    assert_eq!(queue.query_row(times, [], |row| row.get::<_, i64>(0)).expect("a count"), 1);
    assert_eq!(org.streams(), 1);
}

/// How many assignments a gateway has put into the queue.
async fn queued(gateway: &Gateway) -> f64 {
    sum(&metrics(gateway).await, "tonegate_salesforce_events_total", &["outcome=\"queued\""])
}
