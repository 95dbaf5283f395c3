//! A backlog of many calls, written by jobs of Bulk API 2.0, and the rows that it only changes by graphs of one row each.
//!
//! | step | request | where it fails |
//! |---|---|---|
//! | a job begins | `POST jobs/ingest`, and its id is durable before it has rows | nothing is written; the backlog is left for another time |
//! | its rows | `PUT …/batches`, once, then `PATCH` to `UploadComplete` | the job is ended, and asked what became of its rows |
//! | its work | `GET` until it is over | asked again until the deadline, then ended |
//! | its rows again | `GET` of three tables | nothing is known of the rows, and they are sent again |
//! | a gateway that was killed starts again | each job whose end it did not see is aborted, looked at and deleted | nothing of a backlog is sent before; rows that were written are written once more, under their keys |
//!
//! A job whose id was not durable has no rows, writes nothing, and is dropped by the org after a week.

use std::time::{Duration, Instant};

use ::book::Record;
use ::book::salesforce::{
    ApiVersion, Fault, Mapping,
    bulk::{Counts, Drain, Drained, Job, JobState, Lot, Results, RowResult, Table, creation},
    writing::{MOST_GRAPHS, change_results, changes},
};
use metrics::counter;
use reqwest::Method;
use serde_json::json;
use tracing::{info, warn};

use super::{Connections, SalesforceError};
use crate::store::BulkJobs;

/// How long one request may take: the longest that a REST request may.
const REQUEST: Duration = Duration::from_secs(60);
/// How long all jobs of a backlog may take before what runs is ended, and the rest is left for call by call: less than a call may wait
/// in the outbox before outbound calls are held for it.
const DRAIN: Duration = Duration::from_secs(600);
/// How often a job is looked at.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// What drains a backlog.
pub(super) struct Bulk<'a> {
    pub(super) connections: &'a Connections,
    pub(super) mapping: &'a Mapping,
    pub(super) version: ApiVersion,
    /// How often a job is looked at.
    pub(super) every: Duration,
    /// The jobs whose end was not seen.
    pub(super) jobs: &'a BulkJobs,
}

impl Bulk<'_> {
    /// Writes the records of many calls; what became of each, in their order.
    pub(super) async fn drain(&self, records: Vec<Record>) -> Vec<Drained> {
        let (mut drain, deadline) = (Drain::new(self.mapping, records), Instant::now() + DRAIN);
        while let Some(lot) = drain.next_lot() {
            let answered = match () {
                () if Instant::now() >= deadline => Err(SalesforceError::Lost),
                () if lot.is_made() => self.job(&lot, deadline).await,
                () => self.changed(&lot).await,
            };
            match answered {
                Ok(results) => drain.answered(lot, &results),
                Err(why) => {
                    warn!(object = lot.object.name(), why = why.name(), "the org does not take a backlog now");
                    drain.stopped(&lot);
                }
            }
        }
        tell(drain.counts());
        drain.results()
    }

    /// One job; what became of each row. An error where there is no job, and so nothing was written.
    async fn job(&self, lot: &Lot, deadline: Instant) -> Result<Vec<Option<RowResult>>, SalesforceError> {
        let job =
            self.connections.write(Method::POST, &self.path(""), &creation(self.mapping, lot.object), soon()).await?;
        let job = Job::read(&job.body).map_err(|_| SalesforceError::Malformed)?;
        if let Err(why) = self.jobs.begin(&job.id).await {
            warn!(%why, "a bulk job cannot be made durable, and is not used");
            self.ended(&job).await;
            return Err(SalesforceError::Unreached);
        }
        let table = Table::of(self.mapping, lot.object, &lot.rows).csv();
        let state = match self.worked(&job, &table, deadline).await {
            Ok(state) => Some(state),
            Err(why) => {
                warn!(object = lot.object.name(), why = why.name(), "a bulk job is ended");
                self.ended(&job).await.then_some(JobState::Aborted)
            }
        };
        let results = match self.results(lot, &job).await {
            Ok(results) => lot.rows.iter().map(|row| results.of(row.key()).cloned()).collect(),
            Err(why) => {
                warn!(object = lot.object.name(), why = why.name(), "it is not known what a bulk job has written");
                vec![None; lot.rows.len()]
            }
        };
        if state.is_some() {
            self.forget(&job.id).await;
        }
        let state = state.map_or("unknown", JobState::name);
        info!(object = lot.object.name(), rows = lot.rows.len(), state, "a bulk job is over");
        Ok(results)
    }

    /// Ends and deletes the jobs whose end nobody saw.
    pub(super) async fn end_left(&self) -> Result<(), SalesforceError> {
        let left = self.jobs.left().await.map_err(|why| {
            warn!(%why, "the store does not tell which bulk jobs were left behind");
            SalesforceError::Unreached
        })?;
        for id in left {
            self.end_one(&id).await?;
            self.forget(&id).await;
            info!("a bulk job that was left behind is ended");
        }
        Ok(())
    }

    /// It is over once this is `Ok`, or the org will not end it.
    async fn end_one(&self, id: &str) -> Result<(), SalesforceError> {
        let place = self.path(&format!("/{id}"));
        let answer = match self.connections.read(&place, soon()).await {
            Err(SalesforceError::Refused(refusal)) if refusal.fault == Fault::Absent => return Ok(()),
            answer => answer?,
        };
        let job = Job::read(&answer.body).map_err(|_| SalesforceError::Malformed)?;
        if !job.state.is_over() {
            match self.connections.write(Method::PATCH, &place, &json!({ "state": "Aborted" }), soon()).await {
                Err(SalesforceError::Refused(refusal)) if !refusal.fault.passes() => {
                    warn!(code = refusal.code, "the org does not end a bulk job that was left behind");
                }
                ended => drop(ended?),
            }
        }
        // It says nothing that is not known of its rows: they are sent again.
        if let Err(why) = self.connections.delete(&place, soon()).await {
            warn!(why = why.name(), "a bulk job is not deleted; the org drops it after a week");
        }
        Ok(())
    }

    /// A job that is ended once more does no harm.
    async fn forget(&self, id: &str) {
        if let Err(why) = self.jobs.end(id).await {
            warn!(%why, "it cannot be made durable that a bulk job is over");
        }
    }

    /// Uploads the rows of a job, and waits until it is over.
    async fn worked(&self, job: &Job, table: &str, deadline: Instant) -> Result<JobState, SalesforceError> {
        let place = self.path(&format!("/{}", job.id));
        self.connections.upload(&format!("{place}/batches"), table, soon()).await?;
        self.connections.write(Method::PATCH, &place, &json!({ "state": "UploadComplete" }), soon()).await?;
        loop {
            tokio::time::sleep(self.every).await;
            match self.connections.read(&place, soon()).await {
                Ok(answer) => match Job::read(&answer.body) {
                    Ok(job) if job.state.is_over() => return Ok(job.state),
                    Ok(_) => {}
                    Err(_) => return Err(SalesforceError::Malformed),
                },
                Err(SalesforceError::Refused(refusal)) if !refusal.fault.passes() => {
                    return Err(SalesforceError::Refused(refusal));
                }
                Err(why) => warn!(why = why.name(), "a bulk job does not tell how far it is"),
            }
            if Instant::now() >= deadline {
                return Err(SalesforceError::Lost);
            }
        }
    }

    /// Ends a job that cannot be waited for, and says whether it is over. It may be so already.
    async fn ended(&self, job: &Job) -> bool {
        let place = self.path(&format!("/{}", job.id));
        let ended = self.connections.write(Method::PATCH, &place, &json!({ "state": "Aborted" }), soon()).await;
        if let Err(why) = &ended {
            warn!(why = why.name(), "a bulk job cannot be ended");
        }
        ended.is_ok()
    }

    async fn results(&self, lot: &Lot, job: &Job) -> Result<Results, SalesforceError> {
        let table = async |name: &str| self.connections.table(&self.path(&format!("/{}/{name}", job.id)), soon()).await;
        let (succeeded, failed) = (table("successfulResults").await?, table("failedResults").await?);
        let unprocessed = table("unprocessedrecords").await?;
        Results::read(self.mapping, lot.object, [&succeeded, &failed, &unprocessed])
            .map_err(|_| SalesforceError::Malformed)
    }

    /// Changes rows that exist, which no job of upserts can do.
    async fn changed(&self, lot: &Lot) -> Result<Vec<Option<RowResult>>, SalesforceError> {
        let path = format!("/services/data/{}/composite/graph", self.version);
        let mut results = Vec::new();
        for rows in lot.rows.chunks(MOST_GRAPHS) {
            let answered = self.connections.write(Method::POST, &path, &changes(rows, self.version), soon()).await;
            match answered {
                Ok(answer) => results.extend(change_results(rows.len(), &answer.body)),
                Err(why) if why.is_unclear() => results.extend(vec![None; rows.len()]),
                Err(why) if results.is_empty() => return Err(why),
                Err(_) => results.extend(vec![Some(RowResult::Unprocessed); rows.len()]),
            }
        }
        Ok(results)
    }

    fn path(&self, rest: &str) -> String {
        format!("/services/data/{}/jobs/ingest{rest}", self.version)
    }
}

fn soon() -> Instant {
    Instant::now() + REQUEST
}

fn tell(counts: Counts) {
    let Counts { sent, written, refused, unprocessed } = counts;
    info!(sent, written, refused, unprocessed, "a backlog was sent");
    for (result, rows) in [("written", written), ("refused", refused), ("unprocessed", unprocessed)] {
        counter!("tonegate_bulk_rows_total", "result" => result).increment(rows as u64);
    }
}
