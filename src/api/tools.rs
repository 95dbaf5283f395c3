//! `/v1/calls/{id}/tools`: the payment tools of a language model, for bots that have one.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::{HeaderMap, request::Parts};
use axum::response::{IntoResponse, Response};
use call::tool;
use serde_json::{Value, json};

use super::body::Raw;
use super::one_call::{Id, ask, key_of};
use super::{Interface, Problem};

/// A tool that a path names, and its call.
pub(super) struct ToolName {
    call: String,
    tool: String,
}

impl<S: Send + Sync> FromRequestParts<S> for ToolName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((call, tool)) = path.map_err(|_| Problem::no_call())?;
        Ok(Self { call, tool })
    }
}

/// `GET …/tools`
pub(super) async fn list(State(interface): State<Interface>, _id: Id) -> Json<Value> {
    Json(json!({ "tools": tool::catalogue(interface.bank_accounts) }))
}

/// `POST …/tools/{tool}`, with the arguments as the model wrote them. They are read, not logged.
pub(super) async fn call_tool(
    State(interface): State<Interface>,
    name: ToolName,
    headers: HeaderMap,
    Raw(arguments): Raw,
) -> Response {
    let key = match key_of(&headers) {
        Ok(key) => key,
        Err(problem) => return problem.into_response(),
    };
    match tool::read(&name.tool, &String::from_utf8_lossy(&arguments), key) {
        Ok(request) => ask(&interface, &name.call, request).await,
        Err(error) => {
            tracing::warn!(call = name.call, %error, "a tool is not called");
            Problem::tool_refused(error).into_response()
        }
    }
}
