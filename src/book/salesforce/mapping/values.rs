//! The values of a picklist: the gateway's words, and the API names of the org's values.

/// What is written where the org does not take the value of a word.
pub(super) const OTHER: &str = "other";

/// The values of one picklist; empty for other fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// Words of the table with the org's values.
    pub(super) known: Vec<(&'static str, String)>,
    /// What is written for any other.
    pub(super) other: Option<String>,
}

impl Values {
    /// The org's value of a word, or the one for any other.
    #[must_use]
    pub fn value(&self, word: &str) -> Option<&str> {
        let known = self.known.iter().find(|(known, _)| *known == word).map(|(_, value)| value.as_str());
        known.or(self.other())
    }

    /// The org's value for words that it does not have.
    #[must_use]
    pub fn other(&self) -> Option<&str> {
        self.other.as_deref()
    }

    /// The word of an org's value.
    #[must_use]
    pub fn word(&self, value: &str) -> Option<&'static str> {
        self.known.iter().find(|(_, known)| known == value).map(|(word, _)| *word)
    }

    /// Every value of the org that may be read or written, the one for any other last where it is not among them.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let other = self.other().filter(|other| self.word(other).is_none());
        self.known.iter().map(|(_, value)| value.as_str()).chain(other)
    }
}
