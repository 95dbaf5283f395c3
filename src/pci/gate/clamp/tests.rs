//! What the clamp misses, as `src/pci/README.md` publishes it.

use std::f32::consts::TAU;

use frame::{RawFrame, SampleRate};
use tones::{
    bank::TONES,
    synthesis::{Chance, Dial, noise},
};

use super::{agrees, gate::Leg, speech, trials};
use crate::{CleanFrame, KeyPolicy};

/// Samples that may name a key: 1.5 ms.
const NAMING: usize = 12;

#[derive(Clone, Copy)]
struct Point {
    millis: f32,
    dbm0: f32,
    /// Decibels from the two tones to the noise, or to the speech.
    ratio: f32,
    is_over_speech: bool,
    /// The most that the tones differ, in decibels, and are off, as a fraction.
    twist: f32,
    off: f32,
    /// Which frame is lost, if one is.
    loss: Loss,
}

#[derive(Clone, Copy)]
enum Loss {
    None,
    /// The frame in which the tone begins.
    First,
    /// The one after that in which it begins, so many milliseconds after its beginning.
    After(f32),
    /// The one before that in which it ends, so many milliseconds before its end.
    Before(f32),
}

const USUAL: Point =
    Point { millis: 50.0, dbm0: -10.0, ratio: 40.0, is_over_speech: false, twist: 0.0, off: 0.0, loss: Loss::None };

impl Point {
    /// Of `trials` presses outside captures, how many leave 1.5 ms or more of their tone in what comes out.
    fn missed(self, trials: usize) -> usize {
        let mut chance = Chance::new(99);
        (0..trials).filter(|_| self.left(&mut chance) >= NAMING).count()
    }

    fn left(self, chance: &mut Chance) -> usize {
        let spread = |most: f32, chance: &mut Chance| most * (2.0 * chance.unit() - 1.0);
        let (twist, off) = (spread(self.twist, chance), spread(self.off, chance));
        let dbm0 = [self.dbm0 + twist / 2.0, self.dbm0 - twist / 2.0];
        let dial = Dial { dbm0, off: [off; 2], ..Dial::new(chance.below(16), self.millis) };
        let (length, level) = (960 + dial.samples() + 640, self.dbm0 + 3.0 - self.ratio);
        let mut line = if self.is_over_speech { speech(length, level, chance) } else { noise(length, level, chance) };
        let start = match self.loss {
            Loss::None | Loss::First => 640 + chance.below(160),
            Loss::After(millis) => 800 - (millis * 8.0) as usize,
            // It ends so far into a frame.
            Loss::Before(millis) => 800 - dial.samples() % 160 + (millis * 8.0) as usize,
        };
        dial.add_to(&mut line, start, chance);
        let mut leg = Leg::new(KeyPolicy::Declared);
        let frame_of = |sample: usize| (sample / 160 * 160) as u64;
        let lost = match self.loss {
            Loss::None => None,
            Loss::First => Some(frame_of(start)),
            Loss::After(_) => Some(800),
            Loss::Before(_) => Some(frame_of(start + dial.samples()) - 160),
        };
        for frame in line.chunks(160) {
            if lost == Some(leg.index) { leg.lose() } else { leg.play(frame) }
        }
        let tone = start as u64..(start + dial.samples()) as u64;
        let heard = leg.heard.iter().flat_map(|frame| (frame.index()..).zip(frame.samples()));
        heard.filter(|(at, sample)| tone.contains(at) && **sample != 0).count()
    }
}

fn published(what: &str, point: Point, percent: f32) {
    let trials = trials();
    agrees(what, percent, point.missed(trials), trials);
}

#[test]
fn short_tones_are_missed_as_published() {
    for (millis, percent) in
        [(6.0, 100.0), (8.0, 50.0), (10.0, 0.0), (12.0, 0.0), (15.0, 0.0), (20.0, 0.0), (50.0, 0.0), (250.0, 0.0)]
    {
        published(&format!("{millis} ms"), Point { millis, ..USUAL }, percent);
    }
}

#[test]
fn a_lost_first_frame_hides_no_tone_from_the_clamp() {
    for millis in [10.0, 12.0, 15.0, 20.0, 50.0, 250.0] {
        published(&format!("{millis} ms, first frame lost"), Point { millis, loss: Loss::First, ..USUAL }, 0.0);
    }
}

#[test]
fn a_tone_that_a_loss_cuts_short_is_missed_as_published() {
    for millis in [2.0, 4.0, 5.0, 6.0, 8.0, 12.0] {
        for (side, loss) in [("after", Loss::After(millis)), ("before", Loss::Before(millis))] {
            for (ratio, percent) in [(40.0, 0.0), (12.0, 0.0), (10.0, 0.0)] {
                let what = format!("a loss {side} {millis} ms of the tone, {ratio} dB over noise");
                published(&what, Point { loss, ratio, ..USUAL }, percent);
            }
            published(
                &format!("a loss {side} {millis} ms of an uneven tone"),
                Point { loss, twist: 8.0, off: 0.018, ..USUAL },
                0.0,
            );
        }
    }
}

#[test]
fn a_tone_over_speech_that_a_loss_cuts_short_is_missed_as_published() {
    for (ratio, percent) in [(20.0, 0.0), (15.0, 0.1), (12.0, 2.5), (9.0, 23.0)] {
        for millis in [5.0, 8.0] {
            for (side, loss) in [("after", Loss::After(millis)), ("before", Loss::Before(millis))] {
                let point = Point { loss, ratio, is_over_speech: true, ..USUAL };
                published(&format!("a loss {side} {millis} ms, {ratio} dB over speech"), point, percent);
            }
        }
    }
}

/// How much of a key's tone leaves a leg of this rate, in milliseconds, where a loss of one frame lies beside it: after so many
/// milliseconds of the tone, or before the last of them.
fn left_of_a_wide_tone(rate: SampleRate, key: usize, millis: usize, is_after: bool) -> f32 {
    let (frame, hertz) = (rate.frame_samples(), rate.hertz() as usize);
    let length = hertz / 1_000 * millis;
    // The tone lies in the fourth frame, before the loss, or in the sixth, after it.
    let tone = if is_after { 4 * frame - length..4 * frame } else { 5 * frame..5 * frame + length };
    let tones = [TONES[key / 4], TONES[4 + key % 4]];
    let at = |sample: usize| {
        let turn = |tone: f32| (TAU * tone * sample as f32 / hertz as f32).sin();
        let hiss = ((sample * 7_919) % 61) as f32 - 30.0;
        hiss + if tone.contains(&sample) { tones.iter().map(|tone| 7_000.0 * turn(*tone)).sum() } else { 0.0 }
    };
    let mut leg = Leg::at(rate, KeyPolicy::Declared);
    for number in 0..9 {
        let index = number as u64 * frame::INDEX_STEP;
        let raw = if number == 4 {
            RawFrame::lost(rate, index)
        } else {
            RawFrame::decoded(rate, index, |out| {
                out.iter_mut().zip(number * frame..).for_each(|(out, sample)| *out = at(sample) as i16);
            })
        };
        leg.deliver(raw);
    }
    let heard = leg.heard.iter().flat_map(CleanFrame::samples).enumerate();
    let left = heard.filter(|(at, sample)| tone.contains(at) && **sample != 0).count();
    left as f32 * 1_000.0 / hertz as f32
}

#[test]
fn a_tone_that_a_loss_cuts_short_is_hidden_at_every_rate() {
    for rate in [SampleRate::Hz8000, SampleRate::Hz16000, SampleRate::Hz24000, SampleRate::Hz48000] {
        for (key, millis) in (0..16).flat_map(|key| (1..=18).map(move |millis| (key, millis))) {
            let before = left_of_a_wide_tone(rate, key, millis, true);
            let after = left_of_a_wide_tone(rate, key, millis, false);
            assert!(before < 1.5, "{before} ms of {millis} before a loss, at {rate:?}");
            assert!(after < 1.5, "{after} ms of {millis} after a loss, at {rate:?}");
        }
    }
}

#[test]
fn tones_in_noise_are_missed_as_published() {
    for ratio in [20.0, 15.0, 12.0, 10.0] {
        published(&format!("20 ms, {ratio} dB over noise"), Point { millis: 20.0, ratio, ..USUAL }, 0.0);
    }
    for (ratio, percent) in [(12.0, 0.0), (10.0, 0.0), (9.0, 0.2), (8.0, 9.0), (7.0, 61.0), (6.0, 94.0)] {
        published(&format!("50 ms, {ratio} dB over noise"), Point { ratio, ..USUAL }, percent);
    }
}

#[test]
fn tones_over_speech_are_missed_as_published() {
    for (ratio, percent) in [(20.0, 0.0), (15.0, 0.0), (12.0, 2.4), (9.0, 24.0), (6.0, 53.0)] {
        let point = Point { millis: 60.0, ratio, is_over_speech: true, ..USUAL };
        published(&format!("60 ms, {ratio} dB over speech"), point, percent);
    }
}

#[test]
fn faint_tones_are_missed_as_published() {
    for (dbm0, percent) in
        [(0.0, 0.0), (-30.0, 0.0), (-36.0, 0.0), (-42.0, 0.0), (-45.0, 0.0), (-48.0, 4.0), (-50.0, 100.0)]
    {
        published(&format!("50 ms at {dbm0} dBm0"), Point { dbm0, ..USUAL }, percent);
    }
}

#[test]
fn uneven_tones_are_missed_as_published() {
    for (twist, off, percent) in [(8.0, 0.018, 0.0), (12.0, 0.018, 0.0), (8.0, 0.035, 0.0), (16.0, 0.0, 24.0)] {
        published(&format!("50 ms, twist to {twist} dB, off to {off}"), Point { twist, off, ..USUAL }, percent);
    }
}
