//! A payment by card: the whole balance, or the first payment of a saved plan.

use std::time::Instant;

use rules::money::Money;

use super::{Collector, Phase, Postponed};
use crate::action::Action;
use crate::disposition::Disposition;
use crate::event::CaptureOutcome;
use crate::grammar::Understood;
use crate::phrase::{Phrase, Question};

/// Captures that are started for one payment.
const MOST_CAPTURES: u8 = 2;

/// What is being paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The whole balance.
    Full,
    /// The first payment of the saved plan.
    First,
}

/// What was paid so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    captures: u8,
    pub(super) paid: Option<Purpose>,
    purpose: Option<Purpose>,
}

impl Collector {
    pub(super) fn first_payment_answered(&mut self, now: Instant, answer: &Understood) {
        if *answer == Understood::Yes {
            self.introduce_capture(now, Purpose::First);
        } else {
            self.close_with_summary(now, Vec::new());
        }
    }

    pub(super) fn retry_answered(&mut self, now: Instant, answer: &Understood) {
        match (answer, self.payment.purpose) {
            (Understood::Yes, Some(purpose)) => self.introduce_capture(now, purpose),
            _ => self.close_with_summary(now, Vec::new()),
        }
    }

    /// Says what comes; the capture starts once that was played.
    pub(super) fn introduce_capture(&mut self, now: Instant, purpose: Purpose) {
        let Some(amount) = self.charge(purpose) else { return self.fail(now) };
        self.stop_listening();
        self.phase = Phase::Introducing(purpose);
        self.deadline = Some(now + self.config.speech);
        self.say(vec![Phrase::CardIntroduction { amount }]);
    }

    pub(super) fn start_capture(&mut self, now: Instant, purpose: Purpose) {
        let Some(amount) = self.charge(purpose) else { return self.fail(now) };
        self.payment.captures += 1;
        self.payment.purpose = Some(purpose);
        self.phase = Phase::Capturing(purpose);
        self.deadline = Some(now + self.config.capture);
        self.actions.push_back(Action::StartCapture { amount });
    }

    pub(super) fn captured(&mut self, now: Instant, outcome: &CaptureOutcome) {
        let Phase::Capturing(purpose) = self.phase else { return };
        let line = match outcome {
            CaptureOutcome::Approved { brand, last_four } => {
                self.payment.paid = Some(purpose);
                self.charge(purpose).map(|amount| Phrase::PaymentApproved {
                    amount,
                    brand: *brand,
                    last_four: last_four.clone(),
                })
            }
            CaptureOutcome::Declined => Some(Phrase::PaymentDeclined),
            CaptureOutcome::Failed => Some(Phrase::PaymentFailed),
            CaptureOutcome::Cancelled => None,
            CaptureOutcome::Unknown => Some(Phrase::PaymentUnknown),
        };
        let lead: Vec<Phrase> = line.into_iter().collect();
        match (self.postponed.take(), outcome) {
            (Some(Postponed::Interruption(interruption)), _) => self.note(now, lead, interruption),
            (Some(Postponed::Interrupt(interrupt)), _) => self.leave(now, lead, interrupt),
            (None, CaptureOutcome::Approved { .. }) => self.close_with_summary(now, lead),
            (None, CaptureOutcome::Unknown) => self.close(now, lead, Disposition::PaymentUnknown),
            (None, CaptureOutcome::Declined | CaptureOutcome::Failed | CaptureOutcome::Cancelled) => {
                self.offer_another_try(now, lead);
            }
        }
    }

    fn offer_another_try(&mut self, now: Instant, lead: Vec<Phrase>) {
        if self.payment.captures < MOST_CAPTURES {
            self.ask(now, lead, Question::TryCardAgain);
        } else {
            self.close_with_summary(now, lead);
        }
    }

    /// What a payment charges; `None` where there is nothing to charge, which no path leads to.
    fn charge(&self, purpose: Purpose) -> Option<Money> {
        match purpose {
            Purpose::Full => self.facts.as_ref().map(|facts| facts.balance),
            Purpose::First => self.saved.as_ref().and_then(crate::phrase::Plan::first_payment),
        }
    }
}
