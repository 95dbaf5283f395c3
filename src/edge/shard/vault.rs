//! The gateway's end of a capture's socket, on the media thread.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use gate::wire::{PACKET_BYTES, ToVault};
use rustix::net::{RecvFlags, SendFlags, recv, send};

/// What a look at the socket brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A packet of so many bytes.
    Packet(usize),
    /// Nothing for now.
    Nothing,
    /// The vault closed it, or it failed.
    Closed,
}

/// A connected `SOCK_SEQPACKET` socket; every call on it returns at once. Dropping it closes it, and closing it wipes.
pub(super) struct VaultSocket(OwnedFd);

/// Room for one packet of the vault, and a byte more to notice a longer one.
pub(super) type VaultBuffer = [u8; PACKET_BYTES + 1];

impl VaultSocket {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Sends one message; a socket that is full has failed, because a key may not wait.
    pub(super) fn send(&mut self, message: ToVault) -> io::Result<()> {
        message.send(&mut Packets(&self.0))
    }

    pub(super) fn receive(&mut self, buffer: &mut VaultBuffer) -> Heard {
        match recv(&self.0, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Heard::Closed,
            Ok((_, length)) => Heard::Packet(length.min(buffer.len())),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Heard::Nothing,
            Err(_) => Heard::Closed,
        }
    }
}

/// Writes each buffer as one packet.
struct Packets<'a>(&'a OwnedFd);

impl io::Write for Packets<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
