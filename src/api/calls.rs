//! `/v1/calls`: what is up now.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::{CallSummary, Interface, Problem};

/// The body of a list.
#[derive(Serialize)]
pub(super) struct List {
    calls: Vec<CallSummary>,
}

/// `GET /v1/calls`
pub(super) async fn list(State(interface): State<Interface>) -> Json<List> {
    Json(List { calls: interface.calls.list() })
}

/// `POST /v1/calls`
pub(super) async fn originate() -> Problem {
    Problem::not_implemented("originating a call")
}
