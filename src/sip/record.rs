//! What must be durable before a call is answered, so that a crash can still end it.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Transport;

/// A dialog as the journal keeps it: enough for a fresh [`crate::Endpoint`] to send a correct BYE.
///
/// It holds the caller's and the called number, so it belongs in the journal and nowhere else; `Debug` shows neither.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogRecord {
    /// The Call-ID.
    pub call_id: String,
    /// The tag this side gave.
    pub local_tag: String,
    /// The caller's tag; empty where an RFC 2543 peer gave none.
    pub remote_tag: String,
    /// The name-addr this side is called by: From of our requests, without the tag.
    pub local_party: String,
    /// The name-addr of the caller: To of our requests, without the tag.
    pub remote_party: String,
    /// The caller's Contact.
    pub remote_target: String,
    /// Record-Route of the INVITE, in the order a UAS keeps it (RFC 3261 §12.1.1).
    pub route_set: Vec<String>,
    /// The CSeq number of the next request of this side.
    pub next_sequence: u32,
    /// The transport of the INVITE.
    pub transport: Transport,
    /// Where the INVITE came from.
    pub peer: SocketAddr,
    /// Whether the INVITE's Via named another address than the one it came from.
    pub behind_nat: bool,
    /// The trunk's name.
    pub trunk: String,
}

impl fmt::Debug for DialogRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DialogRecord")
            .field("trunk", &self.trunk)
            .field("transport", &self.transport)
            .field("next_sequence", &self.next_sequence)
            .finish_non_exhaustive()
    }
}

/// Why a journalled dialog cannot be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// The remote target is no SIP URI.
    #[error("the journalled remote target is not a SIP URI")]
    RemoteTarget,
    /// An entry of the route set is no name-addr.
    #[error("the journalled route set holds an entry that is not a SIP route")]
    RouteSet,
    /// As many calls or transactions as the endpoint may hold are under way.
    #[error("the endpoint holds as many calls as it may")]
    Full,
}
