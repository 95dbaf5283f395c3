//! What has to be changed, in the org or in the mapping.

use std::fmt;

use crate::salesforce::mapping::EventMapping;
use crate::salesforce::object::Object;

/// What follows from a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// No call may be made or taken: something that forbids a talk could not be read, or a mandatory record not be written.
    Stops,
    /// Calls go on; no account, or not each, is assigned to the call queue by events.
    StopsAssignments,
    /// Calls go on; something is slower than it could be, or not written.
    Warns,
}

/// What a finding is of: a table of the mapping, or a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A logical object.
    Object(Object),
    /// The event that assignments come as.
    AssignmentEvent,
    /// A key of the gateway's own configuration.
    Setting(&'static str),
}

impl Subject {
    /// Its name in mappings, the configuration and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Object(object) => object.name(),
            Self::AssignmentEvent => EventMapping::TABLE,
            Self::Setting(key) => key,
        }
    }
}

impl From<Object> for Subject {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What follows from it.
    pub weight: Weight,
    /// What it is of.
    pub subject: Subject,
    /// The logical field; `None` where it is of the whole.
    pub field: Option<&'static str>,
    /// What is so.
    pub what: String,
    /// What to change.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Stops => "stops calls",
            Weight::StopsAssignments => "stops assignments",
            Weight::Warns => "look at",
        };
        write!(formatter, "{weight}: {}", self.subject.name())?;
        if let Some(field) = self.field {
            write!(formatter, ".{field}")?;
        }
        write!(formatter, ": {}; {}", self.what, self.remedy)
    }
}
