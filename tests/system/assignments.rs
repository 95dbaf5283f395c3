//! Assignments of an org in the queue of the real program, which is killed and comes back.

use std::{path::Path, time::Duration};

use ::book::salesforce::{EventField, Profile};
use org::{CONSUMER_KEY, Org, OrgOptions, Schema, USERNAME, schema};
use serde_json::{Value, json};
use testkit::gateway::{Gateway, GatewayOptions};

use crate::{
    client::{eventually, metrics, sum},
    plant,
};

/// From a start until what was published is in the queue: the lease of one that was killed lasts 20 s.
const ARRIVAL: Duration = Duration::from_secs(60);
/// From the end of a gateway that subscribed until another does: the lease, which is looked at every 5 s.
const TAKEOVER: Duration = Duration::from_secs(30);

/// An org of a profile that has nothing but events.
struct Events {
    org: Org,
    profile: Profile,
}

impl Events {
    async fn of(profile: Profile, directory: &Path) -> Self {
        let options = OrgOptions::new(Schema::parse(schema::sample(profile)).expect("the sample schema"));
        Self { org: Org::start(directory, options).await.expect("an org"), profile }
    }

    fn assign(&self, number: u32) {
        let mapping = self.profile.mapping(None).expect("a mapping");
        let event = mapping.event().expect("an event");
        let fields = [
            (EventField::Assignment, json!(format!("as-{number}"))),
            (EventField::Account, json!(format!("CA-{number}"))),
            (EventField::Action, json!(event.assign())),
        ];
        let named = fields.map(|(field, value)| (event.field(field).expect("a field").to_string(), value));
        let fields = Value::Object(named.into_iter().collect());
        self.org.publish(event.api().as_str(), &fields).expect("an event");
    }

    /// A gateway whose account book is the org, and which subscribes to it.
    fn subscribing(&self, name: &str, queue: &Path) -> GatewayOptions {
        let (org, profile) = (&self.org, self.profile.name());
        let book = format!(
            "kind = \"salesforce\"\nprofile = \"{profile}\"\nurl = \"{}\"\nclient_id = \"{CONSUMER_KEY}\"\n\
             username = \"{USERNAME}\"\nkey_file = \"{}\"\nca = \"{}\"\n\n\
             [book.events]\nenabled = true\nendpoint = \"{}\"\n\n[queue]\ndatabase = \"{}/queue.db\"\n",
            org.login_url(),
            org.key_file().display(),
            org.authority().display(),
            org.pubsub_url(),
            queue.display(),
        );
        GatewayOptions { book, ..plant::options(name) }
    }
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
    killed_and_resumed("assignments", Profile::CollectXpert).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_of_collection_plans_do_too() {
    killed_and_resumed("plan-assignments", Profile::CollectionsAndRecovery).await;
}

async fn killed_and_resumed(name: &str, profile: Profile) {
    let files = tempfile::tempdir().expect("a directory");
    let events = Events::of(profile, files.path()).await;
    (0..3).for_each(|number| events.assign(number));

    let gateway = plant::start(&events.subscribing(name, files.path()));
    waits(&gateway, 3.0).await;
    let text = metrics(&gateway).await;
    assert_eq!(sum(&text, "tonegate_salesforce_event_subscriber_active", &[]), 1.0);
    assert_eq!(sum(&text, "tonegate_salesforce_events_total", &["outcome=\"queued\""]), 3.0);
    assert_eq!(sum(&text, "tonegate_salesforce_event_streams_total", &["outcome=\"corrupted\""]), 0.0);
    assert!(!text.contains("CA-1") && !text.contains("as-1"), "nothing of an assignment is in a metric");
    events.assign(3);
    let directory = gateway.kill().expect("a crash");
    events.assign(4);

    let gateway = Gateway::resume(&plant::tonegate(), &directory).expect("the gateway again");
    waits(&gateway, 5.0).await;
    let log = gateway.log().expect("a log");
    assert!(!log.contains("CA-1") && !log.contains("as-1"), "nothing of an assignment is in the log");
    assert!(gateway.stop().expect("an end").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_gateways_subscribes_and_the_other_takes_over_when_it_is_killed() {
    let files = tempfile::tempdir().expect("a directory");
    let events = Events::of(Profile::CollectXpert, files.path()).await;
    events.assign(0);
    let gateways =
        ["assignments-first", "assignments-second"].map(|name| plant::start(&events.subscribing(name, files.path())));
    for gateway in &gateways {
        waits(gateway, 1.0).await;
    }
    assert_eq!(events.org.streams(), 1, "one of them subscribes");
    let [first, second] = gateways;
    let is_first = eventually(ARRIVAL, "a subscriber", async || match (queued(&first).await, queued(&second).await) {
        (1.0, 0.0) => Some(true),
        (0.0, 1.0) => Some(false),
        _ => None,
    });
    let (subscriber, other) = if is_first.await { (first, second) } else { (second, first) };

    subscriber.kill().expect("a crash");
    eventually(ARRIVAL, "the end of the stream", async || (events.org.streams() == 0).then_some(())).await;
    events.assign(1);
    eventually(TAKEOVER, "another subscriber", async || (events.org.streams() == 1).then_some(())).await;
    eventually(ARRIVAL, "its event", async || (queued(&other).await == 1.0).then_some(())).await;
    waits(&other, 2.0).await;
    let received = sum(&metrics(&other).await, "tonegate_salesforce_events_total", &[]);
    assert_eq!(received, 1.0, "what was in the queue already is not received again");
    let queue = rusqlite::Connection::open(files.path().join("queue.db")).expect("a queue");
    let times = "SELECT count(*) FROM assignments WHERE account = 'CA-1'";
    assert_eq!(queue.query_row(times, [], |row| row.get::<_, i64>(0)).expect("a count"), 1);
    assert_eq!(events.org.streams(), 1);
}

/// How many assignments a gateway has put into the queue.
async fn queued(gateway: &Gateway) -> f64 {
    sum(&metrics(gateway).await, "tonegate_salesforce_events_total", &["outcome=\"queued\""])
}
