//! The mathematics under the gate's detectors: how much of a few milliseconds two tones explain, whether that sounds like a
//! telephone's pair, and whether somebody speaks. It knows the eight frequencies of ITU-T Q.23 by their index and holds
//! nothing longer than a few milliseconds: which pair is which key, what is a press and what is silenced is `pci/gate`'s.
//!
//! ```text
//! frame ─▶ narrow ─ 8 kHz ─▶ bank ─ a fit each 2 ms ─▶ suspicion, pair
//!                         └▶ voice
//! ```
//!
//! What is judged may be a key's tone, so every buffer here is wiped: by `clear`, and when it is dropped.

pub mod bank;
pub mod classifier;
pub mod ear;
pub mod extent;
pub mod narrow;
pub mod pair;
pub mod suspicion;
pub mod synthesis;
pub mod voice;
