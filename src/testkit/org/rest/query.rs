//! `query` and `queryAll`, and the pages of their answers ("Query", "Query Options Header").

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    call::{Call, Reply},
    failure::Failure,
    soql::{self, View},
    world::World,
};

/// Rows of a page: the most, and what `Sforce-Query-Options` may ask for at the least.
const PAGE: usize = 2_000;
const LEAST_PAGE: usize = 200;
/// A cursor lives two days; a user has ten, and the oldest goes.
const LIFE: SignedDuration = SignedDuration::from_hours(48);
const MOST_CURSORS: usize = 10;

/// Answers that were longer than a page.
#[derive(Default)]
pub(crate) struct Cursors {
    open: VecDeque<Cursor>,
    last: u64,
}

struct Cursor {
    id: String,
    made: Timestamp,
    records: Vec<Value>,
}

/// Answers `query?q=` and `query/{cursor}-{at}`.
pub(super) fn answer(world: &mut World, call: &Call<'_>, rest: &[&str]) -> Result<Reply, Failure> {
    if call.method != "GET" {
        return Err(Failure::method(call.method));
    }
    match rest {
        [] => first(world, call),
        [locator] => next(world, call, locator),
        _ => Err(Failure::not_found()),
    }
}

fn first(world: &mut World, call: &Call<'_>) -> Result<Reply, Failure> {
    let text =
        call.parameter("q").ok_or_else(|| Failure::bad("MALFORMED_QUERY", "A query string has to be specified"))?;
    let (version, now) = (call.version_text(), world.now());
    let with_deleted = call.path.first().is_some_and(|name| name == "queryAll");
    let found = soql::query(&mut world.store, text, View { version: &version, with_deleted, now })?;
    let size = page_size(call);
    if found.records.len() <= size {
        let records = found.records;
        return Ok(Reply::json(200, json!({"totalSize": found.total, "done": true, "records": records})));
    }
    let id = world.cursors.keep(found.records, now);
    page(world, call, &id, 0, size)
}

fn next(world: &World, call: &Call<'_>, locator: &str) -> Result<Reply, Failure> {
    let (id, at) = locator.rsplit_once('-').ok_or_else(unknown)?;
    page(world, call, id, at.parse().map_err(|_| unknown())?, page_size(call))
}

fn page(world: &World, call: &Call<'_>, id: &str, at: usize, size: usize) -> Result<Reply, Failure> {
    let now = world.now();
    let is_meant = |cursor: &&Cursor| cursor.id == id && now.duration_since(cursor.made) < LIFE;
    let cursor = world.cursors.open.iter().find(is_meant).ok_or_else(unknown)?;
    let rest = cursor.records.get(at..).filter(|rest| !rest.is_empty()).ok_or_else(unknown)?;
    let (total, is_done) = (cursor.records.len(), rest.len() <= size);
    let mut body = json!({"totalSize": total, "done": is_done, "records": rest[..rest.len().min(size)]});
    if !is_done {
        body["nextRecordsUrl"] = Value::from(format!("{}/query/{id}-{}", call.base(), at + size));
    }
    Ok(Reply::json(200, body))
}

fn unknown() -> Failure {
    Failure::bad("INVALID_QUERY_LOCATOR", "invalid query locator")
}

fn page_size(call: &Call<'_>) -> usize {
    let options = call.header("sforce-query-options").unwrap_or_default();
    let wanted = options.split([',', ';']).find_map(|option| option.trim().strip_prefix("batchSize="));
    wanted.and_then(|size| size.trim().parse().ok()).unwrap_or(PAGE).clamp(LEAST_PAGE, PAGE)
}

impl Cursors {
    fn keep(&mut self, records: Vec<Value>, made: Timestamp) -> String {
        if self.open.len() >= MOST_CURSORS {
            self.open.pop_front();
        }
        self.last += 1;
        let id = format!("01gTg{:010}AAA", self.last);
        self.open.push_back(Cursor { id: id.clone(), made, records });
        id
    }
}
