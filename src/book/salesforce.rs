//! What is Salesforce's of the account book, as far as it can be decided without an org: names and ids, SOQL, and what an
//! answer means.
//!
//! Nothing here opens a connection. Field and object names come from the mapping, values from a call; neither can become
//! anything else in a statement.

pub mod fault;
pub mod hedge;
pub mod id;
pub mod name;
pub mod soql;
pub mod usage;

pub use fault::{Fault, Quota, Refusal};
pub use hedge::Hedge;
pub use id::{InvalidRecordId, RecordId};
pub use name::{ApiName, FieldPath, InvalidName};
pub use soql::{Condition, Direction, Query, SoqlError, Value};
pub use usage::{Thrift, Usage};
