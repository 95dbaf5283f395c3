//! What has to be changed, in the org or in the mapping.

use std::fmt;

use crate::salesforce::object::Object;

/// What follows from a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// No call may be made or taken: something that forbids a talk could not be read, or a mandatory record not be written.
    Stops,
    /// Calls go on; something is slower than it could be, or not written.
    Warns,
}

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What follows from it.
    pub weight: Weight,
    /// The logical object.
    pub object: Object,
    /// The logical field; `None` where it is of the object as a whole.
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
            Weight::Warns => "look at",
        };
        write!(formatter, "{weight}: {}", self.object.name())?;
        if let Some(field) = self.field {
            write!(formatter, ".{field}")?;
        }
        write!(formatter, ": {}; {}", self.what, self.remedy)
    }
}
