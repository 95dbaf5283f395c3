//! One gateway: what a stream may do to it.

use apache_avro::{Schema as Avro, to_avro_datum, types::Value as Datum};

use super::super::{
    discretion::{FACTS, talkative},
    meters::Meters,
    page::Page,
};
use super::*;

/// An event with nothing in it, as it is on the wire.
fn payload(profile: Profile) -> Vec<u8> {
    let avro = Avro::parse_str(&schema(profile).events().next().unwrap().avro()).unwrap();
    let Avro::Record(record) = &avro else { panic!("an event is a record") };
    let field = |name: &str| match name {
        "CreatedDate" => Datum::Long(0),
        "CreatedById" => Datum::String(org::USER.to_owned()),
        _ => Datum::Union(0, Box::new(Datum::Null)),
    };
    let fields = record.fields.iter().map(|field_of| (field_of.name.clone(), field(&field_of.name)));
    to_avro_datum(&avro, Datum::Record(fields.collect())).unwrap()
}

#[tokio::test]
async fn assignments_and_revocations_come_as_they_are_published() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        bench.assign(1);
        let subscriber = bench.subscribe();
        bench.waits_for([1]).await;
        (2..5).for_each(|number| drop(bench.assign(number)));
        bench.waits_for(1..5).await;
        bench.publish(3, "Revoke");
        bench.publish(9, "Revoke");
        bench.assign(9);
        bench.assign(10);
        bench.waits_for([1, 2, 4, 10]).await;
        let first = &bench.waiting().await[0];
        assert_eq!((first.account.as_str(), first.priority), ("CA-1", 1));
        assert_eq!(first.limits.min_payment.unwrap().minor(), 2_550);
        assert_eq!(bench.sample.rig.asked("pubsub_get_schema"), 1, "a schema is asked for once");
        assert_eq!(bench.sample.rig.asked("pubsub_subscribe"), 1);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn more_than_a_hundred_events_come_by_one_stream() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        (0..350).for_each(|number| drop(bench.assign(number)));
        let subscriber = bench.subscribe();
        bench.waits_for(0..350).await;
        assert_eq!(bench.sample.rig.asked("pubsub_subscribe"), 1);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn a_stream_that_drops_goes_on_behind_what_is_stored() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        bench.troubles(StreamTroubles { drop_every: Some(3), ..StreamTroubles::default() });
        let subscriber = bench.subscribe();
        (0..20).for_each(|number| drop(bench.assign(number)));
        bench.waits_for(0..20).await;
        assert!(bench.sample.rig.asked("pubsub_subscribe") >= 6);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn calls_that_are_unavailable_are_made_again() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        bench.assign(1);
        bench.refuse(14, "service.unavailable", 3);
        let subscriber = bench.subscribe();
        bench.waits_for([1]).await;
        assert!(bench.sample.rig.asked("pubsub_subscribe") + bench.sample.rig.asked("pubsub_get_schema") >= 5);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn a_schema_that_cannot_be_had_now_is_no_reason_to_set_an_event_aside() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        let subscriber = bench.subscribe();
        bench.asked("pubsub_subscribe", 1).await;
        bench.refuse(14, "service.unavailable", 2);
        bench.assign(1);
        bench.waits_for([1]).await;
        assert_eq!(bench.queue.depth().await.unwrap().quarantined, 0);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn a_session_that_ends_is_renewed() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        let subscriber = bench.subscribe();
        bench.assign(1);
        bench.waits_for([1]).await;
        let tokens = bench.sample.rig.asked("token");
        bench.org().expire_sessions();
        bench.troubles(StreamTroubles { drop_every: Some(1), ..StreamTroubles::default() });
        (2..5).for_each(|number| drop(bench.assign(number)));
        bench.waits_for(1..5).await;
        assert_eq!(bench.sample.rig.asked("token"), tokens + 1);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn a_session_is_renewed_once_however_long_no_stream_is_to_be_had() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        let subscriber = bench.subscribe();
        bench.assign(1);
        bench.waits_for([1]).await;
        let (tokens, streams) = (bench.sample.rig.asked("token"), bench.sample.rig.asked("pubsub_subscribe"));
        bench.org().expire_sessions();
        let refused = RefusedCalls { status: 14, error_code: format!("{ERRORS}.service.unavailable"), times: 6 };
        bench.troubles(StreamTroubles { refused: Some(refused), drop_every: Some(1), ..StreamTroubles::default() });
        bench.assign(2);
        bench.waits_for([1, 2]).await;
        assert!(bench.sample.rig.asked("pubsub_subscribe") >= streams + 6);
        assert_eq!(bench.sample.rig.asked("token"), tokens + 1);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn an_event_that_comes_twice_counts_once() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        bench.troubles(StreamTroubles { duplicates: 5, ..StreamTroubles::default() });
        let subscriber = bench.subscribe();
        (0..5).for_each(|number| drop(bench.assign(number)));
        bench.assign(3);
        bench.assign(5);
        bench.waits_for(0..6).await;
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn a_place_is_whatever_bytes_it_is() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        bench.org().set_replay_length(10);
        let subscriber = bench.subscribe();
        bench.assign(1);
        bench.waits_for([1]).await;
        subscriber.leave().await;
        bench.assign(2);
        let subscriber = bench.subscribe();
        bench.waits_for([1, 2]).await;
        let place = bench.queue.progress(bench.holder()).await.unwrap().place.unwrap();
        assert_eq!(place.as_bytes().len(), 10);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn a_place_that_the_org_does_not_know_is_followed_by_everything_and_a_sweep() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        let subscriber = bench.subscribe();
        bench.assign(1);
        bench.waits_for([1]).await;
        subscriber.leave().await;
        bench.sample.add(7);
        bench.sample.set(account::QUEUE, &json!("AI"));
        bench.assign(2);
        bench.org().set_replay_length(12);
        let subscriber = bench.subscribe();
        bench
            .until(|waiting| {
                let mut accounts: Vec<&str> = waiting.iter().map(|one| one.account.as_str()).collect();
                accounts.sort_unstable();
                accounts == ["CA-1", "CA-2", "CA-7"]
            })
            .await;
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn what_is_older_than_the_org_keeps_is_swept() {
    // An assertion is not taken by an org whose clock is days ahead.
    let rig = Rig::signing_in(|_| SignIn::Secret(SecretString::from(CONSUMER_SECRET))).await;
    let bench = Bench::with(Sample::on(rig, Profile::CollectXpert));
    let subscriber = bench.subscribe();
    bench.assign(1);
    bench.waits_for([1]).await;
    subscriber.leave().await;
    bench.assign(2);
    bench.sample.add(2);
    bench.sample.set(account::QUEUE, &json!("AI"));
    bench.org().advance(Duration::from_secs(73 * 3_600));
    let subscriber = bench.subscribe();
    bench.until(|waiting| waiting.iter().any(|one| one.account.as_str() == "CA-2" && one.id.is_none())).await;
    subscriber.leave().await;
}

#[tokio::test]
async fn what_is_no_event_is_set_aside_and_the_stream_goes_on() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        let good = payload(profile);
        let subscriber = bench.subscribe();
        let huge = [&[14, 2][..], &[0xFE; 8], &[0x7F]].concat();
        bench.publish_bytes(vec![0xFF; 9], None);
        bench.publish_bytes(Vec::new(), None);
        bench.publish_bytes(huge, None);
        bench.publish_bytes([&good[..], &[0]].concat(), None);
        bench.publish_bytes(good[..good.len() - 1].to_vec(), None);
        let last = bench.publish_bytes(good, Some("no-such-schema"));
        bench.publish_fields(&[
            (EventField::Assignment, json!("as-9")),
            (EventField::Account, json!("CA-9")),
            (EventField::Action, json!("Assign")),
            (EventField::MinPayment, json!(4_222_222_222_222.22)),
        ]);
        bench.publish(1, "Assign");
        bench.publish_fields(&[(EventField::Action, json!("Assign"))]);
        bench.waits_for([1]).await;
        until("eight events are set aside", async || bench.queue.depth().await.unwrap().quarantined == 8).await;
        let kept = bench.queue.quarantine(10).await.unwrap();
        assert_eq!(kept[0].reason, "the event's assignment is missing");
        assert_eq!(kept[1].reason, "a number of the event is that of a card");
        assert_eq!(
            (kept[2].reason.as_str(), kept[2].schema_id.as_str()),
            ("its schema is not known", "no-such-schema")
        );
        assert_eq!(kept[2].replay_id.as_bytes(), last);
        assert_eq!(bench.sample.rig.asked("pubsub_subscribe"), 1);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn a_schema_that_the_org_does_not_know_is_asked_for_once_for_many_events() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        (0..50).for_each(|_| drop(bench.publish_bytes(payload(profile), Some("no-such-schema"))));
        bench.assign(1);
        let subscriber = bench.subscribe();
        bench.waits_for([1]).await;
        assert_eq!(bench.queue.depth().await.unwrap().quarantined, 50);
        assert_eq!(bench.sample.rig.asked("pubsub_get_schema"), 2);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn an_event_may_gain_a_field_while_it_is_subscribed_to() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        let subscriber = bench.subscribe();
        bench.assign(1);
        bench.waits_for([1]).await;
        bench.evolve();
        bench.assign(2);
        bench.waits_for([1, 2]).await;
        assert_eq!(bench.sample.rig.asked("pubsub_get_schema"), 2);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn a_stream_without_a_sound_is_opened_again() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        let watchdog = Duration::from_millis(300);
        let options = EventsOptions { timing: Timing { watchdog, ..timing() }, ..bench.options() };
        let subscriber = bench.subscribe_with(options, Arc::clone(&bench.queue));
        bench.asked("pubsub_subscribe", 3).await;
        bench.assign(1);
        bench.waits_for([1]).await;
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn what_is_too_old_is_not_queued() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        bench.assign(1);
        let options = EventsOptions { oldest: SignedDuration::from_secs(-1), ..bench.options() };
        let subscriber = bench.subscribe_with(options, Arc::clone(&bench.queue));
        bench.asked("pubsub_get_schema", 1).await;
        until("it is stored", async || bench.queue.progress(bench.holder()).await.unwrap().place.is_some()).await;
        assert!(bench.waiting().await.is_empty());
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn the_first_stream_may_begin_with_what_comes() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        bench.assign(1);
        let options = EventsOptions { first: First::Latest, ..bench.options() };
        let subscriber = bench.subscribe_with(options, Arc::clone(&bench.queue));
        bench.asked("pubsub_subscribe", 1).await;
        let mut number = 100;
        // Until the stream is there, what is published is not for it.
        until("an assignment comes", async || {
            bench.assign(number);
            number += 1;
            !bench.waiting().await.is_empty()
        })
        .await;
        assert!(bench.waiting().await.iter().all(|one| one.account.as_str() != "CA-1"));
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_named() {
    for profile in Profile::ALL {
        let bench = Bench::of(profile).await;
        for (options, setting) in [
            (EventsOptions { endpoint: "http://127.0.0.1:1".to_owned(), ..bench.options() }, "book.events.endpoint"),
            (EventsOptions { endpoint: "a b".to_owned(), ..bench.options() }, "book.events.endpoint"),
            (EventsOptions { authority: Some("no/such.pem".into()), ..bench.options() }, "book.ca"),
        ] {
            let (connections, mapping) = (Arc::clone(&bench.sample.rig.connections), bench.sample.mapping.clone());
            let error = Events::new(connections, mapping, version(), Arc::clone(&bench.queue), options).err().unwrap();
            assert_eq!(error.name(), "setting");
            assert!(error.to_string().contains(&format!("cannot be used: {setting}")), "{error}");
        }
    }
}

#[tokio::test]
async fn each_end_of_a_stream_is_counted_under_its_name() {
    const ENDS: &str = "tonegate_salesforce_event_streams_total";
    let meters = Meters::start();
    let bench = Bench::new().await;
    let subscriber = bench.subscribe();
    let counted = |end: &'static str| async { until(end, async || meters.one(ENDS, end) > 0.0).await };
    bench.asked("pubsub_subscribe", 1).await;
    for (number, (status, code, end)) in [
        (14, "service.unavailable", "unavailable"),
        (16, "service.auth.error", "session"),
        (8, "subscription.limit.exceeded", "limited"),
        (7, "topic.access.denied", "refused"),
    ]
    .into_iter()
    .enumerate()
    {
        let refused = RefusedCalls { status, error_code: format!("{ERRORS}.{code}"), times: 1 };
        bench.troubles(StreamTroubles { refused: Some(refused), drop_every: Some(1), ..StreamTroubles::default() });
        bench.assign(number);
        counted(end).await;
        bench.troubles(StreamTroubles::default());
        bench.waits_for(0..=number).await;
    }
    subscriber.leave().await;

    bench.org().set_replay_length(12);
    let subscriber = bench.subscribe();
    counted("corrupted").await;
    until("a sweep", async || meters.one("tonegate_salesforce_sweeps_total", "done") > 0.0).await;
    subscriber.leave().await;
    let watchdog = Duration::from_millis(100);
    let options = EventsOptions { timing: Timing { watchdog, ..timing() }, ..bench.options() };
    let subscriber = bench.subscribe_with(options, Arc::clone(&bench.queue));
    counted("silent").await;
    subscriber.leave().await;
}

#[tokio::test]
async fn each_event_is_counted_by_what_became_of_it() {
    const EVENTS: &str = "tonegate_salesforce_events_total";
    let meters = Meters::start();
    let bench = Bench::new().await;
    bench.troubles(StreamTroubles { duplicates: 3, ..StreamTroubles::default() });
    let subscriber = bench.subscribe();
    let counted = |outcome: &'static str| async { until(outcome, async || meters.one(EVENTS, outcome) > 0.0).await };
    (1..4).for_each(|number| drop(bench.assign(number)));
    counted("queued").await;
    counted("repeated").await;
    bench.publish(1, "Revoke");
    counted("revoked").await;
    bench.publish(9, "Revoke");
    counted("revoked_ahead").await;
    bench.assign(9);
    counted("revoked_before").await;
    bench.publish_bytes(vec![0xFF; 9], None);
    counted("quarantined").await;
    subscriber.leave().await;
    bench.assign(4);
    let options = EventsOptions { oldest: SignedDuration::from_secs(-1), ..bench.options() };
    let subscriber = bench.subscribe_with(options, Arc::clone(&bench.queue));
    counted("old").await;
    subscriber.leave().await;
}

#[tokio::test]
async fn nothing_of_an_assignment_is_logged() {
    let page = Page::start();
    let bench = Bench::new().await;
    let subscriber = bench.subscribe();
    bench.assign(1);
    bench.waits_for([1]).await;
    bench.publish(1, "Revoke");
    bench.waits_for([]).await;
    bench.publish_bytes(b"CA-1 as-1 +12025550143".to_vec(), None);
    bench.refuse(14, "service.unavailable", 1);
    bench.assign(0);
    bench.waits_for([0]).await;
    let session = bench.sample.rig.connections.authority().session().await.unwrap();
    subscriber.leave().await;
    bench.org().set_replay_length(12);
    bench.sample.rig.order("query", Some(1), talkative(400, "INVALID_FIELD"));
    let subscriber = bench.subscribe();
    until("a sweep that is refused", async || page.text().contains("in the org's queue are not known")).await;
    subscriber.leave().await;
    let words = page.text();
    assert!(!words.is_empty(), "what is searched is not what is written");
    for secret in FACTS.iter().chain([&session.token(), &"as-0"]) {
        let line = words.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in {line:?}");
    }
}
