//! `/v1/outbox/…`: what the account book refused for good, as a list, as tables for somebody to load by hand, and tried again.

use std::future::Future;
use std::pin::Pin;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use book::salesforce::Object;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::one_call::Id;
use super::{Interface, Problem};

/// What is answered of the outbox, in the end.
pub(crate) type Told<T> = Pin<Box<dyn Future<Output = Result<T, Untold>> + Send>>;

/// Who knows what was given up.
pub(crate) trait DeadLetters: Send + Sync + 'static {
    /// All of it, the oldest first.
    fn list(&self) -> Told<Vec<DeadLetter>>;

    /// The rows of an object that it would have been, as CSV for Bulk API 2.0.
    fn table(&self, object: Object) -> Told<String>;

    /// Has an entry tried again; whether there is such an entry.
    fn replay(&self, entry: i64) -> Told<bool>;
}

/// A record that the account book refused: nothing that it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DeadLetter {
    /// By which it is tried again.
    pub(crate) entry: i64,
    /// The kind of record.
    pub(crate) kind: String,
    /// Its external id: random, and the kind.
    pub(crate) external_id: String,
    /// Why it was given up.
    pub(crate) reason: String,
    /// How often it was tried.
    pub(crate) tries: u32,
    /// When it was written.
    pub(crate) created: Timestamp,
    /// When it was given up.
    pub(crate) parked: Timestamp,
}

/// Why nothing is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untold {
    /// The store does not answer.
    Unavailable,
    /// The account book has no mapping, and so no tables.
    NoMapping,
}

impl From<Untold> for Problem {
    fn from(untold: Untold) -> Self {
        match untold {
            Untold::Unavailable => Self::unavailable(),
            Untold::NoMapping => Self::no_mapping(),
        }
    }
}

/// `GET /v1/outbox/parked`
pub(super) async fn list(State(interface): State<Interface>) -> Response {
    match in_time(&interface, interface.dead_letters.list()).await {
        Ok(parked) => Json(json!({ "parked": parked })).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// The query of `GET …/parked.csv`.
#[derive(Deserialize)]
pub(super) struct Which {
    kind: Option<String>,
}

/// `GET /v1/outbox/parked.csv?kind=KIND`
pub(super) async fn table(State(interface): State<Interface>, which: Result<Query<Which>, QueryRejection>) -> Response {
    let kind = which.ok().and_then(|Query(Which { kind })| kind);
    let Some(object) = kind.as_deref().and_then(object) else { return Problem::no_kind().into_response() };
    match in_time(&interface, interface.dead_letters.table(object)).await {
        Ok(table) => ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], table).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// `POST /v1/outbox/{entry}/replay`
pub(super) async fn replay(State(interface): State<Interface>, Id(entry): Id) -> Response {
    let Ok(entry) = entry.parse() else { return Problem::no_entry().into_response() };
    match in_time(&interface, interface.dead_letters.replay(entry)).await {
        Ok(true) => (StatusCode::ACCEPTED, Json(json!({ "entry": entry, "state": "waiting" }))).into_response(),
        Ok(false) => Problem::no_entry().into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn in_time<T>(interface: &Interface, told: Told<T>) -> Result<T, Problem> {
    match tokio::time::timeout(interface.deadline, told).await {
        Ok(told) => told.map_err(Problem::from),
        Err(_) => Err(Problem::late()),
    }
}

/// The object whose rows records of a kind are.
fn object(kind: &str) -> Option<Object> {
    let kind = if kind == book::RecordKind::AccountUpdate.name() { Object::CollectionAccount.name() } else { kind };
    let is_written = |object: &Object| *object != Object::CollectionStrategy;
    Object::ALL.into_iter().filter(is_written).find(|object| object.name() == kind)
}
