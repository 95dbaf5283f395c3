//! What an endpoint is told once.

use std::net::IpAddr;
use std::time::Duration;

use crate::header::{DEFAULT_PORT, NameAddr};
use crate::uri::{Host, Uri};
use crate::{Transport, Trunk};

/// The configuration of an [`crate::Endpoint`].
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// What peers are told to send to, in Contact and Via.
    pub advertised_address: Advertised,
    /// Where callers are told to send RTP; an offer of the other address family is refused.
    pub media_address: IpAddr,
    /// The peers that may call.
    pub trunks: Vec<Trunk>,
    /// Secret randomness for tags and branches; new at each start.
    pub seed: [u8; 32],
    /// The bounds.
    pub limits: Limits,
}

/// The host, and the ports where they are not 5060, under which peers reach this side: the public ones behind NAT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// A host name or an address (IPv6 without brackets).
    pub host: String,
    /// The port over UDP; `None` means the default, 5060.
    pub udp: Option<u16>,
    /// The port over TCP; `None` means the default, 5060.
    pub tcp: Option<u16>,
}

/// The bounds of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most calls, of all trunks, dying ones included.
    pub calls: usize,
    /// Most transactions under way.
    pub transactions: usize,
    /// Longest message in bytes.
    pub message_bytes: usize,
    /// Messages a second from one address of a trunk; bursts of twice that pass.
    pub trunk_messages_per_second: u32,
    /// Messages a second from one address that is no trunk's.
    pub stranger_messages_per_second: u32,
    /// The Retry-After of a 503 because everything is in use.
    pub retry_after_seconds: u32,
    /// How long a call may wait for an answer or a rejection.
    pub answer_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 10_000,
            transactions: 100_000,
            message_bytes: 65_535,
            trunk_messages_per_second: 10_000,
            stranger_messages_per_second: 5,
            retry_after_seconds: 5,
            answer_deadline: Duration::from_secs(60),
        }
    }
}

/// Whether new calls are welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// They are.
    Available,
    /// Draining or unhealthy: INVITE and OPTIONS get 503.
    Unavailable {
        /// Why, as a plain word for the counter.
        reason: &'static str,
        /// The Retry-After of the 503.
        retry_after_seconds: u32,
    },
}

impl Advertised {
    /// The port over a transport, unless it is the default.
    pub(super) fn port(&self, transport: Transport) -> Option<u16> {
        match transport {
            Transport::Udp => self.udp,
            Transport::Tcp => self.tcp,
        }
    }

    /// Whether a route leads here: its host and port are advertised ones.
    pub(super) fn is_in(&self, route: &str) -> bool {
        let Ok(NameAddr { uri: Uri::Sip(uri), .. }) = route.parse() else { return false };
        let port = uri.port.unwrap_or(DEFAULT_PORT);
        Some(uri.host) == Host::parse(&self.host)
            && [self.udp, self.tcp].into_iter().any(|ours| ours.unwrap_or(DEFAULT_PORT) == port)
    }
}
