//! Captures of a whole gate: its sinks, its mutes and its ends.

use frame::RawInfo;
use tones::synthesis::{Chance, Dial, noise};

use crate::{
    CaptureEvent, CaptureFailure, CaptureOutcome, CleanFrame, ControlFailure, MuteEpoch, SinkId, WIPE_DEADLINE,
    tests::gate::{AGENT, Leg, NAME, RECORDER},
};

fn failed(failure: CaptureFailure) -> CaptureEvent {
    CaptureEvent::Outcome(CaptureOutcome::Failed(failure))
}

#[test]
fn arming_waits_for_every_sink_and_mutes_the_held_frame_at_once() {
    let mut leg = Leg::with_sinks(&[AGENT, RECORDER]);
    leg.play(&noise(320, -20.0, &mut Chance::new(8)));
    leg.awake = vec![AGENT];
    leg.gate.arm(leg.now, NAME);
    leg.play(&noise(320, -20.0, &mut Chance::new(9)));
    assert!(leg.gate.is_capturing() && !leg.was_told(CaptureEvent::Armed));
    let muted: Vec<_> = leg.heard.iter().filter_map(|frame| Some((frame.mute_epoch()?, frame.index()))).collect();
    assert_eq!(muted[0].1, 160, "the frame that was held");
    assert!(leg.heard[1..].iter().all(|frame| frame.samples().iter().all(|&sample| sample == 0)));
    leg.acknowledge(RECORDER, muted[0].0, muted[0].1);
    leg.drain();
    assert!(leg.was_told(CaptureEvent::Armed));
}

#[test]
fn a_withheld_acknowledgement_means_no_capture_and_no_prompt() {
    let mut leg = Leg::with_sinks(&[AGENT, RECORDER]);
    leg.awake = vec![AGENT];
    leg.gate.arm(leg.now, NAME);
    leg.quiet(240);
    assert!(leg.was_told(ControlFailure::MuteNotAcknowledged(RECORDER)));
    assert!(leg.was_told(failed(CaptureFailure::Control(ControlFailure::MuteNotAcknowledged(RECORDER)))));
    assert!(!leg.was_told(CaptureEvent::Armed));
    leg.quiet(600);
    assert!(leg.was_told(CaptureEvent::Released) && !leg.gate.is_capturing());
}

#[test]
fn acknowledgements_of_other_epochs_unknown_sinks_or_earlier_frames_count_for_nothing() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.awake.clear();
    leg.quiet(100);
    leg.gate.arm(leg.now, NAME);
    leg.quiet(40);
    let epoch = leg.heard.last().and_then(CleanFrame::mute_epoch).unwrap();
    let index = leg.heard.last().unwrap().index();
    leg.acknowledge(AGENT, MuteEpoch(epoch.0 + 1), index);
    leg.acknowledge(AGENT, epoch, 0);
    leg.acknowledge(AGENT, epoch, index + 160_000);
    leg.acknowledge(SinkId(9), epoch, index);
    leg.drain();
    assert_eq!((leg.gate.counters().bad_acknowledgements, leg.was_told(CaptureEvent::Armed)), (4, false));
}

#[test]
fn a_lapsed_acknowledgement_ends_the_capture() {
    let mut leg = Leg::with_sinks(&[AGENT, RECORDER]);
    leg.capture();
    leg.quiet(3_000);
    assert!(leg.was_told(CaptureEvent::Armed) && leg.gate.is_capturing());
    leg.awake = vec![RECORDER];
    leg.quiet(1_040);
    assert!(leg.was_told(ControlFailure::MuteLapsed(AGENT)));
    assert!(leg.was_told(failed(CaptureFailure::Control(ControlFailure::MuteLapsed(AGENT)))));
}

#[test]
fn a_sink_added_in_a_capture_hears_silence_and_must_acknowledge() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    leg.gate.add_sink(leg.now, RECORDER);
    leg.play(&noise(1_440, -20.0, &mut Chance::new(2)));
    assert!(leg.heard.iter().rev().take(9).all(|frame| frame.samples().iter().all(|&sample| sample == 0)));
    leg.quiet(60);
    assert!(leg.was_told(ControlFailure::MuteNotAcknowledged(RECORDER)));
}

#[test]
fn a_key_held_past_the_end_keeps_the_mute_until_it_is_up_for_half_a_second() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    let mut line = noise(16_000, -60.0, &mut Chance::new(4));
    Dial::new(6, 2_000.0).add_to(&mut line, 0, &mut Chance::new(4));
    leg.play(&line[..1_600]);
    leg.gate.cancel_capture(leg.now);
    leg.gate.vault_closed(leg.now);
    leg.play(&line[1_600..]);
    leg.quiet(480);
    assert!(leg.gate.is_capturing());
    leg.quiet(120);
    assert!(leg.was_told(CaptureEvent::Released) && !leg.gate.is_capturing());
    assert!(leg.heard.iter().all(|frame| frame.samples().iter().all(|&sample| sample == 0)));
}

#[test]
fn a_key_held_through_a_loss_keeps_the_mute_too_for_as_long_as_keys_are_held() {
    for (lost, is_capturing) in [(30, true), (90, true), (130, false)] {
        let mut leg = Leg::with_sinks(&[AGENT]);
        leg.capture();
        let mut line = noise(32_000, -60.0, &mut Chance::new(4));
        Dial::new(6, 4_000.0).add_to(&mut line, 0, &mut Chance::new(4));
        leg.play(&line[..1_600]);
        leg.gate.cancel_capture(leg.now);
        leg.gate.vault_closed(leg.now);
        (0..lost).for_each(|_| leg.lose());
        assert_eq!(leg.gate.is_capturing(), is_capturing, "{lost} frames lost");
        if is_capturing {
            leg.play(&line[1_600 + lost * 160..]);
            leg.quiet(400);
            let is_mute = leg.heard.iter().all(|frame| frame.mute_epoch().is_some());
            assert!(leg.gate.is_capturing() && is_mute, "{lost} frames lost: a new press is told outside");
        }
    }
}

#[test]
fn the_frame_held_at_the_release_is_flushed() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    leg.gate.cancel_capture(leg.now);
    leg.gate.vault_closed(leg.now);
    let line = noise(160, -20.0, &mut Chance::new(5));
    for _ in 0..40 {
        leg.play(&line);
    }
    let silent = |frame: &CleanFrame| frame.samples().iter().all(|&sample| sample == 0);
    let first = leg.heard.iter().position(|frame| frame.mute_epoch().is_none() && frame.index() > 480).unwrap();
    assert!(silent(&leg.heard[first]) && !silent(&leg.heard[first + 1]));
}

#[test]
fn a_hang_up_ends_the_capture_and_lets_no_frame_out() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    leg.gate.hang_up(leg.now);
    let frames = leg.heard.len();
    leg.play(&noise(1_600, -20.0, &mut Chance::new(7)));
    assert_eq!(leg.heard.len(), frames);
    leg.gate.handle_timeout(leg.now + WIPE_DEADLINE);
    leg.drain();
    assert!(leg.was_told(failed(CaptureFailure::HungUp)) && leg.was_told(CaptureEvent::Released));
}

#[test]
fn a_key_that_finds_no_room_among_the_outputs_ends_the_capture() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    for _ in 0..20 {
        leg.gate.handle_info(leg.now, &RawInfo::received(false, b"4").unwrap());
    }
    leg.drain();
    leg.quiet(20);
    assert!(leg.gate.counters().overflow > 0 && leg.vault.len() < 20, "keys are lost");
    assert!(leg.was_told(failed(CaptureFailure::VaultClosed)) && leg.was_told(ControlFailure::WipeUnconfirmed));
    leg.quiet(600);
    assert!(leg.was_told(CaptureEvent::Released) && !leg.gate.is_capturing());
}

#[test]
fn a_capture_that_the_carrier_takes_is_mute_and_drops_every_key_until_it_is_ended() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.gate.arm(leg.now, NAME);
    leg.quiet(60);
    assert!(leg.was_told(CaptureEvent::Armed));
    leg.gate.delegate();
    leg.event(100, 4, 160, true);
    leg.quiet(20_000);
    assert!(leg.gate.is_capturing(), "nobody waits for a vault");
    assert_eq!((leg.vault.as_str(), leg.keys.as_str(), leg.gate.counters().suppressed), ("", "", 1));
    leg.gate.cancel_capture(leg.now);
    leg.quiet(1_600);
    assert!(leg.was_told(CaptureEvent::Released) && !leg.gate.is_capturing());
}

#[test]
fn a_sink_that_lapses_ends_a_capture_that_the_carrier_takes() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.gate.arm(leg.now, NAME);
    leg.quiet(60);
    leg.gate.delegate();
    leg.awake.clear();
    leg.quiet(1_200);
    assert!(leg.told.iter().any(|told| told.contains("Lapsed")), "{:?}", leg.told);
}

#[test]
fn keys_pressed_while_muting_go_nowhere() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.awake.clear();
    leg.gate.arm(leg.now, NAME);
    leg.event(100, 4, 160, true);
    assert_eq!((leg.vault.as_str(), leg.keys.as_str(), leg.gate.counters().suppressed), ("", "", 1));
}
