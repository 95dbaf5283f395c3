//! Offer and answer (RFC 3264) of one narrow-band audio stream with telephone events.
//!
//! What parses as an [`Offer`] can be answered: the first audio line with G.711 is taken, every other line is refused
//! with port 0. Payloads are G.711 µ-law and A-law at 8 kHz, `telephone-event/8000` (RFC 4733), 20 ms packets. Where SRTP is
//! offered with keys (RTP/SAVP, RFC 4568) and may be taken, such a line goes before one in clear.
//!
//! A session description may hold keys, so none is ever printed.

use std::net::{IpAddr, SocketAddr};

mod answer;
mod crypto;
mod offer;
mod session;

#[cfg(test)]
mod tests;

pub use crypto::{Crypto, CryptoKey, CryptoSuite, KeyMaterial};
pub use offer::{Offer, OfferError};
pub(crate) use session::Session;

/// A codec this side speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, static payload type 0 (RFC 3551 §4.5.14).
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
}

impl Codec {
    /// The encoding name (RFC 3551 §6).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }
}

/// The direction of a stream, seen from this side (RFC 3264 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    SendReceive,
    /// This side only sends.
    SendOnly,
    /// This side only receives: the caller has put the call on hold.
    ReceiveOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    #[must_use]
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::SendReceive => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::ReceiveOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether this side may send.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendReceive | Self::SendOnly)
    }

    /// Whether the other side may.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendReceive | Self::ReceiveOnly)
    }

    /// The same without what this side sends.
    const fn mute(self) -> Self {
        if self.receives() { Self::ReceiveOnly } else { Self::Inactive }
    }
}

/// What offer and answer agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The codec, both ways.
    pub codec: Codec,
    /// Its payload type, both ways.
    pub payload_type: u8,
    /// The payload type of `telephone-event/8000`, where agreed.
    pub event_payload_type: Option<u8>,
    /// Where the caller wants RTP; `None` where the SDP names no usable address (a host name, `0.0.0.0`).
    pub remote_rtp: Option<SocketAddr>,
    /// Where the caller wants RTCP: `a=rtcp` (RFC 3605), or the port after RTP's.
    pub remote_rtcp: Option<SocketAddr>,
    /// The direction, seen from this side. An address of zeros in a re-INVITE is a hold as well (RFC 3264
    /// §8.4).
    pub direction: Direction,
    /// The suite and the caller's key, where SRTP was agreed.
    pub crypto: Option<Crypto>,
}

/// Whether a stream may be, or must be, protected by SRTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SrtpPolicy {
    /// Never: only RTP/AVP is taken.
    Off,
    /// Where it is offered.
    #[default]
    Optional,
    /// Always: only RTP/SAVP is taken.
    Required,
}

/// This side of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalMedia {
    /// The address the caller can reach: the advertised one behind NAT.
    pub address: IpAddr,
    /// The RTP port; RTCP is the next.
    pub port: u16,
    /// The session id of the `o=` line; one number a call, kept for its life.
    pub session: u64,
    /// This side's key for the call, [`Offer::local_key`]: none where SRTP is not agreed.
    pub key: Option<CryptoKey>,
}
