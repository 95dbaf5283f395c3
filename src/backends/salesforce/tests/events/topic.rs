//! What is said of a topic before anything subscribes to it.

use ::book::salesforce::describe::Topic;

use super::*;
use crate::salesforce::events::topic;

impl Bench {
    async fn topic(&self, options: &EventsOptions) -> Topic {
        topic(&self.sample.rig.connections, options).await.unwrap()
    }
}

#[tokio::test]
async fn a_topic_is_open_unknown_or_closed() {
    let bench = Bench::new().await;
    assert_eq!(bench.topic(&bench.options()).await, Topic::Open);
    let other = EventsOptions { topic: "/event/Nothing__e".to_owned(), ..bench.options() };
    assert_eq!(bench.topic(&other).await, Topic::Unknown);
    bench.troubles(StreamTroubles { closed: true, ..StreamTroubles::default() });
    assert_eq!(bench.topic(&bench.options()).await, Topic::Closed);
    bench.refuse(7, "topic.access.denied", 1);
    assert_eq!(bench.topic(&bench.options()).await, Topic::Closed);
    bench.refuse(14, "service.unavailable", 1);
    assert_eq!(bench.topic(&bench.options()).await, Topic::Refused(format!("{ERRORS}.service.unavailable")));
    assert_eq!(bench.sample.rig.asked("pubsub_subscribe"), 0);
}

#[tokio::test]
async fn an_endpoint_that_is_not_the_api_is_told_apart() {
    let bench = Bench::new().await;
    let unreached = EventsOptions { endpoint: "https://127.0.0.1:1".to_owned(), ..bench.options() };
    assert_eq!(bench.topic(&unreached).await, Topic::Unreached);
    // The org itself answers requests of HTTP/2, and knows no gRPC; a proxy may forbid it.
    let other = EventsOptions { endpoint: bench.org().instance_url().to_owned(), ..bench.options() };
    assert_eq!(bench.topic(&other).await, Topic::Foreign);
    bench.sample.rig.order("/eventbus.v1.PubSub", None, Trouble::Html { status: 403 });
    assert_eq!(bench.topic(&other).await, Topic::Foreign);
}

#[tokio::test]
async fn a_session_that_the_api_does_not_take_is_told() {
    let bench = Bench::new().await;
    assert_eq!(bench.topic(&bench.options()).await, Topic::Open);
    bench.org().expire_sessions();
    assert_eq!(bench.topic(&bench.options()).await, Topic::Session);
}
