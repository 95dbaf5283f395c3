//! Bulk API 2.0 ingest (Bulk API 2.0 Developer Guide): jobs that take rows as CSV.
//!
//! A job is processed as its upload is said to be complete. It tells so by and by: each look at it moves it on by one state,
//! so that whoever polls sees all of them, and no clock decides.

mod job;
mod table;

use serde_json::{Value, json};

pub(crate) use job::Jobs;

use self::job::{Job, State};
use crate::{
    call::{Call, Reply},
    failure::Failure,
    world::World,
};

pub(crate) fn answer(world: &mut World, call: &Call<'_>, rest: &[&str]) -> Result<Reply, Failure> {
    match (call.method, rest) {
        ("POST", []) => create(world, call),
        ("GET", []) => {
            let all: Value = world.jobs.all().map(|job| job.told(call)).collect();
            Ok(Reply::json(200, json!({"done": true, "nextRecordsUrl": null, "records": all})))
        }
        ("GET", [id]) => {
            let job = world.jobs.find(id)?;
            job.move_on();
            Ok(Reply::json(200, job.told(call)))
        }
        ("PUT", [id, "batches"]) => upload(world, call, id),
        ("PATCH", [id]) => change(world, call, id),
        ("DELETE", [id]) => world.jobs.remove(id).map(|()| Reply::empty(204)),
        ("GET", [id, results]) => {
            let job = world.jobs.find(id)?;
            // The documents write `unprocessedrecords`, a client of Salesforce's users `unprocessedRecords`.
            let rows = match results.to_ascii_lowercase().as_str() {
                "successfulresults" => job.succeeded(),
                "failedresults" => job.failed(),
                "unprocessedrecords" => job.unprocessed(),
                _ => return Err(Failure::not_found()),
            };
            Ok(Reply::csv(rows))
        }
        (method, [] | [_] | [_, "batches"]) => Err(Failure::method(method)),
        _ => Err(Failure::not_found()),
    }
}

fn create(world: &mut World, call: &Call<'_>) -> Result<Reply, Failure> {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let object =
        world.store.schema.object(text("object")).cloned().ok_or_else(|| {
            Failure::bad("INVALIDJOB", format!("InvalidJob : Unable to find object: {}", text("object")))
        })?;
    let job = Job::new(&object, text, world.now())?;
    let told = world.jobs.keep(job)?.told(call);
    Ok(Reply::json(200, told))
}

fn upload(world: &mut World, call: &Call<'_>, id: &str) -> Result<Reply, Failure> {
    let is_csv = call.header("content-type").is_some_and(|kind| kind.trim_start().starts_with("text/csv"));
    if !is_csv {
        return Err(Failure::new(415, "INVALID_CONTENT_TYPE", "the content of a job is text/csv"));
    }
    let content = std::str::from_utf8(&call.body)
        .map_err(|_| Failure::bad("INVALIDBATCH", "InvalidBatch : the content is not UTF-8"))?;
    world.jobs.find(id)?.upload(content)?;
    Ok(Reply::empty(201))
}

fn change(world: &mut World, call: &Call<'_>, id: &str) -> Result<Reply, Failure> {
    let body = call.object()?;
    let wanted = body.get("state").and_then(Value::as_str).unwrap_or_default();
    let fails_after = if wanted == "UploadComplete" { world.jobs.fails_after.take() } else { None };
    let job = world.jobs.find(id)?;
    match (wanted, job.state()) {
        ("UploadComplete", State::Open) => {
            let mut work = job.take_work();
            work.run(world, fails_after);
            let job = world.jobs.find(id)?;
            job.finish(work);
            Ok(Reply::json(200, job.told(call)))
        }
        ("Aborted", State::Open | State::UploadComplete | State::InProgress) => {
            job.abort();
            Ok(Reply::json(200, job.told(call)))
        }
        _ => Err(Failure::bad("INVALIDJOBSTATE", format!("Invalid state transition to {wanted}"))),
    }
}
