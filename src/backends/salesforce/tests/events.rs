//! Assignments over real gRPC, with every fault that the org can play.

use ::book::{
    queue::Assignment,
    salesforce::{
        EventField, EventMapping,
        object::account,
        subscription::{First, Timing},
    },
};
use jiff::SignedDuration;
use org::{RefusedCalls, StreamTroubles};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{sample::Sample, *};
use crate::{
    queue::{Holder, Queue},
    tests::until,
};

mod crash;
mod gateways;
mod polling;
mod streams;
mod topic;

const ERRORS: &str = "sfdc.platform.eventbus.grpc";
/// Quick enough for tests, and otherwise as it is.
fn timing() -> Timing {
    let ms = Duration::from_millis;
    Timing {
        first_wait: ms(20),
        longest_wait: ms(200),
        limited_wait: ms(400),
        sweep_every: ms(200),
        ..Timing::default()
    }
}

/// An org and a queue, and gateways that subscribe.
struct Bench {
    sample: Sample,
    queue: Arc<Queue>,
    directory: TempDir,
}

/// A gateway's subscriber; it ends with this.
struct Subscriber {
    cancelled: CancellationToken,
    task: JoinHandle<()>,
}

impl Subscriber {
    /// It goes as it would at the end of a gateway.
    async fn leave(self) {
        self.cancelled.cancel();
        self.task.await.unwrap();
    }
}

impl Bench {
    async fn new() -> Self {
        Self::of(Profile::CollectXpert).await
    }

    async fn of(profile: Profile) -> Self {
        Self::with(Sample::of(profile).await)
    }

    fn with(sample: Sample) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let queue = Arc::new(Queue::open(&directory.path().join("queue.sqlite")).unwrap());
        Self { sample, queue, directory }
    }

    fn org(&self) -> &Org {
        &self.sample.rig.org
    }

    fn event(&self) -> &EventMapping {
        self.sample.mapping.event().unwrap()
    }

    fn options(&self) -> EventsOptions {
        EventsOptions {
            endpoint: self.org().pubsub_url(),
            authority: Some(self.org().authority()),
            topic: self.event().topic(),
            org: self.org().login_url().to_owned(),
            first: First::Earliest,
            oldest: SignedDuration::from_hours(72),
            timing: timing(),
            lease: Duration::from_secs(2),
        }
    }

    fn subscribe(&self) -> Subscriber {
        self.subscribe_with(self.options(), Arc::clone(&self.queue))
    }

    fn subscribe_with(&self, options: EventsOptions, queue: Arc<Queue>) -> Subscriber {
        let (connections, mapping) = (Arc::clone(&self.sample.rig.connections), self.sample.mapping.clone());
        let events = Events::new(connections, mapping, version(), queue, options).unwrap();
        let cancelled = CancellationToken::new();
        let task = tokio::spawn(events.run(cancelled.clone()));
        Subscriber { cancelled, task }
    }

    /// Publishes the assignment `as-{number}` of the account `CA-{number}`.
    fn assign(&self, number: usize) -> Vec<u8> {
        self.publish(number, "Assign")
    }

    fn publish(&self, number: usize, action: &str) -> Vec<u8> {
        self.publish_fields(&[
            (EventField::Assignment, json!(format!("as-{number}"))),
            (EventField::Account, json!(format!("CA-{number}"))),
            (EventField::Action, json!(action)),
            (EventField::Priority, json!(1)),
            (EventField::Phone, json!("+12025550143")),
            (EventField::MinPayment, json!(25.5)),
        ])
    }

    /// Publishes an event that has these fields, by the mapping's names.
    fn publish_fields(&self, fields: &[(EventField, Value)]) -> Vec<u8> {
        let event = self.event();
        let named = fields.iter().map(|(field, value)| (event.field(*field).unwrap().to_string(), value.clone()));
        self.org().publish(event.api().as_str(), &Value::Object(named.collect())).unwrap()
    }

    /// Publishes bytes that need not be an event.
    fn publish_bytes(&self, bytes: Vec<u8>, schema_id: Option<&str>) -> Vec<u8> {
        self.org().publish_bytes(self.event().api().as_str(), bytes, schema_id).unwrap()
    }

    async fn waiting(&self) -> Vec<Assignment> {
        self.queue.waiting(10_000).await.unwrap()
    }

    /// Waits until these assignments wait, each once, and no other.
    async fn waits_for(&self, numbers: impl IntoIterator<Item = usize>) {
        let mut expected: Vec<String> = numbers.into_iter().map(|number| format!("as-{number}")).collect();
        expected.sort();
        self.until(|waiting| {
            let mut ids: Vec<&str> = waiting.iter().map(|one| one.id.as_ref().map_or("", |id| id.as_str())).collect();
            ids.sort_unstable();
            ids == expected
        })
        .await;
    }

    /// Waits until what waits is as it should be.
    async fn until(&self, is: impl Fn(&[Assignment]) -> bool) {
        until("what waits is as it should be", async || is(&self.waiting().await)).await;
    }

    /// The event gains a field.
    fn evolve(&self) {
        assert!(self.org().evolve(self.event().api().as_str(), "Reason__c"));
    }

    /// Waits until something was asked of the org so often.
    async fn asked(&self, kind: &str, count: u64) {
        until(&format!("{kind} is asked {count} times"), async || self.sample.rig.asked(kind) >= count).await;
    }

    /// Whoever looks into the queue.
    fn holder(&self) -> Holder {
        let EventsOptions { org, topic, .. } = self.options();
        Holder { subscription: format!("{org}{topic}"), name: "test".to_owned() }
    }

    fn troubles(&self, troubles: StreamTroubles) {
        self.org().set_stream_troubles(troubles);
    }

    fn refuse(&self, status: i32, code: &str, times: u32) {
        let refused = RefusedCalls { status, error_code: format!("{ERRORS}.{code}"), times };
        self.troubles(StreamTroubles { refused: Some(refused), ..StreamTroubles::default() });
    }
}
