//! SIP signalling as a pure core: messages, transactions, dialogs, offer and answer.
//!
//! [`Endpoint`] is the top: it is handed datagrams, stream messages and commands together with the time, and hands
//! back bytes to send and events. It answers calls (RFC 3261 UAS) from configured trunks and from nobody else.
//! No message, number or body appears in any `Debug` output of this crate.

mod dialog;
mod endpoint;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod grammar;
pub mod header;
pub mod media;
pub mod message;
mod random;
mod record;
mod referral;
mod status;
#[cfg(test)]
mod tests;
mod transaction;
mod transport;
mod trunk;
pub mod uri;

pub use endpoint::{
    Advertised, AnswerError, Availability, CallHandle, Count, DropReason, EndReason, Endpoint, EndpointConfig, Event,
    HangUp, Incoming, Limits, Output,
};
pub use grammar::Parameters;
pub use record::{DialogRecord, RestoreError};
pub use referral::{ReferTarget, ReferTargetError, ReferralEnd, ReferralNews};
pub use status::Status;
pub use transport::{FlowId, Transmit, Transport};
pub use trunk::{Network, NetworkError, Trunk};
