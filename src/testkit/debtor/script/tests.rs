use std::time::Duration;

use jiff::civil::date;

use super::*;
use crate::debtor::person::Card;

fn script(seed: u64) -> Script {
    let person = Person {
        reference: "40017731".to_owned(),
        given_name: "Maria".to_owned(),
        family_name: "Delgado".to_owned(),
        phone: "+12025550143".to_owned(),
        born: date(1984, 3, 17),
        postal_code: "20009".to_owned(),
        card: Card { number: "4242424242424242".to_owned(), expiry: "1230", code: "123" },
    };
    Script::new(person, seed)
}

fn heard(name: &str) -> PromptHeard {
    PromptHeard {
        name: name.to_owned(),
        text_hash: String::new(),
        started_at: Duration::ZERO,
        ended_at: Duration::ZERO,
        complete: 1.0,
    }
}

fn press(keys: &str, purpose: &'static str) -> Reply {
    Reply::Press { keys: keys.to_owned(), purpose }
}

#[test]
fn one_answer_is_mumbled_and_then_keyed() {
    for (seed, mumbled) in [(0, 0), (1, 1)] {
        let mut script = script(seed);
        let replies = [script.hear(&heard("ask_date_of_birth")), script.hear(&heard("ask_postal_code"))];
        let is_mumble: Vec<bool> = replies.iter().map(|reply| matches!(reply, Reply::Mumble(_))).collect();
        assert_eq!(is_mumble, [mumbled == 0, mumbled == 1]);
        assert_eq!(script.hear(&heard("ask_postal_code_again")), press("20009", "postal code"));
        assert_eq!(script.hear(&heard("ask_date_of_birth_keypad")), press("03171984", "date of birth"));
        assert_eq!(script.hear(&heard("ask_last_four")), Reply::Say("seven seven three one".to_owned()));
    }
}

#[test]
fn what_is_read_back_wrong_is_denied() {
    let mut script = script(1);
    script.hear(&heard("ask_date_of_birth"));
    let right = sha256(&Phrase::ReadBackDate(date(1984, 3, 17)).text());
    for (text_hash, denies) in [(sha256("I heard something else."), true), (right, false)] {
        script.hear(&PromptHeard { text_hash, ..heard("read_back_date") });
        assert_eq!(script.hear(&heard("ask_is_that_right")) == Reply::Say("no".to_owned()), denies);
    }
}

#[test]
fn a_card_is_keyed_field_by_field_and_not_for_ever() {
    let mut script = script(0);
    assert_eq!(script.hear(&heard("card_introduction")), Reply::Nothing);
    assert_eq!(script.hear(&heard("card_number")), press("4242424242424242#", "card number"));
    assert_eq!(script.hear(&heard("card_expiry")), press("1230", "expiry date"));
    assert_eq!(script.hear(&heard("card_code")), press("123#", "security code"));
    assert_eq!(script.hear(&heard("card_postal")), press("20009", "postal code of the card"));
    assert_eq!(script.hear(&heard("card_wait")), Reply::Nothing);
    assert_eq!(script.hear(&heard("card_number")), press("4242424242424242#", "card number"));
    assert_eq!(script.hear(&heard("card_number_invalid")), press("4242424242424242#", "card number"));
    assert_eq!(script.hear(&heard("card_number_invalid")), Reply::Reject);
}

#[test]
fn a_dead_end_is_rejected() {
    assert_eq!(script(0).hear(&heard("not_verified")), Reply::Reject);
    assert_eq!(script(0).hear(&heard("noted_dispute")), Reply::Reject);
}

#[test]
fn every_step_has_to_be_heard_whole_and_in_order() {
    let names: Vec<&str> = STEPS.iter().map(|step| step[0]).collect();
    let whole = |names: &[&str]| {
        let mut script = script(0);
        for name in names {
            script.hear(&heard(name));
            if *name == "ask_name" {
                script.hear(&heard("ask_date_of_birth"));
                script.hear(&heard("ask_date_of_birth_again"));
            }
        }
        script
    };
    assert_eq!(whole(&names).check(), Ok(()));
    for missing in 0..names.len() {
        let mut some = names.clone();
        some.remove(missing);
        assert!(whole(&some).check().is_err(), "{} is missing", names[missing]);
    }
    let mut cut = whole(&names);
    cut.heard.iter_mut().find(|heard| heard.name == "mini_miranda").unwrap().complete = 0.6;
    assert_eq!(cut.check(), Err(Missing::Part { name: "mini_miranda".to_owned(), percent: 60 }));
}

#[test]
fn who_keys_ahead_does_not_key_again() {
    let mut script = script(1);
    let begun = |name: &str| PromptBegun { name: name.to_owned(), started_at: Duration::from_millis(100) };
    assert_eq!(script.recognise(&begun("ask_date_of_birth")), Reply::Nothing, "what is said waits for the end");
    assert_eq!(script.recognise(&begun("card_expiry")), press("1230", "expiry date"));
    assert_eq!(script.hear(&heard("card_expiry")), Reply::Nothing);
    assert_eq!(script.hear(&heard("card_expiry")), press("1230", "expiry date"), "asked a second time");
    assert_eq!(script.recognise(&begun("ask_postal_code_again")), press("20009", "postal code"));
    assert!(matches!(script.recognise(&begun("ask_pay_first_now")), Reply::Say(_)), "one question is cut short");
}
