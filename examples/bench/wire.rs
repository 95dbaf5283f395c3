//! Datagrams with the moment the kernel took them, and that clock.

use std::{
    io::{self, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    time::{SystemTime, UNIX_EPOCH},
};

use nix::sys::{
    socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt},
    time::TimeSpec,
};

/// Nanoseconds of the wall clock, the one that the kernel's receive timestamps (SO_TIMESTAMPNS) are of.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Asks for a timestamp with every datagram.
pub(crate) fn stamp_arrivals(socket: &UdpSocket) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::ReceiveTimestampns, &true)?)
}

/// One datagram: its length, its sender, and when the kernel had it, so that our own wake-up is not in it.
pub(crate) fn receive(socket: &UdpSocket, bytes: &mut [u8]) -> io::Result<(usize, SocketAddr, u64)> {
    let mut room = nix::cmsg_space!(TimeSpec);
    let mut parts = [IoSliceMut::new(bytes)];
    let taken = recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut parts, Some(&mut room), MsgFlags::empty())?;
    let mut at = None;
    for message in taken.cmsgs()? {
        if let ControlMessageOwned::ScmTimestampns(moment) = message {
            at = Some(moment.tv_sec() as u64 * 1_000_000_000 + moment.tv_nsec() as u64);
        }
    }
    let from = taken.address.ok_or_else(|| io::Error::other("a datagram of no sender"))?;
    Ok((taken.bytes, SocketAddr::V4(from.into()), at.unwrap_or_else(now)))
}
