//! Offer and answer (RFC 3264) of one audio stream with telephone events (RFC 4733), in packets of 20 ms.
//!
//! What parses as an [`Offer`] can be answered: the first audio line with a [`Codec`] that may be taken is, and of its
//! codecs the first; every other line is refused with port 0. Where SRTP is offered, with keys in the description (RTP/SAVP,
//! RFC 4568) or by a DTLS handshake (UDP/TLS/RTP/SAVP, RFC 5763), and may be taken, such a line goes before one in clear.
//!
//! A session description may hold keys, so none is ever printed.

use std::net::{IpAddr, SocketAddr};

mod answer;
mod codec;
mod crypto;
mod dtls;
mod extended;
mod offer;
mod session;

#[cfg(test)]
mod tests;

pub use codec::{Codec, OpusParameters, TelephoneEvents};
pub use crypto::{Crypto, CryptoKey, CryptoSuite, KeyMaterial};
pub use dtls::{Dtls, DtlsRole, Fingerprint, FingerprintHash};
pub use extended::ExtendedReports;
pub use offer::{Offer, OfferError};
pub(crate) use session::Session;

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
    /// How telephone-events travel, where agreed.
    pub events: Option<TelephoneEvents>,
    /// The payload type of comfort noise (RFC 3389), where agreed. The caller may then send it in its pauses; this side
    /// sends none, for it never falls silent with a codec that would need it.
    pub comfort_noise: Option<u8>,
    /// What the caller asks of Opus.
    pub opus: OpusParameters,
    /// Where the caller wants RTP; `None` where the SDP names no usable address (a host name, `0.0.0.0`).
    pub remote_rtp: Option<SocketAddr>,
    /// Where the caller wants RTCP: `a=rtcp` (RFC 3605), or the port after RTP's.
    pub remote_rtcp: Option<SocketAddr>,
    /// The direction, seen from this side. An address of zeros in a re-INVITE is a hold as well (RFC 3264
    /// §8.4).
    pub direction: Direction,
    /// Which extended reports the caller wants.
    pub reports: ExtendedReports,
    /// How it is protected.
    pub protection: Protection,
}

/// How a stream is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    Clear,
    /// By SRTP, under the keys of the descriptions (SDES): the suite and the caller's key.
    Keys(Crypto),
    /// By SRTP, under the keys of a DTLS handshake on the RTP port.
    Dtls(Dtls),
}

impl Protection {
    /// Whether anybody on the way can read it.
    #[must_use]
    pub const fn is_clear(&self) -> bool {
        matches!(self, Self::Clear)
    }

    /// The suite and the caller's key, where the descriptions bring keys.
    #[must_use]
    pub const fn crypto(&self) -> Option<&Crypto> {
        match self {
            Self::Keys(crypto) => Some(crypto),
            Self::Clear | Self::Dtls(_) => None,
        }
    }

    /// What was agreed about the handshake, where there is one.
    #[must_use]
    pub const fn dtls(&self) -> Option<&Dtls> {
        match self {
            Self::Dtls(dtls) => Some(dtls),
            Self::Clear | Self::Keys(_) => None,
        }
    }

    /// What of a later description can be taken: the same keys, or the same association.
    ///
    /// # Errors
    /// What would change.
    fn keep(&self, later: Self) -> Result<Self, OfferError> {
        match (self, later) {
            (Self::Clear, Self::Clear) => Ok(Self::Clear),
            (Self::Keys(agreed), Self::Keys(later)) if agreed.remote == later.remote => Ok(Self::Keys(later)),
            (Self::Dtls(agreed), Self::Dtls(later)) => agreed.keep(later).map(Self::Dtls),
            (_, _) => Err(OfferError::NoSuite),
        }
    }
}

/// Whether a stream may be, or must be, protected by SRTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SrtpPolicy {
    /// Never: only RTP/AVP is taken.
    Off,
    /// Where it is offered.
    #[default]
    Optional,
    /// Always: RTP/AVP is not taken.
    Required,
}

/// What of an offer may be taken.
#[derive(Clone, Copy, Debug)]
pub struct MediaPolicy<'a> {
    /// Whether it may be, or must be, protected.
    pub srtp: SrtpPolicy,
    /// The codecs that may be taken. Among them the offer's order counts; this is the order of this side's own offers.
    pub codecs: &'a [Codec],
}

impl MediaPolicy<'_> {
    /// Whether this side can make an offer of its own: it would be in clear, and of G.711.
    ///
    /// # Errors
    /// What forbids it.
    pub(crate) fn may_offer(self) -> Result<(), OfferError> {
        if self.srtp == SrtpPolicy::Required {
            Err(OfferError::InClear)
        } else if self.codecs.iter().all(|codec| codec.offered_as().is_none()) {
            Err(OfferError::NoCodec)
        } else {
            Ok(())
        }
    }
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
    /// This side's key for the call, [`Offer::local_key`]: none where the descriptions bring no keys.
    pub key: Option<CryptoKey>,
    /// This side's certificate: none where DTLS is not agreed.
    pub fingerprint: Option<Fingerprint>,
}
