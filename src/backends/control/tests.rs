//! What weakens a control, and what does not.

use jiff::SignedDuration;

use super::*;
use crate::audit::Signer;

const NODE: &str = "gateway-1";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

struct Desk {
    one: Signer,
    two: Signer,
    stranger: Signer,
}

impl Desk {
    fn new() -> Self {
        let key = |name| Signer::generate(name).unwrap().0;
        Self { one: key("ada"), two: key("grace"), stranger: key("mallory") }
    }

    fn terms(&self) -> Terms {
        let operators = [&self.one, &self.two].map(|key| key.verifier().clone()).to_vec();
        Terms { node: NODE.to_owned(), operators }
    }

    fn controls(&self) -> Controls {
        Controls::new(self.terms(), &History::default())
    }

    fn signed(&self, approval: &Approval) -> String {
        signed(approval, &[&self.one, &self.two])
    }
}

fn approval(id: u128) -> Approval {
    Approval {
        node: NODE.to_owned(),
        control: Control::LogLevel,
        action: Action::Weaken,
        value: "debug".to_owned(),
        from: at(0),
        until: at(3_600),
        id: Uuid::from_u128(id),
        reason: "a caller is not heard".to_owned(),
    }
}

fn signed(approval: &Approval, keys: &[&Signer]) -> String {
    keys.iter().fold(format!("{}\n", approval.text()), |text, key| Approval::sign(&text, key).unwrap())
}

/// What the chain holds after some events.
fn written(events: &[Event], now: Timestamp) -> Vec<String> {
    let entries = events.iter().filter_map(|event| event.entry(now));
    let record = |entry: Entry| {
        let (kind, details) =
            (serde_json::to_value(entry.kind).unwrap(), serde_json::to_value(&entry.details).unwrap());
        let (at, call) = (entry.at, entry.call);
        serde_json::json!({"at": at, "call": call, "call_previous": null, "call_sequence": 1, "details": details, "kind": kind, "sequence": 1})
            .to_string()
    };
    entries.map(record).collect()
}

fn refusal(desk: &Desk, text: &str, now: Timestamp) -> Refusal {
    match desk.controls().look(now, &[text.to_owned()], None).as_slice() {
        [Event::Refused { refusal, .. }] => *refusal,
        events => panic!("{events:?}"),
    }
}

#[test]
fn two_operators_weaken_a_control_until_its_time_is_over() {
    let desk = Desk::new();
    let (mut controls, presented) = (desk.controls(), [desk.signed(&approval(1))]);
    let events = controls.look(at(10), &presented, None);
    let [Event::Begun(accepted)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((accepted.approval.value.as_str(), accepted.operators.join(" ")), ("debug", "ada grace".to_owned()));
    assert!(controls.active(Control::LogLevel).is_some() && controls.look(at(3_599), &presented, None).is_empty());
    let events = controls.look(at(3_600), &presented, None);
    let ended = Event::Ended { id: Uuid::from_u128(1), control: Control::LogLevel, cause: "expired" };
    assert_eq!(events.first(), Some(&ended));
    assert!(controls.active(Control::LogLevel).is_none());
    assert!(controls.look(at(3_601), &presented, None).is_empty(), "it is told once");
}

#[test]
fn whoever_takes_the_approval_away_ends_it_and_it_does_not_come_back() {
    let desk = Desk::new();
    let (mut controls, presented) = (desk.controls(), [desk.signed(&approval(1))]);
    controls.look(at(10), &presented, None);
    let events = controls.look(at(20), &[], None);
    assert!(matches!(events.as_slice(), [Event::Ended { cause: "withdrawn", .. }]), "{events:?}");
    let events = controls.look(at(30), &presented, None);
    assert!(matches!(events.as_slice(), [Event::Refused { refusal: Refusal::Replayed, .. }]), "{events:?}");
}

#[test]
fn what_is_no_approval_is_refused_by_name() {
    let desk = Desk::new();
    let good = approval(1);
    let alone = signed(&good, &[&desk.one]);
    let twice = format!("{alone}{}", desk.one.line(&good.text()));
    let long = Approval { until: at(24 * 3_600 + 1), ..good.clone() };
    let lent = Approval { control: Control::Operators, ..good.clone() };
    let cases = [
        (alone.clone(), Refusal::OneSignature),
        (twice, Refusal::SameKey),
        (signed(&good, &[&desk.one, &desk.stranger]), Refusal::NotEnrolled),
        (signed(&good, &[&desk.stranger]), Refusal::NotEnrolled),
        (desk.signed(&good).replace("value debug", "value trace"), Refusal::BadSignature),
        (desk.signed(&Approval { node: "gateway-2".to_owned(), ..good.clone() }), Refusal::OtherNode),
        (desk.signed(&Approval { until: at(5), ..good.clone() }), Refusal::Expired),
        (desk.signed(&long), Refusal::TooLong),
        (desk.signed(&Approval { until: at(-1), ..good.clone() }), Refusal::TooLong),
        (desk.signed(&lent), Refusal::NotAllowed),
        ("anything".to_owned(), Refusal::Malformed),
        (good.text(), Refusal::Malformed),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(&desk, &text, at(10)), expected, "{text}");
    }
    assert_eq!(Approval::sign(&alone, &desk.one), Err(Refusal::SameKey));
    let mut controls = desk.controls();
    assert!(controls.look(at(-10), &[desk.signed(&good)], None).is_empty(), "it waits for its time");
    assert!(matches!(controls.look(at(0), &[desk.signed(&good)], None).as_slice(), [Event::Begun(_)]));
    let other = desk.signed(&approval(2));
    let events = controls.look(at(1), &[desk.signed(&good), other], None);
    assert!(matches!(events.as_slice(), [Event::Refused { refusal: Refusal::InForce, .. }]), "{events:?}");
}

#[test]
fn a_weakening_outlives_a_crash_and_ends_in_its_time_all_the_same() {
    let desk = Desk::new();
    let presented = [desk.signed(&approval(1))];
    let begun = written(&desk.controls().look(at(10), &presented, None), at(10));
    let again = |now: i64, presented: &[String]| {
        let mut controls = Controls::new(desk.terms(), &History::read(&begun));
        let events = controls.look(at(now), presented, None);
        (controls.active(Control::LogLevel).is_some(), events)
    };
    let (is_active, events) = again(100, &presented);
    assert!(is_active && matches!(events.as_slice(), [Event::Resumed(_)]), "{events:?}");
    let (is_active, events) = again(4_000, &presented);
    assert!(!is_active && matches!(events.as_slice(), [Event::Ended { cause: "expired", .. }]), "{events:?}");
    let (is_active, events) = again(100, &[]);
    assert!(!is_active && matches!(events.as_slice(), [Event::Ended { cause: "withdrawn", .. }]), "{events:?}");
    // The same id under another text is another approval, and was used.
    let longer = desk.signed(&Approval { until: at(7_200), ..approval(1) });
    let (is_active, events) = again(100, &[longer]);
    assert!(
        !is_active && events.iter().any(|event| matches!(event, Event::Refused { refusal: Refusal::Replayed, .. })),
        "{events:?}"
    );
}

#[test]
fn a_processor_is_lent_for_a_time_or_accepted_for_good() {
    let desk = Desk::new();
    let lent = Approval { control: Control::Processor, value: "name = b".to_owned(), ..approval(1) };
    let mut controls = desk.controls();
    let presented = [desk.signed(&lent)];
    assert!(
        controls.look(at(1), &presented, None).is_empty()
            && controls.look(at(1), &presented, Some("name = c")).is_empty()
    );
    assert!(matches!(controls.look(at(1), &presented, Some("name = b")).as_slice(), [Event::Begun(_)]));
    let adopt = Approval { action: Action::Adopt, ..lent };
    let presented = [desk.signed(&adopt)];
    let controls = desk.controls();
    let find = |now, value| controls.adoption(at(now), &presented, Control::Processor, value);
    assert!(find(1, "name = c").is_none() && find(3_600, "name = b").is_none());
    let accepted = find(1, "name = b").unwrap();
    let entry = adopted(Control::Processor, "name = b", Some(&accepted), at(1));
    let text = serde_json::to_string(&entry.details).unwrap();
    assert!(text.contains("approved") && text.contains("ada") && text.contains("name = b"), "{text}");
}

#[test]
fn an_approval_reads_as_it_was_written_and_no_other_text_does() {
    let text = approval(1).text();
    assert_eq!(Approval::parse(&text), Some(approval(1)));
    for (from, to) in [("weaken", "Weaken"), ("log.level", "clamp"), ("node ", "node  "), ("until 2", "until +2")] {
        assert_eq!(Approval::parse(&text.replacen(from, to, 1)), None, "{to}");
    }
    assert!(LONGEST <= SignedDuration::from_hours(24));
}
