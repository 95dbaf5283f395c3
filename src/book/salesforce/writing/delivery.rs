//! How the records of one call come to be rows of an org, one graph after another until one is taken.
//!
//! | a row is | then |
//! |---|---|
//! | refused by a rule of the org | it is written once more, reduced, and if that is refused too, left out |
//! | refused because mapping, rights or keys do not fit | it is left out |
//! | said to be there already | it is read: as it was sent it is done; otherwise it is sent once more; where it is not there it is left out |
//! | locked, or the org is in trouble | nothing is written now: all of it comes again later |
//!
//! What is left out is told, so that somebody looks at it; all that can be written is.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::NodeOutcome;
use super::standing::Standing;
use super::{Graph, Node, WriteError, upserts};
use crate::record::{ExternalId, Record};
use crate::salesforce::fault::{Fault, Refusal};
use crate::salesforce::mapping::Mapping;
use crate::salesforce::object::Object;

/// Records of one call on their way.
pub struct Delivery<'a> {
    mapping: &'a Mapping,
    records: Vec<Record>,
    /// Whether the last word on the account is another call's.
    is_superseded: bool,
    /// Records that this org has no row for, by their place.
    unwritable: Vec<bool>,
    refused: Vec<(Object, Refusal)>,
    /// References of rows that are in no further graph.
    left_out: BTreeSet<String>,
    /// References of rows that were there with other values.
    differing: BTreeSet<String>,
    /// Rows that are given up.
    given_up: BTreeMap<(Object, String), GivenUp>,
}

/// Why a record is not written, and will not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GivenUp {
    /// This org has no row for it.
    Unwritable,
    /// The org refuses a row of it.
    Refused,
    /// The org has a row under its key with other values, and does not take these.
    Differs,
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
    /// This row is said to be there: how it stands is to be told by [`Delivery::found`], and then the next graph is sent.
    Duplicate(Node),
}

impl<'a> Delivery<'a> {
    /// Begins with the records of one call.
    #[must_use]
    pub fn new(mapping: &'a Mapping, records: Vec<Record>) -> Self {
        let unwritable = records.iter().map(|record| upserts(mapping, record, &[]).is_err()).collect();
        let (left_out, differing, given_up) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        let (is_superseded, refused) = (false, Vec::new());
        Self { mapping, records, is_superseded, unwritable, refused, left_out, differing, given_up }
    }

    /// The same, and whether a later call of its account was written before: then the last word on the account is that one's.
    #[must_use]
    pub fn superseded(self, is_superseded: bool) -> Self {
        Self { is_superseded, ..self }
    }

    /// What to send next. `None` where nothing is left.
    ///
    /// # Errors
    /// [`WriteError`] where the records make no graph together.
    pub fn graph(&self) -> Result<Option<Graph>, WriteError> {
        let written = self.records.iter().zip(&self.unwritable).filter(|(_, is_unwritable)| !**is_unwritable);
        let records: Vec<Record> = written.map(|(record, _)| self.linked(record)).collect();
        let graph = Graph::of_call(self.mapping, &records, &self.refused)?;
        let graph = if self.is_superseded { graph.and_then(|graph| graph.superseded(self.mapping)) } else { graph };
        Ok(graph.and_then(|graph| graph.without(&self.left_out)).map(|graph| self.unlinked(graph)))
    }

    /// A graph without links to an attempt that is not written: what was agreed, paid and said is written all the same.
    fn unlinked(&self, graph: Graph) -> Graph {
        let unwritten = self.records.iter().zip(&self.unwritable).filter(|(_, is_unwritable)| **is_unwritable);
        let unwritten = unwritten.map(|(record, _)| record.external_id().as_str());
        let given_up = self.given_up.keys().filter(|(object, _)| *object == Object::ContactAttempt);
        let keys = given_up.map(|(_, key)| key.as_str()).chain(unwritten);
        keys.fold(graph, |graph, key| graph.unlinked(Object::ContactAttempt, key))
    }

    /// A record without its link to an arrangement that is given up: what was paid is written all the same.
    fn linked(&self, record: &Record) -> Record {
        let mut record = record.clone();
        if let Record::PaymentTransaction(payment) = &mut record {
            let is_given_up =
                |id: &ExternalId| self.given_up.contains_key(&(Object::PaymentArrangement, id.as_str().to_owned()));
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
            | Fault::Unavailable => self.give_up(node, GivenUp::Refused),
        }
        Heard::Again
    }

    /// How the row of a node stands that is said to be there. With other values it is sent once more: it may have been half of a
    /// race. Where it is not there, another row has what may be there once.
    pub fn found(&mut self, node: &Node, standing: Standing) {
        match standing {
            Standing::Same => drop(self.left_out.insert(node.reference.clone())),
            Standing::Differs if self.differing.insert(node.reference.clone()) => {}
            Standing::Differs => self.give_up(node, GivenUp::Differs),
            Standing::Absent => self.give_up(node, GivenUp::Refused),
        }
    }

    fn give_up(&mut self, node: &Node, why: GivenUp) {
        self.left_out.insert(node.reference.clone());
        self.given_up.insert((node.upsert.object(), node.upsert.key().to_owned()), why);
    }

    /// Whether no row is given up.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.given_up.is_empty() && !self.unwritable.contains(&true)
    }

    /// What became of each record, by its place, now that everything else is written.
    #[must_use]
    pub fn results(&self) -> Vec<Result<(), GivenUp>> {
        let result = |(record, is_unwritable): (&Record, &bool)| {
            if *is_unwritable {
                return Err(GivenUp::Unwritable);
            }
            rows(record).iter().find_map(|row| self.given_up.get(row)).map_or(Ok(()), |why| Err(*why))
        };
        self.records.iter().zip(&self.unwritable).map(result).collect()
    }
}

/// The rows that tell of a record. That of its account, which tells of the call too, stands for an update alone.
pub(in crate::salesforce) fn rows(record: &Record) -> Vec<(Object, String)> {
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
