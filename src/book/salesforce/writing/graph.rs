//! All rows of one call as one graph: all of them are written, or none (REST API Developer Guide, "Composite Graph").

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Refused, Upsert, WriteError, account, dispute, upserts};
use crate::account::AccountId;
use crate::record::{AccountUpdate, ContactAttempt, Record, RecordKind};
use crate::salesforce::mapping::Mapping;
use crate::salesforce::object::Object;
use crate::salesforce::version::ApiVersion;

/// Most nodes of one payload (the same, "Composite Graph Limits").
pub(super) const MOST_NODES: usize = 500;

/// One row of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// By which the answer tells of it: letters, digits and underscores.
    pub reference: String,
    /// The row.
    pub upsert: Upsert,
}

/// The rows of one call: the attempt, what was agreed, disputed and paid, the compliance record, and the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    id: String,
    nodes: Vec<Node>,
}

impl Graph {
    /// The graph of a call's records. Of two with one external id the later counts. `None` where there are none.
    ///
    /// # Errors
    /// [`WriteError`] where this org cannot take one of them, where they are not of one call, and where they are too many.
    pub fn of_call(mapping: &Mapping, records: &[Record], refused: Refused<'_>) -> Result<Option<Self>, WriteError> {
        let Some(call) = records.first().map(Record::call) else { return Ok(None) };
        if records.iter().any(|record| record.call() != call) {
            return Err(WriteError::OtherCall);
        }
        if records.len() > MOST_NODES {
            return Err(WriteError::TooMany);
        }
        let mut rows = rows(mapping, &newest(records), refused)?;
        rows.sort_by_key(|row| rank(row.object()));
        if rows.len() > MOST_NODES { Err(WriteError::TooMany) } else { Ok(Some(Self::of_rows(call, rows))) }
    }

    fn of_rows(call: Uuid, rows: Vec<Upsert>) -> Self {
        let node = |(place, upsert): (usize, Upsert)| Node {
            reference: format!("{}_{}", upsert.object().name(), place + 1),
            upsert,
        };
        Self { id: call.to_string(), nodes: rows.into_iter().enumerate().map(node).collect() }
    }

    /// Its id, which its answer repeats: the call's.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its rows in the order in which they are written.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The same without the rows of these references. `None` where nothing else is in it.
    pub(super) fn without(mut self, references: &BTreeSet<String>) -> Option<Self> {
        self.nodes.retain(|node| !references.contains(&node.reference));
        (!self.nodes.is_empty()).then_some(self)
    }

    /// The same without what came of the call on its account, where a later call came to something else. `None` where nothing else
    /// is in it.
    pub(super) fn superseded(mut self, mapping: &Mapping) -> Option<Self> {
        let accounts = self.nodes.iter_mut().filter(|node| node.upsert.object == Object::CollectionAccount);
        accounts.for_each(|node| account::without_outcome(mapping, &mut node.upsert));
        self.nodes.retain(|node| node.upsert.body.as_object().is_none_or(|fields| !fields.is_empty()));
        (!self.nodes.is_empty()).then_some(self)
    }

    /// The same without links to a row that will not be there.
    pub(super) fn unlinked(mut self, parent: Object, key: &str) -> Self {
        self.nodes.iter_mut().for_each(|node| node.upsert.unlink(parent, key));
        self
    }

    /// The body of `POST /services/data/{version}/composite/graph`. Links within it are references, since an org follows those
    /// alone, and may otherwise write its rows in any order (the same, "Using Composite Graphs").
    #[must_use]
    pub fn payload(&self, version: ApiVersion) -> Value {
        let request = |node: &Node| {
            json!({
                "method": "PATCH",
                "url": node.upsert.url(version),
                "referenceId": node.reference,
                "body": self.referring(&node.upsert),
            })
        };
        let requests: Vec<Value> = self.nodes.iter().map(request).collect();
        json!({ "graphs": [{ "graphId": self.id, "compositeRequest": requests }] })
    }

    /// The body of a row, with parents that are made in this graph by their ids.
    fn referring(&self, row: &Upsert) -> Value {
        let mut body = row.body.clone();
        let Value::Object(fields) = &mut body else { return body };
        for link in row.links.iter().filter(|link| link.parent.is_created()) {
            let is_parent = |node: &&Node| node.upsert.object == link.parent && node.upsert.key() == link.key;
            if let Some(parent) = self.nodes.iter().find(is_parent) {
                fields.remove(&link.relationship);
                fields.insert(link.field.clone(), Value::from(format!("@{{{}.id}}", parent.reference)));
            }
        }
        body
    }
}

/// What must be there before what: links go backwards.
const fn rank(object: Object) -> u8 {
    match object {
        Object::CollectionStrategy => 0,
        Object::ContactAttempt => 1,
        Object::PaymentArrangement => 2,
        Object::Dispute => 3,
        Object::PaymentTransaction => 4,
        Object::ComplianceRecord => 5,
        Object::CollectionAccount => 6,
    }
}

/// The last of each external id, in the order in which they first came.
fn newest(records: &[Record]) -> Vec<&Record> {
    let mut places = BTreeMap::new();
    let mut newest: Vec<&Record> = Vec::new();
    for record in records {
        let place = *places.entry((record.kind(), record.external_id())).or_insert(newest.len());
        match newest.get_mut(place) {
            Some(older) => *older = record,
            None => newest.push(record),
        }
    }
    newest
}

/// What a call changes on one account.
#[derive(Default)]
struct Changes<'a> {
    attempt: Option<&'a ContactAttempt>,
    updates: Vec<&'a AccountUpdate>,
}

/// A row for each record, and one for each account that something changes on.
fn rows(mapping: &Mapping, records: &[&Record], refused: Refused<'_>) -> Result<Vec<Upsert>, WriteError> {
    let attempt = records.iter().find(|record| record.kind() == RecordKind::ContactAttempt);
    let attempt = attempt.map(|attempt| attempt.external_id());
    let (mut rows, mut accounts) = (Vec::new(), BTreeMap::<&AccountId, Changes<'_>>::new());
    for record in records {
        match record {
            Record::AccountUpdate(update) => {
                rows.extend(dispute::upsert(mapping, update, attempt, refused)?);
                accounts.entry(&update.account).or_default().updates.push(update);
            }
            Record::ContactAttempt(attempt) => {
                rows.extend(upserts(mapping, record, refused)?);
                if let Some(account) = &attempt.account {
                    accounts.entry(account).or_default().attempt = Some(attempt);
                }
            }
            Record::ComplianceRecord(_) | Record::PaymentArrangement(_) | Record::PaymentTransaction(_) => {
                rows.extend(upserts(mapping, record, refused)?);
            }
        }
    }
    for (id, Changes { attempt, updates }) in accounts {
        rows.extend(account::upsert(mapping, id, attempt, &updates, refused)?);
    }
    Ok(rows)
}
