//! What the driver asks for.

use std::time::Instant;

use thiserror::Error;

use super::call::{AnswerKind, Call, Offered, Stage, Unacknowledged};
use super::{CallHandle, EndReason, Endpoint, HangUp};
use crate::dialog::Dialog;
use crate::header::HeaderName;
use crate::media::{LocalMedia, Session};
use crate::message::Method;
use crate::{DialogRecord, RestoreError, Status};

/// Why a call cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// The call is over, or was never.
    #[error("the call has ended")]
    Ended,
    /// The call was answered before.
    #[error("the call was answered before")]
    Answered,
}

impl Endpoint {
    /// Sends 180 Ringing.
    pub fn ring(&mut self, now: Instant, call: CallHandle) {
        let Ok((state, offered)) = self.offered(call) else { return };
        let contact = self.config.advertised_address.contact(offered.path.transport);
        let response = offered
            .reply
            .dialog_response(Status::RINGING, &state.dialog.key.local_tag)
            .header(HeaderName::Contact, contact);
        let (server, path) = (offered.server, offered.path);
        self.respond(now, server, path, Status::RINGING, &response);
    }

    /// First step of answering: what must be durable before [`Endpoint::answer`].
    pub fn prepare_answer(&self, call: CallHandle) -> Result<DialogRecord, AnswerError> {
        self.offered(call).map(|(state, _)| state.dialog.record())
    }

    /// Second step: sends 200 OK with this side's session description and repeats it until the ACK. The description
    /// answers the offer, or is one where the INVITE brought none.
    pub fn answer(&mut self, now: Instant, call: CallHandle, local: &LocalMedia) -> Result<(), AnswerError> {
        let (state, offered) = self.offered(call)?;
        let trunk = self.config.trunks.iter().find(|trunk| trunk.name == state.dialog.trunk);
        let codecs = trunk.map_or(&[][..], |trunk| &trunk.codecs);
        let session = Session::open(local.clone(), state.offer.clone(), codecs);
        let response = offered
            .reply
            .dialog_response(Status::OK, &state.dialog.key.local_tag)
            .header(HeaderName::Contact, self.config.advertised_address.contact(offered.path.transport))
            .header(HeaderName::Allow, Method::ALLOWED)
            .sdp(session.text());
        let (server, path, sequence) = (offered.server, offered.path, offered.sequence);
        let kind = if state.offer.is_some() { AnswerKind::ToOffer } else { AnswerKind::WithOffer };
        let bytes = self.respond(now, server, path, Status::OK, &response);
        if let Some(state) = self.calls.entry(call) {
            (state.offer, state.session) = (None, Some(session));
        }
        self.await_ack(call, Unacknowledged::new(now, sequence, kind, bytes, path));
        Ok(())
    }

    /// Refuses the call with a final status; what is none becomes 500. `retry_after` is in seconds.
    pub fn reject(&mut self, now: Instant, call: CallHandle, status: Status, retry_after: Option<u32>) {
        let status = if status.is_refusal() { status } else { Status::SERVER_INTERNAL_ERROR };
        let Ok((state, offered)) = self.offered(call) else { return };
        let mut response = offered.reply.response(status, &state.dialog.key.local_tag);
        if let Some(seconds) = retry_after {
            response = response.header(HeaderName::RetryAfter, seconds.to_string());
        }
        let (server, path) = (offered.server, offered.path);
        self.respond(now, server, path, status, &response);
        self.end_call(call, EndReason::Rejected);
        self.close_call(call);
    }

    /// Ends the call: by BYE where it was answered (after the ACK, RFC 3261 §15), by 480 where not.
    pub fn hang_up(&mut self, now: Instant, call: CallHandle, reason: HangUp) {
        let Some(state) = self.calls.entry(call) else { return };
        match &mut state.stage {
            Stage::Offered(_) => {
                self.refuse_offered(now, call, Status::TEMPORARILY_UNAVAILABLE, EndReason::HungUp);
            }
            Stage::Answered { unacknowledged: Some(_), hang_up } => {
                hang_up.get_or_insert(reason);
                self.end_call(call, EndReason::HungUp);
            }
            Stage::Answered { unacknowledged: None, .. } => {
                self.end_call(call, EndReason::HungUp);
                self.send_bye(now, call, reason);
            }
            Stage::Ending => {}
        }
    }

    /// Ends a dialog of an earlier process by BYE. Its handle's events are `Ended` (restored) and, once the BYE is
    /// answered or has timed out, `Closed`.
    pub fn restore_and_hang_up(&mut self, now: Instant, record: &DialogRecord) -> Result<CallHandle, RestoreError> {
        if self.calls.len() >= self.config.limits.calls {
            return Err(RestoreError::Full);
        }
        let dialog = Dialog::restore(record)?;
        let call = self.calls.next_handle();
        let state = Call {
            dialog,
            stage: Stage::Ending,
            invite_key: None,
            offer: None,
            session: None,
            referral: None,
            has_ended: false,
        };
        self.calls.insert(call, state);
        self.end_call(call, EndReason::Restored);
        self.send_bye(now, call, HangUp::Failure);
        Ok(call)
    }

    /// A call that waits for an answer.
    fn offered(&self, call: CallHandle) -> Result<(&Call, &Offered), AnswerError> {
        let state = self.calls.peek(call).ok_or(AnswerError::Ended)?;
        match &state.stage {
            Stage::Offered(offered) => Ok((state, offered)),
            Stage::Answered { .. } if !state.has_ended => Err(AnswerError::Answered),
            Stage::Answered { .. } | Stage::Ending => Err(AnswerError::Ended),
        }
    }
}
