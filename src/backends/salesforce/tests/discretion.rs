//! No log has a secret or a fact of an account, whatever is done and whatever goes wrong.

use ::book::{reconciliation::Day, salesforce::object::account};
use jiff::{SignedDuration, Timestamp, civil::date};
use rules::contact::Flag;

use super::{
    delivery::{Desk, update, whole},
    page::Page,
    *,
};
use crate::reconciliation::Reconciliation;

/// What the sample accounts and the records of calls have in them: names, a number, a date of birth, a postal code, balances and
/// amounts, references, a creditor.
pub(super) const FACTS: [&str; 15] = [
    "Maria",
    "Delgado",
    "2025550143",
    "1984-03-17",
    "19840317",
    "20009",
    "612.4",
    "61240",
    "306.2",
    "30620",
    "4001773",
    "Harborlight",
    "CA-0",
    "CA-1",
    "as-1",
];
/// A consumer secret that the org does not know.
const WRONG: &str = "wrong-secret-canary";

/// What an org says that repeats all that it knows.
pub(super) fn talkative(status: u16, code: &str) -> Trouble {
    refused(status, code, &format!("{} {WRONG}", FACTS.join(" ")))
}

async fn looks_up(desk: &Desk) -> Vec<String> {
    let look_ups = desk.sample.look_ups();
    look_ups.prepare().await;
    let keys = [
        LookupKey::Number(Phone::parse("+12025550143").unwrap()),
        LookupKey::Reference(Reference::parse("40017730").unwrap()),
        LookupKey::Account(::book::AccountId::parse("CA-0").unwrap()),
    ];
    let mut told = Vec::new();
    for key in &keys {
        assert!(matches!(look_ups.find(key).await, Ok(LookUp::Found(_))));
        for trouble in [talkative(400, "INVALID_FIELD"), talkative(503, "SERVER_UNAVAILABLE"), Trouble::Truncated] {
            desk.sample.rig.order("query", Some(2), trouble);
            let error = look_ups.find(key).await.expect_err("no account");
            told.push(format!("{error:?} {error}"));
            desk.sample.rig.org.clear_faults();
        }
    }
    desk.sample.set(account::BALANCE, &Value::Null);
    told.push(format!("{:?}", look_ups.find(&keys[0]).await.expect_err("an account without a balance")));
    desk.sample.set(account::BALANCE, &json!(612.4));
    told
}

/// Writes calls that are taken, refused, given up, and lost by the org.
async fn writes(desk: &mut Desk) {
    desk.put(whole(1)).await;
    desk.rounds().await;
    for trouble in [talkative(400, "JSON_PARSER_ERROR"), talkative(503, "SERVER_UNAVAILABLE"), Trouble::ResetAfter] {
        desk.put([update(2, Flag::Dispute).into()]).await;
        desk.put(whole(2)).await;
        desk.sample.rig.order("composite/graph", Some(1), trouble.clone());
        desk.sample.rig.order("sobjects", Some(1), trouble);
        desk.rounds().await;
    }
    desk.trouble(Object::PaymentArrangement, "FIELD_CUSTOM_VALIDATION_EXCEPTION", None);
    desk.trouble(Object::CollectionAccount, "FIELD_CUSTOM_VALIDATION_EXCEPTION", None);
    desk.put(whole(3)).await;
    desk.put([update(3, Flag::Cease).into()]).await;
    desk.rounds().await;
    assert!(desk.depth().await.1 > 0, "something is given up");
    desk.sample.rig.org.clear_faults();

    let path = format!("sobjects/{}", desk.api(Object::ContactAttempt));
    let path = format!("/services/data/v68.0/{path}/{}", desk.rows(Object::ContactAttempt)[0]["Id"].as_str().unwrap());
    desk.sample.rig.connections.write(Method::DELETE, &path, &json!({}), soon()).await.unwrap();
    let (now, hours) = (Timestamp::now(), SignedDuration::from_hours(24));
    let day = Day { date: date(2026, 11, 30), since: now - hours, until: now + hours };
    let reconciliation = Reconciliation::new(desk.store.clone(), Arc::clone(&desk.book));
    assert_eq!(reconciliation.reconcile(&day, now).await.unwrap(), 1);
}

#[tokio::test]
async fn no_token_and_no_fact_of_an_account_is_logged_or_in_an_error() {
    for profile in Profile::ALL {
        let page = Page::start();
        let mut desk = Desk::of(profile).await;
        let errors = looks_up(&desk).await;
        writes(&mut desk).await;
        let session = desk.sample.rig.connections.authority().session().await.unwrap();
        desk.sample.rig.org.expire_sessions();
        desk.sample.rig.order("/services/oauth2/token", Some(1), talkative(400, "invalid_grant"));
        let refused = desk.sample.rig.read().await.expect_err("no session");

        let stranger = Rig::signing_in(|_| SignIn::Secret(SecretString::from(WRONG))).await;
        let wrong = stranger.read().await.expect_err("no session");
        let friend = Rig::signing_in(|_| SignIn::Secret(SecretString::from(CONSUMER_SECRET))).await;
        friend.read().await.unwrap();
        let friendly = friend.connections.authority().session().await.unwrap();

        let words = page.text();
        for told in [
            "what the org says of an account cannot be relied on",
            "the org refuses a look-up",
            "the org refuses a row",
            "record parked",
            "the org lacks rows that it took",
            "no session at Salesforce",
        ] {
            assert!(words.contains(told), "{told} is not logged: what is searched is not what is written");
        }
        let key = std::fs::read_to_string(desk.sample.rig.org.key_file()).unwrap();
        let key = key.lines().nth(1).unwrap();
        let all = format!("{words}{errors:?}{refused:?}{refused}{wrong:?}{wrong}{session:?}{friendly:?}");
        let secrets = [session.token(), friendly.token(), CONSUMER_SECRET, WRONG, key];
        for secret in secrets.iter().chain(&FACTS) {
            let line = all.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{secret} is in {line:?}");
        }
    }
}
