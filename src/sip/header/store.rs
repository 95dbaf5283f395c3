//! The headers of one message.

use super::HeaderName;
use crate::grammar::split_outside;

/// The headers of a message in their order; a list header is split into its values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(HeaderName, String)>);

impl Headers {
    /// Adds a value as it is.
    pub fn push(&mut self, name: HeaderName, value: impl Into<String>) {
        self.0.push((name, value.into()));
    }

    /// Adds a header line of a message: a list header's line is split at its commas.
    pub(crate) fn push_line(&mut self, name: HeaderName, line: &str) {
        if !name.is_list() {
            return self.push(name, line);
        }
        for value in split_outside(line, b',') {
            self.push(name, value);
        }
    }

    /// The first value of this name.
    #[must_use]
    pub fn first(&self, name: HeaderName) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of this name in order.
    pub fn all(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Every header in order.
    pub fn iter(&self) -> impl Iterator<Item = (HeaderName, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
