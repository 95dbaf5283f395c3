//! What is on its way through a TCP connection between two sockets of this machine: sent, and not yet read.

use std::{fs, io, net::SocketAddr};

use crate::descriptors::address;

/// Where the kernel tells of connections over IPv4.
const CONNECTIONS: &str = "/proc/self/net/tcp";

/// Bytes that one end has given to the kernel and the other has not taken from it. Where some are just being acknowledged they
/// may count twice, and never too little.
///
/// # Errors
/// Where the kernel does not tell.
pub(crate) fn underway(writer: SocketAddr, reader: SocketAddr) -> io::Result<u64> {
    let text = fs::read_to_string(CONNECTIONS)?;
    Ok(text.lines().skip(1).filter_map(|line| queued(line, writer, reader)).sum())
}

/// A line of proc_net(5): the fifth field has what waits to be sent or acknowledged, and what waits to be read.
fn queued(line: &str, writer: SocketAddr, reader: SocketAddr) -> Option<u64> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let ends = (address(fields.get(1)?)?, address(fields.get(2)?)?);
    let (to_send, to_read) = fields.get(4)?.split_once(':')?;
    let bytes = if ends == (writer, reader) {
        to_send
    } else if ends == (reader, writer) {
        to_read
    } else {
        return None;
    };
    u64::from_str_radix(bytes, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[test]
    fn what_is_sent_and_not_read_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut writing = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut reading, writer) = listener.accept().unwrap();
        let reader = listener.local_addr().unwrap();
        writing.write_all(&[7; 3_000]).unwrap();
        reading.read_exact(&mut [0; 1_000]).unwrap();
        let count = underway(writer, reader).unwrap();
        assert!((2_000..=2_000 + 3_000).contains(&count), "{count}");
        assert_eq!(underway(reader, writer).unwrap(), 0, "nothing goes the other way");
    }
}
