//! Look-ups in an org: what forbids a talk and what is owed never come from memory; strategies do, for minutes.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ::book::{
    LookUp, LookupKey,
    salesforce::{
        AnswerError, ApiVersion, Fault, LookupError, Mapping, Refusal, Shelf, answer,
        lookup::{self, StrategyPart},
    },
};
use metrics::counter;
use tokio::sync::Notify;
use tracing::{error, warn};

use super::{Answer, Connections, SalesforceError};
use crate::book::BookError;

/// How long a look-up may take: what is left of two seconds belongs to the agent and the voice.
pub const DEADLINE: Duration = Duration::from_millis(1_800);
/// How long reading every strategy may take: nobody waits for it.
const READING: Duration = Duration::from_secs(9);

/// Finds accounts in an org, by a mapping.
#[derive(Clone)]
pub struct LookUps {
    inner: Arc<Inner>,
}

struct Inner {
    connections: Arc<Connections>,
    mapping: Mapping,
    version: ApiVersion,
    shelf: Mutex<Shelf>,
    /// Told where mapping or rights do not fit the org.
    doubt: Notify,
}

impl LookUps {
    /// Over connections that exist.
    #[must_use]
    pub fn new(connections: Arc<Connections>, mapping: Mapping, version: ApiVersion) -> Self {
        let (shelf, doubt) = (Mutex::default(), Notify::new());
        Self { inner: Arc::new(Inner { connections, mapping, version, shelf, doubt }) }
    }

    /// Finds an account as it is now, within [`DEADLINE`]. Its strategy may be the one of at most an hour ago; from five minutes on
    /// all are read again meanwhile.
    ///
    /// # Errors
    /// [`BookError::Deadline`] where the org does not answer in time, [`BookError::Unreliable`] where of what it answers a fact is
    /// missing or is none, else [`BookError::Failed`].
    pub async fn find(&self, key: &LookupKey) -> Result<LookUp, BookError> {
        let now = Instant::now();
        let deadline = now + DEADLINE;
        if self.inner.shelf().begin_reading(now) {
            let inner = Arc::clone(&self.inner);
            tokio::spawn(async move { inner.read_strategies().await });
        }
        let is_usable = self.inner.shelf().is_usable(now);
        let found = if is_usable { self.inner.find_short(key, deadline).await? } else { None };
        match found {
            Some(found) => Ok(found),
            None => self.inner.find_whole(key, deadline).await,
        }
    }

    /// Until a look-up was refused because mapping or rights do not fit the org.
    pub async fn doubted(&self) {
        self.inner.doubt.notified().await;
    }

    /// Reads every strategy, so that the first look-ups find them.
    pub async fn prepare(&self) {
        if self.inner.shelf().begin_reading(Instant::now()) {
            self.inner.read_strategies().await;
        }
    }
}

impl Inner {
    /// Finds an account whose strategy is known; `None` where it is not.
    async fn find_short(&self, key: &LookupKey, deadline: Instant) -> Result<Option<LookUp>, BookError> {
        let statement = lookup::statement(&self.mapping, key, StrategyPart::Id).map_err(|why| unwritten(&why))?;
        let answered = self.asked(&statement, deadline).await?;
        let known = |id: &_| self.shelf().find(Instant::now(), id).cloned();
        answer::read_with(&self.mapping, &answered.body, known).map_err(unreliable)
    }

    async fn find_whole(&self, key: &LookupKey, deadline: Instant) -> Result<LookUp, BookError> {
        let statement = lookup::statement(&self.mapping, key, StrategyPart::Whole).map_err(|why| unwritten(&why))?;
        let answered = self.asked(&statement, deadline).await?;
        answer::read(&self.mapping, &answered.body).map_err(unreliable)
    }

    async fn asked(&self, statement: &str, deadline: Instant) -> Result<Answer, BookError> {
        self.connections.query(self.version, statement, deadline).await.map_err(|why| {
            if matches!(&why, SalesforceError::Refused(refusal) if refusal.fault == Fault::Configuration) {
                self.doubt.notify_one();
            }
            self.failed(&why)
        })
    }

    fn failed(&self, error: &SalesforceError) -> BookError {
        if let SalesforceError::Refused(Refusal { fault, code, fields }) = error
            && let Some(untold) = self.connections.remark("look_up", fault.name())
        {
            warn!(fault = fault.name(), code, ?fields, untold, "the org refuses a look-up");
        }
        if *error == SalesforceError::Lost { BookError::Deadline } else { BookError::Failed }
    }

    async fn read_strategies(&self) {
        let read = async {
            let statement = lookup::strategies(&self.mapping).map_err(|why| unwritten(&why))?;
            let answered = self.asked(&statement, Instant::now() + READING).await?;
            answer::read_strategies(&self.mapping, &answered.body).map_err(unreliable)
        };
        let read = read.await;
        let outcome = if read.is_ok() { "read" } else { "failed" };
        counter!("tonegate_salesforce_strategy_readings_total", "outcome" => outcome).increment(1);
        match read {
            Ok(strategies) => self.shelf().put(Instant::now(), strategies),
            Err(error) => {
                warn!(error = error.name(), "strategies are not read again: accounts bring theirs after an hour");
            }
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unwritten(why: &LookupError) -> BookError {
    error!(%why, "no statement can be written for a look-up");
    BookError::Failed
}

fn unreliable(why: AnswerError) -> BookError {
    error!(%why, "what the org says of an account cannot be relied on");
    BookError::Unreliable
}
