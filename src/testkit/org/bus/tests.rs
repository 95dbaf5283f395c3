use jiff::ToSpan;
use serde_json::json;

use super::*;
use crate::schema::{COLLECTXPERT, Schema};

const TOPIC: &str = "/event/cxp__AI_Queue_Assignment__e";
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn bus() -> Bus {
    Bus::new(Schema::parse(COLLECTXPERT).unwrap().events())
}

fn publish(bus: &mut Bus, id: &str, now: Timestamp) -> Vec<u8> {
    let fields = json!({"cxp__Assignment_Id__c": id}).as_object().unwrap().clone();
    bus.publish(TOPIC, id.to_owned(), &fields, crate::USER, now).unwrap()
}

fn asked(start: Start, count: i32) -> Asked {
    Asked { topic: TOPIC.to_owned(), start, count }
}

/// The ids of the events that are delivered now, and what is still asked for.
fn delivered(subscription: &mut Subscription, bus: &mut Bus, now: Timestamp) -> (Vec<String>, u32) {
    match subscription.poll(bus, now) {
        Some(Step::Deliver { events, pending, .. }) => (events.into_iter().map(|(_, told)| told.id).collect(), pending),
        other => panic!("nothing is delivered: {other:?}"),
    }
}

#[test]
fn a_peer_gets_as_many_as_it_asked_for_and_no_more_than_a_hundred() {
    let mut bus = bus();
    (0..150).for_each(|number| drop(publish(&mut bus, &number.to_string(), NOW)));
    let mut subscription = Subscription::open(&mut bus, &asked(Start::Earliest, 3), NOW).unwrap();
    assert_eq!(delivered(&mut subscription, &mut bus, NOW), (vec!["0".into(), "1".into(), "2".into()], 0));
    assert_eq!(subscription.poll(&mut bus, NOW), None);
    subscription.handle_request(&asked(Start::Latest, 90), NOW).unwrap();
    subscription.handle_request(&asked(Start::Latest, 90), NOW).unwrap();
    let (events, pending) = delivered(&mut subscription, &mut bus, NOW);
    assert_eq!((events.len(), events[0].as_str(), pending), (100, "3", 0));
}

#[test]
fn a_stream_begins_where_it_is_told() {
    let mut bus = bus();
    let first = publish(&mut bus, "a", NOW);
    publish(&mut bus, "b", NOW);
    let mut latest = Subscription::open(&mut bus, &asked(Start::Latest, 10), NOW).unwrap();
    assert_eq!(latest.poll(&mut bus, NOW), None);
    publish(&mut bus, "c", NOW);
    assert_eq!(delivered(&mut latest, &mut bus, NOW), (vec!["c".into()], 9));
    let mut after = Subscription::open(&mut bus, &asked(Start::After(first), 10), NOW).unwrap();
    assert_eq!(delivered(&mut after, &mut bus, NOW).0, ["b", "c"]);
}

#[test]
fn what_is_asked_for_wrongly_has_its_code() {
    let mut bus = bus();
    let code = |bus: &mut Bus, asked: &Asked| Subscription::open(bus, asked, NOW).err().unwrap().code;
    for (asked, end) in [
        (asked(Start::After(vec![1; 8]), 1), "subscription.fetch.replayid.corrupted"),
        (asked(Start::After(vec![1; 3]), 1), "subscription.fetch.replayid.corrupted"),
        (asked(Start::After(vec![]), 1), "subscription.fetch.replayid.validation.failed"),
        (asked(Start::Latest, 0), "subscription.fetch.requested.events.invalid"),
        (Asked { topic: "/event/Nothing__e".to_owned(), ..asked(Start::Latest, 1) }, "topic.notfound"),
    ] {
        assert_eq!(code(&mut bus, &asked), format!("sfdc.platform.eventbus.grpc.{end}"));
    }
    let mut open = Subscription::open(&mut bus, &asked(Start::Latest, 1), NOW).unwrap();
    let other = Asked { topic: "/event/Other__e".to_owned(), ..asked(Start::Latest, 1) };
    assert_eq!(open.handle_request(&other, NOW), Err(Refusal::other_topic()));
}

#[test]
fn events_are_kept_for_three_days() {
    let mut bus = bus();
    let old = publish(&mut bus, "old", NOW);
    let later = NOW + 71.hours();
    publish(&mut bus, "young", later);
    let begin = |bus: &mut Bus, start, now| Subscription::open(bus, &asked(start, 10), now);
    let mut before = begin(&mut bus, Start::Earliest, later).unwrap();
    assert_eq!(delivered(&mut before, &mut bus, later).0, ["old", "young"]);
    let after = NOW + 72.hours();
    let mut earliest = begin(&mut bus, Start::Earliest, after).unwrap();
    assert_eq!(delivered(&mut earliest, &mut bus, after).0, ["young"]);
    assert_eq!(begin(&mut bus, Start::After(old), after).err(), Some(Refusal::corrupted()));
}

#[test]
fn a_silent_stream_is_kept_alive_or_ended() {
    let mut bus = bus();
    let mut subscription = Subscription::open(&mut bus, &asked(Start::Latest, 1), NOW).unwrap();
    assert_eq!(subscription.poll_timeout(), NOW + 270.seconds());
    assert_eq!(subscription.poll(&mut bus, NOW + 269.seconds()), None);
    let then = NOW + 270.seconds();
    let Some(Step::Deliver { events, latest, pending }) = subscription.poll(&mut bus, then) else { panic!("silence") };
    assert_eq!((events.len(), pending), (0, 1));
    let resumed = Subscription::open(&mut bus, &asked(Start::After(latest), 1), then);
    assert!(resumed.is_ok(), "a place that was told is one to go on from");
    publish(&mut bus, "a", then);
    assert_eq!(delivered(&mut subscription, &mut bus, then).1, 0);
    assert_eq!(subscription.poll(&mut bus, then + 59.seconds()), None);
    assert_eq!(subscription.poll(&mut bus, then + 60.seconds()), Some(Step::End(Refusal::idle())));
}

#[test]
fn streams_drop_repeat_and_run_out_as_ordered() {
    let mut bus = bus();
    bus.troubles = StreamTroubles { drop_every: Some(2), duplicates: 1, ..StreamTroubles::default() };
    ["a", "b"].iter().for_each(|id| drop(publish(&mut bus, id, NOW)));
    let mut subscription = Subscription::open(&mut bus, &asked(Start::Earliest, 10), NOW).unwrap();
    let Some(Step::Deliver { events, latest, .. }) = subscription.poll(&mut bus, NOW) else { panic!("silence") };
    assert!(events[0].1 == events[1].1 && events[0].0 != events[1].0, "the same event under two replay ids");
    assert_eq!(subscription.poll(&mut bus, NOW), Some(Step::End(Refusal::unavailable())));
    let mut resumed = Subscription::open(&mut bus, &asked(Start::After(latest), 10), NOW).unwrap();
    assert_eq!(delivered(&mut resumed, &mut bus, NOW).0, ["b"]);
    bus.troubles = StreamTroubles { deliveries_left: Some(1), ..StreamTroubles::default() };
    let mut poor = Subscription::open(&mut bus, &asked(Start::Earliest, 10), NOW).unwrap();
    assert_eq!(poor.poll(&mut bus, NOW), Some(Step::End(Refusal::allowance())));
}

#[test]
fn a_replay_id_may_be_longer() {
    let mut bus = bus();
    bus.replay_length = 10;
    let id = publish(&mut bus, "a", NOW);
    assert_eq!(id.len(), 10);
    publish(&mut bus, "b", NOW);
    let mut subscription = Subscription::open(&mut bus, &asked(Start::After(id), 10), NOW).unwrap();
    assert_eq!(delivered(&mut subscription, &mut bus, NOW).0, ["b"]);
}

#[test]
fn a_datum_is_of_its_schema_to_the_last_byte() {
    let mut bus = bus();
    publish(&mut bus, "a", NOW);
    let schema_id = bus.schema_id(TOPIC).unwrap().to_owned();
    let payload = bus.topics[TOPIC].after(0).next().unwrap().1.payload.clone();
    let mut put = |payload: &[u8]| bus.publish_datum(TOPIC, "x".to_owned(), &schema_id, payload.to_vec(), NOW);
    assert!(put(&payload).is_ok());
    assert!(put(&[&payload[..], &[0]].concat()).unwrap_err().contains("follow"));
    assert!(put(&payload[..payload.len() - 3]).is_err() && put(&[0xFF; 12]).is_err());
    let fields = json!({"cxp__Nothing__c": 1}).as_object().unwrap().clone();
    assert!(bus.publish(TOPIC, "x".to_owned(), &fields, crate::USER, NOW).is_err());
}

#[test]
fn an_event_that_gains_a_field_has_another_schema() {
    let mut bus = bus();
    let before = bus.schema_id(TOPIC).unwrap().to_owned();
    assert!(bus.evolve(TOPIC, "cxp__Reason__c") && !bus.evolve("/event/Nothing__e", "x"));
    let after = bus.schema_id(TOPIC).unwrap().to_owned();
    assert_ne!(before, after);
    assert!(bus.schema(&before).is_some() && bus.schema(&after).unwrap().contains("cxp__Reason__c"));
}
