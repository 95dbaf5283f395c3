//! How the records of one call come to be rows of an org, one graph after another until one is taken.
//!
//! | a row is | then |
//! |---|---|
//! | refused by a rule of the org | it is written once more, reduced, and if that is refused too, left out |
//! | refused because mapping, rights or keys do not fit | it is left out |
//! | said to be there already | it is looked for: where it is there it is done, else it is left out |
//! | locked, or the org is in trouble | nothing is written now: all of it comes again later |
//!
//! What is left out is told, so that somebody looks at it; all that can be written is.

use std::collections::BTreeSet;

use super::outcome::NodeOutcome;
use super::{Graph, Node, WriteError, upserts};
use crate::outbox;
use crate::record::{ExternalId, Record};
use crate::salesforce::fault::{Fault, Refusal};
use crate::salesforce::mapping::Mapping;
use crate::salesforce::object::Object;

/// Records of one call on their way.
#[derive(Debug)]
pub struct Delivery<'a> {
    mapping: &'a Mapping,
    records: Vec<Record>,
    /// Records that this org has no row for, by their place.
    unwritable: Vec<bool>,
    refused: Vec<(Object, Refusal)>,
    /// References of rows that are in no further graph.
    left_out: BTreeSet<String>,
    /// Rows that were refused in the end.
    given_up: BTreeSet<(Object, String)>,
}

/// What follows from the answer to a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// All rows of it are written.
    Written,
    /// The next graph is another one, to be sent now.
    Again,
    /// Nothing was written, and may be later.
    Later(Fault),
    /// This row is said to be there: whether it is, is to be told by [`Delivery::found`], and then the next graph is sent.
    Duplicate(Node),
}

impl<'a> Delivery<'a> {
    /// Begins with the records of one call.
    #[must_use]
    pub fn new(mapping: &'a Mapping, records: Vec<Record>) -> Self {
        let unwritable = records.iter().map(|record| upserts(mapping, record, &[]).is_err()).collect();
        let (left_out, given_up) = (BTreeSet::new(), BTreeSet::new());
        Self { mapping, records, unwritable, refused: Vec::new(), left_out, given_up }
    }

    /// What to send next. `None` where nothing is left.
    ///
    /// # Errors
    /// [`WriteError`] where the records make no graph together.
    pub fn graph(&self) -> Result<Option<Graph>, WriteError> {
        let written = self.records.iter().zip(&self.unwritable).filter(|(_, is_unwritable)| !**is_unwritable);
        let records: Vec<Record> = written.map(|(record, _)| self.linked(record)).collect();
        let graph = Graph::of_call(self.mapping, &records, &self.refused)?;
        Ok(graph.and_then(|graph| graph.without(&self.left_out)))
    }

    /// A record without its link to an arrangement that is given up: what was paid is written all the same.
    fn linked(&self, record: &Record) -> Record {
        let mut record = record.clone();
        if let Record::PaymentTransaction(payment) = &mut record {
            let is_given_up = |id: &ExternalId| {
                self.given_up.iter().any(|(object, key)| *object == Object::PaymentArrangement && key == id.as_str())
            };
            payment.arrangement.take_if(|id| is_given_up(id));
        }
        record
    }

    /// What became of the rows of `graph`, the last that was sent. Of several rows that are refused the first alone counts:
    /// others may be refused because they link to it.
    pub fn heard(&mut self, graph: &Graph, outcomes: &[NodeOutcome]) -> Heard {
        if outcomes.iter().all(|outcome| outcome.result.is_ok()) {
            return Heard::Written;
        }
        let culprits = outcomes.iter().filter(|outcome| outcome.is_culprit());
        let refusals: Vec<(&NodeOutcome, &Refusal)> =
            culprits.filter_map(|outcome| Some((outcome, outcome.result.as_ref().err()?))).collect();
        if let Some((_, passing)) = refusals.iter().find(|(_, refusal)| refusal.fault.passes()) {
            return Heard::Later(passing.fault);
        }
        let node = |outcome: &NodeOutcome| graph.nodes().iter().find(|node| node.reference == outcome.reference);
        let first = refusals.first().and_then(|(outcome, refusal)| Some((node(outcome)?, *refusal)));
        first.map_or(Heard::Later(Fault::Unavailable), |(node, refusal)| self.refused(node, refusal))
    }

    fn refused(&mut self, node: &Node, refusal: &Refusal) -> Heard {
        let object = node.upsert.object();
        let is_whole = self.refused.iter().all(|(before, _)| *before != object);
        match refusal.fault {
            Fault::Duplicate => return Heard::Duplicate(node.clone()),
            Fault::Rejected if is_whole => self.refused.push((object, refusal.clone())),
            Fault::Rejected
            | Fault::Access
            | Fault::Configuration
            | Fault::NotUnique
            | Fault::Absent
            | Fault::Session
            | Fault::Locked
            | Fault::Quota(_)
            | Fault::ReadOnly
            | Fault::Unavailable => self.found(node, false),
        }
        Heard::Again
    }

    /// Whether the row of a node that is said to be there is. If so it is done; if not, another row has what may be there once.
    pub fn found(&mut self, node: &Node, is_there: bool) {
        self.left_out.insert(node.reference.clone());
        if !is_there {
            self.given_up.insert((node.upsert.object(), node.upsert.key().to_owned()));
        }
    }

    /// Whether no row is given up.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.given_up.is_empty() && !self.unwritable.contains(&true)
    }

    /// The records that were not written although everything else was, by their place: [`outbox::Fault::Rejected`].
    #[must_use]
    pub fn results(&self) -> Vec<Result<(), outbox::Fault>> {
        let result = |(record, is_unwritable): (&Record, &bool)| {
            let is_refused = *is_unwritable || rows(record).iter().any(|row| self.given_up.contains(row));
            if is_refused { Err(outbox::Fault::Rejected) } else { Ok(()) }
        };
        self.records.iter().zip(&self.unwritable).map(result).collect()
    }
}

/// The rows that tell of a record. That of its account, which tells of the call too, stands for an update alone.
fn rows(record: &Record) -> Vec<(Object, String)> {
    let own = |object| vec![(object, record.external_id().as_str().to_owned())];
    match record {
        Record::ContactAttempt(_) => own(Object::ContactAttempt),
        Record::ComplianceRecord(_) => own(Object::ComplianceRecord),
        Record::PaymentArrangement(_) => own(Object::PaymentArrangement),
        Record::PaymentTransaction(_) => own(Object::PaymentTransaction),
        Record::AccountUpdate(update) => vec![
            (Object::CollectionAccount, update.account.as_str().to_owned()),
            (Object::Dispute, ExternalId::dispute(update).as_str().to_owned()),
        ],
    }
}
