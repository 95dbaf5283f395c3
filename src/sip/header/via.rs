//! Via: where a request has been and its response goes (RFC 3261 §20.42, RFC 3581).

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::grammar::{Parameters, is_token, split_outside};
use crate::uri::{Host, UriError};

/// What marks a branch as unique in time and space (RFC 3261 §8.1.1.7).
pub(crate) const MAGIC_COOKIE: &str = "z9hG4bK";
/// The port of a sent-by without one.
pub(crate) const DEFAULT_PORT: u16 = 5060;

/// One Via value.
#[derive(Clone, PartialEq, Eq)]
pub struct Via {
    /// The transport as written: `UDP`, `TCP`.
    pub transport: String,
    /// The host of sent-by.
    pub host: Host,
    /// The port of sent-by.
    pub port: Option<u16>,
    /// The parameters.
    pub parameters: Parameters,
}

impl Via {
    /// The branch, where it carries the magic cookie and more.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        let branch = self.parameters.value("branch")?;
        let marked = branch.get(..MAGIC_COOKIE.len()).is_some_and(|start| start.eq_ignore_ascii_case(MAGIC_COOKIE));
        (marked && branch.len() > MAGIC_COOKIE.len()).then_some(branch)
    }

    /// Notes where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4).
    pub fn note_source(&mut self, source: SocketAddr) {
        let address = source.ip().to_canonical();
        self.parameters.remove("received");
        let asks_for_port = self.parameters.find("rport").is_some();
        if asks_for_port {
            self.parameters.set("rport", Some(source.port().to_string()));
        }
        if asks_for_port || self.host != Host::Address(address) {
            self.parameters.set("received", Some(address.to_string()));
        }
    }

    /// Where a response goes over datagrams (RFC 3261 §18.2.2, RFC 3581 §4): always to the address the request came
    /// from, to its port where `rport` was asked for, else to the port of sent-by.
    #[must_use]
    pub fn response_address(&self, source: SocketAddr) -> SocketAddr {
        if self.parameters.find("rport").is_some() {
            return source;
        }
        SocketAddr::new(source.ip(), self.port.unwrap_or(DEFAULT_PORT))
    }
}

impl FromStr for Via {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let mut parts = split_outside(text, b';').into_iter();
        let mut protocol = parts.next().unwrap_or("").splitn(3, '/').map(str::trim);
        let (name, version) = (protocol.next().unwrap_or(""), protocol.next().unwrap_or(""));
        let (transport, sent_by) = protocol.next().and_then(|rest| rest.split_once([' ', '\t'])).ok_or(UriError)?;
        if !name.eq_ignore_ascii_case("SIP") || version != "2.0" || !is_token(transport) {
            return Err(UriError);
        }
        let (host, port) = Host::with_port(sent_by).ok_or(UriError)?;
        let parameters = Parameters::parse(parts).ok_or(UriError)?;
        Ok(Self { transport: transport.to_owned(), host, port, parameters })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(formatter, ":{port}")?;
        }
        self.parameters.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(text: &str) -> Via {
        text.parse().unwrap()
    }

    #[test]
    fn blanks_around_the_slashes_and_the_colon_are_read() {
        let via = via("SIP  / 2.0  / UDP  first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1");
        assert_eq!((via.port, via.branch()), (Some(4000), Some("z9hG4bKa7c6a8dlze.1")));
    }

    #[test]
    fn a_request_through_nat_gets_its_real_source_and_the_response_goes_there() {
        let source = "203.0.113.9:40000".parse().unwrap();
        let mut via = via("SIP/2.0/UDP 10.0.0.4:5062;rport;branch=z9hG4bK1");
        via.note_source(source);
        assert_eq!(via.to_string(), "SIP/2.0/UDP 10.0.0.4:5062;rport=40000;branch=z9hG4bK1;received=203.0.113.9");
        assert_eq!(via.response_address(source), source);
    }

    #[test]
    fn without_rport_the_response_goes_to_the_port_of_sent_by() {
        let source = "203.0.113.9:40000".parse().unwrap();
        let mut named = via("SIP/2.0/UDP pbx.example.com;branch=z9hG4bK1");
        named.note_source(source);
        assert_eq!(named.parameters.value("received"), Some("203.0.113.9"));
        assert_eq!(named.response_address(source), "203.0.113.9:5060".parse().unwrap());
        let mut same = via("SIP/2.0/UDP 203.0.113.9:5070;branch=z9hG4bK1");
        same.note_source(source);
        assert_eq!(same.parameters.find("received"), None);
        assert_eq!(same.response_address(source), "203.0.113.9:5070".parse().unwrap());
    }

    #[test]
    fn a_received_that_the_sender_wrote_is_not_believed() {
        let mut via = via("SIP/2.0/UDP 203.0.113.9;received=198.51.100.1;branch=z9hG4bK1");
        via.note_source("203.0.113.9:5060".parse().unwrap());
        assert_eq!(via.parameters.find("received"), None);
    }

    #[test]
    fn a_branch_without_the_cookie_is_none() {
        assert_eq!(via("SIP/2.0/UDP a.example;branch=1").branch(), None);
        assert_eq!(via("SIP/2.0/UDP a.example;branch=z9hG4bK").branch(), None);
    }
}
