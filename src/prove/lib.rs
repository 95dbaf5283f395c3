//! `tonegate prove`: cards that nobody owns are keyed through every way in of a configuration, and everything that comes out
//! is searched for them.
//!
//! Three parts decide and touch nothing: [`canary`] (what is keyed), [`search`] with [`columns`] (bytes), and [`listen`] (sound).
//! The rest starts a gateway, calls it, and reads what it left. No result holds what was looked for, nor what was found: it
//! names the sink, the card by its number in the run, the form, and the place.

mod bot;
pub mod canary;
mod carrier;
pub mod columns;
mod connection;
pub mod descriptors;
pub mod encoding;
mod events;
mod evidence;
mod http;
mod instance;
pub mod listen;
pub mod memory;
mod metrics;
mod peers;
pub mod phone;
mod plan;
pub mod process;
mod report;
mod run;
pub mod search;
mod sinks;
pub mod sound;
mod talk;
mod watch;

pub use report::{Report, Row, Verdict};
pub use run::{Options, ProveError, prove};
