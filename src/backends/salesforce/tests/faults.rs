use ::book::salesforce::object::account;
use org::Latency;
use rules::contact::Flag;

use super::{
    delivery::{Desk, update},
    *,
};

/// A row that is written.
pub(super) const ROW: &str = "/services/data/v68.0/sobjects/cxp__Contact_Attempt__c/cxp__External_Id__c/at-1";
const ATTEMPT: &str = "cxp__Contact_Attempt__c";

#[tokio::test]
async fn whatever_goes_wrong_has_a_name() {
    let rig = Rig::start().await;
    rig.without_hedges().await;
    for (trouble, name) in [
        (Trouble::Html { status: 503 }, "unavailable"),
        (Trouble::Html { status: 200 }, "malformed"),
        (Trouble::Empty { status: 502 }, "unavailable"),
        (Trouble::Truncated, "lost"),
        (Trouble::ResetBefore, "lost"),
        (Trouble::ResetAfter, "lost"),
        (refused(500, "UNKNOWN_EXCEPTION", ""), "unavailable"),
        (refused(403, "API_DISABLED_FOR_ORG", ""), "access"),
        (refused(400, "INVALID_FIELD", "no such column"), "configuration"),
        (refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "quota_daily"),
    ] {
        rig.order("limits", Some(1), trouble.clone());
        let error = rig.read().await.expect_err("an error");
        assert_eq!(error.name(), name, "{trouble:?}: {error:?}");
        rig.read().await.unwrap_or_else(|error| panic!("after {trouble:?}: {error:?}"));
    }
}

#[tokio::test]
async fn a_read_that_hangs_is_answered_over_the_other_connection() {
    let rig = Rig::start().await;
    rig.read().await.unwrap();
    rig.order("limits", Some(1), Trouble::HangsBefore);
    let before = rig.asked("limits");
    rig.read().await.unwrap();
    assert!(rig.asked("limits") >= before + 2);
}

/// Late enough that many requests are on their way before the first is answered.
const TENTH: org::Latency =
    org::Latency { p50_milliseconds: 100.0, p99_milliseconds: 120.0, stall_chance: 0.0, ..org::Latency::assumed(1) };

/// So many reads at once, long before either connection is known to be dead by its own means.
async fn reads_at_once(rig: &Rig, count: usize) -> Vec<Result<Answer, SalesforceError>> {
    let until = Instant::now() + Duration::from_secs(12);
    futures_util::future::join_all((0..count).map(|_| rig.connections.read(LIMITS, until))).await
}

#[tokio::test]
async fn a_connection_that_is_half_open_holds_no_read_up_however_many_wait_on_it() {
    let rig = Rig::start().await;
    assert!(rig.connections.warm().await);
    rig.org.set_latency(Some(TENTH));
    rig.order("limits", Some(1), Trouble::HalfOpen);
    let answers = reads_at_once(&rig, 60).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 60);
    let before = rig.asked("limits");
    let answers = reads_at_once(&rig, 60).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 60);
    assert!(rig.asked("limits") < before + 90, "the other connection is asked first from then on");
}

#[tokio::test]
async fn a_connection_that_is_reset_holds_no_read_up_however_many_wait_on_it() {
    let rig = Rig::start().await;
    assert!(rig.connections.warm().await);
    rig.org.set_latency(Some(TENTH));
    rig.order("limits", Some(1), Trouble::ResetBefore);
    let answers = reads_at_once(&rig, 60).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 60);
}

#[tokio::test]
async fn an_org_that_hangs_is_waited_for_until_the_deadline() {
    let rig = Rig::start().await;
    rig.read().await.unwrap();
    rig.order("limits", None, Trouble::HangsBefore);
    let began = Instant::now();
    let lost = rig.connections.read(LIMITS, began + Duration::from_millis(700)).await;
    assert_eq!(lost, Err(SalesforceError::Lost));
    assert!(began.elapsed() >= Duration::from_millis(700));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_unclear_and_is_not_made_twice() {
    let rig = Rig::start().await;
    rig.read().await.unwrap();
    let body = json!({"cxp__Status__c": "Completed"});
    for (trouble, rows) in [(Trouble::ResetBefore, 0), (Trouble::ResetAfter, 1)] {
        rig.order("sobjects", Some(1), trouble);
        let lost = rig.connections.write(Method::PATCH, ROW, &body, soon()).await.expect_err("an error");
        assert!(lost.is_unclear(), "{lost:?}");
        assert_eq!(rig.org.rows(ATTEMPT).len(), rows);
    }
    let again = rig.connections.write(Method::PATCH, ROW, &body, soon()).await.unwrap();
    assert!(matches!(again.status, 200 | 204));
    assert_eq!(rig.org.rows(ATTEMPT).len(), 1);
}

#[tokio::test]
async fn what_is_left_of_the_day_is_known_from_every_answer() {
    let rig = Rig::start().await;
    rig.read().await.unwrap();
    assert_eq!(rig.connections.thrift(), Thrift::None);
    rig.org.set_usage(91, 100);
    rig.read().await.unwrap();
    assert_eq!(rig.connections.thrift(), Thrift::NoExtras);
    rig.org.set_usage(100, 100);
    let Err(SalesforceError::Refused(refusal)) = rig.read().await else { panic!("an answer") };
    assert_eq!(refusal.fault, Fault::Quota(Quota::Daily));
}

#[tokio::test]
async fn an_org_that_asks_for_it_is_written_to_later_and_read_all_the_same() {
    let rig = Rig::start().await;
    rig.read().await.unwrap();
    let busy = Trouble::Refused {
        status: 503,
        code: "SERVER_UNAVAILABLE".to_owned(),
        message: String::new(),
        retry_after: Some(120),
    };
    rig.order("sobjects", Some(1), busy);
    let body = json!({"cxp__Status__c": "Completed"});
    let refused = rig.connections.write(Method::PATCH, ROW, &body, soon()).await.expect_err("an error");
    assert_eq!(refused.name(), "unavailable");
    let later = rig.connections.write(Method::PATCH, ROW, &body, soon()).await.expect_err("an error");
    assert!(later == SalesforceError::Resting && !later.is_unclear());
    assert_eq!(rig.asked("upsert"), 1);
    assert_eq!(rig.connections.thrift(), Thrift::NoExtras);
    rig.read().await.unwrap();
}

#[tokio::test]
async fn an_org_that_answers_nobody_is_known_before_somebody_asks() {
    let rig = Rig::start().await;
    assert!(rig.connections.warm().await);
    rig.order("/services/data/", None, Trouble::Html { status: 503 });
    assert!(!rig.connections.warm().await);
    rig.org.clear_faults();
    assert!(rig.connections.warm().await);
}

#[tokio::test]
async fn requests_share_a_connection_by_http_2() {
    let rig = Rig::start().await;
    rig.read().await.unwrap();
    let counts = rig.org.counts();
    assert_eq!(counts.http2, counts.by_kind.values().sum::<u64>());
}

#[tokio::test]
async fn nobody_is_told_anything_who_is_not_trusted() {
    let rig = Rig::start().await;
    let options = OrgOptions {
        url: rig.org.login_url().to_owned(),
        client_id: CONSUMER_KEY.to_owned(),
        sign_in: SignIn::Secret(SecretString::from(CONSUMER_SECRET)),
        authority: None,
        session: Duration::from_secs(3_600),
    };
    let stranger = Connections::new(options).unwrap();
    let error = stranger.read(LIMITS, soon()).await.unwrap_err().to_string();
    assert!(error.contains("not answered: invalid peer certificate: UnknownIssuer"), "{error}");
    assert_eq!(rig.asked("token"), 0);
}

#[tokio::test]
async fn a_key_that_two_rows_have_changes_neither_and_no_time_mends_it() {
    let sample = Sample::of(Profile::CollectXpert).await;
    (0..2).for_each(|number| sample.add(number));
    let object = sample.account();
    let phone = sample.mapping.field(account::PHONE).unwrap().path.as_str();
    let path = format!("/services/data/v68.0/sobjects/{object}/{phone}/+12025550143");
    let before = sample.rig.org.rows(object);
    let Err(SalesforceError::Refused(refusal)) =
        sample.rig.connections.write(Method::PATCH, &path, &json!({ "Name": "B" }), soon()).await
    else {
        panic!("one of two is changed")
    };
    assert_eq!(refusal.fault, Fault::NotUnique);
    assert!(!refusal.fault.passes() && !SalesforceError::Refused(refusal).is_unclear());
    assert_eq!(sample.rig.org.rows(object), before);
}

#[tokio::test]
async fn flags_of_an_account_that_the_org_has_twice_are_given_up_and_told() {
    let mut desk = Desk::of(Profile::CollectXpert).await;
    desk.put([update(1, Flag::Cease).into()]).await;
    desk.sample.rig.order("sobjects", None, Trouble::Empty { status: 300 });
    for _ in 0..3 {
        desk.rounds().await;
    }
    assert_eq!(desk.depth().await, (0, 1), "a person must look at it");
    assert_eq!(desk.store.outbox_parked().await.unwrap()[0].failure, "refused");
}

#[tokio::test]
async fn an_org_that_is_late_as_orgs_are_is_waited_for() {
    let late = Duration::from_millis(30);
    let sample = Sample::of(Profile::CollectXpert).await;
    sample.add(0);
    let look_ups = sample.look_ups();
    look_ups.prepare().await;
    let milliseconds = late.as_secs_f64() * 1_000.0;
    let steady = Latency {
        p50_milliseconds: milliseconds,
        p99_milliseconds: milliseconds,
        stall_chance: 0.0,
        stall_milliseconds: 0.0,
        seed: 7,
    };
    let caller = LookupKey::Number(Phone::parse("+12025550143").unwrap());
    sample.rig.org.set_latency(Some(steady.clone()));
    let began = Instant::now();
    for _ in 0..10 {
        assert!(matches!(look_ups.find(&caller).await, Ok(LookUp::Found(_))));
    }
    assert!(began.elapsed() >= late * 10, "each of them was late");
    // Longer than anybody waits, on either connection.
    sample.rig.org.set_latency(Some(Latency { stall_chance: 1.0, stall_milliseconds: 600_000.0, ..steady }));
    assert_eq!(look_ups.find(&caller).await, Err(BookError::Deadline));
    sample.rig.org.set_latency(None);
    assert!(matches!(look_ups.find(&caller).await, Ok(LookUp::Found(_))));
}
