//! Trunks: the peers that may send calls here.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

use crate::Transport;
use crate::media::{Codec, MediaPolicy, SrtpPolicy};

/// A carrier's or a PBX's side that may send calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// The name in the configuration, in metrics and in logs.
    pub name: String,
    /// The addresses its signalling comes from.
    pub peers: Vec<Network>,
    /// The transports it may use.
    pub transports: Vec<Transport>,
    /// The most calls at one time; the next gets 503.
    pub capacity: usize,
    /// Whether its audio may be, or must be, protected.
    pub srtp: SrtpPolicy,
    /// The codecs its calls may have.
    pub codecs: Vec<Codec>,
}

impl Trunk {
    /// What of its offers may be taken.
    #[must_use]
    pub fn media_policy(&self) -> MediaPolicy<'_> {
        MediaPolicy { srtp: self.srtp, codecs: &self.codecs }
    }

    /// Whether a message from `address` over `transport` is this trunk's.
    #[must_use]
    pub fn accepts(&self, address: IpAddr, transport: Transport) -> bool {
        self.transports.contains(&transport) && self.has_peer(address)
    }

    /// Whether `address` is one of the trunk's peers.
    #[must_use]
    pub fn has_peer(&self, address: IpAddr) -> bool {
        self.peers.iter().any(|peer| peer.contains(address))
    }
}

/// An address or a block of addresses: `203.0.113.7`, `203.0.113.0/24`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is no [`Network`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// The part before the slash is no IP address.
    #[error("`{0}` is not an IP address")]
    Address(String),
    /// The part after the slash is no prefix length of that family.
    #[error("`{0}` is not a prefix length for this address family")]
    Prefix(String),
}

impl Network {
    /// The block of one address.
    #[must_use]
    pub fn single(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, prefix: width(address) }
    }

    /// Whether `address` is in the block. An IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let shift = u32::from(width(self.address) - self.prefix);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(block), IpAddr::V4(other)) => {
                block.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(block), IpAddr::V6(other)) => {
                block.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Whether no other machine can send from any of its addresses (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.address {
            IpAddr::V4(block) => block.is_loopback() && self.prefix >= 8,
            IpAddr::V6(block) => block.is_loopback() && self.prefix == 128,
        }
    }

    /// Whether some address is in both blocks.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address(address.to_owned()))?;
        let Some(prefix) = prefix else { return Ok(Self::single(address)) };
        match prefix.parse::<u8>() {
            Ok(length) if length <= width(address) => Ok(Self { address, prefix: length }),
            Ok(_) | Err(_) => Err(NetworkError::Prefix(prefix.to_owned())),
        }
    }
}

/// Bits in an address of this family.
fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_block_holds_its_addresses_and_no_others() {
        let block = network("203.0.113.64/26");
        assert!(block.contains("203.0.113.64".parse().unwrap()) && block.contains("203.0.113.127".parse().unwrap()));
        assert!(!block.contains("203.0.113.128".parse().unwrap()) && !block.contains("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn the_empty_prefix_holds_every_address_of_its_family() {
        assert!(network("0.0.0.0/0").contains("198.51.100.9".parse().unwrap()));
        assert!(network("::/0").contains("2001:db8::1".parse().unwrap()));
        assert!(!network("::/0").contains("198.51.100.9".parse().unwrap()));
    }

    #[test]
    fn a_mapped_address_counts_as_ipv4() {
        assert!(network("203.0.113.7").contains("::ffff:203.0.113.7".parse().unwrap()));
    }

    #[test]
    fn a_block_is_loopback_only_where_all_of_it_is() {
        for (text, is_loopback) in [
            ("127.0.0.0/8", true),
            ("127.0.0.1", true),
            ("::1/128", true),
            ("::ffff:127.0.0.1", true),
            ("126.0.0.0/7", false),
            ("0.0.0.0/0", false),
            ("::/127", false),
            ("192.0.2.1", false),
        ] {
            assert_eq!(network(text).is_loopback(), is_loopback, "{text}");
        }
    }

    #[test]
    fn a_wrong_block_names_its_wrong_part() {
        assert_eq!("203.0.113.7/33".parse::<Network>(), Err(NetworkError::Prefix("33".into())));
        assert_eq!("carrier.example/24".parse::<Network>(), Err(NetworkError::Address("carrier.example".into())));
    }
}
