//! Services behind a call: stores, speech, bots, the vault link.

pub mod audit;
pub mod book;
pub mod bot;
pub mod child;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod outbox;
pub mod processor;
pub mod recorder;
pub mod speech;
pub mod store;
pub mod vault;
