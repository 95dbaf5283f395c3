//! The account book that is an org: accounts are found by one query, and a call is written as one graph.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ::book::{
    AccountUpdate, LookUp, LookupKey, Record, outbox,
    salesforce::{ApiVersion, Delivery, Fault, Graph, Heard, Mapping, Object, Refusal, Upsert, upserts},
};
use metrics::counter;
use reqwest::Method;
use tracing::{error, warn};

use super::{Connections, LookUps, SalesforceError};
use crate::book::{AccountBook, Answer, Answers, BookError};

/// How long the records of a call may take, all requests together.
const DEADLINE: Duration = Duration::from_secs(9);
/// Most graphs of one delivery: each one after the first is reduced, or has fewer rows.
const MOST_GRAPHS: usize = 12;

/// An org as account book.
pub struct SalesforceBook {
    connections: Arc<Connections>,
    look_ups: LookUps,
    mapping: Mapping,
    version: ApiVersion,
}

impl SalesforceBook {
    /// Over connections that exist.
    #[must_use]
    pub fn new(connections: Arc<Connections>, mapping: Mapping, version: ApiVersion) -> Self {
        let look_ups = LookUps::new(Arc::clone(&connections), mapping.clone(), version);
        Self { connections, look_ups, mapping, version }
    }

    /// Reads what look-ups need beside accounts, so that the first find it.
    pub async fn prepare(&self) {
        self.look_ups.prepare().await;
    }

    /// Writes flags, and then the dispute that follows from them: each row by itself, so that nothing holds up the flags.
    async fn set_flags(&self, update: AccountUpdate) -> Result<(), BookError> {
        let deadline = Instant::now() + DEADLINE;
        let record = Record::from(update);
        let mut refused: Vec<(Object, Refusal)> = Vec::new();
        let mut written = 0;
        // Two rows, and each of them once more, reduced.
        for _ in 0..=4 {
            let rows = upserts(&self.mapping, &record, &refused).map_err(|why| {
                error!(%why, "this org cannot take flags of an account");
                BookError::Refused
            })?;
            let Some(row) = rows.get(written) else { return Ok(()) };
            match self.upsert(row, deadline).await {
                Ok(()) => written += 1,
                Err(SalesforceError::Refused(refusal)) if is_reducible(&refused, row.object(), &refusal) => {
                    refused.push((row.object(), refusal));
                }
                Err(why) => return Err(told(row.object().name(), &why)),
            }
        }
        Err(BookError::Refused)
    }

    async fn upsert(&self, row: &Upsert, deadline: Instant) -> Result<(), SalesforceError> {
        let url = row.url(self.version);
        let written = self.connections.write(Method::PATCH, &url, row.body(), deadline).await;
        match written {
            Err(SalesforceError::Refused(refusal)) if refusal.fault == Fault::Duplicate => {
                if self.is_there(row, deadline).await? { Ok(()) } else { Err(SalesforceError::Refused(refusal)) }
            }
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    /// Whether a row with this external id is in the org.
    async fn is_there(&self, row: &Upsert, deadline: Instant) -> Result<bool, SalesforceError> {
        let url = row.url(self.version);
        let path = url.split_once('?').map_or(url.as_str(), |(path, _)| path);
        match self.connections.read(path, deadline).await {
            Ok(_) => Ok(true),
            Err(SalesforceError::Refused(refusal)) if refusal.fault == Fault::Absent => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn write_call(&self, records: Vec<Record>) -> Result<Vec<Result<(), BookError>>, BookError> {
        let deadline = Instant::now() + DEADLINE;
        let mut delivery = Delivery::new(&self.mapping, records);
        for _ in 0..MOST_GRAPHS {
            let graph = delivery.graph().map_err(|why| {
                error!(%why, "this org cannot take the records of a call");
                BookError::Refused
            })?;
            let Some(graph) = graph else { return Ok(results(&delivery)) };
            match self.send(&mut delivery, &graph, deadline).await? {
                Heard::Written => return Ok(results(&delivery)),
                Heard::Again => {}
                Heard::Duplicate(node) => {
                    let is_there = self.is_there(&node.upsert, deadline).await.map_err(|_| BookError::Failed)?;
                    delivery.found(&node, is_there);
                }
                Heard::Later(fault) => {
                    warn!(fault = fault.name(), "the org does not take the records of a call now");
                    return Err(BookError::Failed);
                }
            }
        }
        Err(BookError::Refused)
    }

    async fn send(&self, delivery: &mut Delivery<'_>, graph: &Graph, deadline: Instant) -> Result<Heard, BookError> {
        let path = format!("/services/data/{}/composite/graph", self.version);
        let payload = graph.payload(self.version);
        let answered = self.connections.write(Method::POST, &path, &payload, deadline).await;
        // What refuses a request as a whole says nothing of the records: they are kept until it does not.
        let answered = answered.map_err(|why| {
            warn!(why = why.name(), "the records of a call do not reach the org");
            if why == SalesforceError::Lost { BookError::Deadline } else { BookError::Failed }
        })?;
        let outcomes = graph.outcomes(answered.status, answered.body.to_string().as_bytes());
        let outcomes = outcomes.map_err(|_| BookError::Failed)?;
        for outcome in outcomes.iter().filter(|outcome| outcome.is_culprit()) {
            let Err(Refusal { code, fields, .. }) = &outcome.result else { continue };
            warn!(object = outcome.object.name(), code, ?fields, "the org refuses a row");
        }
        Ok(delivery.heard(graph, &outcomes))
    }
}

impl AccountBook for SalesforceBook {
    fn name(&self) -> &'static str {
        "salesforce"
    }

    fn look_up(&self, key: LookupKey) -> Answer<'_, LookUp> {
        Box::pin(async move { self.look_ups.find(&key).await })
    }

    fn deliver(&self, record: Record) -> Answer<'_, ()> {
        Box::pin(async move {
            match record {
                Record::AccountUpdate(update) => self.set_flags(update).await,
                Record::ContactAttempt(_)
                | Record::ComplianceRecord(_)
                | Record::PaymentArrangement(_)
                | Record::PaymentTransaction(_) => {
                    self.write_call(vec![record]).await?.pop().unwrap_or(Err(BookError::Failed))
                }
            }
        })
    }

    fn takes_calls(&self) -> bool {
        true
    }

    fn deliver_call(&self, records: Vec<Record>) -> Answers<'_> {
        Box::pin(async move {
            let count = records.len();
            self.write_call(records).await.unwrap_or_else(|error| vec![Err(error); count])
        })
    }
}

/// What became of each record. Rows that were given up are counted, also those that no record stands for.
fn results(delivery: &Delivery<'_>) -> Vec<Result<(), BookError>> {
    if !delivery.is_whole() {
        counter!("tonegate_control_failures_total", "control" => "salesforce_row").increment(1);
        error!("a row of a call is not written: the org refuses it");
    }
    let result = |result: Result<(), outbox::Fault>| {
        result.map_err(|fault| match fault {
            outbox::Fault::Rejected => BookError::Refused,
            outbox::Fault::Unavailable => BookError::Failed,
        })
    };
    delivery.results().into_iter().map(result).collect()
}

/// Whether a row that was refused may be taken with less in it: once.
fn is_reducible(refused: &[(Object, Refusal)], object: Object, refusal: &Refusal) -> bool {
    refusal.fault == Fault::Rejected && refused.iter().all(|(before, _)| *before != object)
}

/// Why a row is not written, told by its object. Only what the org says of the row itself counts against the record.
fn told(object: &'static str, error: &SalesforceError) -> BookError {
    warn!(object, why = error.name(), "a row is not written");
    match error {
        SalesforceError::Refused(Refusal { fault, .. }) => match fault {
            Fault::Absent => BookError::UnknownAccount,
            Fault::Rejected | Fault::Duplicate | Fault::NotUnique | Fault::Configuration => BookError::Refused,
            Fault::Session | Fault::Access | Fault::Locked | Fault::Quota(_) | Fault::ReadOnly | Fault::Unavailable => {
                BookError::Failed
            }
        },
        SalesforceError::Lost => BookError::Deadline,
        SalesforceError::SignIn(_)
        | SalesforceError::Unreached
        | SalesforceError::Malformed
        | SalesforceError::Setting(_) => BookError::Failed,
    }
}
