//! Keys over every path of a whole gate, outside captures and in them.

use std::time::Duration;

use frame::RawInfo;
use tones::synthesis::{Chance, Dial, PAD, noise};

use crate::{
    Collect, CollectEnd, GateOutput, KeyPolicy, MenuKey, Purpose,
    key::Key,
    tests::gate::{AGENT, Leg, RECORDER},
};

#[test]
fn events_with_a_full_in_band_copy_are_counted_once() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    let card = "4242424242424242";
    for (place, key) in card.bytes().enumerate() {
        let mut tone = vec![0.0; 800];
        let pad = PAD.iter().position(|&known| known == key).unwrap();
        Dial::new(pad, 60.0).add_to(&mut tone, 40, &mut Chance::new(place as u64));
        let (start, code) = (1_000 + place as u32 * 1_600, key - b'0');
        for packet in 1..=3_u16 {
            leg.event(start, code, packet * 160, false);
            leg.play(&tone[usize::from(packet - 1) * 160..][..160]);
        }
        (0..3).for_each(|_| leg.event(start, code, 480, true));
        leg.play(&tone[480..]);
        leg.quiet(100);
    }
    assert_eq!(leg.vault, card);
    assert_eq!(leg.gate.counters().duplicates, 16);
}

#[test]
fn in_band_keys_alone_reach_the_vault() {
    let mut leg = Leg::with_sinks(&[AGENT, RECORDER]);
    leg.capture();
    let mut chance = Chance::new(21);
    let mut line = noise(16 * 800 + 800, -50.0, &mut chance);
    for (place, key) in b"5555555555554444".iter().enumerate() {
        let pad = PAD.iter().position(|known| known == key).unwrap();
        Dial::new(pad, 50.0).add_to(&mut line, 100 + place * 800, &mut chance);
    }
    leg.play(&line);
    assert_eq!(leg.vault, "5555555555554444");
    assert_eq!(leg.keys, "");
}

#[test]
fn a_menu_key_moves_through_queues_without_its_key() {
    let mut leg = Leg::new(KeyPolicy::Released { pause: Duration::from_secs(1) });
    leg.gate.handle_info(leg.now, &RawInfo::received(false, b"5").unwrap());
    leg.gate.handle_timeout(leg.now + Duration::from_secs(1));
    let mut keys: Vec<MenuKey> = std::iter::from_fn(|| leg.gate.poll_output())
        .filter_map(|output| if let GateOutput::MenuKey(key) = output { Some(key) } else { None })
        .collect();
    let place = |key: &MenuKey| std::ptr::from_ref::<Key>(&key.key);
    let before = place(&keys[0]);
    let moved = std::collections::VecDeque::from([keys.remove(0)]);
    assert!(place(&moved[0]) == before && moved[0].key() == '5');
}

#[test]
fn info_keys_reach_the_vault_in_a_capture_and_a_collect_outside() {
    let info = || RawInfo::received(true, b"Signal=5\r\nDuration=100\r\n").unwrap();
    let mut leg = Leg::with_sinks(&[AGENT]);
    let (pause, patience) = (Duration::from_secs(3), Duration::from_secs(10));
    leg.gate.collect(leg.now, Collect { purpose: Purpose::Choice, max_keys: 1, terminator: None, pause, patience });
    leg.gate.handle_info(leg.now, &info());
    leg.drain();
    assert_eq!((leg.keys.as_str(), leg.was_told(CollectEnd::Full)), ("5", true));
    leg.quiet(1_000);
    leg.capture();
    leg.gate.handle_info(leg.now, &info());
    leg.drain();
    assert_eq!((leg.keys.as_str(), leg.vault.as_str()), ("5", "5"));
    leg.gate.handle_info(leg.now, &RawInfo::received(true, b"Signal=55").unwrap());
    assert_eq!(leg.gate.counters().malformed, 1);
}

/// A card over three paths, the worst first: beside a better one it is not listened to.
fn key_over_every_path(leg: &mut Leg) {
    leg.tones("4242", 60.0);
    // No INFO tells of them any more.
    leg.quiet(400);
    for key in *b"4242" {
        leg.info(key);
        leg.quiet(120);
    }
    leg.events(9_000, "42424242");
}

#[test]
fn a_card_over_every_path_stays_within_the_budget_and_reaches_the_vault_whole() {
    let mut leg = Leg::new(KeyPolicy::Declared);
    let (pause, patience) = (Duration::from_secs(3), Duration::from_secs(10));
    leg.gate.collect(leg.now, Collect { purpose: Purpose::Date, max_keys: 8, terminator: None, pause, patience });
    key_over_every_path(&mut leg);
    leg.quiet(2_000);
    assert_eq!((leg.keys.as_str(), leg.gate.counters().suppressed), ("42424242", 8), "for an agent that declares");
    let mut leg = Leg::new(KeyPolicy::Released { pause: Duration::from_millis(1_500) });
    key_over_every_path(&mut leg);
    leg.quiet(2_000);
    assert_eq!((leg.keys.as_str(), leg.gate.counters().suppressed), ("", 16), "for a bot that cannot");
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    key_over_every_path(&mut leg);
    assert_eq!((leg.keys.as_str(), leg.vault.as_str()), ("", "4242424242424242"));
}

#[test]
fn keys_for_the_vault_lengthen_the_run_that_a_capture_interrupts() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    let (pause, patience) = (Duration::from_secs(3), Duration::from_secs(10));
    let collect = Collect { purpose: Purpose::Date, max_keys: 8, terminator: None, pause, patience };
    leg.gate.collect(leg.now, collect);
    leg.events(1_000, "12345678");
    leg.capture();
    leg.events(20_000, "424242424242");
    leg.gate.cancel_capture(leg.now);
    leg.gate.vault_closed(leg.now);
    leg.quiet(560);
    assert_eq!((leg.vault.as_str(), leg.gate.is_capturing()), ("424242424242", false));
    leg.gate.collect(leg.now, collect);
    leg.events(40_000, "9");
    assert_eq!(
        (leg.keys.as_str(), leg.was_told(CollectEnd::Overrun)),
        ("12345678", true),
        "no second was without a key"
    );
}

#[test]
fn a_lead_of_tone_before_its_event_or_its_info_is_one_key() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    leg.tones("5", 45.0);
    leg.info(b'5');
    assert_eq!(leg.vault, "5", "INFO soon after the tone");
    leg.quiet(1_000);
    leg.tones("6", 60.0);
    leg.info(b'6');
    assert_eq!(leg.vault, "56", "beside INFO a tone is not listened to");
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    leg.tones("6", 60.0);
    leg.quiet(140);
    leg.info(b'6');
    assert_eq!(leg.vault, "6", "INFO 200 ms after the tone");
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    leg.tones("7", 45.0);
    leg.events(5_000, "7");
    assert_eq!(leg.vault, "7", "the rest of it as an event");
}

#[test]
fn an_info_that_comes_later_than_the_next_press_tells_no_key_again() {
    for (tones, infos, keys) in [
        ("56", "56", "56"),
        ("55", "55", "55"),
        ("55", "555", "555"),
        ("56", "567", "567"),
        // Of the tone no INFO comes.
        ("5", "67", "567"),
    ] {
        let mut leg = Leg::with_sinks(&[AGENT]);
        leg.capture();
        leg.tones(tones, 60.0);
        for info in infos.bytes() {
            leg.info(info);
            leg.quiet(60);
        }
        assert_eq!(leg.vault, keys, "tones {tones}, then INFO {infos}");
    }
}

#[test]
fn an_info_is_a_press_of_its_own_where_tones_are_too_old_to_be_told_by_it() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    leg.tones("56", 60.0);
    leg.quiet(400);
    leg.info(b'5');
    assert_eq!(leg.vault, "565");
}
