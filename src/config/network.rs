//! Addresses as they stand in the file: ranges of peers in CIDR notation (RFC 4632 §3.1), and sockets.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de};

/// A range, checked when the file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network(sip::Network);

/// Why a text is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a range of addresses; write one like \"192.0.2.0/24\" or a single address like \"192.0.2.10\"")]
pub(crate) struct NotANetwork(String);

impl Network {
    /// The range as signalling takes it.
    #[must_use]
    pub(crate) const fn range(self) -> sip::Network {
        self.0
    }
}

impl std::str::FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| NotANetwork(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Reads the address and port of a socket.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    parsed(&String::deserialize(deserializer)?)
}

/// Reads the address and port of a socket, where there is one.
pub(super) fn optional_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|text| parsed(&text)).transpose()
}

/// Reads a list of addresses and ports.
pub(super) fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SocketAddr>, D::Error> {
    Vec::<String>::deserialize(deserializer)?.iter().map(|text| parsed(text)).collect()
}

fn parsed<E: de::Error>(text: &str) -> Result<SocketAddr, E> {
    text.parse().map_err(|_| {
        E::custom(format_args!(
            "{text:?} is no address and port; write numbers like \"192.0.2.1:5060\" or \"[2001:db8::1]:5060\""
        ))
    })
}

#[cfg(test)]
impl serde::Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_range_is_refused_with_an_example() {
        for text in ["", "carrier.example.com", "192.0.2.0/33", "192.0.2.0/-1", "2001:db8::/129", "192.0.2.0/24/1"] {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains("192.0.2.0/24"), "{text}: {error}");
        }
    }
}
