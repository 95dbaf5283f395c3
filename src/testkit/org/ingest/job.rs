//! A job of rows, and what became of each.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::table::Table;
use crate::{
    call::Call,
    failure::Failure,
    id,
    rest::upsert_record,
    schema::{Field, Object},
    store::instant_text,
    world::{USER, World},
};

/// Most jobs that are kept; the oldest goes.
const MOST_JOBS: usize = 200;
/// Most bytes of one upload (Bulk API 2.0 Developer Guide, "Limits": 150 MB in base64, so 100 MB as they are).
const MOST_BYTES: usize = 100_000_000;
/// How long a job is kept.
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 7);

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::UploadComplete => "UploadComplete",
            Self::InProgress => "InProgress",
            Self::JobComplete => "JobComplete",
            Self::Failed => "Failed",
            Self::Aborted => "Aborted",
        }
    }
}

/// What a job does with its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Insert,
    Update,
    Upsert,
    Delete,
}

/// One job.
pub(super) struct Job {
    id: String,
    object: Object,
    /// Its name as it was given, and what it is.
    operation: (String, Operation),
    key: Option<Field>,
    delimiter: (String, u8),
    line_ending: String,
    created: Timestamp,
    state: State,
    content: Option<String>,
    work: Work,
}

/// The rows of a job, as far as it came.
#[derive(Default)]
pub(super) struct Work {
    content: String,
    delimiter: u8,
    object: Option<Object>,
    operation: Option<Operation>,
    key: Option<Field>,
    header: Vec<String>,
    /// The first two columns of a result, and the row.
    succeeded: Vec<([String; 2], Vec<String>)>,
    failed: Vec<([String; 2], Vec<String>)>,
    unprocessed: Vec<Vec<String>>,
    /// Why the whole job failed.
    error: Option<String>,
}

/// Every job.
#[derive(Default)]
pub(crate) struct Jobs {
    jobs: VecDeque<Job>,
    last: u64,
    /// The next job that is processed fails after so many rows.
    pub(crate) fails_after: Option<usize>,
}

impl Jobs {
    pub(super) fn all(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter()
    }

    pub(super) fn find(&mut self, id: &str) -> Result<&mut Job, Failure> {
        let id = id::long(id).unwrap_or_default();
        self.jobs.iter_mut().find(|job| job.id == id).ok_or_else(Failure::not_found)
    }

    pub(super) fn remove(&mut self, id: &str) -> Result<(), Failure> {
        let job = self.find(id)?;
        if matches!(job.state, State::UploadComplete | State::InProgress) {
            return Err(Failure::bad("INVALIDJOBSTATE", "a job that is processed cannot be deleted"));
        }
        let id = job.id.clone();
        self.jobs.retain(|job| job.id != id);
        Ok(())
    }

    pub(super) fn keep(&mut self, mut job: Job) -> Result<&Job, Failure> {
        self.jobs.retain(|kept| job.created.duration_since(kept.created) < LIFE);
        if self.jobs.len() >= MOST_JOBS {
            self.jobs.pop_front();
        }
        self.last += 1;
        job.id = id::numbered("750", self.last);
        self.jobs.push_back(job);
        self.jobs.back().ok_or_else(Failure::not_found)
    }
}

impl Job {
    pub(super) fn new<'a>(
        object: &Object,
        text: impl Fn(&str) -> &'a str,
        created: Timestamp,
    ) -> Result<Self, Failure> {
        let invalid = |why: String| Failure::bad("INVALIDJOB", format!("InvalidJob : {why}"));
        let operation = match text("operation") {
            "insert" => Operation::Insert,
            "update" => Operation::Update,
            "upsert" => Operation::Upsert,
            "delete" | "hardDelete" => Operation::Delete,
            other => return Err(invalid(format!("the operation {other} is not supported"))),
        };
        if !matches!(text("contentType"), "" | "CSV") {
            return Err(invalid("the content type must be CSV".to_owned()));
        }
        let key = text("externalIdFieldName");
        let key = match operation {
            Operation::Upsert => Some(object.field(key).filter(|field| field.external_id || field.name == "Id").ok_or_else(|| {
                let name = &object.name;
                invalid(format!("Field name provided, {key} does not match an External ID, Salesforce Id, or indexed field for {name}"))
            })?),
            Operation::Insert | Operation::Update | Operation::Delete => None,
        };
        let delimiter = match text("columnDelimiter") {
            "" | "COMMA" => ("COMMA", b','),
            "SEMICOLON" => ("SEMICOLON", b';'),
            "TAB" => ("TAB", b'\t'),
            "PIPE" => ("PIPE", b'|'),
            "CARET" => ("CARET", b'^'),
            "BACKQUOTE" => ("BACKQUOTE", b'`'),
            other => return Err(invalid(format!("the column delimiter {other} is not known"))),
        };
        let line_ending = match text("lineEnding") {
            "" | "LF" => "LF",
            "CRLF" => "CRLF",
            other => return Err(invalid(format!("the line ending {other} is not known"))),
        };
        Ok(Self {
            id: String::new(),
            object: object.clone(),
            operation: (text("operation").to_owned(), operation),
            key: key.cloned(),
            delimiter: (delimiter.0.to_owned(), delimiter.1),
            line_ending: line_ending.to_owned(),
            created,
            state: State::Open,
            content: None,
            work: Work::default(),
        })
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    /// Takes the one upload of a job.
    pub(super) fn upload(&mut self, content: &str) -> Result<(), Failure> {
        if self.state != State::Open || self.content.is_some() {
            return Err(Failure::bad("INVALIDJOBSTATE", "Found multiple contents for job, or the job is not open"));
        }
        if content.len() > MOST_BYTES {
            return Err(Failure::new(413, "REQUEST_ENTITY_TOO_LARGE", "an upload has at most 100 MB"));
        }
        self.content = Some(content.to_owned());
        Ok(())
    }

    pub(super) fn abort(&mut self) {
        self.state = State::Aborted;
    }

    /// Moves on by one state, as far as its rows are done.
    pub(super) fn move_on(&mut self) {
        self.state = match self.state {
            State::UploadComplete => State::InProgress,
            State::InProgress if self.work.error.is_some() => State::Failed,
            State::InProgress => State::JobComplete,
            other @ (State::Open | State::JobComplete | State::Failed | State::Aborted) => other,
        };
    }

    pub(super) fn take_work(&mut self) -> Work {
        Work {
            content: self.content.take().unwrap_or_default(),
            delimiter: self.delimiter.1,
            object: Some(self.object.clone()),
            operation: Some(self.operation.1),
            key: self.key.clone(),
            ..Work::default()
        }
    }

    pub(super) fn finish(&mut self, work: Work) {
        (self.work, self.state) = (work, State::UploadComplete);
    }

    /// What is told of it.
    pub(super) fn told(&self, call: &Call<'_>) -> Value {
        let is_over = matches!(self.state, State::JobComplete | State::Failed);
        let count = |count: usize| if is_over { count } else { 0 };
        let (failed, done) = (self.work.failed.len(), self.work.failed.len() + self.work.succeeded.len());
        let base = call.base();
        let mut told = json!({
            "id": self.id, "operation": self.operation.0, "object": self.object.name, "state": self.state.name(),
            "createdById": USER, "createdDate": instant_text(self.created), "systemModstamp": instant_text(self.created),
            "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": f64::from(call.version),
            "contentUrl": format!("{}/jobs/ingest/{}/batches", base.trim_start_matches('/'), self.id),
            "lineEnding": self.line_ending, "columnDelimiter": self.delimiter.0, "jobType": "V2Ingest",
            "numberRecordsProcessed": count(done), "numberRecordsFailed": count(failed), "retries": 0,
            "totalProcessingTime": 0, "apiActiveProcessingTime": 0, "apexProcessingTime": 0,
        });
        if let Some(key) = &self.key {
            told["externalIdFieldName"] = Value::from(key.name.as_str());
        }
        if let Some(error) = self.work.error.as_ref().filter(|_| self.state == State::Failed) {
            told["errorMessage"] = Value::from(error.as_str());
        }
        told
    }

    pub(super) fn succeeded(&self) -> String {
        self.work.results(&["sf__Id", "sf__Created"], &self.work.succeeded)
    }

    pub(super) fn failed(&self) -> String {
        self.work.results(&["sf__Id", "sf__Error"], &self.work.failed)
    }

    pub(super) fn unprocessed(&self) -> String {
        Table::write(self.work.delimiter, self.work.header.iter(), self.work.unprocessed.iter())
    }
}

impl Work {
    /// Writes every row; after `fails_after` of them the job fails.
    pub(super) fn run(&mut self, world: &mut World, fails_after: Option<usize>) {
        let Some((object, operation)) = self.object.clone().zip(self.operation) else { return };
        let table = Table::read(&self.content, self.delimiter, &object);
        self.content = String::new();
        let table = match table {
            Ok(table) => table,
            Err(error) => return self.error = Some(error),
        };
        self.header = table.header.clone();
        for (number, row) in table.rows.iter().enumerate() {
            if fails_after.is_some_and(|most| number >= most) {
                self.error = Some("InternalServerError : the job was stopped".to_owned());
                self.unprocessed.push(row.clone());
                continue;
            }
            match write(world, &object, operation, self.key.as_ref(), table.record(row)) {
                Ok((id, is_created)) => self.succeeded.push(([id, is_created.to_string()], row.clone())),
                Err(failure) => self.failed.push(([String::new(), failure.text()], row.clone())),
            }
            world.store.commit();
        }
    }

    fn results(&self, columns: &[&str; 2], rows: &[([String; 2], Vec<String>)]) -> String {
        let header = columns.iter().map(|&column| column.to_owned()).chain(self.header.iter().cloned());
        let rows = rows.iter().map(|(own, row)| own.iter().chain(row).cloned().collect());
        Table::write(self.delimiter, header.collect::<Vec<_>>().iter(), rows.collect::<Vec<Vec<String>>>().iter())
    }
}

fn write(
    world: &mut World,
    object: &Object,
    operation: Operation,
    key: Option<&Field>,
    mut record: Map<String, Value>,
) -> Result<(String, bool), Failure> {
    let now = world.now();
    if let Some(key) = key.filter(|_| operation == Operation::Upsert) {
        return upsert_record(world, object, key, &record);
    }
    if operation == Operation::Insert {
        return Ok((world.store.create(object, &record, now)?, true));
    }
    let name = record.keys().find(|name| name.eq_ignore_ascii_case("Id")).cloned().unwrap_or_default();
    let id = record.remove(&name).and_then(|id| id::long(id.as_str()?));
    let id = id.ok_or_else(|| Failure::bad("MISSING_ARGUMENT", "Id not specified"))?;
    if operation == Operation::Delete {
        world.store.delete(object, &id, now)?;
    } else {
        world.store.update(object, &id, &record, now)?;
    }
    Ok((id, false))
}
