//! Bulk API 2.0 ingest (Bulk API 2.0 Developer Guide), as far as it can be decided without an org: rows as CSV, the life of a job,
//! what became of each row, and which rows go before which.

mod drain;
mod job;
mod results;
mod table;

pub use drain::{Counts, Drain, Drained, Lot};
pub use job::{Job, JobState, UnknownJob, creation};
pub use results::{Results, RowResult, UnreadableResults};
pub use table::Table;
