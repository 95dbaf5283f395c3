//! Asks the org which accounts are in its queue, and has the call queue follow.

use std::time::{Duration, Instant};

use ::book::salesforce::{
    Thrift,
    lookup::LookupError,
    subscription::Sweep,
    sweep::{NoAnswer, Question, Walk},
};
use jiff::Timestamp;
use metrics::counter;
use thiserror::Error;
use tracing::{info, warn};

use super::Events;
use crate::{
    queue::{Found, QueueError, Swept},
    salesforce::SalesforceError,
};

/// How long the pages of one sweep may take, all together.
const DEADLINE: Duration = Duration::from_secs(60);

/// Why a sweep came to nothing.
#[derive(Debug, Error)]
enum SweepError {
    #[error(
        "the org is to be asked for little: its requests of the day are nearly used up, or it has too many at once"
    )]
    Thrift,
    #[error("no statement can be written for the accounts in the queue: {0}")]
    Statement(#[from] LookupError),
    #[error(transparent)]
    Org(#[from] SalesforceError),
    #[error(transparent)]
    Answer(#[from] NoAnswer),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl SweepError {
    /// The name in metrics.
    const fn name(&self) -> &'static str {
        match self {
            Self::Thrift => "thrift",
            Self::Statement(_) => "statement",
            Self::Org(error) => error.name(),
            Self::Answer(_) => "malformed",
            Self::Queue(error) => error.name(),
        }
    }
}

impl Events {
    /// Sweeps once. Whether it is done, so that the queue has every account that the org's has.
    pub(super) async fn sweep(&self, why: Sweep) -> bool {
        let swept = self.try_sweep().await;
        let outcome = match &swept {
            Ok(Swept { queued, withdrawn, left_out, is_whole }) => {
                info!(
                    queued,
                    withdrawn,
                    left_out,
                    is_whole,
                    why = why.name(),
                    "the accounts in the org's queue were asked for"
                );
                counter!("tonegate_salesforce_events_total", "outcome" => "found").increment(*queued);
                counter!("tonegate_salesforce_events_total", "outcome" => "withdrawn").increment(*withdrawn);
                match (*left_out, *is_whole) {
                    (0, true) => "done",
                    (0, false) => "cut",
                    (1.., _) => "full",
                }
            }
            Err(error) => {
                warn!(%error, why = why.name(), "the accounts in the org's queue are not known");
                error.name()
            }
        };
        counter!("tonegate_salesforce_sweeps_total", "outcome" => outcome).increment(1);
        outcome == "done"
    }

    async fn try_sweep(&self) -> Result<Swept, SweepError> {
        if self.connections.thrift() >= Thrift::NoExtras {
            return Err(SweepError::Thrift);
        }
        let asked_at = Timestamp::now();
        let walk = self.walk(Instant::now() + DEADLINE).await?;
        let is_whole = walk.is_whole();
        let found = Found { accounts: walk.into_accounts(), asked_at, is_whole };
        Ok(self.queue.sweep(self.holder.clone(), found, Timestamp::now()).await?)
    }

    /// Sees the accounts in the org's queue until the deadline. Where it is cut short, what was seen counts.
    async fn walk(&self, deadline: Instant) -> Result<Walk, SweepError> {
        let mut walk = Walk::default();
        let mut has_begun = false;
        while let Some(question) = walk.question(&self.mapping)? {
            let answer = match question {
                Question::Statement(text) => self.connections.query(self.version, &text, deadline).await,
                Question::Page(address) => self.connections.read(&address, deadline).await,
            };
            match answer {
                Ok(answer) => walk.handle_answer(&self.mapping, &answer.body)?,
                Err(_) if has_begun && Instant::now() >= deadline => break,
                Err(error) => return Err(error.into()),
            }
            has_begun = true;
        }
        Ok(walk)
    }
}
