//! What a payment asks of the world. An answer counts for the payment that asked for it, and for no later one.

use super::super::Call;
use crate::port::{Reply, Request, Ticket};

impl Call {
    /// Asks for something of the payment under way, and awaits the answer.
    pub(super) fn ask_for_payment(&mut self, request: Request) -> Ticket {
        let ticket = self.ask(request);
        if let Some(payment) = self.payment.as_mut() {
            payment.awaited.insert(ticket);
        }
        ticket
    }

    /// Whether the newest payment awaited this answer: then it does so no longer.
    pub(super) fn was_awaited(&mut self, ticket: Ticket) -> bool {
        self.payment.as_mut().is_some_and(|payment| payment.awaited.remove(&ticket))
    }

    /// Takes what the world answers to a payment.
    pub(in super::super) fn payment_answered(&mut self, ticket: Ticket, reply: Reply) {
        if !self.was_awaited(ticket) {
            return self.note("reply.ignored", "of a payment that is over");
        }
        match reply {
            Reply::PaymentNamed { payment, host } => self.payment_named(payment, &host),
            Reply::CaptureOpened(socket) => self.capture_opened(socket),
            Reply::Connected => self.note("capture.connected", ""),
            Reply::Carried => self.carrier_obeyed(),
            Reply::Resolved(state, card) => self.resolved(state, card),
            Reply::Prepared | Reply::Account(_) | Reply::Prompts(_) | Reply::Stored | Reply::Failed(_) => {}
        }
    }
}
