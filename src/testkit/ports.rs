//! Media ports for gateways that run beside each other on one machine: each has a range that nobody else has.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};

/// The first port of the first range.
const FIRST: u16 = 10_000;
/// Where ranges end: below the ports that the kernel gives away by itself.
const END: u16 = 32_000;
/// Ports of one range, its guard's included.
const PORTS: u16 = 500;

/// A range of ports that is held until it is dropped. Its last port is bound by the holder as a sign for all others,
/// in this process or another.
#[derive(Debug)]
pub(crate) struct PortRange {
    first: u16,
    _guard: UdpSocket,
}

impl PortRange {
    /// The first range that nobody holds and whose ports can all be bound.
    ///
    /// # Errors
    /// Where every range is in use.
    pub(crate) fn claim() -> io::Result<Self> {
        let ranges = (FIRST..=END - PORTS).step_by(usize::from(PORTS));
        let is_free = |range: &Self| (range.first..=range.last()).all(|port| bind(port).is_ok());
        let mut held = ranges.filter_map(|first| Self::hold(first).ok()).filter(is_free);
        held.next().ok_or_else(|| io::Error::other("no range of media ports is free; end other gateways first"))
    }

    /// Holds a range by its first port, whatever its other ports are used for.
    ///
    /// # Errors
    /// Where somebody else holds it.
    pub(crate) fn hold(first: u16) -> io::Result<Self> {
        let guard = first.checked_add(PORTS - 1).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self { first, _guard: bind(guard)? })
    }

    /// The first port, an even one.
    pub(crate) fn first(&self) -> u16 {
        self.first
    }

    /// The last port: the guard's pair is left out.
    pub(crate) fn last(&self) -> u16 {
        self.first + PORTS - 3
    }
}

fn bind(port: u16) -> io::Result<UdpSocket> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_hold_the_same_range() {
        let mut ranges: Vec<PortRange> = (0..4).map(|_| PortRange::claim().unwrap()).collect();
        // Another process may have freed a lower one meanwhile.
        ranges.sort_by_key(PortRange::first);
        for pair in ranges.windows(2) {
            assert!(pair[0].last() < pair[1].first(), "{pair:?}");
        }
        for range in &ranges {
            // Whoever asks for it, another process too, meets the guard.
            assert_eq!(PortRange::hold(range.first()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
    }

    #[test]
    fn a_range_with_a_port_in_use_is_passed_over() {
        let range = PortRange::claim().unwrap();
        let _foreign = bind(range.first() + 7).unwrap();
        let first = range.first();
        drop(range);
        assert_ne!(PortRange::claim().unwrap().first(), first);
    }
}
