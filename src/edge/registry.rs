//! The calls that are up, and what remains of those that ended a moment ago.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use call::{
    AgentKind, CallId, EndReason, Entry,
    api::{ApiReply, ApiRequest},
    carrier::CarrierEvent,
};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::services::{Mail, Mailbox};

/// Ended calls whose timeline is kept.
const KEPT: usize = 200;
/// Questions a call may have waiting.
pub(crate) const QUESTIONS: usize = 32;

/// A question to a call, and where its answer goes.
pub(crate) type Question = (ApiRequest, oneshot::Sender<ApiReply>);

/// What a list tells of a call: nothing about whom it is with.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The call.
    pub id: CallId,
    /// Its trunk.
    pub trunk: String,
    /// Who talks.
    pub agent: AgentKind,
    /// When its INVITE came.
    pub started: Timestamp,
    /// Why it ended, once it has.
    pub ended: Option<EndReason>,
}

/// Why a call did not answer a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// There is no such call, or it has ended.
    #[error("the call has ended")]
    Ended,
    /// Too many questions wait.
    #[error("the call has too many questions waiting")]
    Full,
    /// No answer in time.
    #[error("the call did not answer in time")]
    Late,
}

struct Live {
    summary: Summary,
    mailbox: Mailbox,
    questions: mpsc::Sender<Box<Question>>,
}

#[derive(Default)]
struct Book {
    live: BTreeMap<CallId, Live>,
    ended: VecDeque<(Summary, Vec<Entry>)>,
}

/// The register of calls.
#[derive(Default)]
pub struct Registry(Mutex<Book>);

impl Registry {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, summary: Summary, mailbox: Mailbox, questions: mpsc::Sender<Box<Question>>) {
        self.book().live.insert(summary.id, Live { summary, mailbox, questions });
    }

    pub(crate) fn leave(&self, id: CallId, reason: EndReason, timeline: &[Entry]) {
        #[cfg(feature = "sabotage")]
        let timeline = &crate::sabotage::timeline(timeline);
        let mut book = self.book();
        let Some(live) = book.live.remove(&id) else { return };
        book.ended.push_back((Summary { ended: Some(reason), ..live.summary }, timeline.to_vec()));
        if book.ended.len() > KEPT {
            book.ended.pop_front();
        }
    }

    /// How many calls are up.
    #[must_use]
    pub fn active(&self) -> usize {
        self.book().live.len()
    }

    /// Every call, those that ended a moment ago included, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Summary> {
        let book = self.book();
        let mut calls: Vec<_> = book.ended.iter().map(|(summary, _)| summary.clone()).collect();
        calls.extend(book.live.values().map(|live| live.summary.clone()));
        calls.sort_by_key(|summary| summary.id);
        calls
    }

    /// Whether the call is up, or ended a moment ago.
    #[must_use]
    pub fn knows(&self, id: CallId) -> bool {
        let book = self.book();
        book.live.contains_key(&id) || book.ended.iter().any(|(summary, _)| summary.id == id)
    }

    /// Asks a call. A call that has ended still tells its timeline.
    ///
    /// # Errors
    /// [`AskError`] where it does not answer.
    pub async fn ask(&self, id: CallId, request: ApiRequest, deadline: Duration) -> Result<ApiReply, AskError> {
        let (answer, answered) = oneshot::channel();
        let is_timeline = matches!(request, ApiRequest::Timeline);
        {
            let book = self.book();
            let Some(live) = book.live.get(&id) else {
                return archived(&book, id, &request).ok_or(AskError::Ended);
            };
            live.questions.try_send(Box::new((request, answer))).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => AskError::Full,
                mpsc::error::TrySendError::Closed(_) => AskError::Ended,
            })?;
        }
        match tokio::time::timeout(deadline, answered).await {
            Ok(Ok(reply)) => Ok(reply),
            // It ended while it was asked.
            Ok(Err(_)) if is_timeline => archived(&self.book(), id, &ApiRequest::Timeline).ok_or(AskError::Ended),
            Ok(Err(_)) => Err(AskError::Ended),
            Err(_) => Err(AskError::Late),
        }
    }

    /// Tells a call what its carrier says of a payment. Whether there is such a call, with room for it.
    pub fn tell_carrier(&self, id: CallId, capture: uuid::Uuid, event: CarrierEvent) -> bool {
        self.book().live.get(&id).is_some_and(|live| live.mailbox.post(Mail::Carrier(capture, event)))
    }

    /// Ends every call that is up.
    pub fn end_all(&self, reason: EndReason) {
        for live in self.book().live.values() {
            live.mailbox.post(Mail::End(reason));
        }
    }
}

fn archived(book: &Book, id: CallId, request: &ApiRequest) -> Option<ApiReply> {
    let (_, timeline) = book.ended.iter().find(|(summary, _)| summary.id == id)?;
    matches!(request, ApiRequest::Timeline).then(|| ApiReply::Timeline(serde_json::json!(timeline)))
}
