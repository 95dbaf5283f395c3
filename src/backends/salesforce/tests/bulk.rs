//! A backlog that goes by bulk jobs: every row of it is accounted for, whatever becomes of the jobs.

use std::collections::BTreeMap;

use ::book::{
    AccountId, ComplianceRecord, ContactAttempt, ExternalId, Record,
    salesforce::object::{account, attempt},
};
use org::RowTrouble;
use rules::contact::Flag;
use uuid::Uuid;

use super::delivery::{Desk, compliance, ended, update};
use super::discretion::{FACTS, talkative};
use super::page::Page;
use super::*;
use crate::store::Write;

/// Accounts in the org.
const ACCOUNTS: usize = 49;
/// Two records each: 25,000 rows.
const CALLS: u128 = 12_500;
/// Of so many calls one has a row that is too long, and one names an account that is not there: one row in a hundred is bad.
const EVERY: u128 = 200;

fn is_too_long(call: u128) -> bool {
    call % EVERY == 100
}

fn is_stray(call: u128) -> bool {
    call % EVERY == 50
}

fn records(call: u128) -> [Record; 2] {
    let name = if is_stray(call) { format!("CA-9{call}") } else { format!("CA-{}", call % ACCOUNTS as u128) };
    let account = Some(AccountId::parse(&name).unwrap());
    let reason = is_too_long(call).then(|| "a person, ".repeat(60));
    [
        ContactAttempt { account: account.clone(), escalation_reason: reason, ..ended(call, call as i64) }.into(),
        ComplianceRecord { account, ..compliance(call) }.into(),
    ]
}

async fn backlog() -> Desk {
    let desk = Desk::of(Profile::CollectXpert).await;
    (1..ACCOUNTS).for_each(|number| desk.sample.add(number));
    for calls in (1..=CALLS).collect::<Vec<_>>().chunks(1_000) {
        let writes = calls.iter().flat_map(|call| records(*call)).map(Write::from);
        desk.store.write(writes.collect::<Vec<_>>()).await.unwrap();
    }
    desk
}

/// Rounds until nothing waits; how many there were.
pub(super) async fn drained(desk: &mut Desk) -> usize {
    for round in 1..400 {
        desk.round().await;
        if desk.depth().await.0 == 0 {
            return round;
        }
    }
    panic!("{:?} are left", desk.depth().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_25_000_rows_is_accounted_for_row_by_row() {
    let mut desk = backlog().await;
    // The first job ends in its middle.
    desk.sample.rig.org.fail_next_job_after(3_000);
    let rounds = drained(&mut desk).await;
    let stray = (1..=CALLS).filter(|call| is_stray(*call)).count();
    assert_eq!(desk.depth().await, (0, 2 * stray as u64), "what names no account is parked");
    let good = CALLS as usize - stray;
    let (attempts, compliances) = (desk.rows(Object::ContactAttempt), desk.rows(Object::ComplianceRecord));
    assert_eq!((attempts.len(), compliances.len()), (good, good));
    assert!(desk.store.outbox_parked().await.unwrap().iter().all(|parked| parked.failure == "refused"));

    // In the order of their calls, but for those that went by themselves.
    let path = |field| desk.sample.mapping.field(field).unwrap().path.as_str().to_owned();
    let (key, parent) = (path(attempt::EXTERNAL_ID), path(attempt::ACCOUNT));
    let calls: BTreeMap<String, u128> =
        (1..=CALLS).map(|call| (ExternalId::attempt(Uuid::from_u128(call)).to_string(), call)).collect();
    let mut last: BTreeMap<&str, u128> = BTreeMap::new();
    for row in &attempts {
        let call = calls[row[&key].as_str().unwrap()];
        let before = last.insert(row[&parent].as_str().unwrap(), call).unwrap_or(0);
        assert!(before < call || is_too_long(call) || is_too_long(before), "{before} before {call}");
    }
    let (asked, calls) = (desk.sample.rig.org.counts(), calls.len() as u64);
    assert!(asked.by_kind["bulk"] > 20 && asked.api_calls < calls / 5, "{asked:?} in {rounds} rounds");
    let reason = path(attempt::ESCALATION_REASON);
    let cut = attempts.iter().filter(|row| row[&reason].is_string()).count();
    assert_eq!(cut, (1..=CALLS).filter(|call| is_too_long(*call)).count(), "what is too long is cut and written");
    let outcome = path(account::LAST_OUTCOME);
    assert!(desk.rows(Object::CollectionAccount).iter().all(|row| row[&outcome] == "Right Party"));
}

#[tokio::test]
async fn an_org_that_takes_no_jobs_gets_the_calls_one_by_one_and_flags_first() {
    for profile in Profile::ALL {
        let page = Page::start();
        let mut desk = Desk::of(profile).await;
        for call in 1..=1_100 {
            desk.put([ended(call, call as i64).into(), compliance(call).into()]).await;
        }
        desk.sample.rig.order("jobs/ingest", Some(1), talkative(503, "SERVER_UNAVAILABLE"));
        assert_eq!(desk.round().await.delivered, 2, "the first call, and no job");
        let asked = desk.sample.rig.org.counts();
        desk.put([update(1_101, Flag::Cease).into()]).await;
        let round = desk.round().await;
        assert_eq!((round.delivered, desk.value(account::CEASE)), (3, json!(true)));
        let (before, now) = (asked, desk.sample.rig.org.counts());
        assert_eq!(before.by_kind["bulk"], now.by_kind["bulk"], "it took no job just now");
        assert_eq!(now.by_kind.get("query"), before.by_kind.get("query"), "what was not sent needs no reading");
        assert_eq!(desk.round().await.delivered, 2);
        let round = desk.round().await;
        assert!(round.delivered > 2_000, "{round:?}");
        drained(&mut desk).await;
        assert_eq!((desk.rows(Object::ContactAttempt).len(), desk.depth().await), (1_100, (0, 0)));
        let words = page.text();
        assert!(words.contains("the org does not take a backlog now") && words.contains("a bulk job is over"));
        // Numbers alone might be those of entries.
        for fact in FACTS.iter().filter(|fact| fact.contains(char::is_alphabetic)) {
            assert!(!words.contains(fact), "{fact} is logged");
        }
    }
}

#[tokio::test]
async fn a_job_whose_answers_are_lost_is_asked_again_or_sent_again() {
    for profile in Profile::ALL {
        for (path, trouble) in [
            ("jobs/ingest/750", Trouble::ResetAfter),
            ("jobs/ingest/750", Trouble::ResetBefore),
            ("jobs/ingest", Trouble::ResetAfter),
        ] {
            let mut desk = Desk::of(profile).await;
            let calls = (1..=1_100).flat_map(|call| [ended(call, call as i64).into(), compliance(call).into()]);
            desk.put(calls).await;
            for times in 1..=3 {
                desk.sample.rig.order(path, Some(times), trouble.clone());
                desk.round().await;
            }
            drained(&mut desk).await;
            let counts = [Object::ContactAttempt, Object::ComplianceRecord].map(|object| desk.rows(object).len());
            assert_eq!((counts, desk.depth().await), ([1_100, 1_100], (0, 0)), "{path} {trouble:?}");
        }
    }
}

#[tokio::test]
async fn a_call_whose_row_is_locked_does_not_take_back_what_a_later_one_said() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        desk.sample.add(1);
        desk.put((1..=1_100).flat_map(|call| [ended(call, call as i64).into(), compliance(call).into()])).await;
        let path = |field| desk.sample.mapping.field(field).unwrap().path.as_str().to_owned();
        let (key, started, last) =
            (path(attempt::EXTERNAL_ID), path(attempt::STARTED_AT), path(account::LAST_CONTACT_AT));
        let object = desk.api(Object::ContactAttempt);
        let at = ended(5, 5).started_at.to_string();
        let row = json!({ key: ended(5, 5).external_id.as_str(), started: at });
        let locked = desk.sample.rig.org.insert(&object, &row).unwrap();
        desk.sample.rig.org.trouble(RowTrouble::locked(&object, Some(&locked), None));
        desk.round().await;
        let last_contact = |desk: &Desk| desk.rows(Object::CollectionAccount)[0][&last].clone();
        let said = last_contact(&desk);
        assert_eq!(desk.depth().await, (1, 0), "the locked one alone is left");

        // Another backlog, while it is still locked.
        let others = (1_201..=2_300).flat_map(|call| {
            let account = Some(AccountId::parse("CA-1").unwrap());
            [
                ContactAttempt { account: account.clone(), ..ended(call, call as i64) }.into(),
                ComplianceRecord { account, ..compliance(call) }.into(),
            ]
        });
        desk.put(others).await;
        let round = desk.round().await;
        assert!(round.delivered > 2_000, "{round:?}");
        assert_eq!(last_contact(&desk), said);
        desk.sample.rig.org.clear_faults();
        drained(&mut desk).await;
        assert_eq!((desk.rows(Object::ContactAttempt).len(), last_contact(&desk)), (2_200, said));
    }
}
