//! Faults on purpose, so that `tonegate prove` is seen to find each. They are in builds with the feature `sabotage` alone, of
//! which nothing is shipped; in all others these functions do nothing, and the compiler leaves out what depends on them.

use crate::RawFrame;

/// The variable that names the one fault of a process, at its start.
pub const SABOTAGE: &str = "TONEGATE_SABOTAGE";

/// Whether this process is to break itself in this way.
#[cfg(not(feature = "sabotage"))]
#[must_use]
pub const fn sabotaged(_fault: &str) -> bool {
    false
}

/// Whether this process is to break itself in this way.
#[cfg(feature = "sabotage")]
#[must_use]
pub fn sabotaged(fault: &str) -> bool {
    static FAULT: std::sync::LazyLock<Option<String>> = std::sync::LazyLock::new(|| std::env::var(SABOTAGE).ok());
    FAULT.as_deref() == Some(fault)
}

/// Leaves something of a frame that is to be silent: 3 ms of one that was clamped, or all of it, but softer.
pub fn spoil(out: &mut [i16], heard: &RawFrame, clamped: bool) {
    if sabotaged("attenuate") {
        out.iter_mut().zip(heard.samples()).for_each(|(out, heard)| *out = heard / 64);
    }
    let three_milliseconds = (heard.rate().hertz() / 1_000 * 3) as usize;
    if clamped && sabotaged("leak_3_ms") {
        out[..three_milliseconds].copy_from_slice(&heard.samples()[..three_milliseconds]);
    }
}
