//! What is written of a call: each record as one upsert by its external id, with the values that the mapping has for it.
//!
//! Writing a row twice leaves one. Rows are linked by external ids, so that no id of the org is needed. Every text is masked
//! before it is anything else, so that no card number leaves, whole or cut.

mod account;
mod arrangement;
mod attempt;
mod body;
mod changes;
mod compliance;
mod delivery;
mod dispute;
mod graph;
mod outcome;
mod payment;
mod standing;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use changes::{MOST_GRAPHS, change_results, changes};
pub(super) use delivery::rows as own_rows;
pub use delivery::{Delivery, GivenUp, Heard};
pub use graph::{Graph, Node};
pub use outcome::{NodeOutcome, Written};
pub use standing::{MOST_READ, Standing, reading};

use super::fault::Refusal;
use super::field::Field;
use super::mapping::Mapping;
use super::object::Object;
use super::version::ApiVersion;
use crate::record::Record;
use crate::redact::redacted_debug;
use crate::vetting::Forbidden;

/// Why a record cannot be written to this org. It repeats no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A key looks like the number of a card, and a key that is masked is another.
    #[error("the key of a {} looks like the number of a card: give the row another external id", .0.name())]
    Key(Object),
    /// A picklist has no value for what is to be written.
    #[error("the mapping of {}.{} has neither the value nor an other", .0.object.name(), .0.name)]
    Word(Field),
    /// The amount is in another currency than the org's, and no field says which.
    #[error("{}.{} is in another currency than the mapping: map {}.currency", .0.object.name(), .0.name, .0.object.name())]
    Currency(Field),
    /// The amount is so large that a JSON number may not be exact.
    #[error("{}.{} is too large", .0.object.name(), .0.name)]
    Amount(Field),
    /// Something in it is account data of a card that cannot be masked.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The records are not all of one call.
    #[error("the records of a graph are not all of one call")]
    OtherCall,
    /// There are more records than a graph takes.
    #[error("a graph takes at most {} rows", graph::MOST_NODES)]
    TooMany,
}

/// Refusals of earlier tries, each with the object whose row was refused. Rows of that object are then written so that they
/// may be taken: texts cut to the mapped length, and picklist values that the refusal names, or all where it names no field,
/// replaced by the mapping's `other` or left out, with the gateway's word in the row's notes. Empty: rows are written whole.
pub type Refused<'a> = &'a [(Object, Refusal)];

/// One row to write: `PATCH` to [`url`](Self::url) with [`body`](Self::body).
#[derive(Clone, PartialEq, Eq)]
pub struct Upsert {
    object: Object,
    path: String,
    body: Value,
    links: Vec<Link>,
    is_made: bool,
}

redacted_debug!(Upsert);

/// A link of a row to a parent, which its body has by the parent's external id.
#[derive(Clone, PartialEq, Eq)]
struct Link {
    /// The member of the body.
    relationship: String,
    /// The field that holds the parent's id.
    field: String,
    parent: Object,
    key: String,
}

impl Upsert {
    /// The object whose row it is.
    #[must_use]
    pub const fn object(&self) -> Object {
        self.object
    }

    /// The path of the row by its external id (REST API Developer Guide, "sObject Rows by External ID"). A row that is not for
    /// calls to make, or that was made before, is changed where it exists, and never made.
    #[must_use]
    pub fn url(&self, version: ApiVersion) -> String {
        let only = if self.is_made { "" } else { "?updateOnly=true" };
        format!("/services/data/{version}/sobjects/{}{only}", self.path)
    }

    /// Whether it is made where it is not there.
    #[must_use]
    pub const fn is_made(&self) -> bool {
        self.is_made
    }

    /// Its external id.
    #[must_use]
    pub fn key(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Adds what another says of the same row: where both say something, that counts.
    pub(super) fn merge(&mut self, later: Self) {
        if let (Value::Object(own), Value::Object(later)) = (&mut self.body, later.body) {
            own.extend(later);
        }
        self.links.extend(later.links);
        self.is_made |= later.is_made;
    }

    /// Takes out the links to a row that will not be there.
    pub(super) fn unlink(&mut self, parent: Object, key: &str) {
        let (gone, kept) = self.links.drain(..).partition(|link| link.parent == parent && link.key == key);
        self.links = kept;
        let gone: Vec<Link> = gone;
        if let Value::Object(fields) = &mut self.body {
            fields.retain(|name, _| gone.iter().all(|link| link.relationship != *name));
        }
    }

    /// The fields by their API names.
    #[must_use]
    pub const fn body(&self) -> &Value {
        &self.body
    }
}

/// The rows that one record is written as, in the order in which they are written: one, and for a disputed debt the account and
/// the dispute. What a flag forbids, it forbids at once: it waits for nothing, and the dispute is linked to its call once that
/// is written too, in the call's [`Graph`].
///
/// # Errors
/// [`WriteError`] where this org cannot take it.
pub fn upserts(mapping: &Mapping, record: &Record, refused: Refused<'_>) -> Result<Vec<Upsert>, WriteError> {
    match record {
        Record::ContactAttempt(record) => Ok(vec![attempt::upsert(mapping, record, refused)?]),
        Record::ComplianceRecord(record) => Ok(vec![compliance::upsert(mapping, record, refused)?]),
        Record::PaymentArrangement(record) => Ok(vec![arrangement::upsert(mapping, record, refused)?]),
        Record::PaymentTransaction(record) => Ok(vec![payment::upsert(mapping, record, refused)?]),
        Record::AccountUpdate(record) => {
            let account = account::upsert(mapping, &record.account, None, &[record], refused)?;
            let dispute = dispute::upsert(mapping, record, None, refused)?;
            Ok(account.into_iter().chain(dispute).collect())
        }
    }
}
