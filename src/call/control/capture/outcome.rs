//! How a payment comes to its end: what the gate, the processor or the carrier says becomes what is kept and told.

use dialogue::Phrase;
use gate::{
    CaptureFailure, CaptureOutcome,
    wire::{FailReason, Held},
};

use super::super::{Call, Phase};
use super::{Payment, Settled, Stage, controls::failure_label};
use crate::{
    EndReason,
    api::{CaptureReply, News},
    port::{AuditEvent, PaidCard, PaymentState, Request},
};

impl Call {
    pub(super) fn outcome(&mut self, outcome: &CaptureOutcome) {
        if !self.payment.as_ref().is_some_and(Payment::is_open) {
            return;
        }
        let withdrawn = self.payment.as_ref().and_then(|payment| payment.withdrawn);
        // What the carrier may have submitted is not known any more without its word.
        if self.withdraw_from_carrier() {
            let goes_on = self.carrier_goes_on();
            self.resolve();
            if goes_on {
                self.close(EndReason::CaptureLapsed, vec![Phrase::Apology]);
            }
            return;
        }
        match *outcome {
            CaptureOutcome::Approved(Held { brand, last_four, token }, _) => {
                self.settle(Settled::Approved(PaidCard { token, brand, last_four }));
            }
            CaptureOutcome::Tokenised(held) => self.charge(held),
            CaptureOutcome::Declined(_) => self.settle(Settled::Declined),
            CaptureOutcome::Failed(CaptureFailure::Vault(FailReason::CancelledByCaller)) => {
                self.settle(Settled::Cancelled);
            }
            // Withdrawn by the gate or, once everything is keyed, by the vault: by a word, or because no connection came.
            CaptureOutcome::Failed(
                failure @ (CaptureFailure::Cancelled
                | CaptureFailure::Vault(FailReason::Withdrawn | FailReason::NoConnection)),
            ) => {
                if self.is_restarting() {
                    return self.note("capture.restarting", "its agent asked for a field again");
                }
                self.settle(Settled::Failed(withdrawn.unwrap_or(failure_label(failure))));
            }
            CaptureOutcome::Failed(failure) => self.settle(Settled::Failed(failure_label(failure))),
            // There was no connection that it could have been submitted by.
            CaptureOutcome::Unknown if self.is_keyed() => {
                self.settle(Settled::Failed(withdrawn.unwrap_or("not_submitted")));
            }
            CaptureOutcome::Unknown => self.resolve(),
        }
    }

    /// Whether everything is keyed, and its agent has yet to say that it is complete.
    fn is_keyed(&self) -> bool {
        self.payment.as_ref().is_some_and(|payment| payment.stage == Stage::Keyed)
    }

    /// The processor keeps the card, and nothing is charged yet: it is charged by its token.
    fn charge(&mut self, held: Held) {
        let Some(payment) = self.payment.as_mut() else { return };
        payment.stage = Stage::Charging;
        let Some(id) = payment.id else { return };
        self.note("capture.tokenised", held.brand.name());
        self.ask_for_payment(Request::ChargePayment { payment: id, held });
    }

    /// The answer was lost: read the payment's id at the processor, never submit again.
    pub(super) fn resolve(&mut self) {
        let Some(payment) = self.payment.as_mut().filter(|payment| payment.stage != Stage::Resolving) else { return };
        payment.stage = Stage::Resolving;
        let Some(id) = payment.id else { return };
        self.note("capture.resolving", "the answer was lost");
        self.audit(AuditEvent::PaymentUnknown { payment: id });
        self.ask_for_payment(Request::ResolvePayment { payment: id });
    }

    pub(super) fn resolved(&mut self, state: PaymentState, card: Option<PaidCard>) {
        match (state, card) {
            (PaymentState::Approved, Some(card)) => self.settle(Settled::Approved(card)),
            (PaymentState::HandedOn, Some(card)) => self.settle(Settled::HandedOn(card)),
            (PaymentState::Declined, _) => self.settle(Settled::Declined),
            (PaymentState::Abandoned, _) => self.settle(Settled::Failed("not_submitted")),
            (PaymentState::Approved | PaymentState::HandedOn, None)
            | (PaymentState::Submitted | PaymentState::Tokenised | PaymentState::Charging | PaymentState::Unknown, _) =>
            {
                self.settle(Settled::Unknown);
            }
        }
    }

    /// The call ends and learns no more of how its payment does. What may have been submitted is read later; of anything else
    /// nothing is left but to say that it ended.
    pub(in super::super) fn settle_unheard(&mut self) {
        let Some(payment) = self.payment.as_ref().filter(|payment| payment.is_open()) else { return };
        let settled = if payment.is_submitted() || payment.is_with_carrier() {
            Settled::Unknown
        } else {
            Settled::Failed(payment.withdrawn.unwrap_or("expired"))
        };
        self.settle(settled);
    }

    pub(super) fn settle(&mut self, settled: Settled) {
        let Some(payment) = self.payment.as_mut().filter(|payment| payment.outcome.is_none()) else { return };
        payment.outcome = Some(settled);
        let (id, amount, method) = (payment.id, payment.amount, payment.terms.method);
        let released = payment.released;
        payment.progress = None;
        let (reply, receipt) = (payment.reply(), payment.receipt.clone());
        let submitted = payment.carried.is_some() || matches!(payment.stage, Stage::Submitting | Stage::Resolving);
        // Who charges writes the record, in one piece with the outcome.
        let recorded = payment.stage == Stage::Charging;
        self.note("capture.settled", settled.label());
        if let CaptureReply::Approved { brand, last_four, .. } = &reply {
            self.note("capture.card", format!("{brand} {last_four}"));
        }
        self.audit(AuditEvent::CaptureEnded { capture: id, outcome: settled.label() });
        if let Some(id) = id {
            if submitted {
                self.ask(Request::MarkPayment { payment: id, state: settled.state() });
            }
            if !recorded {
                self.record_payment(id, amount, method, &settled, receipt.as_ref());
            }
        }
        self.tell(News::Ended(reply));
        if released {
            self.tell_outcome(&settled);
        }
        if self.phase == Phase::Recording {
            self.write_records();
        }
    }
}
