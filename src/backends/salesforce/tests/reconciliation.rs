//! The ledger of a day against an org that has lost something.

use std::collections::BTreeSet;

use ::book::ExternalId;
use ::book::reconciliation::Day;
use ::book::salesforce::object::arrangement;
use jiff::{SignedDuration, Timestamp, civil::date};
use rules::contact::Flag;

use super::delivery::{Desk, update, whole};
use super::meters::Meters;
use super::*;
use crate::reconciliation::{Reconciliation, ReconciliationError};

/// A day around what is delivered in a test.
fn today() -> Day {
    let (now, hours) = (Timestamp::now(), SignedDuration::from_hours(24));
    Day { date: date(2026, 11, 30), since: now - hours, until: now + hours }
}

/// Has an org taken four calls with a row of every object, and lose one row of one of them.
async fn loses(profile: Profile, object: Object) -> Desk {
    let mut desk = Desk::of(profile).await;
    for call in 1..=4 {
        // After an outage: the flags are due with all that is of their call.
        desk.put([update(call, Flag::Dispute).into()].into_iter().chain(whole(call))).await;
        desk.rounds().await;
    }
    assert_eq!(desk.depth().await, (0, 0));
    let path = format!("sobjects/{}/{}", desk.api(object), desk.rows(object)[1]["Id"].as_str().unwrap());
    let path = format!("/services/data/v68.0/{path}");
    desk.sample.rig.connections.write(Method::DELETE, &path, &json!({}), soon()).await.unwrap();
    desk
}

/// Each row of an object by its external id, with its call's attempt and its arrangement, by theirs.
fn linked(desk: &Desk, object: Object) -> Vec<[Option<String>; 3]> {
    let key = |object: Object| desk.sample.mapping.field(object.external_id()).unwrap().path.as_str();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let parent = |row: &Value, parent: Object| {
        let rows = desk.rows(parent);
        let is_linked = |id: &Value| row.as_object().unwrap().iter().any(|(name, value)| name != "Id" && value == id);
        rows.iter().find(|parent| is_linked(&parent["Id"])).and_then(|row| text(&row[key(parent)]))
    };
    let row = |row: &Value| {
        [text(&row[key(object)]), parent(row, Object::ContactAttempt), parent(row, Object::PaymentArrangement)]
    };
    let mut rows: Vec<_> = desk.rows(object).iter().map(row).collect();
    rows.sort();
    rows
}

/// The external ids of the rows of a call.
fn ids(call: u128) -> BTreeSet<String> {
    let dispute = ExternalId::dispute(&update(call, Flag::Dispute)).to_string();
    whole(call).iter().map(|record| record.external_id().to_string()).chain([dispute]).collect()
}

#[tokio::test]
async fn a_row_of_any_object_that_the_org_has_lost_is_delivered_again_and_then_nothing_differs() {
    const DIFFERENCE: &str = "tonegate_reconciliation_difference";
    let meters = Meters::start();
    let made = Object::ALL.into_iter().filter(|object| object.is_created());
    for (profile, object) in made.flat_map(|object| Profile::ALL.map(|profile| (profile, object))) {
        let mut desk = loses(profile, object).await;
        let what = format!("{} of {} was lost", object.name(), profile.name());
        assert_eq!(desk.rows(object).len(), 3, "{what}");
        let reconciliation = Reconciliation::new(desk.store.clone(), Arc::clone(&desk.book));
        let now = desk.now();
        assert_eq!(reconciliation.reconcile(&today(), now).await.unwrap(), 1, "{}", object.name());
        assert_eq!(meters.one(DIFFERENCE, object.name()), 1.0);
        // As a gateway does, which is told at once.
        desk.round_at(now).await;
        desk.rounds().await;
        assert_eq!(desk.depth().await, (0, 0));
        assert_eq!(reconciliation.reconcile(&today(), Timestamp::now()).await.unwrap(), 0);
        assert!(meters.of(DIFFERENCE).values().all(|difference| *difference == 0.0), "{what}");
        assert!(meters.one("tonegate_reconciliation_timestamp_seconds", "") > 0.0);
        for object in Object::ALL.into_iter().filter(|object| object.is_created()) {
            for row in linked(&desk, object) {
                let own = (1..=4).map(ids).find(|ids| row[0].as_ref().is_some_and(|key| ids.contains(key)));
                let own = own.unwrap_or_else(|| panic!("{row:?}"));
                let is_of_call = |key: &Option<String>| key.as_ref().is_some_and(|key| own.contains(key));
                let is_linked = object == Object::ContactAttempt || is_of_call(&row[1]);
                let is_linked = is_linked && (object != Object::PaymentTransaction || is_of_call(&row[2]));
                assert!(is_linked, "{}: {row:?}; {what}", object.name());
            }
            assert_eq!(desk.rows(object).len(), 4, "{}; {what}", object.name());
        }
    }
}

#[tokio::test]
async fn what_people_did_with_the_rest_of_a_call_stays() {
    for profile in Profile::ALL {
        let mut desk = loses(profile, Object::ComplianceRecord).await;
        let object = Object::PaymentArrangement;
        let status = desk.sample.mapping.field(arrangement::STATUS).unwrap().path.as_str().to_owned();
        for row in desk.rows(object) {
            desk.sample
                .rig
                .org
                .update(&desk.api(object), row["Id"].as_str().unwrap(), &json!({ &status: "Cancelled" }))
                .unwrap();
        }
        let reconciliation = Reconciliation::new(desk.store.clone(), Arc::clone(&desk.book));
        assert_eq!(reconciliation.reconcile(&today(), Timestamp::now()).await.unwrap(), 1);
        assert_eq!(desk.depth().await, (1, 0));
        desk.rounds().await;
        assert_eq!(desk.rows(Object::ComplianceRecord).len(), 4);
        assert!(desk.rows(object).iter().all(|row| row[&status] == "Cancelled"));
    }
}

#[tokio::test]
async fn an_org_that_does_not_tell_is_no_difference() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        desk.put(whole(1)).await;
        desk.round().await;
        desk.sample.rig.order("query", Some(1), refused(503, "SERVER_UNAVAILABLE", ""));
        let reconciliation = Reconciliation::new(desk.store.clone(), Arc::clone(&desk.book));
        let unknown = reconciliation.reconcile(&today(), Timestamp::now()).await;
        assert!(matches!(unknown, Err(ReconciliationError::Org(_))), "{unknown:?}");
        assert_eq!(desk.depth().await, (0, 0));
    }
}
