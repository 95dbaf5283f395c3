//! Look-ups in an org: one query each, and never an answer from memory.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ::book::{
    LookUp, LookupKey,
    salesforce::{ApiVersion, Mapping, answer, lookup},
};
use tracing::error;

use super::{Connections, SalesforceError};
use crate::book::BookError;

/// How long a look-up may take: what is left of two seconds belongs to the agent and the voice.
pub const DEADLINE: Duration = Duration::from_millis(1_800);

/// Finds accounts in an org, by a mapping.
pub struct LookUps {
    connections: Arc<Connections>,
    mapping: Mapping,
    version: ApiVersion,
}

impl LookUps {
    /// Over connections that exist.
    #[must_use]
    pub const fn new(connections: Arc<Connections>, mapping: Mapping, version: ApiVersion) -> Self {
        Self { connections, mapping, version }
    }

    /// Finds an account with its strategy, as they are now, within [`DEADLINE`].
    ///
    /// # Errors
    /// [`BookError::Deadline`] where the org does not answer in time, else [`BookError::Failed`]: also where what it answers
    /// cannot be relied on, because a fact is missing or is none.
    pub async fn find(&self, key: &LookupKey) -> Result<LookUp, BookError> {
        let deadline = Instant::now() + DEADLINE;
        let statement = lookup::statement(&self.mapping, key).map_err(|why| {
            error!(%why, "no statement can be written for a look-up");
            BookError::Failed
        })?;
        let answered = self.connections.query(self.version, &statement, deadline).await.map_err(|why| failed(&why))?;
        answer::read(&self.mapping, &answered.body).map_err(|why| {
            error!(%why, "what the org says of an account cannot be relied on");
            BookError::Failed
        })
    }
}

fn failed(error: &SalesforceError) -> BookError {
    if *error == SalesforceError::Lost { BookError::Deadline } else { BookError::Failed }
}
