//! What the tests of this crate share: a µ-law line, speech, published figures, and where time begins.

use audio::g711;
use tones::synthesis::{Chance, babble, rms};

#[path = "arbiter/tests.rs"]
mod arbiter;
#[path = "capture/tests.rs"]
mod capture;
#[path = "clamp/tests.rs"]
mod clamp;
#[path = "clean/tests.rs"]
mod clean;
#[path = "collect/tests.rs"]
mod collect;
#[path = "gate/tests.rs"]
pub(crate) mod gate;
#[path = "info/tests.rs"]
mod info;
#[path = "sinks/tests.rs"]
mod sinks;

/// How many tries a figure of `src/pci/README.md` is measured with: 2,000 where it was published, fewer in every test run.
pub(crate) fn trials() -> usize {
    match std::env::var("TONEGATE_TRIALS") {
        Ok(text) => text.parse().expect("TONEGATE_TRIALS is a whole number"),
        Err(_) => 150,
    }
}

/// Prints what was measured, and fails where chance does not explain its distance from what is published (four standard deviations, and
/// half a per cent for rounding).
pub(crate) fn agrees(what: &str, published: f32, hits: usize, trials: usize) {
    let measured = hits as f32 * 100.0 / trials as f32;
    println!("{what}: {measured} % (published {published})");
    let deviation = (published * (100.0 - published) / trials as f32).sqrt();
    assert!((measured - published).abs() <= 4.0 * deviation + 0.5, "{what}: {measured} %, published {published} %");
}

/// What arrives of a line: 16-bit samples through a µ-law round trip.
pub(crate) fn through_ulaw(line: &[f32]) -> Vec<i16> {
    line.iter().map(|&sample| g711::decode_ulaw(g711::encode_ulaw(sample.clamp(-32_124.0, 32_124.0) as i16))).collect()
}

/// Some speech of this level, whole frames long.
pub(crate) fn speech(samples: usize, dbm0: f32, chance: &mut Chance) -> Vec<f32> {
    let mut line = babble(1, chance);
    line.truncate(samples.next_multiple_of(160));
    let level = (line.iter().map(|sample| sample * sample).sum::<f32>() / line.len() as f32).sqrt();
    line.iter_mut().for_each(|sample| *sample *= rms(dbm0) / level.max(1.0));
    line
}

/// An instant for virtual time to begin at; nothing depends on which.
#[allow(clippy::disallowed_methods, reason = "an instant cannot be made in any other way")]
pub(crate) fn beginning() -> std::time::Instant {
    std::time::Instant::now()
}
