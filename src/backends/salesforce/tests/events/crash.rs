//! A gateway that is killed between an event and its being stored.

use std::process::{Child, Command};

use rusqlite::TransactionBehavior;

use super::*;

/// Tells the child process where everything is.
const CHILD: &str = "TONEGATE_TEST_EVENTS";

/// Does nothing in a normal run. In the child it subscribes until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_subscribes_until_killed() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let told: Value = serde_json::from_str(&told).unwrap();
    let text = |key: &str| told[key].as_str().unwrap().to_owned();
    let sign_in = SignIn::Assertion { username: USERNAME.to_owned(), key: text("key").into() };
    let options = OrgOptions {
        url: text("login"),
        client_id: CONSUMER_KEY.to_owned(),
        sign_in,
        authority: Some(text("authority").into()),
        session: Duration::from_secs(3_600),
    };
    rustls::crypto::ring::default_provider().install_default().ok();
    let connections = Arc::new(Connections::new(options).unwrap());
    let mapping = Profile::CollectXpert.mapping(None).unwrap();
    let options = EventsOptions {
        endpoint: text("pubsub"),
        authority: Some(text("authority").into()),
        topic: mapping.event().unwrap().topic(),
        org: text("login"),
        first: First::Earliest,
        oldest: SignedDuration::from_hours(72),
        timing: timing(),
        lease: Duration::from_secs(2),
    };
    let queue = Arc::new(Queue::open(text("queue").as_ref()).unwrap());
    Events::new(connections, mapping, version(), queue, options).unwrap().run(CancellationToken::new()).await;
}

impl Bench {
    /// A gateway in a process of its own.
    fn spawn(&self) -> Child {
        let told = json!({
            "key": self.org().key_file(),
            "login": self.org().login_url(),
            "authority": self.org().authority(),
            "pubsub": self.org().pubsub_url(),
            "queue": self.directory.path().join("queue.sqlite"),
        });
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "salesforce::tests::events::crash::child_subscribes_until_killed", "--nocapture"])
            .env(CHILD, told.to_string())
            .spawn()
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_between_an_event_and_its_being_stored_loses_and_doubles_nothing() {
    let bench = Bench::new().await;
    (0..5).for_each(|number| drop(bench.assign(number)));
    let mut child = bench.spawn();
    bench.waits_for(0..5).await;

    // Nothing can be stored from here on; that the schema of an event is asked for says that it has come.
    let mut raw = rusqlite::Connection::open(bench.directory.path().join("queue.sqlite")).unwrap();
    raw.busy_timeout(Duration::from_secs(20)).unwrap();
    let lock = raw.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    bench.evolve();
    (5..10).for_each(|number| drop(bench.assign(number)));
    bench.asked("pubsub_get_schema", 2).await;
    child.kill().unwrap();
    child.wait().unwrap();
    lock.rollback().unwrap();
    assert_eq!(bench.waiting().await.len(), 5, "the killed gateway stored nothing of them");

    let mut child = bench.spawn();
    bench.waits_for(0..10).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_that_are_killed_one_after_another_leave_each_assignment_once() {
    let bench = Bench::new().await;
    bench.troubles(StreamTroubles { drop_every: Some(7), ..StreamTroubles::default() });
    for round in 0..4 {
        let (first, last) = (round * 25, (round + 1) * 25);
        let mut child = bench.spawn();
        (first..last).for_each(|number| drop(bench.assign(number)));
        // In the middle of its work.
        bench.until(|waiting| waiting.len() > first).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let subscriber = bench.subscribe();
    bench.waits_for(0..100).await;
    subscriber.leave().await;
}
