//! What the clamp misses, as `src/pci/README.md` publishes it.

use super::tests::Leg;
use crate::{
    KeyPolicy,
    synthesis::{Chance, Dial, agrees, noise, trials},
};

/// Samples that may name a key: 1.5 ms.
const NAMING: usize = 12;

#[derive(Clone, Copy)]
struct Point {
    millis: f32,
    dbm0: f32,
    /// Decibels from the two tones to the noise.
    ratio: f32,
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

const USUAL: Point = Point { millis: 50.0, dbm0: -10.0, ratio: 40.0, twist: 0.0, off: 0.0, loss: Loss::None };

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
        let mut line = noise(960 + dial.samples() + 640, self.dbm0 + 3.0 - self.ratio, chance);
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
fn a_tone_that_a_loss_cuts_short_is_hidden_on_both_sides() {
    for millis in [2.0, 4.0, 5.0, 6.0, 8.0, 12.0] {
        for (side, loss) in [("after", Loss::After(millis)), ("before", Loss::Before(millis))] {
            for (ratio, percent) in [(40.0, 0.0), (12.0, 0.0), (10.0, 0.5)] {
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
fn tones_in_noise_are_missed_as_published() {
    for ratio in [20.0, 15.0, 12.0, 10.0] {
        published(&format!("20 ms, {ratio} dB over noise"), Point { millis: 20.0, ratio, ..USUAL }, 0.0);
    }
    for (ratio, percent) in [(12.0, 0.0), (10.0, 0.0), (9.0, 0.2), (8.0, 9.0), (7.0, 61.0), (6.0, 94.0)] {
        published(&format!("50 ms, {ratio} dB over noise"), Point { ratio, ..USUAL }, percent);
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
