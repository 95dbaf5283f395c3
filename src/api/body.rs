//! Bodies: bounded, JSON, and never repeated in an error.

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;

use super::Problem;

/// Most bytes of a body.
pub(super) const LIMIT: usize = 8 * 1024;

/// The body of a request, whatever it holds.
pub(super) struct Raw(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if request.body().size_hint().lower() > LIMIT as u64 {
            return Err(Problem::body_refused(LIMIT));
        }
        Bytes::from_request(request, state).await.map(Self).map_err(|_| Problem::body_refused(LIMIT))
    }
}

/// The JSON body of a request.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Problem::not_json());
        }
        let Raw(bytes) = Raw::from_request(request, state).await?;
        serde_json::from_slice(&bytes).map(Body).map_err(|error| Problem::bad_body(error.line(), error.column()))
    }
}
