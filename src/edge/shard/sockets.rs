//! A leg's pair of UDP sockets.

use std::io;
use std::net::SocketAddr;
use std::sync::Once;

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

/// Expedited forwarding (RFC 3246), code point 46, where a type of service has it.
const EXPEDITED: u32 = 46 << 2;

/// What the kernel may hold for a socket, in bytes: a burst of strangers' packets, while a media thread is late, beside the caller's.
const RECEIVE_BUFFER: usize = 1024 * 1024;

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
    mark(&socket, local);
    // The kernel may grant less (`net.core.rmem_max`).
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&local.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

/// Marks what the socket sends. A host that may not do that sends it unmarked.
fn mark(socket: &Socket, local: SocketAddr) {
    static REFUSED: Once = Once::new();
    let marked = match local {
        SocketAddr::V4(_) => socket.set_tos_v4(EXPEDITED),
        SocketAddr::V6(_) => socket.set_tclass_v6(EXPEDITED),
    };
    if let Err(error) = marked {
        REFUSED.call_once(|| tracing::warn!(%error, "audio is sent without its DSCP mark (46, expedited forwarding)"));
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;

    use super::*;

    #[test]
    fn audio_and_reports_are_marked_for_expedited_forwarding() {
        let sockets = (20_000..60_000)
            .step_by(2)
            .find_map(|port| Sockets::bind(SocketAddr::from(([127, 0, 0, 1], port))).ok())
            .unwrap();
        assert_eq!(SockRef::from(&sockets.rtp).tos_v4().unwrap(), 46 << 2);
        assert_eq!(SockRef::from(&sockets.rtcp).tos_v4().unwrap(), 46 << 2);
    }

    #[test]
    fn so_they_are_by_internet_protocol_six() {
        let Ok(socket) = bind(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0))) else { return };
        assert_eq!(SockRef::from(&socket).tclass_v6().unwrap(), 46 << 2);
    }
}
