//! The ledger of a day against an org that has lost something.

use ::book::reconciliation::Day;
use jiff::{SignedDuration, Timestamp, civil::date};

use super::delivery::{Desk, whole};
use super::*;
use crate::reconciliation::{Reconciliation, ReconciliationError};

/// A day around what is delivered in a test.
fn today() -> Day {
    let (now, hours) = (Timestamp::now(), SignedDuration::from_hours(24));
    Day { date: date(2026, 11, 30), since: now - hours, until: now + hours }
}

#[tokio::test]
async fn what_the_org_has_lost_is_delivered_again_and_then_nothing_differs() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        for call in 1..=4 {
            desk.put(whole(call)).await;
            desk.round().await;
        }
        let reconciliation = Reconciliation::new(desk.store.clone(), Arc::clone(&desk.book));
        assert_eq!(reconciliation.reconcile(&today(), Timestamp::now()).await.unwrap(), 0);
        for object in [Object::ContactAttempt, Object::ComplianceRecord] {
            let row = &desk.rows(object)[1];
            let path = format!("sobjects/{}/{}", desk.api(object), row["Id"].as_str().unwrap());
            let path = format!("/services/data/v68.0/{path}");
            desk.sample.rig.connections.write(Method::DELETE, &path, &json!({}), soon()).await.unwrap();
        }
        assert_eq!(desk.rows(Object::ContactAttempt).len(), 3);
        assert_eq!(reconciliation.reconcile(&today(), Timestamp::now()).await.unwrap(), 1);
        assert_eq!(desk.depth().await, (4, 0), "all of the call");
        desk.rounds().await;
        let counts = [Object::ContactAttempt, Object::ComplianceRecord, Object::PaymentArrangement]
            .map(|object| desk.rows(object).len());
        assert_eq!((counts, desk.depth().await), ([4, 4, 4], (0, 0)));
        assert_eq!(reconciliation.reconcile(&today(), Timestamp::now()).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_org_that_does_not_tell_is_no_difference() {
    let mut desk = Desk::of(Profile::CollectXpert).await;
    desk.put(whole(1)).await;
    desk.round().await;
    desk.sample.rig.order("query", Some(1), refused(503, "SERVER_UNAVAILABLE", ""));
    let reconciliation = Reconciliation::new(desk.store.clone(), Arc::clone(&desk.book));
    let unknown = reconciliation.reconcile(&today(), Timestamp::now()).await;
    assert!(matches!(unknown, Err(ReconciliationError::Org(_))), "{unknown:?}");
    assert_eq!(desk.depth().await, (0, 0));
}
