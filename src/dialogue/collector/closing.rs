//! The ways out. Each ends with a named disposition.

use std::time::Instant;

use super::payment::Purpose;
use super::{Collector, Phase, Postponed};
use crate::action::Action;
use crate::disposition::Disposition;
use crate::event::Interrupt;
use crate::hear::Interruption;
use crate::phrase::Phrase;

impl Collector {
    /// The caller said something that ends the conversation. While a card is being taken it waits for the outcome.
    pub(super) fn interruption(&mut self, now: Instant, interruption: Interruption) {
        match self.phase {
            Phase::Capturing(_) => self.postponed = Some(Postponed::Interruption(interruption)),
            Phase::Closing(_) | Phase::Ended => {}
            Phase::Opening
            | Phase::Identifying
            | Phase::Asking(_)
            | Phase::Verifying { .. }
            | Phase::Disclosing
            | Phase::Reading
            | Phase::Offering
            | Phase::Saving(_)
            | Phase::Introducing(_) => self.note(now, Vec::new(), interruption),
        }
    }

    /// What a capture came to is said before the note, because the note closes the guard.
    pub(super) fn note(&mut self, now: Instant, result: Vec<Phrase>, interruption: Interruption) {
        self.stop_listening();
        if !result.is_empty() {
            self.say(result);
        }
        self.actions.push_back(Action::Note(interruption));
        self.close(now, vec![Phrase::Noted(interruption)], interruption.into());
    }

    /// The conversation ends from outside it.
    pub(super) fn interrupted(&mut self, now: Instant, interrupt: Interrupt) {
        match (interrupt, &self.phase) {
            (Interrupt::HungUp, Phase::Closing(disposition)) => self.end(*disposition),
            (Interrupt::HungUp, _) => self.end(self.reached().unwrap_or(Disposition::HungUp)),
            (Interrupt::ShuttingDown | Interrupt::Failure, Phase::Capturing(_)) => {
                self.postponed = self.postponed.or(Some(Postponed::Interrupt(interrupt)));
            }
            (Interrupt::ShuttingDown | Interrupt::Failure, Phase::Closing(_)) => {}
            (Interrupt::ShuttingDown | Interrupt::Failure, _) => self.leave(now, Vec::new(), interrupt),
        }
    }

    pub(super) fn leave(&mut self, now: Instant, mut lines: Vec<Phrase>, interrupt: Interrupt) {
        let disposition = match interrupt {
            Interrupt::HungUp => Disposition::HungUp,
            Interrupt::ShuttingDown => Disposition::ShutDown,
            Interrupt::Failure => Disposition::Failure,
        };
        lines.push(Phrase::Apology);
        self.close(now, lines, self.reached().unwrap_or(disposition));
    }

    /// Something on our side failed or did not answer in time.
    pub(super) fn fail(&mut self, now: Instant) {
        self.leave(now, Vec::new(), Interrupt::Failure);
    }

    /// The account book does not answer. No figure is said that was not read.
    pub(super) fn close_unavailable(&mut self, now: Instant) {
        self.close(now, vec![Phrase::RecordsUnavailable], Disposition::Unavailable);
    }

    /// No answer came of the last wording of a question.
    pub(super) fn give_up(&mut self, now: Instant, heard_words: bool) {
        let (line, disposition) = if heard_words {
            (Phrase::NotUnderstood, Disposition::NotUnderstood)
        } else {
            (Phrase::NothingHeard, Disposition::NoResponse)
        };
        self.close(now, vec![line], self.reached().unwrap_or(disposition));
    }

    pub(super) fn close_with_summary(&mut self, now: Instant, mut lines: Vec<Phrase>) {
        let disposition = self.reached().unwrap_or(Disposition::NoAgreement);
        lines.push(match (self.payment.paid, self.saved) {
            (Some(Purpose::Full), _) => Phrase::SummaryPaid,
            (Some(Purpose::First) | None, Some(_)) => Phrase::SummaryPlan,
            (Some(Purpose::First) | None, None) => Phrase::SummaryNothing,
        });
        self.close(now, lines, disposition);
    }

    /// Says the last lines and good-bye; the end follows once they were played.
    pub(super) fn close(&mut self, now: Instant, mut lines: Vec<Phrase>, disposition: Disposition) {
        self.stop_listening();
        lines.push(Phrase::Goodbye);
        self.phase = Phase::Closing(disposition);
        self.deadline = Some(now + self.config.speech);
        self.say(lines);
    }

    pub(super) fn end(&mut self, disposition: Disposition) {
        self.stop_listening();
        self.phase = Phase::Ended;
        self.deadline = None;
        self.actions.push_back(Action::End(disposition));
    }

    /// What was agreed or paid already, however the call goes on.
    fn reached(&self) -> Option<Disposition> {
        match (self.payment.paid, self.saved) {
            (Some(Purpose::Full), _) => Some(Disposition::PaidInFull),
            (Some(Purpose::First), _) => Some(Disposition::ArrangedAndPaid),
            (None, Some(_)) => Some(Disposition::Arranged),
            (None, None) => None,
        }
    }
}
