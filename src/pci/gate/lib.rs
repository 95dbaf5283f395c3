//! The gate every caller's audio passes, and card capture on the gateway's side.
//!
//! ```text
//! RawFrame ─▶ ┌ suspicion ─ one frame of delay ─ clamp / mute ─ voice ┐ ─▶ CleanFrame
//!             └ detector ┐                                            ┘
//! RawEvent ─▶   events ──┼─▶ arbiter ─▶ collect budget ─▶ MenuKey      (outside captures)
//! RawInfo  ─▶   info ────┘          └─▶ capture ───────▶ wire::ToVault (in an armed capture)
//! ```
//!
//! The types are the guarantee. What goes in cannot be printed or copied:
//! ```compile_fail,E0277
//! fn print(frame: &frame::RawFrame) -> String { format!("{frame:?}") }
//! ```
//! ```compile_fail,E0599
//! fn copy(frame: frame::RawFrame) -> frame::RawFrame { frame.clone() }
//! ```
//! A key of a capture cannot be made, printed, cloned or compared:
//! ```compile_fail,E0624
//! let key = gate::wire::Keypress::new(b'5');
//! ```
//! ```compile_fail,E0277
//! fn print(key: &gate::wire::Keypress) -> String { format!("{key:?}") }
//! ```
//! ```compile_fail,E0599
//! fn copy(key: gate::wire::Keypress) -> gate::wire::Keypress { key.clone() }
//! ```
//! ```compile_fail,E0369
//! fn same(one: &gate::wire::Keypress, two: &gate::wire::Keypress) -> bool { one == two }
//! ```
//! Nor can the message that carries it:
//! ```compile_fail,E0277
//! fn print(message: &gate::wire::ToVault) -> String { format!("{message:?}") }
//! ```
//! ```compile_fail,E0599
//! fn copy(message: gate::wire::ToVault) -> gate::wire::ToVault { message.clone() }
//! ```

#[cfg(feature = "analysis")]
pub mod analysis;
mod arbiter;
mod budget;
mod capture;
mod clamp;
mod clean;
mod collect;
mod detector;
mod events;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[path = "../../../fuzz/pci/gate.rs"]
pub mod fuzzing;
mod gate;
mod info;
mod key;
mod output;
mod sinks;
#[cfg(test)]
mod tests;
pub mod wire;

pub use clean::{CleanFrame, Missing, MuteAck, MuteEpoch, Transform};
pub use collect::{
    BUDGET_WINDOW, Collect, CollectEnd, Collected, KEY_BUDGET, KeyPolicy, MenuKey, Purpose, SHORTEST_PAUSE,
};
pub use frame::sabotaged;
pub use gate::{
    Counters, Gate, GateConfig, KEY_UP_GUARD, LONGEST_CAPTURE, MUTE_DEADLINE, MUTE_LEASE, VAULT_SILENCE, WIPE_DEADLINE,
};
pub use output::{CaptureEvent, GateOutput, SuppressReason, Suppressed};
pub use payment::{CaptureFailure, CaptureOutcome, CapturePrompt, ControlFailure, SinkId};
pub use tones::voice::SpeechEdge;

/// A capture's name: random, made by the gateway.
pub type CaptureId = wire::CaptureName;
