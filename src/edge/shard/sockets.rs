//! A leg's pair of UDP sockets.

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

/// Expedited forwarding (RFC 3246), code point 46, where a type of service has it.
const EXPEDITED: u32 = 46 << 2;

/// The sockets of RTP and, one port above, RTCP.
pub(super) struct Sockets {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    pub(super) local: SocketAddr,
}

impl Sockets {
    /// Binds a pair, the even port given.
    pub(super) fn bind(local: SocketAddr) -> io::Result<Self> {
        let above = SocketAddr::new(local.ip(), local.port().saturating_add(1));
        Ok(Self { rtp: bind(local)?, rtcp: bind(above)?, local })
    }
}

fn bind(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // A host that may not mark its packets sends them unmarked.
    let _ = match local {
        SocketAddr::V4(_) => socket.set_tos_v4(EXPEDITED),
        SocketAddr::V6(_) => socket.set_tclass_v6(EXPEDITED),
    };
    socket.bind(&local.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}
