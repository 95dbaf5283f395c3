//! The conversation: what is said, what is understood, what the law lets leave, and the scripted collector.
//!
//! | part | what it is |
//! |---|---|
//! | [`phrase`] | every line the gateway can say, with a stable name and its words |
//! | [`grammar`] | what a recogniser may expect in each state, and what a transcript means there |
//! | [`guard`] | what was proven said, and so what may leave now; for the collector and for bots alike |
//! | [`verification`] | whether this is the right person; the expected values never come out |
//! | [`negotiation`] | from an ask to an agreed arrangement inside the strategy's bounds |
//! | [`redaction`] | numbers of cards that a caller says, taken out before anything reads them |
//! | [`collector`] | the scripted agent: [`event::Event`]s in, [`action::Action`]s out |
//!
//! Nothing here knows the time, a socket or an account book. A call composes the parts: it hands the collector's
//! claims to the verification, its asks to the negotiation, and asks the guard before anything leaves.

pub mod action;
pub mod collector;
pub mod digits;
pub mod disposition;
pub mod event;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod grammar;
pub mod guard;
pub mod hear;
pub mod negotiation;
pub mod phrase;
pub mod redaction;
pub mod spoken;
#[cfg(test)]
mod tests;
pub mod verification;

pub use action::{Action, KeyPlan, LookUp};
pub use collector::{Collector, CollectorConfig};
pub use digits::{Digits, KeyRun};
pub use disposition::Disposition;
pub use event::{CaptureOutcome, Event, Facts, Heard, Identity, Interrupt};
pub use grammar::{GrammarId, Understood};
pub use guard::{Disclosure, Guard, Missing, What};
pub use hear::Interruption;
pub use negotiation::{Negotiation, OfferAnswer, Wanted};
pub use phrase::{BusinessName, PersonName, Phrase, Plan};
pub use redaction::{Finding, Redacted, Redactor};
pub use verification::{Answer, Claim, Expected, Factor, Verification};
