//! The calls as the interface sees them: a list, and a bounded way to ask one of them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use call::api::{ApiReply, ApiRequest};
use serde::Serialize;
use uuid::Uuid;

/// The calls that are up.
pub(crate) trait CallDirectory: Send + Sync + 'static {
    /// Every call, oldest first.
    fn list(&self) -> Vec<CallSummary>;
    /// The way to ask a call; `None` where none has this id.
    fn find(&self, id: Uuid) -> Option<Arc<dyn CallPort>>;
}

/// What a list tells about a call: nothing about whom it is with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CallSummary {
    /// The call's id, everywhere.
    pub(crate) id: Uuid,
    /// The trunk it came by.
    pub(crate) trunk: String,
    /// The agent that serves it.
    pub(crate) agent: String,
    /// Where in its life it is.
    pub(crate) state: &'static str,
    /// When its INVITE came.
    pub(crate) started: jiff::Timestamp,
}

/// A call's answer on its way.
pub(crate) type Answering<'a> = Pin<Box<dyn Future<Output = Result<ApiReply, PortError>> + Send + 'a>>;

/// One call that can be asked.
pub(crate) trait CallPort: Send + Sync {
    /// Asks; the future ends within the deadline.
    fn request(&self, request: ApiRequest, deadline: Duration) -> Answering<'_>;
}

/// Why a call did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PortError {
    /// It has ended.
    #[error("the call has ended")]
    Ended,
    /// Its queue of questions is full.
    #[error("the call has too many questions waiting")]
    Full,
    /// It took too long.
    #[error("the call did not answer in time")]
    Late,
}
