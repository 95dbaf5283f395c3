//! Where events are not to be had: the org is asked for its accounts.

use jiff::Timestamp;

use super::*;

impl Bench {
    /// An account `CA-{number}` that is in the org's queue.
    fn add_to_queue(&self, number: usize) {
        self.sample.add(number);
        let rows = self.org().rows(self.sample.account());
        self.set_queue(rows.last().unwrap(), "AI");
    }

    fn set_queue(&self, row: &Value, queue: &str) {
        let path = self.sample.mapping.field(account::QUEUE).unwrap().path.as_str();
        self.org().update(self.sample.account(), row["Id"].as_str().unwrap(), &json!({ path: queue })).unwrap();
    }

    async fn found(&self, accounts: &[&str]) {
        self.until(|waiting| waiting.iter().map(|one| one.account.as_str()).eq(accounts.iter().copied())).await;
    }
}

#[tokio::test]
async fn a_queue_that_is_new_has_what_was_assigned_before_any_event_that_is_kept() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        bench.add_to_queue(1);
        bench.add_to_queue(2);
        bench.assign(2);
        let subscriber = bench.subscribe();
        bench
            .until(|waiting| {
                let found: Vec<_> = waiting.iter().map(|one| (one.account.as_str(), one.id.is_some())).collect();
                found == [("CA-2", true), ("CA-1", false)]
            })
            .await;
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn what_may_be_missing_is_swept_by_the_gateway_that_comes_next() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        bench.add_to_queue(1);
        bench.sample.rig.order("query", None, refused(503, "SERVER_UNAVAILABLE", ""));
        let subscriber = bench.subscribe();
        bench.assign(2);
        bench.waits_for([2]).await;
        subscriber.leave().await;
        bench.org().clear_faults();
        let subscriber = bench.subscribe();
        bench.until(|waiting| waiting.iter().any(|one| one.account.as_str() == "CA-1" && one.id.is_none())).await;
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn what_was_assigned_again_after_it_had_expired_is_swept() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        let expired = Timestamp::now() - SignedDuration::from_secs(60);
        bench.publish_fields(&[
            (EventField::Assignment, json!("as-1")),
            (EventField::Account, json!("CA-1")),
            (EventField::Action, json!("Assign")),
            (EventField::NotAfter, json!(expired.as_millisecond())),
        ]);
        let subscriber = bench.subscribe();
        until("it is stored", async || bench.queue.progress(bench.holder()).await.unwrap().place.is_some()).await;
        subscriber.leave().await;
        bench.add_to_queue(1);
        bench.org().set_replay_length(12);
        let subscriber = bench.subscribe();
        bench.found(&["CA-1"]).await;
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn where_no_more_events_are_delivered_the_org_is_asked_and_then_events_go_on() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        bench.troubles(StreamTroubles { deliveries_left: Some(1), ..StreamTroubles::default() });
        let subscriber = bench.subscribe();
        bench.assign(1);
        bench.waits_for([1]).await;
        bench.add_to_queue(2);
        bench.assign(2);
        bench.until(|waiting| waiting.iter().any(|one| one.account.as_str() == "CA-2" && one.id.is_none())).await;
        bench.troubles(StreamTroubles::default());
        bench.waits_for([1, 2]).await;
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn where_grpc_is_blocked_accounts_come_and_go_by_asking() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        bench.add_to_queue(1);
        bench.add_to_queue(2);
        let patience = Duration::from_millis(50);
        let endpoint = "https://127.0.0.1:1".to_owned();
        let options = EventsOptions { endpoint, timing: Timing { patience, ..timing() }, ..bench.options() };
        let subscriber = bench.subscribe_with(options, Arc::clone(&bench.queue));
        bench.found(&["CA-1", "CA-2"]).await;
        let row = &bench.org().rows(bench.sample.account())[0];
        bench.set_queue(row, "Human");
        bench.found(&["CA-2"]).await;
        assert_eq!(bench.sample.rig.asked("pubsub_subscribe"), 0);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn nothing_is_asked_where_the_requests_of_the_day_are_nearly_used_up() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        bench.sample.rig.without_hedges().await;
        bench.add_to_queue(1);
        bench.refuse(8, "subscription.limit.exceeded", 3);
        let subscriber = bench.subscribe();
        bench.asked("pubsub_subscribe", 4).await;
        assert_eq!(bench.sample.rig.asked("query"), 0);
        bench.assign(2);
        bench.waits_for([2]).await;
        subscriber.leave().await;
    }
}
