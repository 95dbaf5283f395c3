//! What is Salesforce's of the account book, as far as it can be decided without an org: which objects and fields there are and
//! what an org calls them, what is asked and what the answer means, what is written, and whether an org fits.
//!
//! Nothing here opens a connection. Field and object names come from the mapping, values from a call; neither can become
//! anything else in a statement.

pub mod answer;
pub mod bulk;
pub mod card;
pub mod describe;
pub mod event;
pub mod fault;
pub mod field;
pub mod hedge;
pub mod id;
pub mod lines;
pub mod lookup;
pub mod mapping;
pub mod name;
pub mod object;
pub mod reconciliation;
#[cfg(test)]
mod sample;
pub mod shelf;
pub mod soql;
pub mod subscription;
pub mod sweep;
pub mod usage;
pub mod version;
pub mod writing;

pub use answer::AnswerError;
pub use describe::{Described, Finding, compare};
pub use event::{EventError, EventRecord, Scalar};
pub use fault::{Fault, Quota, Refusal};
pub use field::{Class, Field, Kind};
pub use hedge::Hedge;
pub use id::{InvalidRecordId, RecordId};
pub use lines::Lines;
pub use lookup::LookupError;
pub use mapping::{EventField, EventMapping, MappedField, Mapping, Profile};
pub use name::{ApiName, FieldPath, InvalidName};
pub use object::Object;
pub use shelf::Shelf;
pub use soql::{Condition, Direction, Query, SoqlError, Value};
pub use subscription::Subscription;
pub use usage::{Thrift, Usage};
pub use version::{ApiVersion, InvalidVersion};
pub use writing::{Delivery, GivenUp, Graph, Heard, Standing, Upsert, WriteError, upserts};
