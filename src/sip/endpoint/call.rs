//! One call as the endpoint holds it.

use std::sync::Arc;
use std::time::Instant;

use super::schedule::TransactionId;
use super::tables::InviteKey;
use super::{HangUp, Path};
use crate::Status;
use crate::dialog::Dialog;
use crate::header::{HeaderName, Headers, Via};
use crate::media::{Offer, Session};
use crate::message::{OutgoingResponse, Request};
use crate::referral::Referral;
use crate::transaction::{Backoff, LIFETIME};

/// One call from its INVITE to the last message about it.
pub(super) struct Call {
    pub(super) dialog: Dialog,
    pub(super) stage: Stage,
    /// What a merged INVITE would share; `None` for a restored call.
    pub(super) invite_key: Option<InviteKey>,
    /// What the caller offered, until it is answered.
    pub(super) offer: Option<Offer>,
    /// What both sides hold to, once answered.
    pub(super) session: Option<Session>,
    /// The newest REFER of this side.
    pub(super) referral: Option<Referred>,
    /// Whether the end has been told.
    pub(super) has_ended: bool,
}

/// A REFER of this side, and its transaction.
pub(super) struct Referred {
    pub(super) machine: Referral,
    pub(super) transaction: TransactionId,
}

/// How far a call has come.
pub(super) enum Stage {
    /// Nobody has answered or rejected it.
    Offered(Offered),
    /// Answered. While a 2xx waits for its ACK it is repeated here.
    Answered { unacknowledged: Option<Unacknowledged>, hang_up: Option<HangUp> },
    /// A BYE of this side waits for its answer.
    Ending,
}

/// What an answer or a rejection needs.
pub(super) struct Offered {
    pub(super) server: TransactionId,
    /// The CSeq number of the INVITE.
    pub(super) sequence: u32,
    pub(super) reply: Reply,
    pub(super) path: Path,
    pub(super) deadline: Instant,
}

/// What every response to a request copies.
pub(super) struct Reply {
    headers: Headers,
    via: Via,
}

impl Reply {
    /// Keeps the parts of `request` that its responses need.
    pub(super) fn to(request: &Request) -> Self {
        let wanted = [
            HeaderName::Via,
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
            HeaderName::RecordRoute,
        ];
        let mut headers = Headers::default();
        for (name, value) in request.headers.iter().filter(|(name, _)| wanted.contains(name)) {
            headers.push(name, value);
        }
        Self { headers, via: request.via.clone() }
    }

    /// A response without more headers.
    pub(super) fn response(&self, status: Status, local_tag: &str) -> OutgoingResponse {
        OutgoingResponse::new(status, &self.headers, &self.via, Some(local_tag))
    }

    /// A response that opens or confirms the dialog: it brings the route set back (RFC 3261 §12.1.1).
    pub(super) fn dialog_response(&self, status: Status, local_tag: &str) -> OutgoingResponse {
        let response = self.response(status, local_tag);
        self.headers
            .all(HeaderName::RecordRoute)
            .fold(response, |response, route| response.header(HeaderName::RecordRoute, route))
    }
}

/// A 2xx that waits for its ACK (RFC 3261 §13.3.1.4).
pub(super) struct Unacknowledged {
    pub(super) sequence: u32,
    pub(super) kind: AnswerKind,
    response: Arc<[u8]>,
    path: Path,
    repeat: Backoff,
    end: Instant,
}

/// What the ACK means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerKind {
    /// The call is up.
    ToOffer,
    /// The call is up once the ACK's answer is taken: the 2xx carried this side's offer.
    WithOffer,
    /// The session stays, or is changed already.
    Again,
    /// The session is as the ACK's answer says: the 2xx carried this side's offer anew.
    AgainWithOffer,
}

/// What to do about a 2xx whose time has come.
pub(super) enum AnswerDue {
    Nothing,
    Resend(Arc<[u8]>, Path),
    TimedOut,
}

impl Unacknowledged {
    pub(super) fn new(now: Instant, sequence: u32, kind: AnswerKind, response: Arc<[u8]>, path: Path) -> Self {
        Self { sequence, kind, response, path, repeat: Backoff::start(now), end: now + LIFETIME }
    }

    fn deadline(&self) -> Instant {
        self.repeat.next().min(self.end)
    }

    fn handle_timeout(&mut self, now: Instant) -> AnswerDue {
        if now >= self.end {
            AnswerDue::TimedOut
        } else if self.repeat.is_due(now) {
            AnswerDue::Resend(Arc::clone(&self.response), self.path)
        } else {
            AnswerDue::Nothing
        }
    }
}

impl Call {
    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Offered(offered) => Some(offered.deadline),
            Stage::Answered { unacknowledged, .. } => unacknowledged.as_ref().map(Unacknowledged::deadline),
            Stage::Ending => None,
        }
    }

    /// What is due about a 2xx.
    pub(super) fn handle_answer_timeout(&mut self, now: Instant) -> AnswerDue {
        match &mut self.stage {
            Stage::Answered { unacknowledged: Some(unacknowledged), .. } => unacknowledged.handle_timeout(now),
            Stage::Answered { unacknowledged: None, .. } | Stage::Offered(_) | Stage::Ending => AnswerDue::Nothing,
        }
    }
}
