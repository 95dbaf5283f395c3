//! Asks the org which accounts are in its queue, and has the call queue follow.

use std::time::{Duration, Instant};

use ::book::salesforce::{
    Thrift,
    lookup::LookupError,
    subscription::Sweep,
    sweep::{self, NoAnswer},
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
    #[error("the org's requests of the day are nearly used up")]
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
            Ok(Swept { queued, withdrawn, left_out }) => {
                info!(queued, withdrawn, left_out, ?why, "the accounts in the org's queue were asked for");
                counter!("tonegate_salesforce_events_total", "outcome" => "found").increment(*queued);
                counter!("tonegate_salesforce_events_total", "outcome" => "withdrawn").increment(*withdrawn);
                if *left_out > 0 { "full" } else { "done" }
            }
            Err(error) => {
                warn!(%error, ?why, "the accounts in the org's queue are not known");
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
        let statement = sweep::statement(&self.mapping)?;
        let statement: String = form_urlencoded::byte_serialize(statement.as_bytes()).collect();
        let mut next = Some(format!("/services/data/{}/query?q={statement}", self.version));
        let (mut accounts, mut rows) = (Vec::new(), 0);
        let deadline = Instant::now() + DEADLINE;
        let most = usize::from(sweep::MOST_ACCOUNTS);
        while let Some(path) = next.take().filter(|_| rows < most) {
            let answer = self.connections.read(&path, deadline).await?;
            let page = sweep::read(&self.mapping, &answer.body)?;
            rows += page.rows.max(1);
            accounts.extend(page.accounts);
            next = page.next;
        }
        let found = Found { accounts, asked_at, is_whole: rows < most };
        Ok(self.queue.sweep(self.holder.clone(), found, Timestamp::now()).await?)
    }
}
