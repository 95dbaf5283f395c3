//! The words of a payment: what may be known of it outside the vault, by the gateway, an agent and a processor alike. Closed
//! lists with stable names, and texts of fixed formats; every value can be printed and none can hold a card number. They
//! travel in the messages between gateway and vault (`gate::wire`), which gives them out under its own name too.

#[macro_use]
mod words;

mod capture;
mod entry;
mod open;
mod outcome;
#[cfg(test)]
mod tests;
mod wipe;

pub use capture::{CaptureFailure, CaptureOutcome, CapturePrompt, ControlFailure, SinkId};
pub use entry::{EntryError, PromptReason, Step};
pub use open::{Brand, Brands, CaptureName, Currency, Holder, Method, Open, Postal, Shape};
pub use outcome::{Authorisation, DeclineReason, FailReason, Held, LastFour, Outcome, Token};
pub use wipe::{WipeCause, WipeRecord};
pub use words::FormatError;
