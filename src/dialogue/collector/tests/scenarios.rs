//! Whole talks, each with everything that is said and asked, by name.

use super::talk::{Talk, Turn, World};
use crate::tests::beginning;
use Turn::{HangUp, Key, Mumble, Say, Silent};

/// The caller's side up to the balance: name said, both factors keyed.
const VERIFIED: [Turn; 3] = [Say("yes"), Key("03031981"), Key("40219")];
/// The gateway's side of that, up to the request.
const REQUEST: &str = "[identify] ask_name [verify] ask_date_of_birth [verify] acknowledge_casual ask_postal_code [verify] \
                       [disclose] [facts] balance ask_pay_in_full";

/// Runs a talk and compares what was said and asked with the names of `expected`, in order.
#[track_caller]
fn expect(world: World, turns: &[Turn], expected: &str) {
    let mut talk = Talk::new(world, turns, 0, beginning());
    talk.run(200);
    let expected: Vec<&str> = expected.split_whitespace().collect();
    assert_eq!(talk.log, expected);
}

/// The same for a talk that is verified first; `expected` goes on after the request.
#[track_caller]
fn expect_verified(world: World, turns: &[Turn], expected: &str) {
    let turns = [VERIFIED.as_slice(), turns].concat();
    expect(world, &turns, &format!("{REQUEST} {expected}"));
}

#[test]
fn more_time_then_a_plan_then_the_first_payment() {
    expect_verified(
        World::default(),
        &[Say("I need more time"), Say("yes that works"), Say("yes"), Say("okay")],
        "[offer] offer_closest ask_accept_plan read_back_plan ask_agree_to_plan [save] plan_saved ask_pay_first_now \
         card_introduction [capture] payment_approved summary_plan goodbye [end:arranged_and_paid]",
    );
}

#[test]
fn spoken_numbers_are_read_back_before_they_count() {
    let turns = [
        Say("this is he"),
        Say("march third nineteen eighty one"),
        Say("that's right"),
        Say("four oh two one nine"),
        Say("yes"),
        Say("no"),
        Say("no"),
    ];
    expect(
        World::default(),
        &turns,
        "[identify] ask_name [verify] ask_date_of_birth read_back_date ask_is_that_right [verify] acknowledge_casual \
         ask_postal_code read_back_digits ask_is_that_right [verify] [disclose] [facts] balance ask_pay_in_full \
         ask_plan_terms summary_nothing goodbye [end:no_agreement]",
    );
}

#[test]
fn a_misheard_number_is_asked_again_and_then_keyed() {
    let turns = [
        Say("yes"),
        Say("march fourth nineteen eighty one"),
        Say("no"),
        Say("purple"),
        Key("03031981"),
        Key("40219"),
        HangUp,
    ];
    expect(
        World::default(),
        &turns,
        "[identify] ask_name [verify] ask_date_of_birth read_back_date ask_is_that_right ask_date_of_birth_again \
         ask_date_of_birth_keypad [verify] acknowledge_casual ask_postal_code [verify] [disclose] [facts] balance \
         ask_pay_in_full [end:hung_up]",
    );
}

#[test]
fn a_card_number_that_is_said_goes_nowhere_and_the_keypad_is_asked_for() {
    expect_verified(
        World::default(),
        &[Say("sure, it's four two four two four two four two four two four two four two four two"), Say("yes")],
        "keypad_only balance ask_pay_in_full card_introduction [capture] payment_approved summary_paid goodbye \
         [end:paid_in_full]",
    );
    let card = Say("4242 4242 4242 4242");
    expect_verified(
        World::default(),
        &[card, card, card, Say("no, fifty a month"), HangUp],
        "keypad_only balance ask_pay_in_full keypad_only balance ask_pay_in_full ask_pay_in_full_again [offer] \
         offer_as_asked ask_accept_plan [end:hung_up]",
    );
}

#[test]
fn who_says_a_card_number_and_ends_it_is_let_go() {
    expect_verified(
        World::default(),
        &[Say("4242 4242 4242 4242 and stop calling me")],
        "[note:cease] noted_cease goodbye [end:cease]",
    );
}

#[test]
fn the_balance_is_paid_in_full() {
    expect_verified(
        World::default(),
        &[Say("yes")],
        "card_introduction [capture] payment_approved summary_paid goodbye [end:paid_in_full]",
    );
    expect_verified(
        World::default(),
        &[Say("I'll pay it all")],
        "card_introduction [capture] payment_approved summary_paid goodbye [end:paid_in_full]",
    );
}

#[test]
fn an_amount_a_month_is_countered_and_then_taken() {
    expect_verified(
        World::default(),
        &[Say("can I pay ten dollars a month"), Say("no, fifty a month"), Key("1"), Key("1"), Key("2")],
        "[offer] offer_closest ask_accept_plan [offer] offer_as_asked ask_accept_plan read_back_plan ask_agree_to_plan \
         [save] plan_saved ask_pay_first_now summary_plan goodbye [end:arranged]",
    );
}

#[test]
fn an_amount_is_keyed_when_it_cannot_be_heard() {
    expect_verified(
        World::default(),
        &[Say("no"), Mumble, Say("purple"), Key("50"), Say("yes"), Say("yes"), Say("no")],
        "ask_plan_terms ask_plan_terms_again ask_plan_terms_keypad [offer] offer_as_asked ask_accept_plan read_back_plan \
         ask_agree_to_plan [save] plan_saved ask_pay_first_now summary_plan goodbye [end:arranged]",
    );
}

#[test]
fn the_fourth_counter_offer_is_a_persons() {
    let low = Say("five dollars a month");
    expect_verified(
        World::default(),
        &[low, low, low, low],
        "[offer] offer_closest ask_accept_plan [offer] offer_unchanged ask_accept_plan [offer] offer_unchanged \
         ask_accept_plan [offer] refer_to_person goodbye [end:referred]",
    );
}

#[test]
fn an_offer_that_stays_the_same_is_told_again_only_when_asked_for() {
    expect_verified(
        World::default(),
        &[
            Say("five dollars a month"),
            Say("four dollars a month"),
            Say("can you repeat that"),
            Key("1"),
            Key("1"),
            Key("2"),
        ],
        "[offer] offer_closest ask_accept_plan [offer] offer_unchanged ask_accept_plan offer_closest ask_accept_plan \
         read_back_plan ask_agree_to_plan [save] plan_saved ask_pay_first_now summary_plan goodbye [end:arranged]",
    );
}

#[test]
fn a_plan_that_is_not_agreed_to_is_not_saved() {
    expect_verified(
        World::default(),
        &[Say("six payments"), Say("yes"), Say("no"), Say("no")],
        "[offer] offer_as_asked ask_accept_plan read_back_plan ask_agree_to_plan ask_plan_terms summary_nothing goodbye \
         [end:no_agreement]",
    );
}

#[test]
fn a_plan_that_cannot_be_saved_is_not_claimed() {
    for (world, fillers) in [
        (World { save_fails: true, ..World::default() }, ""),
        (World { unanswered: Some("save"), ..World::default() }, "one_moment_plain still_looking "),
    ] {
        expect_verified(
            world,
            &[Say("six payments"), Say("yes"), Say("yes")],
            &format!(
                "[offer] offer_as_asked ask_accept_plan read_back_plan ask_agree_to_plan [save] {fillers}plan_not_saved \
                 goodbye [end:failure]"
            ),
        );
    }
}

#[test]
fn an_unknown_number_gives_its_reference() {
    let world = World { number_is_known: false, ..World::default() };
    let turns = [Key("20417319"), Say("yes"), Key("03031981"), Key("40219"), HangUp];
    expect(
        world,
        &turns,
        "[identify] ask_reference [identify] ask_name [verify] ask_date_of_birth [verify] \
         acknowledge_casual ask_postal_code [verify] [disclose] [facts] balance ask_pay_in_full [end:hung_up]",
    );
    expect(
        world,
        &[Say("two oh four one seven three one eight"), Say("yes"), Key("1111")],
        "[identify] ask_reference read_back_digits ask_is_that_right [identify] no_match \
         ask_reference_keypad [identify] not_found goodbye [end:unidentified]",
    );
}

#[test]
fn an_account_that_may_not_be_talked_about_is_not() {
    expect(World { is_barred: true, ..World::default() }, &[], "[identify] person_needed goodbye [end:barred]");
}

#[test]
fn someone_else_hears_nothing() {
    expect(
        World::default(),
        &[Say("no this is his wife")],
        "[identify] ask_name not_the_person goodbye [end:third_party]",
    );
}

#[test]
fn wrong_answers_lock_after_the_third() {
    expect(
        World::default(),
        &[Say("yes"), Key("03041981"), Key("03051981"), Key("40218")],
        "[identify] ask_name [verify] ask_date_of_birth [verify] no_match ask_date_of_birth_keypad [verify] no_match \
         ask_postal_code [verify] not_verified goodbye [end:not_verified]",
    );
}

#[test]
fn another_factor_stands_in_where_the_number_was_known() {
    expect(
        World::default(),
        &[Say("yes"), Key("03041981"), Key("03051981"), Key("40219"), Key("7319"), HangUp],
        "[identify] ask_name [verify] ask_date_of_birth [verify] no_match ask_date_of_birth_keypad [verify] no_match \
         ask_postal_code [verify] acknowledge_casual ask_last_four [verify] [disclose] [facts] balance ask_pay_in_full \
         [end:hung_up]",
    );
}

#[test]
fn silence_ends_after_three_wordings() {
    expect(
        World::default(),
        &[],
        "[identify] ask_name ask_name_again ask_name_keypad nothing_heard goodbye [end:no_response]",
    );
    expect(
        World::default(),
        &[Say("purple"), Silent, Mumble],
        "[identify] ask_name ask_name_again ask_name_keypad not_understood goodbye [end:not_understood]",
    );
}

#[test]
fn a_line_is_repeated_at_the_callers_wish_but_not_for_ever() {
    let again = Say("say that again");
    expect(
        World::default(),
        &[again, again, again, Say("no")],
        "[identify] ask_name ask_name ask_name ask_name_again not_the_person goodbye [end:third_party]",
    );
    expect_verified(World::default(), &[again, HangUp], "balance ask_pay_in_full [end:hung_up]");
}

#[test]
fn what_can_be_said_at_any_time_ends_the_talk_at_once() {
    let cases = [
        ("stop calling me", "cease"),
        ("I have a lawyer", "attorney"),
        ("I filed for bankruptcy", "bankruptcy"),
        ("I dispute this", "dispute"),
        ("I already paid", "already_paid"),
        ("this is identity theft", "identity_theft"),
        ("you have the wrong number", "wrong_number"),
        ("he passed away", "deceased"),
        ("I am a minor", "minor"),
        ("I lost my job", "hardship"),
        ("do you speak spanish", "language"),
        ("this is a bad time", "bad_time"),
        ("let me talk to a real person", "person_requested"),
        ("don't record this", "recording_refused"),
        ("I won't pay", "refused"),
        ("I want to kill myself", "crisis"),
    ];
    for (said, code) in cases {
        let line = crate::hear::Interruption::ALL
            .into_iter()
            .find(|interruption| crate::Disposition::from(*interruption).code() == code)
            .map(|interruption| crate::Phrase::Noted(interruption).name())
            .unwrap();
        let ending = format!("[note:{code}] {line} goodbye [end:{code}]");
        expect(World::default(), &[Say(said)], &format!("[identify] ask_name {ending}"));
        expect_verified(World::default(), &[Say(said)], &ending);
        let plan = [Say("six payments"), Say("yes"), Say(said)];
        let before = "[offer] offer_as_asked ask_accept_plan read_back_plan ask_agree_to_plan";
        expect_verified(World::default(), &plan, &format!("{before} {ending}"));
    }
    expect(World::default(), &[Key("9")], "[identify] ask_name [note:cease] noted_cease goodbye [end:cease]");
}

#[test]
fn what_is_said_while_a_card_is_taken_waits_for_its_outcome() {
    expect_verified(
        World { said_in_capture: Some("stop calling me"), ..World::default() },
        &[Say("yes")],
        "card_introduction [capture] payment_approved [note:cease] noted_cease goodbye [end:cease]",
    );
}

#[test]
fn a_declined_card_may_be_tried_once_more() {
    expect_verified(
        World { captures: &["declined", "approved"], ..World::default() },
        &[Say("yes"), Say("yes")],
        "card_introduction [capture] payment_declined ask_try_card_again card_introduction [capture] payment_approved \
         summary_paid goodbye [end:paid_in_full]",
    );
    expect_verified(
        World { captures: &["declined", "failed"], ..World::default() },
        &[Say("six payments"), Say("yes"), Say("yes"), Say("yes"), Say("yes")],
        "[offer] offer_as_asked ask_accept_plan read_back_plan ask_agree_to_plan [save] plan_saved ask_pay_first_now \
         card_introduction [capture] payment_declined ask_try_card_again card_introduction [capture] payment_failed \
         summary_plan goodbye [end:arranged]",
    );
    expect_verified(
        World { captures: &["cancelled"], ..World::default() },
        &[Say("yes"), Say("no")],
        "card_introduction [capture] ask_try_card_again summary_nothing goodbye [end:no_agreement]",
    );
}

#[test]
fn a_payment_without_an_answer_is_never_called_made_or_failed() {
    for world in [
        World { captures: &["unknown"], ..World::default() },
        World { unanswered: Some("capture"), ..World::default() },
    ] {
        expect_verified(
            world,
            &[Say("yes")],
            "card_introduction [capture] payment_unknown goodbye [end:payment_unknown]",
        );
    }
}

#[test]
fn a_request_without_an_answer_ends_with_an_apology() {
    let world = |request| World { unanswered: Some(request), ..World::default() };
    expect(world("identify"), &[], "[identify] one_moment_plain still_looking apology goodbye [end:failure]");
    expect(world("verify"), &[Say("yes")], "[identify] ask_name [verify] apology goodbye [end:failure]");
    expect_verified(world("offer"), &[Say("four payments")], "[offer] apology goodbye [end:failure]");
}

#[test]
fn a_book_that_does_not_answer_is_said_and_no_figure_is() {
    let world = |request| World { unavailable: Some(request), ..World::default() };
    let turns = [Key("20417319")];
    expect(
        world("identify"),
        &turns,
        "[identify] ask_reference [identify] records_unavailable goodbye [end:unavailable]",
    );
    expect(
        world("facts"),
        &VERIFIED,
        "[identify] ask_name [verify] ask_date_of_birth [verify] acknowledge_casual ask_postal_code [verify] [disclose] \
         [facts] records_unavailable goodbye [end:unavailable]",
    );
}

#[test]
fn an_account_that_has_changed_is_told_and_asked_about_again() {
    let turns = [Say("six payments"), Say("yes"), Say("yes"), Say("four payments"), Say("yes"), Say("yes"), HangUp];
    expect_verified(
        World { balance_at_save: Some(40_000), ..World::default() },
        &turns,
        "[offer] offer_as_asked ask_accept_plan read_back_plan ask_agree_to_plan [save] account_changed balance \
         ask_pay_in_full [offer] offer_as_asked ask_accept_plan read_back_plan ask_agree_to_plan [save] plan_saved \
         ask_pay_first_now [end:arranged]",
    );
}

#[test]
fn an_account_without_a_balance_is_not_asked_to_pay() {
    expect(
        World { balance_minor: 0, ..World::default() },
        &VERIFIED,
        "[identify] ask_name [verify] ask_date_of_birth [verify] acknowledge_casual ask_postal_code [verify] [disclose] \
         [facts] balance summary_nothing goodbye [end:no_agreement]",
    );
}

#[test]
fn a_seed_changes_only_lines_without_legal_content() {
    let talk = |seed| {
        let turns = [VERIFIED.as_slice(), &[Say("yes")]].concat();
        let mut talk = Talk::new(World::default(), &turns, seed, beginning());
        talk.run(200);
        talk.log
    };
    let differs = |seed: u64| -> Vec<String> {
        let pairs = talk(0).into_iter().zip(talk(seed));
        pairs.filter(|(one, other)| one != other).map(|(_, other)| other).collect()
    };
    assert_eq!((differs(1), differs(2)), (vec!["acknowledge_warm".to_owned()], vec!["acknowledge_plain".to_owned()]));
    assert!(differs(3).is_empty());
}
