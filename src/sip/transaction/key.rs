//! What makes two requests the same transaction (RFC 3261 §17.2.3).

use crate::header::HeaderName;
use crate::message::{Method, Request};

/// The identity of a server transaction.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct TransactionKey {
    identity: Identity,
    method: Method,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Identity {
    /// The branch and sent-by of the topmost Via.
    Branch { branch: String, sent_by: String },
    /// Of an RFC 2543 client: Request-URI, Call-ID, From tag, CSeq number and the topmost Via.
    Whole { uri: String, call_id: String, from_tag: String, sequence: u32, via: String },
}

impl TransactionKey {
    /// The transaction of a request; an ACK's is its INVITE's.
    pub(crate) fn of(request: &Request) -> Self {
        let method = if request.method == Method::Ack { Method::Invite } else { request.method.clone() };
        Self { identity: Identity::of(request), method }
    }

    /// The transaction that a CANCEL means (RFC 3261 §9.2).
    pub(crate) fn cancelled_by(request: &Request) -> Self {
        Self { identity: Identity::of(request), method: Method::Invite }
    }
}

impl Identity {
    fn of(request: &Request) -> Self {
        let via = &request.via;
        if let Some(branch) = via.branch() {
            // Branches and hosts are compared without regard to case (RFC 3261 §7.3.1).
            let sent_by = format!("{}:{}", via.host, via.port.unwrap_or(crate::header::DEFAULT_PORT));
            return Self::Branch { branch: branch.to_ascii_lowercase(), sent_by: sent_by.to_ascii_lowercase() };
        }
        Self::Whole {
            uri: request.uri.to_string(),
            call_id: request.call_id.clone(),
            from_tag: request.from_tag().to_owned(),
            sequence: request.sequence,
            via: request.headers.first(HeaderName::Via).unwrap_or_default().to_owned(),
        }
    }
}
