//! URIs as SIP uses them (RFC 3261 §19.1, RFC 3966).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

use crate::grammar::Parameters;

/// A URI of a request line, a From, a To, a Contact or a route.
#[derive(Clone, PartialEq, Eq)]
pub enum Uri {
    /// `sip:` or `sips:`.
    Sip(SipUri),
    /// `tel:`: what stands after the scheme.
    Tel(String),
    /// Any other scheme, whole.
    Other(String),
}

/// A `sip:` or `sips:` URI.
#[derive(Clone, PartialEq, Eq)]
pub struct SipUri {
    /// Whether the scheme is `sips`.
    pub secure: bool,
    /// The part before the `@`, as written, a password included.
    pub user: Option<String>,
    /// The host.
    pub host: Host,
    /// The port, where given.
    pub port: Option<u16>,
    /// The parameters.
    pub parameters: Parameters,
    /// What stands after the question mark.
    pub headers: Option<String>,
}

/// A host of a URI or a Via.
#[derive(Clone, PartialEq, Eq)]
pub enum Host {
    /// An IP address.
    Address(IpAddr),
    /// A name.
    Name(String),
}

/// A text that is no URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a URI")]
pub struct UriError;

impl Uri {
    /// The part that names a subscriber: the user of a SIP URI without a password, or the number of a `tel:`.
    #[must_use]
    pub fn subscriber(&self) -> Option<&str> {
        match self {
            Self::Sip(uri) => uri.user.as_deref().map(|user| user.split([':', ';']).next().unwrap_or(user)),
            Self::Tel(rest) => Some(rest.split(';').next().unwrap_or(rest)),
            Self::Other(_) => None,
        }
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        if text.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control() || b"<>\"".contains(&byte)) {
            return Err(UriError);
        }
        let (scheme, rest) = text.split_once(':').ok_or(UriError)?;
        let scheme_fits = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            && scheme.starts_with(|first: char| first.is_ascii_alphabetic());
        if !scheme_fits || rest.is_empty() {
            return Err(UriError);
        }
        match scheme.to_ascii_lowercase().as_str() {
            "sip" => SipUri::parse(false, rest).map(Self::Sip),
            "sips" => SipUri::parse(true, rest).map(Self::Sip),
            "tel" => Ok(Self::Tel(rest.to_owned())),
            _ => Ok(Self::Other(text.to_owned())),
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => uri.fmt(formatter),
            Self::Tel(rest) => write!(formatter, "tel:{rest}"),
            Self::Other(text) => formatter.write_str(text),
        }
    }
}

impl SipUri {
    /// Reads what stands after the scheme.
    fn parse(secure: bool, rest: &str) -> Result<Self, UriError> {
        let (rest, headers) = split_headers(rest);
        let (user, rest) = match rest.rsplit_once('@') {
            Some(("", _)) => return Err(UriError),
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let mut parts = rest.split(';');
        let (host, port) = Host::with_port(parts.next().unwrap_or("")).ok_or(UriError)?;
        let parameters = Parameters::parse(parts).ok_or(UriError)?;
        Ok(Self { secure, user, host, port, parameters, headers: headers.map(str::to_owned) })
    }

    /// Whether the `lr` parameter marks a loose router (RFC 3261 §19.1.1).
    #[must_use]
    pub fn is_loose_router(&self) -> bool {
        self.parameters.find("lr").is_some()
    }
}

/// Parts `?headers` from the rest. A question mark in the user part belongs to the user.
fn split_headers(rest: &str) -> (&str, Option<&str>) {
    let host_start = rest.rfind('@').map_or(0, |at| at + 1);
    match rest[host_start..].find('?') {
        Some(mark) => (&rest[..host_start + mark], Some(&rest[host_start + mark + 1..])),
        None => (rest, None),
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            write!(formatter, "{user}@")?;
        }
        self.host.fmt(formatter)?;
        if let Some(port) = self.port {
            write!(formatter, ":{port}")?;
        }
        self.parameters.fmt(formatter)?;
        if let Some(headers) = &self.headers {
            write!(formatter, "?{headers}")?;
        }
        Ok(())
    }
}

impl Host {
    /// Reads `host` or `host:port`, with IPv6 in brackets and blanks around the colon.
    pub(crate) fn with_port(text: &str) -> Option<(Self, Option<u16>)> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            let port = match rest.trim() {
                "" => None,
                rest => Some(port(rest.strip_prefix(':')?)?),
            };
            return Some((Self::Address(address.into()), port));
        }
        let (host, port) = match text.split_once(':') {
            Some((host, digits)) => (host.trim(), Some(port(digits)?)),
            None => (text, None),
        };
        Some((Self::parse(host)?, port))
    }

    /// Reads a host name or an address; IPv6 without brackets counts too.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self::Address(address));
        }
        let fits = !text.is_empty()
            && text.len() <= 255
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        fits.then(|| Self::Name(text.to_owned()))
    }

    /// The address, where the host is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Name(_) => None,
        }
    }
}

/// Reads a port above 0.
fn port(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|&port| port > 0)
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(address)) => address.fmt(formatter),
            Self::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]"),
            Self::Name(name) => formatter.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sip(text: &str) -> SipUri {
        match text.parse().unwrap() {
            Uri::Sip(uri) => uri,
            Uri::Tel(_) | Uri::Other(_) => panic!("not a SIP URI"),
        }
    }

    #[test]
    fn every_part_is_read_and_printed_as_it_came() {
        for text in [
            "sip:example.com",
            "sip:alice@203.0.113.7:5062;transport=tcp;lr",
            "sips:alice:secret@[2001:db8::9]:5061?Subject=x",
            "sip:user;par=u%40example.net@example.com",
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        ] {
            assert_eq!(sip(text).to_string(), text);
        }
        let uri = sip("sip:alice@203.0.113.7:5062;transport=tcp;lr");
        assert!(uri.is_loose_router() && uri.port == Some(5062) && uri.user.as_deref() == Some("alice"));
    }

    #[test]
    fn the_subscriber_leaves_out_password_and_parameters() {
        let subscriber = |text: &str| text.parse::<Uri>().unwrap().subscriber().map(str::to_owned);
        assert_eq!(subscriber("sip:+15550100;phone-context=x:pw@example.com").as_deref(), Some("+15550100"));
        assert_eq!(subscriber("tel:+15550100;isub=1").as_deref(), Some("+15550100"));
        assert_eq!(subscriber("sip:example.com"), None);
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            "",
            "sip:",
            "sip:@example.com",
            "sip:a@",
            "sip:a@example.com:0",
            "sip:a@example.com:99999",
            "sip:a b@example.com",
            "<sip:a@example.com>",
            "sip:a@[2001:db8::1",
            "noscheme",
            "1x:y",
            "sip:a@exa mple.com",
        ] {
            assert!(text.parse::<Uri>().is_err(), "{text}");
        }
    }

    #[test]
    fn other_schemes_are_kept_whole() {
        assert!(matches!("nobodyKnowsThisScheme:totallyopaque".parse(), Ok(Uri::Other(_))));
    }
}
