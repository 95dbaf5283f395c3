//! Addresses with a display name and parameters: From, To, Contact, Record-Route, Route, P-Asserted-Identity.

use std::fmt;
use std::str::FromStr;

use crate::grammar::{Parameters, find_outside, is_balanced, split_outside};
use crate::uri::{Uri, UriError};

/// `"Display" <uri>;parameters`, or `uri;parameters` where the parameters are the header's (RFC 3261 §20.10).
#[derive(Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name as written, quotes included.
    pub display: Option<String>,
    /// The URI.
    pub uri: Uri,
    /// The header's parameters.
    pub parameters: Parameters,
}

impl NameAddr {
    /// The tag (RFC 3261 §19.3).
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.parameters.value("tag")
    }
}

impl FromStr for NameAddr {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let text = text.trim();
        if !is_balanced(text) {
            return Err(UriError);
        }
        let (display, uri, rest) = match find_outside(text, b'<') {
            Some(open) => {
                let close = open + text[open..].find('>').ok_or(UriError)?;
                (text[..open].trim(), &text[open + 1..close], text[close + 1..].trim())
            }
            None => {
                let end = text.find(';').unwrap_or(text.len());
                ("", text[..end].trim(), &text[end..])
            }
        };
        let parameters = match rest.strip_prefix(';') {
            Some(rest) => Parameters::parse(split_outside(rest, b';')).ok_or(UriError)?,
            None if rest.is_empty() => Parameters::default(),
            None => return Err(UriError),
        };
        let display = (!display.is_empty()).then(|| display.to_owned());
        Ok(Self { display, uri: uri.parse()?, parameters })
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(formatter, "{display} ")?;
        }
        write!(formatter, "<{}>{}", self.uri, self.parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_with_angle_brackets_and_escapes_are_read() {
        let address: NameAddr = r#""A \"B\" <x>; y" <sip:a@example.com;lr>;tag=9"#.parse().unwrap();
        assert_eq!(address.tag(), Some("9"));
        assert_eq!(address.to_string(), r#""A \"B\" <x>; y" <sip:a@example.com;lr>;tag=9"#);
    }

    #[test]
    fn without_brackets_the_parameters_are_the_headers() {
        let address: NameAddr = "sip:a@example.com;tag=7".parse().unwrap();
        assert_eq!((address.tag(), address.uri.to_string().as_str()), (Some("7"), "sip:a@example.com"));
    }

    #[test]
    fn what_does_not_close_is_refused() {
        for text in ["\"a <sip:b@example.com>", "<sip:b@example.com", "<sip:b@example.com> tag=1", "<>", ""] {
            assert!(text.parse::<NameAddr>().is_err(), "{text}");
        }
    }
}
