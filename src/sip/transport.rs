//! How a message travels: transports, flows, and bytes on their way out.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A transport protocol (RFC 3261 §18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams: each message is one.
    Udp,
    /// A stream, framed by Content-Length.
    Tcp,
}

impl Transport {
    /// Whether the transport delivers by itself, so that the timers of loss are off.
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp => true,
        }
    }

    /// The name in a Via header: `UDP` or `TCP`.
    #[must_use]
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// A datagram socket or a stream connection, as numbered by the driver; a number is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(pub u64);

/// One message to send.
#[derive(Clone)]
pub struct Transmit {
    /// The transport to use.
    pub transport: Transport,
    /// The socket or the connection to use while it is open; otherwise the driver chooses a socket, or opens a
    /// connection to `to`.
    pub flow: Option<FlowId>,
    /// Where to.
    pub to: SocketAddr,
    /// The whole message.
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for Transmit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Transmit")
            .field("transport", &self.transport)
            .field("to", &self.to)
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
