//! The gateway's end of the control socket.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
};

use gate::wire::{ControlFromVault, ControlToVault, PACKET_BYTES};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use tokio::{io::Interest, net::UnixStream};

/// A pair of connected `SOCK_SEQPACKET` sockets, non-blocking, closed on exec.
pub(super) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

/// The gateway's end: whole packets, never blocking. The stream type only lends its readiness; packets are read and
/// written by `recv` and `sendmsg`, so that their bounds hold.
pub(super) struct Control {
    socket: UnixStream,
}

impl Control {
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self { socket: UnixStream::from_std(socket.into())? })
    }

    /// Sends one message, with a descriptor where its kind has one. A full socket is an error: the vault reads at once
    /// or is hung.
    pub(super) fn send(&self, message: &ControlToVault, descriptor: Option<&OwnedFd>) -> io::Result<()> {
        let packet = message.encode();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptor.map(|descriptor| [descriptor.as_fd()]);
        if let Some(descriptors) = &descriptors {
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        rustix::net::sendmsg(&self.socket, &[IoSlice::new(&packet)], &mut ancillary, flags)?;
        Ok(())
    }

    /// The vault's next message. `None` when the vault has closed its end.
    pub(super) async fn receive(&self) -> io::Result<Option<ControlFromVault>> {
        let mut packet = [0; PACKET_BYTES + 1];
        let read = self
            .socket
            .async_io(Interest::READABLE, || {
                Ok(rustix::net::recv(&self.socket, &mut packet, RecvFlags::DONTWAIT).map(|(read, _)| read)?)
            })
            .await?;
        if read == 0 {
            return Ok(None);
        }
        ControlFromVault::decode(&packet[..read]).map(Some).map_err(io::Error::other)
    }
}
