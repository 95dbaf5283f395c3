//! Where a mapping is from: what its objects are called is decided by two settings.

use std::fmt;

use super::Profile;

/// Where a mapping is from, and the namespace that its names have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `None` where it is a file of the customer's own.
    pub(super) profile: Option<Profile>,
    /// Without its underscores; empty where there is none.
    pub(super) namespace: String,
    /// Whether it stands in for the mapping's own.
    pub(super) is_given: bool,
}

impl Origin {
    /// The profile; `None` where it is a file of the customer's own.
    #[must_use]
    pub const fn profile(&self) -> Option<Profile> {
        self.profile
    }

    /// The namespace, without its underscores; empty where there is none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The setting that names it.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        if self.profile.is_some() { "book.profile" } else { "book.mapping" }
    }
}

impl fmt::Display for Origin {
    /// What is in force, and where it is set.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.profile {
            Some(profile) => write!(formatter, "book.profile = \"{}\"", profile.name())?,
            None => formatter.write_str("the file of book.mapping")?,
        }
        let namespace = &self.namespace;
        if self.is_given {
            write!(formatter, " and book.namespace = \"{namespace}\"")
        } else {
            write!(formatter, " with its own namespace \"{namespace}\"")
        }
    }
}
