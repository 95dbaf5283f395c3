use std::time::Duration;

use super::beginning;
use crate::{
    arbiter::{Arbiter, Path},
    key::Key,
};

fn key(symbol: u8) -> Key {
    Key::from_symbol(symbol).unwrap()
}

#[test]
fn an_in_band_lead_and_its_event_are_one_press() {
    let (start, mut arbiter) = (beginning(), Arbiter::default());
    let at = |millis| start + Duration::from_millis(millis);
    assert!(arbiter.press(at(0), Path::InBand, key(b'5')).is_some());
    assert!(arbiter.press(at(90), Path::Event, key(b'5')).is_none());
    assert!(arbiter.press(at(180), Path::Event, key(b'5')).is_some(), "the same path again is a new press");
}

#[test]
fn in_band_keys_are_not_listened_to_beside_events() {
    let (start, mut arbiter) = (beginning(), Arbiter::default());
    let at = |millis| start + Duration::from_millis(millis);
    assert!(arbiter.press(at(0), Path::Event, key(b'1')).is_some());
    assert!(arbiter.press(at(900), Path::InBand, key(b'2')).is_none());
    assert!(arbiter.press(at(10_001), Path::InBand, key(b'2')).is_some());
}

#[test]
fn an_info_that_signalling_delays_is_the_press_that_was_heard_as_a_tone() {
    let (start, mut arbiter) = (beginning(), Arbiter::default());
    let at = |millis| start + Duration::from_millis(millis);
    assert!(arbiter.press(at(0), Path::InBand, key(b'5')).is_some());
    arbiter.hold(at(60), Path::InBand);
    assert!(arbiter.press(at(350), Path::Info, key(b'5')).is_none(), "290 ms after the key was up");
    assert!(arbiter.press(at(500), Path::Info, key(b'5')).is_some(), "INFO again is a new press");
}

#[test]
fn infos_that_come_after_three_tones_tell_them_in_their_order() {
    let (start, mut arbiter) = (beginning(), Arbiter::default());
    let at = |millis| start + Duration::from_millis(millis);
    for (millis, symbol) in [(0, b'1'), (100, b'2'), (200, b'1')] {
        assert!(arbiter.press(at(millis), Path::InBand, key(symbol)).is_some());
    }
    for (millis, symbol) in [(250, b'1'), (350, b'2'), (450, b'1')] {
        assert!(arbiter.press(at(millis), Path::Info, key(symbol)).is_none(), "{millis}");
    }
    assert!(arbiter.press(at(460), Path::Info, key(b'1')).is_some(), "a fourth is a press");
}

#[test]
fn a_press_held_long_by_events_is_not_told_again_by_its_tone() {
    let (start, mut arbiter) = (beginning(), Arbiter::default());
    let at = |millis| start + Duration::from_millis(millis);
    assert!(arbiter.press(at(0), Path::Event, key(b'5')).is_some());
    for millis in (0..20_000).step_by(20) {
        arbiter.hold(at(millis), Path::Event);
        if millis % 3_000 == 0 {
            assert!(arbiter.press(at(millis), Path::InBand, key(b'5')).is_none(), "the tone begins anew at {millis}");
        }
    }
}

#[test]
fn a_different_key_is_never_the_same_press() {
    let (start, mut arbiter) = (beginning(), Arbiter::default());
    assert!(arbiter.press(start, Path::InBand, key(b'5')).is_some());
    assert!(arbiter.press(start, Path::Event, key(b'6')).is_some());
}

#[test]
fn a_held_press_is_remembered_and_a_released_one_is_wiped() {
    let (start, mut arbiter) = (beginning(), Arbiter::default());
    let at = |millis| start + Duration::from_millis(millis);
    assert!(arbiter.press(at(0), Path::InBand, key(b'5')).is_some());
    arbiter.hold(at(2_000), Path::InBand);
    assert!(arbiter.press(at(2_050), Path::Event, key(b'5')).is_none());
    arbiter.expire(at(2_300));
    assert!(arbiter.poll_timeout().is_none(), "nothing is left to wipe");
}
