//! REFER of this side, and the NOTIFYs that tell what comes of it (RFC 3515, RFC 5589 §6, RFC 6665).

use std::time::Instant;

use super::call::{Referred, Stage};
use super::schedule::{Timer, TransactionId};
use super::tables::Purpose;
use super::{Arrival, CallHandle, EndReason, Endpoint, Event, HangUp};
use crate::Status;
use crate::header::HeaderName;
use crate::message::Request;
use crate::referral::{Notification, NotifyFault, ReferTarget, Referral, ReferralEnd, ReferralNews};

impl Endpoint {
    /// Asks the caller's side to call `target` in this side's place. What comes of it is told as [`Event::Referral`]. While
    /// an earlier REFER goes on, and where the call is not up, nothing is sent and nothing told.
    pub fn refer(&mut self, now: Instant, call: CallHandle, target: &ReferTarget) {
        let Some(state) = self.calls.peek(call).filter(|state| !state.has_ended) else { return };
        let is_up = matches!(state.stage, Stage::Answered { .. });
        if !is_up || state.referral.as_ref().is_some_and(|referred| !referred.machine.is_over()) {
            return;
        }
        let machine = Referral::new(state.dialog.next_sequence());
        let headers = [
            (HeaderName::Contact, self.config.advertised_address.contact(state.dialog.transport)),
            (HeaderName::ReferTo, target.header()),
            (HeaderName::ReferredBy, state.dialog.local_party().to_owned()),
        ];
        let Some(transaction) = self.send_request(now, call, Purpose::Refer, headers) else { return };
        if let Some(state) = self.calls.entry(call) {
            state.referral = Some(Referred { machine, transaction });
        }
    }

    /// Takes NOTIFY: word of a REFER of this side. Of anything else it is refused (RFC 6665 §4.1.3).
    pub(super) fn handle_notify(&mut self, arrival: &Arrival, request: &Request) {
        if self.servers.len() >= self.config.limits.transactions {
            // Without a transaction a repeated NOTIFY would be heard twice.
            return self.refuse(arrival, request, Status::SERVICE_UNAVAILABLE);
        }
        let Some(handle) = self.enter_dialog(arrival, request) else { return };
        let (told, id) = match Notification::read(request) {
            Ok(told) => told,
            Err(NotifyFault::Bad(phrase)) => {
                return self.complete(arrival, request, Status::BAD_REQUEST, |response| response.phrase(phrase.into()));
            }
            Err(NotifyFault::Event) => {
                return self.complete(arrival, request, Status::BAD_EVENT, |response| response);
            }
            Err(NotifyFault::Type) => {
                return self.complete(arrival, request, Status::UNSUPPORTED_MEDIA_TYPE, |response| {
                    response.header(HeaderName::Accept, "message/sipfrag")
                });
            }
        };
        let referred = self.calls.peek(handle).and_then(|call| call.referral.as_ref());
        if !referred.is_some_and(|referred| referred.machine.is_told_by(id.as_deref())) {
            return self.complete(arrival, request, Status::NO_SUCH_CALL, |response| response);
        }
        self.complete(arrival, request, Status::OK, |response| response);
        self.advance_referral(handle, |referral| referral.handle_notification(arrival.now, told));
    }

    /// A REFER has its final answer. One that says that there is no such dialog ends it here, too (RFC 3261 §12.2.1.2).
    pub(super) fn refer_answered(&mut self, now: Instant, handle: CallHandle, id: TransactionId, status: Status) {
        if !self.is_newest(handle, id) {
            return;
        }
        let news = self.advance_referral(handle, |referral| referral.handle_answer(now, status));
        if news == Some(ReferralNews::Ended(ReferralEnd::DialogGone)) {
            self.end_call(handle, EndReason::DialogGone);
            self.send_bye(now, handle, HangUp::Failure);
        }
    }

    /// Nobody answered a REFER.
    pub(super) fn refer_unanswered(&mut self, handle: CallHandle, id: TransactionId) {
        if self.is_newest(handle, id) {
            self.advance_referral(handle, Referral::handle_no_answer);
        }
    }

    /// Nothing more is told of a REFER.
    pub(super) fn referral_due(&mut self, now: Instant, handle: CallHandle) {
        self.advance_referral(handle, |referral| referral.handle_timeout(now));
    }

    /// The dialog ends: nothing more is asked or waited for. What is still told is answered.
    pub(super) fn stop_referral(&mut self, handle: CallHandle) {
        self.schedule.set(Timer::Referral(handle), None);
        let Some(referred) = self.calls.peek(handle).and_then(|call| call.referral.as_ref()) else { return };
        let transaction = referred.transaction;
        self.schedule.set(Timer::Client(transaction), None);
        self.clients.remove(transaction);
    }

    /// Whether this is the transaction of the call's newest REFER.
    fn is_newest(&self, handle: CallHandle, id: TransactionId) -> bool {
        let referred = self.calls.peek(handle).and_then(|call| call.referral.as_ref());
        referred.is_some_and(|referred| referred.transaction == id)
    }

    /// Tells what came of the call's REFER, and notes how long is waited for more.
    fn advance_referral(
        &mut self,
        handle: CallHandle,
        step: impl FnOnce(&mut Referral) -> Option<ReferralNews>,
    ) -> Option<ReferralNews> {
        let call = self.calls.entry(handle).filter(|call| !call.has_ended)?;
        let machine = &mut call.referral.as_mut()?.machine;
        let news = step(machine);
        let deadline = machine.poll_timeout();
        self.schedule.set(Timer::Referral(handle), deadline);
        if let Some(news) = news {
            self.emit(Event::Referral { call: handle, news });
        }
        news
    }
}
