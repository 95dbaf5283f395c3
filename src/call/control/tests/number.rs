//! A number that the caller says: told at once, and the keypad is asked for.

use dialogue::{Finding, redaction::WITHHELD};

use super::*;

/// A collector that has asked its first question.
fn asking() -> Rig {
    let mut rig = Rig::new(AgentKind::Collector);
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    rig
}

fn hear(rig: &mut Rig, finding: Option<Finding>) {
    rig.call.handle_heard(rig.now, Some(format!("it is {WITHHELD}")), finding, Duration::ZERO);
    rig.drain();
}

fn details(rig: &Rig, kind: &str) -> Vec<String> {
    let entries = rig.call.timeline().entries().iter().filter(|entry| entry.kind == kind);
    entries.map(|entry| entry.detail.clone()).collect()
}

#[test]
fn a_card_number_is_audited_and_the_keypad_is_asked_for() {
    for (finding, name) in [(Finding::CardNumber, "card_number"), (Finding::LongNumber, "long_number")] {
        let mut rig = asking();
        let before = rig.played.len();
        hear(&mut rig, Some(finding));
        assert_eq!(rig.count(&format!("audit {name}")), 1);
        assert_eq!(details(&rig, "number.said"), [name]);
        // That it is to be keyed, and the question once more.
        assert_eq!(rig.played.len() - before, 2, "{:?}", rig.log);
    }
}

#[test]
fn digits_that_are_no_number_are_noted_and_no_event() {
    let mut rig = asking();
    hear(&mut rig, Some(Finding::Digits));
    assert_eq!((details(&rig, "number.said"), rig.count("audit digits")), (vec!["digits".to_owned()], 0));
}

#[test]
fn a_number_that_comes_when_nobody_listens_any_more_is_told_all_the_same() {
    let mut rig = asking();
    hear(&mut rig, None);
    rig.signal(Signal::HungUp);
    hear(&mut rig, Some(Finding::CardNumber));
    assert_eq!(rig.count("audit card_number"), 1);
}

#[test]
fn a_span_that_was_written_before_it_was_judged_is_a_failed_control() {
    for (is_whole, failures, detail) in [(true, 0, "silenced"), (false, 1, "span not silenced")] {
        let mut rig = asking();
        rig.call.handle_silenced(rig.now, is_whole);
        rig.drain();
        assert_eq!(rig.count(&format!("audit silenced {is_whole}")), 1);
        assert_eq!(rig.count("audit spoken_number_recorded"), failures);
        assert_eq!(details(&rig, "number.recorded"), [detail]);
    }
}
