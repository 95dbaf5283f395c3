//! Transactions (RFC 3261 §17, RFC 6026): what makes requests and responses survive loss and repetition.
//!
//! Each machine knows the time it is told and nothing of the network: it says when it is due and what to send.

mod client;
mod invite_server;
mod key;
mod server;
mod timing;

pub(crate) use client::Client;
pub(crate) use invite_server::InviteServer;
pub(crate) use key::TransactionKey;
pub(crate) use server::Server;
pub(crate) use timing::{Backoff, LIFETIME};

use std::sync::Arc;
use std::time::Instant;

/// What a machine wants after its time has come.
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// Send this once more.
    Resend(Arc<[u8]>),
    /// The other side never reacted.
    TimedOut,
    /// The transaction is over.
    Terminated,
}

/// What is due of a message that is repeated.
fn resend_if_due(repeat: Option<&mut Backoff>, now: Instant, bytes: &Arc<[u8]>) -> Due {
    match repeat.is_some_and(|repeat| repeat.is_due(now)) {
        true => Due::Resend(Arc::clone(bytes)),
        false => Due::Nothing,
    }
}
