use super::*;
use crate::tests::{agrees, speech, through_ulaw, trials};
use tones::{
    bank::Bank,
    synthesis::{Chance, Dial, babble, noise, rms},
};

/// Runs a line through a fresh detector, with these frames lost; the keys that it heard.
fn hear(line: &[f32], mut is_lost: impl FnMut(usize) -> bool) -> Vec<u8> {
    let (mut bank, mut detector, mut heard) = (Bank::default(), Detector::default(), Vec::new());
    for (index, frame) in through_ulaw(line).chunks(160).enumerate() {
        if is_lost(index) {
            bank.clear();
            detector.lost();
            continue;
        }
        for samples in frame.as_chunks().0 {
            let hop = bank.push(&samples.map(f32::from));
            heard.extend(detector.hop(&hop).map(|key| key.symbol()));
        }
    }
    heard
}

/// How many of `trials` presses, made by `dial` in noise of `dbm0`, were heard exactly once and right.
fn heard_once(trials: u64, dbm0: f32, dial: impl Fn(usize) -> Dial) -> u64 {
    (0..trials)
        .filter(|&trial| {
            let mut chance = Chance::new(trial + 1);
            let pad = chance.below(16);
            let dial = dial(pad);
            let mut line = noise(800 + dial.samples() + 800, dbm0, &mut chance);
            let start = 480 + chance.below(160);
            dial.add_to(&mut line, start, &mut chance);
            hear(&line, |_| false) == [PAD[pad]]
        })
        .count() as u64
}

const TRIALS: u64 = 200;
const QUIET: f32 = -70.0;

#[test]
fn presses_from_30_ms_are_heard_and_below_23_ms_are_not() {
    for (millis, expected) in [(15.0, 0), (20.0, 0), (23.0, 0), (30.0, TRIALS), (40.0, TRIALS), (500.0, TRIALS)] {
        assert_eq!(heard_once(TRIALS, QUIET, |pad| Dial::new(pad, millis)), expected, "{millis} ms");
    }
}

#[test]
fn frequencies_are_taken_to_the_edge_and_refused_beyond() {
    for sign in [[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]] {
        let edge =
            |pad| Dial { off: sign.map(|s| s * 0.015), off_hertz: sign.map(|s| s * 2.0), ..Dial::new(pad, 40.0) };
        assert_eq!(heard_once(TRIALS, QUIET, edge), TRIALS, "{sign:?}");
    }
    for off in [[0.035, 0.0], [-0.035, 0.0], [0.0, 0.035], [0.0, -0.035], [0.05, 0.05]] {
        assert_eq!(heard_once(TRIALS, QUIET, |pad| Dial { off, ..Dial::new(pad, 100.0) }), 0, "{off:?}");
    }
}

#[test]
fn twist_is_taken_to_the_edge_and_refused_beyond() {
    for (dbm0, expected) in
        [([-10.0, -18.0], TRIALS), ([-10.0, -6.0], TRIALS), ([-10.0, -22.0], 0), ([-18.0, -10.0], 0)]
    {
        assert_eq!(heard_once(TRIALS, QUIET, |pad| Dial { dbm0, ..Dial::new(pad, 40.0) }), expected, "{dbm0:?}");
    }
}

#[test]
fn noise_does_not_hide_a_press() {
    for (millis, ratio) in [(40.0, 12.0), (40.0, 9.0), (70.0, 8.0)] {
        let noise = -10.0 + 3.0 - ratio;
        assert_eq!(heard_once(TRIALS, noise, |pad| Dial::new(pad, millis)), TRIALS, "{millis} ms at {ratio} dB");
    }
}

#[test]
fn no_single_lost_frame_splits_or_hides_a_press_as_published() {
    for trial in 0..trials() {
        let mut chance = Chance::new(trial as u64);
        let (pad, start) = (chance.below(16), 480 + chance.below(160));
        let mut line = noise(4_000, QUIET, &mut chance);
        Dial::new(pad, 160.0).add_to(&mut line, start, &mut chance);
        for lost in 0..20 {
            assert_eq!(hear(&line, |index| index == lost), [PAD[pad]], "frame {lost} lost");
        }
    }
}

#[test]
fn random_loss_splits_no_press() {
    let (mut heard, mut missed) = (0, 0);
    for trial in 0..400 {
        let mut chance = Chance::new(trial);
        let (pad, start) = (chance.below(16), 480 + chance.below(160));
        let mut line = noise(4_800, QUIET, &mut chance);
        Dial::new(pad, 250.0).add_to(&mut line, start, &mut chance);
        match hear(&line, |_| chance.unit() < 0.05)[..] {
            [key] if key == PAD[pad] => heard += 1,
            [] => missed += 1,
            _ => panic!("split or misread"),
        }
    }
    assert!(missed == 0, "{heard} heard, {missed} missed");
}

#[test]
fn a_gap_of_30_ms_separates_presses_and_one_of_10_ms_does_not() {
    for (gap, presses) in [(10, 1), (30, 2), (40, 2)] {
        for trial in 0..100 {
            let mut chance = Chance::new(trial);
            let (pad, start) = (chance.below(16), 480 + chance.below(160));
            let mut line = noise(3_200, QUIET, &mut chance);
            let dial = Dial::new(pad, 50.0);
            dial.add_to(&mut line, start, &mut chance);
            dial.add_to(&mut line, start + dial.samples() + gap * 8, &mut chance);
            assert_eq!(hear(&line, |_| false), vec![PAD[pad]; presses], "{gap} ms");
        }
    }
}

#[test]
fn a_card_keyed_fast_is_heard_whole() {
    let mut chance = Chance::new(9);
    let card = b"4242424242424242";
    let mut line = noise(320 + 16 * 720 + 800, -50.0, &mut chance);
    for (place, key) in card.iter().enumerate() {
        let pad = PAD.iter().position(|known| known == key).unwrap();
        Dial::new(pad, 45.0).add_to(&mut line, 333 + place * 720, &mut chance);
    }
    assert_eq!(hear(&line, |_| false), card);
}

#[test]
fn single_tones_and_call_progress_tones_are_no_keys() {
    for pair in [
        [697.0, 0.0],
        [1_209.0, 0.0],
        [350.0, 440.0],
        [440.0, 480.0],
        [480.0, 620.0],
        [1_100.0, 0.0],
        [2_100.0, 0.0],
        [950.0, 1_400.0],
    ] {
        let tone = |sample: usize, hertz: f32| (std::f32::consts::TAU * hertz * sample as f32 / 8_000.0).sin();
        let line: Vec<f32> =
            (0..16_000).map(|sample| rms(-13.0) * (tone(sample, pair[0]) + tone(sample, pair[1]))).collect();
        assert!(hear(&line, |_| false).is_empty(), "{pair:?}");
    }
}

#[test]
fn speech_like_sounds_are_no_keys() {
    let mut chance = Chance::new(77);
    assert!(hear(&babble(120, &mut chance), |_| false).is_empty());
}

fn published(what: &str, percent: f32, dbm0: f32, dial: impl Fn(usize) -> Dial) {
    let trials = trials();
    agrees(what, percent, heard_once(trials as u64, dbm0, dial) as usize, trials);
}

#[test]
fn short_presses_are_heard_as_published() {
    for (millis, percent) in
        [(20.0, 0.0), (23.0, 0.0), (24.0, 0.4), (26.0, 36.0), (28.0, 98.0), (30.0, 100.0), (40.0, 100.0)]
    {
        published(&format!("{millis} ms"), percent, QUIET, |pad| Dial::new(pad, millis));
    }
}

#[test]
fn detuned_presses_are_heard_as_published() {
    for (off, percent) in [(0.018, 100.0), (0.02, 100.0), (0.025, 100.0), (0.027, 0.0), (0.03, 0.0), (0.035, 0.0)] {
        published(&format!("off by {off}"), percent, QUIET, |pad| Dial { off: [off, -off], ..Dial::new(pad, 40.0) });
    }
}

#[test]
fn uneven_presses_are_heard_as_published() {
    for (twist, percent) in [
        (-8.0, 0.0),
        (-6.0, 80.0),
        (-5.0, 100.0),
        (-4.0, 100.0),
        (8.0, 100.0),
        (9.0, 100.0),
        (10.0, 47.0),
        (11.0, 0.0_f32),
    ] {
        let dbm0 = [-10.0 + f32::min(twist, 0.0), -10.0 - f32::max(twist, 0.0)];
        published(&format!("twist {twist} dB"), percent, QUIET, |pad| Dial { dbm0, ..Dial::new(pad, 40.0) });
    }
}

#[test]
fn presses_in_noise_are_heard_as_published() {
    for (ratio, percent) in [(12.0, 100.0), (9.0, 100.0), (8.0, 99.0), (7.0, 66.0), (6.0, 8.0)] {
        published(&format!("40 ms, {ratio} dB over noise"), percent, -7.0 - ratio, |pad| Dial::new(pad, 40.0));
    }
}

#[test]
fn levels_are_heard_as_published() {
    for (level, percent) in [(0.0, 100.0), (-20.0, 100.0), (-36.0, 100.0), (-40.0, 100.0), (-46.0, 0.0), (-55.0, 0.0)] {
        let dial = |pad| Dial { dbm0: [level; 2], ..Dial::new(pad, 40.0) };
        published(&format!("{level} dBm0"), percent, -75.0, dial);
    }
}

#[test]
fn presses_over_speech_are_heard_as_published() {
    let trials = trials();
    for (ratio, percent) in [(15.0, 99.9), (12.0, 99.4), (9.0, 90.0), (6.0, 54.0)] {
        let is_heard_once = |trial: &usize| {
            let mut chance = Chance::new(*trial as u64 + 1);
            let pad = chance.below(16);
            let dial = Dial::new(pad, 60.0);
            let mut line = speech(800 + dial.samples() + 800, -7.0 - ratio, &mut chance);
            dial.add_to(&mut line, 480 + chance.below(160), &mut chance);
            hear(&line, |_| false) == [PAD[pad]]
        };
        agrees(&format!("60 ms, {ratio} dB over speech"), percent, (0..trials).filter(is_heard_once).count(), trials);
    }
}

#[test]
fn presses_under_loss_are_heard_as_published() {
    let trials = trials();
    for (millis, percent) in [(50.0, 92.0), (80.0, 99.3), (100.0, 99.6), (160.0, 100.0), (250.0, 100.0)] {
        let (mut once, mut split) = (0, 0);
        for trial in 0..trials {
            let mut chance = Chance::new(trial as u64);
            let (pad, start) = (chance.below(16), 480 + chance.below(160));
            let mut line = noise(4_800, QUIET, &mut chance);
            Dial::new(pad, millis).add_to(&mut line, start, &mut chance);
            let heard = hear(&line, |_| chance.unit() < 0.05);
            once += usize::from(heard == [PAD[pad]]);
            split += usize::from(heard.len() > 1);
        }
        agrees(&format!("{millis} ms, one frame in twenty lost"), percent, once, trials);
        assert_eq!(split, 0, "{millis} ms");
    }
}
