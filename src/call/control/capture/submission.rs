//! From the last key to the processor: the row first, durably, then the connection.

use super::super::Call;
use super::{Payment, Settled, Stage};
use crate::{
    api::{ApiReply, Missing},
    port::{Failure, Request, Ticket},
};

impl Call {
    /// Everything is keyed. First the row says so, durably; then the vault gets its connection.
    pub(super) fn connection_wanted(&mut self) {
        let Some(payment) = self.payment.as_mut().filter(|payment| payment.is_open()) else { return };
        if payment.session().is_some_and(|session| !session.is_complete) {
            payment.stage = Stage::Keyed;
            return self.note("capture.keyed", "the agent has yet to say that it is complete");
        }
        payment.stage = Stage::Submitting;
        let Some(id) = payment.id else { return };
        let (amount, method, arrangement) = (payment.amount, payment.terms.method, self.arrangement());
        let Some(account) = self.matter.account().map(|account| account.id.clone()) else { return };
        self.note("capture.keyed", "");
        self.tell_bot();
        self.ask_for_payment(Request::OpenPayment { payment: id, amount, account, arrangement, method });
    }

    /// Something about a payment became durable: whether that was waited for.
    pub(in super::super) fn payment_stored(&mut self, ticket: Ticket) -> bool {
        if !self.was_awaited(ticket) {
            return false;
        }
        if self.start_carrier() {
            return true;
        }
        let is_awaited = |payment: &&Payment| payment.stage == Stage::Submitting && payment.carried.is_none();
        let Some(payment) = self.payment.as_ref().filter(is_awaited) else { return false };
        let Some(id) = payment.id.filter(|_| payment.outcome.is_none()) else { return false };
        self.ask_for_payment(Request::ConnectProcessor { capture: id });
        true
    }

    pub(in super::super) fn payment_request_failed(&mut self, ticket: Ticket, failure: Failure) -> bool {
        if !self.was_awaited(ticket) {
            return false;
        }
        let Some(payment) = self.payment.as_mut().filter(|payment| payment.is_open()) else { return false };
        match payment.stage {
            Stage::Arming | Stage::Keying | Stage::Submitting
                if payment.carried.as_ref().is_some_and(|carried| carried.has_started) =>
            {
                return self.carrier_failed(ticket, failure);
            }
            Stage::Naming => self.unnamed(failure),
            Stage::Opened | Stage::Arming | Stage::Keying | Stage::Keyed | Stage::Submitting => {
                payment.withdrawn.get_or_insert(reason(payment.stage, failure));
                self.note("capture.failing", format!("{failure:?}"));
                self.cancel_capture();
            }
            Stage::Charging | Stage::Resolving => self.settle(Settled::Unknown),
        }
        true
    }

    /// The payment gets no name: it never begins.
    fn unnamed(&mut self, failure: Failure) {
        let unanswered = self.payment.as_mut().and_then(|payment| payment.unanswered.take());
        let is_refused = failure == Failure::PaymentOpen;
        let reply = if is_refused { ApiReply::Refused(Missing::Capture) } else { ApiReply::Unavailable };
        self.reply(unanswered, reply);
        self.settle(Settled::Failed(reason(Stage::Naming, failure)));
        self.released();
    }
}

/// Why a payment is given up whose request failed, by the names that captures end with.
fn reason(stage: Stage, failure: Failure) -> &'static str {
    match failure {
        // Another call's payment of the account may yet be made.
        Failure::PaymentOpen => "payment_open",
        // The row is there; the vault got no connection.
        Failure::Late | Failure::Unavailable if stage == Stage::Submitting => "no_connection",
        Failure::Late | Failure::Unavailable | Failure::NotAcceptable | Failure::Full | Failure::NotDurable => {
            "unavailable"
        }
    }
}
