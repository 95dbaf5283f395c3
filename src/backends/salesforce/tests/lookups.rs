use ::book::salesforce::object::{account, strategy};
use rules::contact::Flag;

use super::*;
use crate::salesforce::lookups::DEADLINE;

fn caller() -> LookupKey {
    LookupKey::Number(Phone::parse("+12025550143").unwrap())
}

fn reference(text: &str) -> LookupKey {
    LookupKey::Reference(Reference::parse(text).unwrap())
}

async fn found(look_ups: &LookUps, key: &LookupKey) -> Found {
    match look_ups.find(key).await.unwrap() {
        LookUp::Found(found) => *found,
        LookUp::Nothing | LookUp::Several => panic!("not one account"),
    }
}

#[tokio::test]
async fn an_account_is_found_by_its_caller_and_by_its_reference_in_either_profile() {
    for profile in Profile::ALL {
        let sample = Sample::of(profile).await;
        sample.add(0);
        let look_ups = sample.look_ups();
        for key in [caller(), reference("40017730")] {
            let Found { account, strategy } = found(&look_ups, &key).await;
            assert_eq!((account.id.as_str(), account.balance.minor()), ("CA-0", 61_240));
            assert_eq!(strategy.id.as_str(), "standard");
            assert!(account.flags.set.is_empty() && account.flags.unknown.is_empty());
        }
        assert!(matches!(look_ups.find(&reference("OR-Name-LIKE")).await, Ok(LookUp::Nothing)));
        sample.add(1);
        assert!(matches!(look_ups.find(&caller()).await, Ok(LookUp::Several)));
    }
}

#[tokio::test]
async fn a_flag_that_was_just_set_is_seen_and_each_look_up_asks_the_org() {
    for profile in Profile::ALL {
        let sample = Sample::of(profile).await;
        sample.add(0);
        sample.rig.without_hedges().await;
        let look_ups = sample.look_ups();
        look_ups.prepare().await;
        for _ in 0..99 {
            assert!(found(&look_ups, &caller()).await.account.flags.set.is_empty());
        }
        sample.set(account::CEASE, &json!(true));
        assert!(found(&look_ups, &caller()).await.account.flags.set.contains(&Flag::Cease));
        assert_eq!(sample.rig.asked("query"), 101, "one for every look-up, and one for the strategies of all");
    }
}

#[tokio::test]
async fn an_account_with_a_strategy_that_is_not_known_yet_brings_it() {
    for profile in Profile::ALL {
        let sample = Sample::of(profile).await;
        sample.add(0);
        sample.rig.without_hedges().await;
        let look_ups = sample.look_ups();
        look_ups.prepare().await;
        let key = sample.mapping.field(strategy::EXTERNAL_ID).unwrap().path.as_str();
        let object = sample.mapping.api(Object::CollectionStrategy).as_str();
        let row = &sample.rig.org.rows(object)[0];
        sample.rig.org.update(object, row["Id"].as_str().unwrap(), &json!({ key: "renamed" })).unwrap();
        assert_eq!(found(&look_ups, &caller()).await.strategy.id.as_str(), "renamed");
        assert_eq!(sample.rig.asked("query"), 3);
    }
}

#[tokio::test]
async fn strategies_that_cannot_be_read_hold_up_no_look_up() {
    for profile in Profile::ALL {
        let sample = Sample::of(profile).await;
        sample.add(0);
        sample.rig.without_hedges().await;
        let look_ups = sample.look_ups();
        sample.rig.order("query", Some(1), Trouble::Html { status: 503 });
        look_ups.prepare().await;
        assert_eq!(found(&look_ups, &caller()).await.strategy.id.as_str(), "standard");
    }
}

#[tokio::test]
async fn what_cannot_be_known_is_an_error_and_no_account() {
    for profile in Profile::ALL {
        let sample = Sample::of(profile).await;
        sample.add(0);
        let look_ups = sample.look_ups();
        // The strategy is read with its account here.
        sample.rig.order("query", Some(1), Trouble::Html { status: 503 });
        look_ups.prepare().await;
        sample.set(account::BALANCE, &Value::Null);
        assert_eq!(look_ups.find(&caller()).await, Err(BookError::Unreliable));
        sample.set(account::BALANCE, &json!(1));
        let active = sample.mapping.field(strategy::ACTIVE).unwrap().path.as_str();
        assert!(sample.rig.org.hide(sample.mapping.api(Object::CollectionStrategy).as_str(), active, true));
        assert_eq!(look_ups.find(&caller()).await, Err(BookError::Failed), "a hidden field makes the statement fail");
    }
}

#[tokio::test]
async fn an_org_in_trouble_knows_nobody() {
    for profile in Profile::ALL {
        let sample = Sample::of(profile).await;
        sample.add(0);
        sample.rig.without_hedges().await;
        let look_ups = sample.look_ups();
        look_ups.prepare().await;
        for trouble in [Trouble::Html { status: 503 }, Trouble::Html { status: 200 }, Trouble::Truncated] {
            sample.rig.order("query", Some(1), trouble.clone());
            look_ups.find(&caller()).await.expect_err(&format!("{trouble:?}"));
        }
        assert!(matches!(look_ups.find(&caller()).await, Ok(LookUp::Found(_))));
    }
}

#[tokio::test]
async fn a_look_up_that_does_not_fit_the_org_has_somebody_look() {
    for profile in Profile::ALL {
        let sample = Sample::of(profile).await;
        sample.add(0);
        let look_ups = LookUps::new(Arc::clone(&sample.rig.connections), sample.mapping.clone(), version());
        sample.rig.order("query", None, refused(400, "INVALID_FIELD", "no such column"));
        let account = LookupKey::Account(::book::AccountId::parse("CA-0").unwrap());
        assert_eq!(look_ups.find(&account).await.unwrap_err(), BookError::Failed);
        tokio::time::timeout(Duration::from_secs(20), look_ups.doubted()).await.expect("a doubt");
    }
}

/// What the documents say of the time that a look-up has.
const GUIDE: &str = include_str!("../../../../deploy/salesforce/README.md");

#[tokio::test]
async fn a_look_up_in_an_org_that_never_answers_ends_by_the_deadline_that_the_guide_names() {
    for profile in Profile::ALL {
        assert_eq!(DEADLINE, Duration::from_millis(1_800));
        assert!(GUIDE.contains(&format!("A look-up has {} seconds", DEADLINE.as_secs_f64())));
        let sample = Sample::of(profile).await;
        sample.add(0);
        let look_ups = sample.look_ups();
        look_ups.prepare().await;
        sample.rig.order("query", None, Trouble::HangsBefore);
        let (key, began) = (caller(), tokio::time::Instant::now());
        tokio::select! {
            // Of two that are over at once, as on a machine that was busy, the look-up counts.
            biased;
            found = look_ups.find(&key) => assert_eq!(found, Err(BookError::Deadline)),
            () = tokio::time::sleep_until(began + DEADLINE + Duration::from_millis(100)) => panic!("it goes on"),
        }
        assert!(began.elapsed() >= DEADLINE, "an org that is late is waited for until then");
    }
}
