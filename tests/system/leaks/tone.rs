//! Finds a key's two tones (ITU-T Q.23) in audio.

use std::f64::consts::TAU;

const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
/// Samples a second.
const HERTZ: f64 = 8_000.0;
/// Samples looked at together: 25.6 ms, shorter than the shortest key.
const WINDOW: usize = 205;
/// From one look to the next: 10 ms.
const STEP: usize = 80;
/// The least amplitude of each of the two tones: -50 dBov.
const FAINT: f64 = 100.0;
/// The share of all power that the two tones of a key have; speech has less.
const SHARE: f64 = 0.8;

/// Whether any key is heard.
pub(super) fn is_in(samples: &[i16]) -> bool {
    samples.windows(WINDOW).step_by(STEP).any(is_key)
}

fn is_key(window: &[i16]) -> bool {
    let loudest = |tones: [f64; 4]| tones.iter().map(|tone| amplitude(window, *tone)).fold(0.0, f64::max);
    let (low, high) = (loudest(LOW), loudest(HIGH));
    let power = window.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / WINDOW as f64;
    low > FAINT && high > FAINT && (low * low + high * high) / 2.0 > SHARE * power
}

/// How strong one frequency is (Goertzel's algorithm).
fn amplitude(window: &[i16], hertz: f64) -> f64 {
    let turn = 2.0 * (TAU * hertz / HERTZ).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in window {
        (last, before) = (f64::from(*sample) + turn * last - before, last);
    }
    let power: f64 = last * last + before * before - turn * last * before;
    2.0 * power.max(0.0).sqrt() / WINDOW as f64
}

#[test]
fn every_key_is_heard_and_one_tone_alone_is_none() {
    let wave = |hertz: f64, n: usize| ((n as f64 * TAU * hertz / HERTZ).sin() * 1_000.0) as i16;
    for low in LOW {
        for high in HIGH {
            let key: Vec<i16> = (0..400).map(|n| wave(low, n) + wave(high, n)).collect();
            assert!(is_in(&key));
        }
        assert!(!is_in(&(0..400).map(|n| wave(low, n)).collect::<Vec<_>>()));
    }
}
