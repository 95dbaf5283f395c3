//! Services behind a call: stores, speech, bots, the vault link.

mod attempts;
pub mod audit;
pub mod book;
pub mod bot;
pub mod callback;
pub mod carrier;
pub mod child;
pub mod control;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod outbound;
pub mod outbox;
pub mod processor;
pub mod queue;
pub mod reconciliation;
pub mod recorder;
pub mod salesforce;
pub mod speech;
pub mod store;
#[cfg(test)]
mod tests;
pub mod vault;
pub mod withhold;
