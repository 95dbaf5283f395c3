//! The account book that is an org: accounts are found by one query, and a call is written as one graph.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ::book::{
    AccountUpdate, LookUp, LookupKey, Record,
    outbound::BookState,
    salesforce::{
        ApiVersion, Delivery, Fault, Finding, GivenUp, Graph, Heard, Mapping, Object, Refusal, Standing, Thrift,
        Upsert,
        bulk::Drained,
        compare,
        describe::Weight,
        reconciliation::{self, Taken},
        upserts,
    },
};
use metrics::counter;
use reqwest::Method;
use tracing::{error, warn};

use super::{
    Connections, LookUps, SalesforceError,
    bulk::{self, Bulk},
    described,
    standing::standings,
};
use crate::{
    book::{AccountBook, Answer, Answers, BookError, Earlier, History},
    store::BulkJobs,
};

/// How long the records of a call may take, all requests together: longer than an org waits for the lock of a row, which is ten
/// seconds.
const DEADLINE: Duration = Duration::from_secs(15);
/// Most graphs of one delivery: each one after the first is reduced, or has fewer rows.
const MOST_GRAPHS: usize = 12;

/// An org as account book.
pub struct SalesforceBook {
    connections: Arc<Connections>,
    look_ups: LookUps,
    mapping: Mapping,
    version: ApiVersion,
    /// How often a bulk job is looked at.
    every: Duration,
    /// Whether the org was seen to have what the mapping says.
    is_proven: AtomicBool,
}

impl SalesforceBook {
    /// Over connections that exist.
    #[must_use]
    pub fn new(connections: Arc<Connections>, mapping: Mapping, version: ApiVersion) -> Self {
        let look_ups = LookUps::new(Arc::clone(&connections), mapping.clone(), version);
        Self { connections, look_ups, mapping, version, every: bulk::EVERY, is_proven: AtomicBool::new(false) }
    }

    /// The same, and bulk jobs are looked at so often.
    #[must_use]
    pub fn polling(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// Has the org describe its objects and says what does not fit the mapping, until `deadline`. Unless something
    /// [stops calls](Weight::Stops) the org is proven from then on.
    ///
    /// # Errors
    /// [`SalesforceError`] where the org does not tell; what was known before stays.
    pub async fn prove(&self, deadline: Instant) -> Result<Vec<Finding>, SalesforceError> {
        let described = described(&self.connections, &self.mapping, self.version, deadline).await?;
        let findings = compare(&self.mapping, &described);
        let is_proven = findings.iter().all(|finding| finding.weight != Weight::Stops);
        self.is_proven.store(is_proven, Ordering::Relaxed);
        Ok(findings)
    }

    /// What the org is, for whoever writes rows otherwise.
    #[must_use]
    pub const fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The rows of these that the org has not: one query for each object, more where there are many.
    ///
    /// # Errors
    /// [`SalesforceError`] where it does not tell.
    pub async fn missing(&self, taken: &[Taken]) -> Result<Vec<Taken>, SalesforceError> {
        let mut missing = Vec::new();
        for object in Object::ALL {
            let rows: Vec<&Taken> = taken.iter().filter(|row| row.object == object).collect();
            for rows in rows.chunks(reconciliation::MOST_ASKED) {
                let statement = reconciliation::statement(&self.mapping, object, rows);
                let statement = statement.map_err(|_| SalesforceError::Malformed)?;
                let answer = self.connections.query(self.version, &statement, Instant::now() + DEADLINE).await?;
                let lost = reconciliation::missing(&self.mapping, object, rows, &answer.body);
                missing.extend(lost.ok_or(SalesforceError::Malformed)?);
            }
        }
        Ok(missing)
    }

    /// Keeps the connections warm for as long as it is polled.
    pub async fn keep_warm(&self) {
        self.connections.keep_warm().await;
    }

    /// Until a look-up was refused because mapping or rights do not fit the org.
    pub async fn doubted(&self) {
        self.look_ups.doubted().await;
    }

    /// Reads what look-ups need beside accounts, so that the first find it.
    pub async fn prepare(&self) {
        self.look_ups.prepare().await;
    }

    fn bulk<'a>(&'a self, jobs: &'a BulkJobs) -> Bulk<'a> {
        let Self { connections, mapping, version, every, .. } = self;
        Bulk { connections, mapping, version: *version, every: *every, jobs }
    }

    /// Writes flags, and then the dispute that follows from them: each row by itself, so that nothing holds up the flags.
    async fn write_flags(&self, update: AccountUpdate, earlier: Earlier) -> Result<(), BookError> {
        let deadline = Instant::now() + DEADLINE;
        let record = Record::from(update);
        let mut refused: Vec<(Object, Refusal)> = Vec::new();
        let mut written = 0;
        // Two rows, and each of them once more, reduced.
        for round in 0..=4 {
            let rows = upserts(&self.mapping, &record, &refused).map_err(|why| {
                error!(%why, "this org cannot take flags of an account");
                BookError::Unwritable
            })?;
            if round == 0
                && earlier == Earlier::Unclear
                && self.are_there(&rows.iter().collect::<Vec<_>>(), deadline).await?
            {
                return Ok(());
            }
            let Some(row) = rows.get(written) else { return Ok(()) };
            match self.upsert(row, deadline).await {
                Ok(()) => written += 1,
                Err(SalesforceError::Refused(refusal)) if is_reducible(&refused, row.object(), &refusal) => {
                    refused.push((row.object(), refusal));
                }
                Err(why) => return Err(self.told(row.object().name(), &why)),
            }
        }
        Err(BookError::Refused)
    }

    /// Writes a row; one that is said to be there already and differs once more.
    async fn upsert(&self, row: &Upsert, deadline: Instant) -> Result<(), SalesforceError> {
        let url = row.url(self.version);
        let mut is_again = false;
        loop {
            match self.connections.write(Method::PATCH, &url, row.body(), deadline).await {
                Err(SalesforceError::Refused(refusal)) if refusal.fault == Fault::Duplicate => {
                    match self.standing(row, deadline).await? {
                        Standing::Same => return Ok(()),
                        Standing::Differs if !is_again => is_again = true,
                        Standing::Differs | Standing::Absent => return Err(SalesforceError::Refused(refusal)),
                    }
                }
                answered => return answered.map(drop),
            }
        }
    }

    async fn standing(&self, row: &Upsert, deadline: Instant) -> Result<Standing, SalesforceError> {
        let found = standings(&self.connections, &self.mapping, self.version, &[row], deadline).await?;
        Ok(found.first().copied().unwrap_or(Standing::Absent))
    }

    /// Whether an earlier try, whose answer was lost, has written rows as they would be written now. Where it cannot be known
    /// because the org does not answer, nothing is written either; where the org will not tell, they are.
    async fn are_there(&self, rows: &[&Upsert], deadline: Instant) -> Result<bool, BookError> {
        match standings(&self.connections, &self.mapping, self.version, rows, deadline).await {
            Ok(found) => {
                let is_same = !found.is_empty() && found.iter().all(|standing| *standing == Standing::Same);
                counter!("tonegate_outbox_verified_total", "result" => if is_same { "written" } else { "not_written" })
                    .increment(1);
                Ok(is_same)
            }
            Err(SalesforceError::Refused(refusal)) if !refusal.fault.passes() => Ok(false),
            Err(why) => {
                if let Some(untold) = self.connections.remark("standing", why.name()) {
                    warn!(why = %why, untold, "it is not known whether a call is in the org");
                }
                Err(BookError::Unclear)
            }
        }
    }

    /// Why a row is not written, told by its object. Only what the org says of the row itself counts against the record.
    fn told(&self, object: &'static str, error: &SalesforceError) -> BookError {
        if let Some(untold) = self.connections.remark(object, error.name()) {
            warn!(object, why = %error, untold, "a row is not written");
        }
        match error {
            SalesforceError::Refused(Refusal { fault, .. }) => match fault {
                Fault::Absent => BookError::UnknownAccount,
                Fault::Rejected | Fault::Duplicate | Fault::NotUnique | Fault::Configuration => BookError::Refused,
                Fault::Session
                | Fault::Access
                | Fault::Locked
                | Fault::Quota(_)
                | Fault::ReadOnly
                | Fault::Unavailable => BookError::Failed,
            },
            SalesforceError::Lost | SalesforceError::Malformed => BookError::Unclear,
            SalesforceError::SignIn(_)
            | SalesforceError::Unreached
            | SalesforceError::Resting
            | SalesforceError::Setting(_)
            | SalesforceError::File { .. } => BookError::Failed,
        }
    }

    async fn write_call(
        &self,
        records: Vec<Record>,
        history: History,
    ) -> Result<Vec<Result<(), BookError>>, BookError> {
        let deadline = Instant::now() + DEADLINE;
        let mut delivery = Delivery::new(&self.mapping, records).superseded(history.is_superseded);
        for round in 0..MOST_GRAPHS {
            let graph = delivery.graph().map_err(|why| {
                error!(%why, "this org cannot take the records of a call");
                BookError::Unwritable
            })?;
            let Some(graph) = graph else { return Ok(results(&delivery)) };
            let rows: Vec<&Upsert> = graph.nodes().iter().map(|node| &node.upsert).collect();
            if round == 0 && history.earlier == Earlier::Unclear && self.are_there(&rows, deadline).await? {
                return Ok(results(&delivery));
            }
            match self.send(&mut delivery, &graph, deadline).await? {
                Heard::Written => return Ok(results(&delivery)),
                Heard::Again => {}
                Heard::Duplicate(node) => {
                    // All of a graph was undone.
                    let standing = self.standing(&node.upsert, deadline).await.map_err(|_| BookError::Failed)?;
                    delivery.found(&node, standing);
                }
                Heard::Later(fault) => {
                    if let Some(untold) = self.connections.remark("call", fault.name()) {
                        warn!(fault = fault.name(), untold, "the org does not take the records of a call now");
                    }
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
            if let Some(untold) = self.connections.remark("request", why.name()) {
                warn!(%why, untold, "the org did not take the records of a call, or did not say so");
            }
            if why.is_unclear() { BookError::Unclear } else { BookError::Failed }
        })?;
        let outcomes = graph.outcomes(answered.status, answered.body.to_string().as_bytes());
        let outcomes = outcomes.map_err(|_| BookError::Unclear)?;
        for outcome in outcomes.iter().filter(|outcome| outcome.is_culprit()) {
            let Err(Refusal { fault, code, fields }) = &outcome.result else { continue };
            counter!("tonegate_salesforce_rows_refused_total", "outcome" => fault.name()).increment(1);
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
                Record::AccountUpdate(update) => self.write_flags(update, Earlier::None).await,
                Record::ContactAttempt(_)
                | Record::ComplianceRecord(_)
                | Record::PaymentArrangement(_)
                | Record::PaymentTransaction(_) => {
                    self.write_call(vec![record], History::NONE).await?.pop().unwrap_or(Err(BookError::Failed))
                }
            }
        })
    }

    fn set_flags(&self, update: AccountUpdate, earlier: Earlier) -> Answer<'_, ()> {
        Box::pin(self.write_flags(update, earlier))
    }

    fn takes_calls(&self) -> bool {
        true
    }

    fn deliver_call(&self, records: Vec<Record>, history: History) -> Answers<'_> {
        Box::pin(async move {
            let count = records.len();
            self.write_call(records, history).await.unwrap_or_else(|error| vec![Err(error); count])
        })
    }

    fn state(&self) -> BookState {
        BookState {
            is_failing: !self.connections.is_answered(),
            is_saving: self.connections.thrift() == Thrift::NoNewCalls,
            is_proven: self.is_proven.load(Ordering::Relaxed),
        }
    }

    fn takes_backlogs(&self) -> bool {
        true
    }

    fn deliver_backlog(&self, records: Vec<Record>, jobs: BulkJobs) -> Answers<'_> {
        Box::pin(async move {
            let bulk = self.bulk(&jobs);
            let answer = |drained| match drained {
                Drained::Written => Ok(()),
                Drained::Refused => Err(BookError::Refused),
                Drained::Later => Err(BookError::Unclear),
                Drained::Unsent => Err(BookError::Busy),
            };
            bulk.drain(records).await.into_iter().map(answer).collect()
        })
    }

    fn end_jobs(&self, jobs: BulkJobs) -> Answer<'_, ()> {
        Box::pin(async move {
            self.bulk(&jobs).end_left().await.map_err(|why| {
                warn!(why = why.name(), "a bulk job that was left behind cannot be ended yet");
                BookError::Failed
            })
        })
    }
}

/// What became of each record. Rows that were given up are counted, also those that no record stands for.
fn results(delivery: &Delivery<'_>) -> Vec<Result<(), BookError>> {
    if !delivery.is_whole() {
        counter!("tonegate_control_failures_total", "control" => "salesforce_row").increment(1);
        error!("a row of a call is not written: the org refuses it");
    }
    let error = |why| match why {
        GivenUp::Refused => BookError::Refused,
        GivenUp::Differs => BookError::Differs,
        GivenUp::Unwritable => BookError::Unwritable,
    };
    delivery.results().into_iter().map(|result| result.map_err(error)).collect()
}

/// Whether a row that was refused may be taken with less in it: once.
fn is_reducible(refused: &[(Object, Refusal)], object: Object, refusal: &Refusal) -> bool {
    refusal.fault == Fault::Rejected && refused.iter().all(|(before, _)| *before != object)
}
