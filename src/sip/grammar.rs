//! The few rules of SIP's grammar (RFC 3261 §25.1) that several headers share.

use std::fmt;

/// Whether `text` is a token: a non-empty run of the characters that need no quotes.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte))
}

/// Splits at `separator` outside of quoted strings and angle brackets; the parts are trimmed.
pub(crate) fn split_outside(text: &str, separator: u8) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut scanner = Scanner::default();
    for (index, byte) in text.bytes().enumerate() {
        if scanner.is_outside(byte) && byte == separator {
            parts.push(text[start..index].trim());
            start = index + 1;
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// Where `wanted` first stands outside of quoted strings (and angle brackets, unless it opens one).
pub(crate) fn find_outside(text: &str, wanted: u8) -> Option<usize> {
    let mut scanner = Scanner::default();
    text.bytes().enumerate().find(|&(_, byte)| scanner.is_outside(byte) && byte == wanted).map(|(index, _)| index)
}

/// Whether every quote and angle bracket that opens also closes.
pub(crate) fn is_balanced(text: &str) -> bool {
    let mut scanner = Scanner::default();
    for byte in text.bytes() {
        scanner.is_outside(byte);
    }
    !scanner.quoted && !scanner.bracketed
}

/// Follows quotes and angle brackets from byte to byte.
#[derive(Default)]
struct Scanner {
    quoted: bool,
    escaped: bool,
    bracketed: bool,
}

impl Scanner {
    /// Takes the next byte; whether it stands outside. Opening and closing marks count as outside.
    fn is_outside(&mut self, byte: u8) -> bool {
        if self.escaped {
            self.escaped = false;
            return false;
        }
        match byte {
            b'\\' if self.quoted => {
                self.escaped = true;
                false
            }
            b'"' if !self.bracketed => {
                self.quoted = !self.quoted;
                true
            }
            b'<' if !self.quoted => {
                self.bracketed = true;
                true
            }
            b'>' if !self.quoted => {
                self.bracketed = false;
                true
            }
            _ => !self.quoted && !self.bracketed,
        }
    }
}

/// The parameters after a value: `;name=value;flag`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, Option<String>)>);

impl Parameters {
    /// Reads the parts between the semicolons. `None` where a name is no token or a value is empty or holds blanks.
    pub(crate) fn parse<'a>(parts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut parameters = Vec::new();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (part.trim(), None),
            };
            let value_fits = value.is_none_or(|value| !value.is_empty() && is_value(value));
            if !is_token(name) || !value_fits {
                return None;
            }
            parameters.push((name.to_owned(), value.map(str::to_owned)));
        }
        Some(Self(parameters))
    }

    /// The parameter of this name: `Some(None)` is a flag without a value.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Option<&str>> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_deref())
    }

    /// The value of the parameter of this name, where it has one.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.find(name).flatten()
    }

    /// Sets a parameter, in its place or at the end.
    pub fn set(&mut self, name: &str, value: Option<String>) {
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some(parameter) => parameter.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Takes a parameter away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Some(value) => write!(formatter, ";{name}={value}")?,
                None => write!(formatter, ";{name}")?,
            }
        }
        Ok(())
    }
}

/// Whether `text` can be a parameter's value: a quoted string, or without blanks, quotes and angle brackets.
fn is_value(text: &str) -> bool {
    if text.len() >= 2 && text.starts_with('"') && text.ends_with('"') {
        return true;
    }
    !text.bytes().any(|byte| byte.is_ascii_whitespace() || b"\"<>".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_quotes_and_brackets_do_not_split() {
        let parts = split_outside(r#""a, \"b" <sip:c,d@example.com>;x=1, <sip:e@example.com>"#, b',');
        assert_eq!(parts, [r#""a, \"b" <sip:c,d@example.com>;x=1"#, "<sip:e@example.com>"]);
    }

    #[test]
    fn parameters_are_found_without_regard_to_case_and_print_as_they_came() {
        let parameters = Parameters::parse(["Branch = z9", "rport"]).unwrap();
        assert_eq!((parameters.value("bRANCH"), parameters.find("RPORT")), (Some("z9"), Some(None)));
        assert_eq!(parameters.to_string(), ";Branch=z9;rport");
    }

    #[test]
    fn a_parameter_without_a_name_or_with_an_empty_value_is_refused() {
        assert!(Parameters::parse([""]).is_none());
        assert!(Parameters::parse(["a="]).is_none());
        assert!(Parameters::parse(["a=b c"]).is_none());
    }
}
