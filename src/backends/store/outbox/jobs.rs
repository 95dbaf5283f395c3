//! Jobs of the account book that entries are on their way by. A gateway that was killed knows by it what it left running.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::super::row::Write;
use super::super::{Store, StoreError};

/// The jobs that are not known to be over.
#[derive(Clone)]
pub struct BulkJobs(Store);

impl Store {
    /// The jobs that take entries of the outbox.
    #[must_use]
    pub fn bulk_jobs(&self) -> BulkJobs {
        BulkJobs(self.clone())
    }
}

impl BulkJobs {
    /// Makes durable that there is a job: before it has anything to write.
    ///
    /// # Errors
    /// [`StoreError`]; the job is not to be used then.
    pub async fn begin(&self, job: &str) -> Result<(), StoreError> {
        self.0.write(Write::BulkJobBegun { job: job.to_owned(), at: Timestamp::now() }).await.map(drop)
    }

    /// Forgets a job that writes nothing any more.
    ///
    /// # Errors
    /// [`StoreError`]; the job is ended once more, later.
    pub async fn end(&self, job: &str) -> Result<(), StoreError> {
        self.0.write(Write::BulkJobOver { job: job.to_owned() }).await.map(drop)
    }

    /// Those that are not known to be over, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn left(&self) -> Result<Vec<String>, StoreError> {
        self.0
            .read(|connection| {
                let mut statement = connection.prepare_cached("SELECT job FROM bulk_jobs ORDER BY begun_ms, job")?;
                let jobs = statement.query_map([], |row| row.get(0))?;
                Ok(jobs.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }
}

pub(in crate::store) fn begin_job(connection: &Connection, job: &str, at: Timestamp) -> rusqlite::Result<()> {
    let statement = "INSERT OR REPLACE INTO bulk_jobs (job, begun_ms) VALUES (?1, ?2)";
    connection.prepare_cached(statement)?.execute(params![job, at.as_millisecond()]).map(drop)
}

pub(in crate::store) fn end_job(connection: &Connection, job: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM bulk_jobs WHERE job = ?1")?.execute([job]).map(drop)
}
