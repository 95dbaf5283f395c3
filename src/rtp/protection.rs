//! What protects a leg: SRTP under keys that the session descriptions brought, or that a DTLS handshake gives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::Rejection;
use crate::handshake::{Handshake, OpenHandshake};
use crate::packet::PacketBuffer;
use crate::srtp::{Srtp, SrtpKeys};

/// Where the keys of a leg come from.
#[derive(Clone, Debug)]
pub enum Keying {
    /// The session descriptions (SDES).
    Described(SrtpKeys),
    /// A DTLS handshake on the RTP port: nothing is sent or heard before it.
    Dtls {
        /// Opens it.
        handshake: Arc<dyn OpenHandshake>,
        /// Whether RTCP comes on the RTP port (RFC 5761). Otherwise there is none: its port would need a handshake of its
        /// own.
        rtcp_mux: bool,
    },
}

/// Where RTCP is sent and heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportPort {
    /// On a port of its own.
    Own,
    /// On the RTP port (RFC 5761).
    Shared,
    /// Nowhere: its port has no keys.
    None,
}

/// The protection of one leg.
pub(crate) struct Protection {
    keys: Option<Srtp>,
    /// None once the far end has shown that it has the keys, or where the descriptions brought them.
    pub(crate) handshake: Option<Box<dyn Handshake>>,
    /// Whether the RTP port is shared with a handshake, if only a past one.
    pub(crate) is_dtls: bool,
    pub(crate) reports: ReportPort,
    /// Where the far end's part of the handshake last came from.
    pub(crate) peer: Option<SocketAddr>,
}

impl Protection {
    pub(crate) fn new(keying: &Keying, now: Instant) -> Self {
        match keying {
            Keying::Described(keys) => Self {
                keys: Some(Srtp::new(keys)),
                handshake: None,
                is_dtls: false,
                reports: ReportPort::Own,
                peer: None,
            },
            Keying::Dtls { handshake, rtcp_mux } => Self {
                keys: None,
                handshake: Some(handshake.open(now)),
                is_dtls: true,
                reports: if *rtcp_mux { ReportPort::Shared } else { ReportPort::None },
                peer: None,
            },
        }
    }

    pub(crate) fn install(&mut self, keys: &SrtpKeys) {
        self.keys = Some(Srtp::new(keys));
    }

    pub(crate) fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Opens an RTP packet in place. Whoever has sent one that is authentic asks for no flight of the handshake again.
    pub(crate) fn unprotect_rtp(&mut self, bytes: &mut [u8]) -> Result<usize, Rejection> {
        let length = self.keys.as_mut().ok_or(Rejection::Unkeyed)?.inbound.unprotect_rtp(bytes)?;
        self.handshake = None;
        Ok(length)
    }

    /// Opens an RTCP packet in place.
    pub(crate) fn unprotect_rtcp(&mut self, bytes: &mut [u8]) -> Result<usize, Rejection> {
        self.keys.as_mut().ok_or(Rejection::Unkeyed)?.inbound.unprotect_rtcp(bytes)
    }

    /// Seals a packet; without keys there is none.
    pub(crate) fn protect(&mut self, out: &mut PacketBuffer) {
        if let Some(keys) = &mut self.keys {
            out.protect(&mut keys.outbound);
        }
    }

    /// Seals a report in a buffer with room behind it, and returns its length.
    pub(crate) fn protect_rtcp(&mut self, report: &mut [u8], plain: usize) -> Option<usize> {
        self.keys.as_mut()?.outbound.protect_rtcp(report, plain)
    }
}
