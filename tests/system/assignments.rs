//! Assignments of an org in the queue of the real program, which is killed and comes back.

use std::{fs, path::Path, time::Duration};

use org::{CONSUMER_KEY, Org, OrgOptions, Schema, USERNAME, schema::COLLECTXPERT};
use serde_json::json;
use testkit::gateway::Gateway;

use crate::{
    client::{eventually, metrics, sum},
    plant,
};

const EVENT: &str = "cxp__AI_Queue_Assignment__e";
/// From a start until what was published is in the queue: the lease of one that was killed lasts 20 s.
const ARRIVAL: Duration = Duration::from_secs(60);

fn assign(org: &Org, number: u32) {
    let fields = json!({
        "cxp__Assignment_Id__c": format!("as-{number}"),
        "cxp__Account_External_Id__c": format!("CA-{number}"),
        "cxp__Action__c": "Assign",
    });
    org.publish(EVENT, &fields).expect("an event");
}

/// Has the account book be the org, and the gateway subscribe to it.
fn subscribe(config: &Path, directory: &Path, org: &Org) {
    let text = fs::read_to_string(config).expect("a configuration");
    let (before, rest) = text.split_once("[book]\n").expect("a book");
    let (_, after) = rest.split_once("\n\n").expect("an end of it");
    let (authority, key) = (org.authority(), org.key_file());
    let book = format!(
        "[book]\nkind = \"salesforce\"\nurl = \"{}\"\nclient_id = \"{CONSUMER_KEY}\"\nusername = \"{USERNAME}\"\n\
         key_file = \"{}\"\nca = \"{}\"\n\n[book.events]\nenabled = true\nendpoint = \"{}\"\n\n\
         [queue]\ndatabase = \"{}/queue.db\"\n\n",
        org.login_url(),
        key.display(),
        authority.display(),
        org.pubsub_url(),
        directory.display(),
    );
    fs::write(config, format!("{before}{book}{after}")).expect("a configuration");
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
    let options = OrgOptions::new(Schema::parse(COLLECTXPERT).expect("the sample schema"));
    let org = Org::start(files.path(), options).await.expect("an org");
    let directory = plant::start(&plant::options("assignments")).kill().expect("an end");
    subscribe(&directory.join("tonegate.toml"), &directory, &org);
    (0..3).for_each(|number| assign(&org, number));

    let gateway = Gateway::resume(&plant::tonegate(), &directory).expect("a gateway");
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
