//! What is written of a call: each record as one upsert by its external id, with the values that the mapping has for it.
//!
//! Writing a row twice leaves one. Rows are linked by external ids, so that no id of the org is needed. Every text is masked
//! before it is anything else, so that no card number leaves, whole or cut.

mod account;
mod accounts;
mod arrangement;
mod attempt;
mod body;
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

pub use accounts::{MOST_GRAPHS, account_results, accounts};
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
    masked: Vec<String>,
}

redacted_debug!(Upsert);

impl Upsert {
    /// The object whose row it is.
    #[must_use]
    pub const fn object(&self) -> Object {
        self.object
    }

    /// The path of the row by its external id (REST API Developer Guide, "sObject Rows by External ID"). A row of an object
    /// that calls do not make is changed where it exists, and never made.
    #[must_use]
    pub fn url(&self, version: ApiVersion) -> String {
        let only = if self.object.is_created() { "" } else { "?updateOnly=true" };
        format!("/services/data/{version}/sobjects/{}{only}", self.path)
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
        self.masked.extend(later.masked);
    }

    /// Takes out the links to a row that will not be there.
    pub(super) fn unlink(&mut self, external_id: &str, key: &str) {
        let Value::Object(fields) = &mut self.body else { return };
        fields.retain(|_, value| value.get(external_id).and_then(Value::as_str) != Some(key));
    }

    /// The fields by their API names.
    #[must_use]
    pub const fn body(&self) -> &Value {
        &self.body
    }

    /// The API names of the fields in which a card number was masked.
    #[must_use]
    pub fn masked(&self) -> &[String] {
        &self.masked
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
