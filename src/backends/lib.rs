//! Services behind a call: stores, speech, bots, the vault link.

pub mod child;
pub mod vault;
