//! Where a key's tone begins and ends.

use std::ops::Range;

use crate::classifier::Classifier;

/// Samples looked at together: 3 ms.
const WINDOW: usize = 24;
/// From one look to the next.
const STEP: usize = 2;
/// The share of a whole window's power that two tones explain on average where they fill half of it: four waves do not fit an edge.
const HALF: f32 = 0.25;
/// How long a tone may be away and still be the same press: 12 ms. ITU-T Q.24 has interruptions of 10 ms bridged.
const PATIENCE: usize = 96;
/// What is known to lie in the tone before the moment at which it was told.
const PLATEAU: Range<usize> = 48..128;

/// The samples of a press, to 1.25 ms: from where half of a window begins to be its two tones to where half of one
/// is still.
///
/// `inside` is a moment at which the tone has lasted for 16 ms and more, as a detector tells of it. What is not known (a lost
/// frame) is passed over, and a tone that begins or ends in it counts from or to its edge.
///
/// Returns nothing, at `inside`, where nothing is known before it.
#[must_use]
pub fn extent(pad: usize, samples: &[f32], is_known: impl Fn(usize) -> bool, inside: usize) -> Range<usize> {
    let classifier = Classifier::new(WINDOW);
    let inside = inside.min(samples.len());
    let power = |at: usize| -> Option<f32> {
        let window = samples.get(at..at + WINDOW)?;
        if is_known(at) && is_known(at + WINDOW - 1) { classifier.explained_by(pad, window) } else { None }
    };
    let before = inside.saturating_sub(PLATEAU.end)..inside.saturating_sub(PLATEAU.start);
    let mut plateau: Vec<f32> = before.clone().filter_map(power).collect();
    plateau.sort_by(f32::total_cmp);
    let Some(least) = plateau.get(plateau.len() / 2).map(|middle| middle * HALF) else { return inside..inside };
    let is_tone = |at: usize| power(at).map(|power| power >= least);
    let back = (0..before.end).rev().step_by(STEP);
    let first = walk(before.end, back, is_tone);
    let last = walk(before.end, (before.end..samples.len().saturating_sub(WINDOW)).step_by(STEP), is_tone);
    let onset = first.window + if first.is_edge { WINDOW / 2 } else { 0 };
    onset..last.window + if last.is_edge { WINDOW / 2 } else { WINDOW }
}

/// The last window of a tone on one side.
struct Last {
    window: usize,
    /// Whether what follows it is known, so that half of the window is out of the tone.
    is_edge: bool,
}

fn walk(from: usize, windows: impl Iterator<Item = usize>, is_tone: impl Fn(usize) -> Option<bool>) -> Last {
    let (mut last, mut away) = (Last { window: from, is_edge: false }, 0);
    for window in windows {
        match is_tone(window) {
            Some(true) => (last, away) = (Last { window, is_edge: false }, 0),
            Some(false) => {
                last.is_edge |= window.abs_diff(last.window) <= STEP;
                away += STEP;
            }
            None => {}
        }
        if away > PATIENCE {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesis::{Chance, Dial, noise};

    const EVERYTHING: fn(usize) -> bool = |_| true;

    #[test]
    fn a_press_is_found_to_about_a_millisecond() {
        let mut chance = Chance::new(6);
        for millis in [40.0, 60.0, 250.0] {
            for pad in 0..16 {
                let mut line = noise(4_000, -30.0, &mut chance);
                let (dial, start) = (Dial::new(pad, millis), 800 + chance.below(800));
                dial.add_to(&mut line, start, &mut chance);
                let found = extent(pad, &line, EVERYTHING, start + 288);
                assert!(found.start.abs_diff(start) <= 10, "{} {start}", found.start);
                assert!(found.end.abs_diff(start + dial.samples()) <= 10, "{} {start}", found.end);
            }
        }
    }

    #[test]
    fn an_interruption_is_bridged_and_the_next_press_is_not() {
        let mut chance = Chance::new(7);
        let (dial, start) = (Dial::new(5, 60.0), 800);
        for (gap, ends) in [(80, 800 + 960 + 80), (240, 800 + 480)] {
            let mut line = noise(4_000, -50.0, &mut chance);
            dial.add_to(&mut line, start, &mut chance);
            dial.add_to(&mut line, start + dial.samples() + gap, &mut chance);
            let found = extent(5, &line, EVERYTHING, start + 256);
            assert!(found.end.abs_diff(ends) <= 8, "{found:?} {ends}");
        }
    }

    #[test]
    fn a_lost_frame_is_passed_over_or_is_the_edge() {
        let mut chance = Chance::new(8);
        let mut line = noise(4_000, -50.0, &mut chance);
        Dial::new(0, 100.0).add_to(&mut line, 800, &mut chance);
        // Lost in the middle, then at the end.
        for (lost, ends) in [(1_120..1_280, 1_600), (1_520..1_680, 1_520)] {
            let mut heard = line.clone();
            heard[lost.clone()].fill(0.0);
            let found = extent(0, &heard, |at| !lost.contains(&at), 1_100);
            assert!(found.start.abs_diff(800) <= 8 && found.end.abs_diff(ends) <= 8, "{found:?} {ends}");
        }
    }
}
