//! One call: its control, its media leg, its timeline and why it ended.
//!
//! Two cores make a call. [`Leg`] lives on a media thread: decoding, gate, playout. [`Call`] lives on the control runtime:
//! it answers, opens, lets an agent talk within what the guard permits, takes a card, writes records, and ends.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test makes the first instant"))]

pub mod api;
pub mod carrier;
pub mod conditions;
mod control;
mod ending;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod identity;
pub mod leg;
pub mod media;
mod mouth;
pub mod port;
pub mod refunding;
pub mod settlement;
mod timeline;
pub mod tool;
pub mod transfer;

pub use control::{AgentKind, BotEvent, Call, Invitation, Output, Settings, Signal, SinkKind, Taking};
pub use ending::EndReason;
pub use identity::CallId;
pub use leg::{HushPolicy, Leg, LegConfig, LegReport, Transmit};
pub use timeline::{Entry, Timeline};
