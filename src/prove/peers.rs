//! Which local sockets are the two ends of one connection, as the kernel tells it (sock_diag(7)): `/proc/net/unix` names neither.

use std::{collections::HashMap, io, time::Duration};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
    sockopt::{Timeout, set_socket_timeout},
};

/// How long the kernel may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Room for one answer: what the kernel fills at a time is at most half of it.
const ROOM: usize = 64 << 10;
/// Bytes of a netlink header, of a description of a socket (`struct unix_diag_msg`), and of an attribute's header.
const HEADER: usize = 16;
const DESCRIPTION: usize = 16;
const ATTRIBUTE: usize = 4;
/// Kinds of messages (linux/netlink.h, linux/sock_diag.h).
const ERROR: u16 = 2;
const DONE: u16 = 3;
const BY_FAMILY: u16 = 20;
/// A request for all (linux/netlink.h).
const REQUEST_ALL: u16 = 0x301;
/// What is asked for, and the attribute that answers it (linux/unix_diag.h).
const SHOW_PEER: u32 = 4;
const PEER: u16 = 2;

/// The other end of each connected local socket, both by inode.
///
/// # Errors
/// Where the kernel does not tell.
pub(crate) fn peers() -> io::Result<HashMap<u64, u64>> {
    let kernel = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG))?;
    set_socket_timeout(&kernel, Timeout::Recv, Some(PATIENCE))?;
    send(&kernel, &request(), SendFlags::empty())?;
    let (mut found, mut room) = (HashMap::new(), vec![0; ROOM]);
    loop {
        let (length, _) = recv(&kernel, &mut room[..], RecvFlags::empty())?;
        if take(&room[..length], &mut found)? {
            return Ok(found);
        }
    }
}

/// Asks for every local socket in any state.
fn request() -> Vec<u8> {
    // `struct unix_diag_req`: family, protocol and a gap; states; inode; what to show; a cookie that fits all.
    let family = [AddressFamily::UNIX.as_raw() as u8, 0, 0, 0];
    let asked = [u32::MAX, 0, SHOW_PEER, u32::MAX, u32::MAX].map(u32::to_ne_bytes).concat();
    let length = (HEADER + family.len() + asked.len()) as u32;
    let kind = [BY_FAMILY, REQUEST_ALL].map(u16::to_ne_bytes).concat();
    let sequence_and_port = [1, 0].map(u32::to_ne_bytes).concat();
    [&length.to_ne_bytes()[..], &kind, &sequence_and_port, &family, &asked].concat()
}

/// Reads an answer: whether it was the last.
fn take(mut bytes: &[u8], found: &mut HashMap<u64, u64>) -> io::Result<bool> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer about local sockets is none");
    while !bytes.is_empty() {
        let length = word(bytes, 0).ok_or_else(broken)? as usize;
        let message = bytes.get(..length).filter(|message| message.len() >= HEADER).ok_or_else(broken)?;
        match half(message, 4).ok_or_else(broken)? {
            DONE => return Ok(true),
            ERROR => return Err(io::Error::other("the kernel does not tell whose local sockets are")),
            _ => found.extend(pair(&message[HEADER..])),
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// A socket and its other end, where it has one.
fn pair(description: &[u8]) -> Option<(u64, u64)> {
    let socket = word(description, 4)?;
    let mut attributes = description.get(DESCRIPTION..)?;
    loop {
        let length = usize::from(half(attributes, 0)?);
        if half(attributes, 2)? == PEER {
            return Some((socket.into(), word(attributes, ATTRIBUTE)?.into()));
        }
        attributes = attributes.get(length.max(ATTRIBUTE).next_multiple_of(4)..)?;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|half| u16::from_ne_bytes(*half))
}

#[cfg(test)]
mod tests {
    use std::{
        os::{fd::AsRawFd, unix::net::UnixStream},
        path::Path,
    };

    use super::*;

    fn inode(socket: &UnixStream) -> u64 {
        let link = std::fs::read_link(Path::new("/proc/self/fd").join(socket.as_raw_fd().to_string())).unwrap();
        link.to_str().and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).unwrap()
    }

    #[test]
    fn the_ends_of_a_pair_are_each_others() {
        let (one, other) = UnixStream::pair().unwrap();
        let found = peers().unwrap();
        assert_eq!(found.get(&inode(&one)), Some(&inode(&other)));
        assert_eq!(found.get(&inode(&other)), Some(&inode(&one)));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        let mut found = HashMap::new();
        for bytes in [&[1_u8, 0, 0, 0][..], &[9; 40], &[0; 16]] {
            assert!(take(bytes, &mut found).is_err(), "{bytes:?}");
        }
        assert!(found.is_empty());
    }
}
