//! Whatever happens between the gateway and the org is counted under its name.

use std::collections::BTreeSet;

use ::book::outbox::RetryPolicy;
use org::RowTrouble;
use rules::contact::Flag;

use super::{
    bulk::drained,
    delivery::{Desk, compliance, ended, update, whole},
    faults::ROW,
    meters::Meters,
    *,
};
use crate::{book::AccountBook, outbox::Outbox, tests::until};

const REQUESTS: &str = "tonegate_salesforce_requests_total";
const README: &str = include_str!("../../../../deploy/prometheus/README.md");
/// Calls of a backlog: two records each, and more than 2,000 are left where a job fails in its middle.
const BACKLOG: u128 = 1_500;

/// The values of a metric's label that the documentation names.
fn documented(metric: &str) -> BTreeSet<String> {
    let row = README.lines().find(|line| line.starts_with(&format!("| `{metric}` |"))).unwrap();
    let help = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
    help.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every fault that the org can answer a request with, and the outcome that it is counted as.
fn answers() -> Vec<(Trouble, &'static str)> {
    vec![
        (refused(401, "INVALID_SESSION_ID", ""), "session"),
        (refused(403, "API_DISABLED_FOR_ORG", ""), "access"),
        (refused(400, "INVALID_FIELD", ""), "configuration"),
        (refused(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", ""), "rejected"),
        (refused(400, "UNABLE_TO_LOCK_ROW", ""), "locked"),
        (refused(400, "DUPLICATE_VALUE", ""), "duplicate"),
        (Trouble::Empty { status: 300 }, "not_unique"),
        (refused(404, "NOT_FOUND", ""), "absent"),
        (refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "quota_daily"),
        (refused(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."), "quota_concurrent"),
        (refused(403, "LOGIN_RATE_EXCEEDED", ""), "quota_logins"),
        (refused(400, "STORAGE_LIMIT_EXCEEDED", ""), "quota_storage"),
        (Trouble::Html { status: 429 }, "quota_rate"),
        (refused(503, "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", ""), "read_only"),
        (refused(503, "SERVER_UNAVAILABLE", ""), "unavailable"),
        (Trouble::Html { status: 503 }, "unavailable"),
        (Trouble::Empty { status: 502 }, "unavailable"),
        (Trouble::Html { status: 200 }, "malformed"),
        (Trouble::Truncated, "lost"),
        (Trouble::ResetBefore, "lost"),
        (Trouble::ResetAfter, "lost"),
        (Trouble::HangsBefore, "abandoned"),
        (Trouble::HangsAfter, "abandoned"),
        (Trouble::Late { milliseconds: 1 }, "answered"),
    ]
}

#[tokio::test]
async fn every_fault_of_the_org_is_counted_under_its_name_and_the_documentation_names_them_all() {
    let meters = Meters::start();
    let rig = Rig::start().await;
    rig.without_hedges().await;
    let written = async |trouble: Trouble| {
        rig.order("sobjects", Some(1), trouble.clone());
        let is_silent = matches!(trouble, Trouble::HangsBefore | Trouble::HangsAfter);
        let deadline = if is_silent { Instant::now() + Duration::from_millis(100) } else { soon() };
        rig.connections.write(Method::PATCH, ROW, &json!({ "cxp__Status__c": "Completed" }), deadline).await.ok();
    };
    for (trouble, outcome) in answers() {
        let before = meters.one(REQUESTS, outcome);
        written(trouble.clone()).await;
        assert!(meters.one(REQUESTS, outcome) > before, "{trouble:?} is no {outcome}: {:?}", meters.of(REQUESTS));
    }
    let busy = Trouble::Refused { status: 503, code: String::new(), message: String::new(), retry_after: Some(120) };
    written(busy).await;
    written(Trouble::Late { milliseconds: 1 }).await;
    assert_eq!(meters.one(REQUESTS, "resting"), 1.0);
    rig.org.clear_faults();
    rig.connections.read("https://[", soon()).await.expect_err("no address");
    assert_eq!(meters.one(REQUESTS, "setting"), 1.0);

    // The connections that are open end, and there are no others.
    rig.order("limits", None, Trouble::ResetBefore);
    let Rig { org, connections, _directory } = rig;
    drop(org);
    until("an org that is not reached", async || {
        connections.read(LIMITS, soon()).await.ok();
        meters.one(REQUESTS, "unreached") > 0.0
    })
    .await;
    let counted: BTreeSet<String> = meters.of(REQUESTS).into_keys().collect();
    assert_eq!(counted, documented(REQUESTS));
}

#[tokio::test]
async fn a_read_that_is_asked_again_is_counted() {
    let meters = Meters::start();
    let rig = Rig::start().await;
    rig.read().await.unwrap();
    let before = meters.one("tonegate_salesforce_hedges_total", "");
    rig.order("limits", Some(1), Trouble::HangsBefore);
    rig.read().await.unwrap();
    assert_eq!(meters.one("tonegate_salesforce_hedges_total", ""), before + 1.0);
    assert!(meters.one(REQUESTS, "abandoned") >= 1.0, "the one that hangs");
}

#[tokio::test]
async fn each_sign_in_is_counted_by_what_came_of_it() {
    const SIGN_INS: &str = "tonegate_salesforce_sign_ins_total";
    let meters = Meters::start();
    Rig::start().await.read().await.unwrap();
    assert_eq!(meters.one(SIGN_INS, "signed_in"), 1.0);
    let refused = Rig::signing_in(|_| SignIn::Secret(SecretString::from("another"))).await;
    refused.read().await.expect_err("no session");
    assert_eq!(meters.one(SIGN_INS, "refused"), 1.0);
    let silent = Rig::start().await;
    silent.order("/services/oauth2/token", Some(1), Trouble::Html { status: 503 });
    silent.read().await.expect_err("no session");
    assert_eq!(meters.one(SIGN_INS, "failed"), 1.0);
    let counted: BTreeSet<String> = meters.of(SIGN_INS).into_keys().collect();
    assert_eq!(counted, documented(SIGN_INS));
}

#[tokio::test]
async fn deliveries_whose_answer_was_lost_are_counted_by_what_the_org_has() {
    const VERIFIED: &str = "tonegate_outbox_verified_total";
    let meters = Meters::start();
    for (trouble, result) in [(Trouble::ResetAfter, "written"), (Trouble::ResetBefore, "not_written")] {
        let mut desk = Desk::of(Profile::CollectXpert).await;
        desk.put(whole(1)).await;
        desk.sample.rig.order("composite/graph", Some(1), trouble.clone());
        desk.rounds().await;
        assert_eq!(meters.one(VERIFIED, result), 1.0, "{trouble:?}");
    }
    let mut desk = Desk::of(Profile::CollectXpert).await;
    desk.put([update(1, Flag::Cease).into()]).await;
    desk.sample.rig.order("sobjects", Some(1), Trouble::ResetAfter);
    desk.rounds().await;
    assert_eq!(meters.one(VERIFIED, "written"), 2.0, "flags too");
    let counted: BTreeSet<String> = meters.of(VERIFIED).into_keys().collect();
    assert_eq!(counted, documented(VERIFIED));
}

#[tokio::test]
async fn rows_that_the_org_refuses_are_counted_by_why_and_written_once_it_takes_them() {
    const REFUSED: &str = "tonegate_salesforce_rows_refused_total";
    let meters = Meters::start();
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        let attempts = desk.api(Object::ContactAttempt);
        let before = ["locked", "read_only", "rejected"].map(|outcome| meters.one(REFUSED, outcome));
        desk.sample.rig.org.trouble(RowTrouble::locked(&attempts, None, Some(1)));
        desk.put(whole(1)).await;
        desk.round().await;
        desk.sample.rig.org.set_read_only(true);
        desk.rounds().await;
        assert!(desk.rows(Object::ContactAttempt).is_empty());
        desk.sample.rig.org.set_read_only(false);
        desk.trouble(Object::ContactAttempt, "FIELD_CUSTOM_VALIDATION_EXCEPTION", Some(1));
        desk.rounds().await;
        assert_eq!((desk.rows(Object::ContactAttempt).len(), desk.depth().await), (1, (0, 0)));
        for (outcome, before) in ["locked", "read_only", "rejected"].into_iter().zip(before) {
            assert!(meters.one(REFUSED, outcome) > before, "{outcome}: {:?}", meters.of(REFUSED));
        }
    }
}

#[tokio::test]
async fn rows_of_a_backlog_are_counted_by_what_became_of_them() {
    const ROWS: &str = "tonegate_bulk_rows_total";
    let meters = Meters::start();
    let mut desk = Desk::of(Profile::CollectXpert).await;
    for calls in (1..=BACKLOG).collect::<Vec<_>>().chunks(100) {
        desk.put(calls.iter().flat_map(|&call| [ended(call, call as i64).into(), compliance(call).into()])).await;
    }
    let long = ::book::ContactAttempt { escalation_reason: Some("a person, ".repeat(60)), ..ended(BACKLOG + 1, 9_000) };
    desk.put([long.into()]).await;
    // The org takes no job, then one that it does not end.
    desk.sample.rig.order("jobs/ingest", Some(1), refused(503, "SERVER_UNAVAILABLE", ""));
    desk.sample.rig.org.fail_next_job_after(500);
    drained(&mut desk).await;
    let (written, counted) = (meters.one(ROWS, "written"), meters.of(ROWS));
    assert!(written > 2_000.0 && counted.values().all(|rows| *rows > 0.0), "{counted:?}");
    assert_eq!(counted.into_keys().collect::<BTreeSet<_>>(), documented(ROWS));
}

#[tokio::test]
async fn what_waits_and_what_was_given_up_is_shown_while_the_outbox_works() {
    let meters = Meters::start();
    let desk = Desk::of(Profile::CollectXpert).await;
    desk.trouble(Object::PaymentArrangement, "FIELD_CUSTOM_VALIDATION_EXCEPTION", None);
    desk.put(whole(1)).await;
    let depth = |queue: &str| meters.one("tonegate_queue_depth", queue);
    let cancelled = tokio_util::sync::CancellationToken::new();
    let quick = RetryPolicy { first: Duration::from_millis(1), most: Duration::from_millis(1), rejections: 1 };
    let outbox = Outbox::new(desk.store.clone(), Arc::clone(&desk.book) as Arc<dyn AccountBook>, quick);
    let worker = tokio::spawn(outbox.run(cancelled.clone()));
    until("a record that was given up", async || depth("outbox_parked") == 1.0 && depth("outbox") == 0.0).await;
    assert_eq!(meters.one("tonegate_outbox_oldest_seconds", ""), 0.0);
    desk.sample.rig.order("composite/graph", None, refused(503, "SERVER_UNAVAILABLE", ""));
    desk.put(whole(2)).await;
    until("records that wait", async || depth("outbox") == 4.0).await;
    cancelled.cancel();
    worker.await.unwrap();
}
