//! How a call ends: last words, BYE, records, audit, done.

use dialogue::{Disposition, Phrase};

use super::{Agent, CAPTURE_END, Call, FAREWELL_DEADLINE, Output, Phase, RECORDS_DEADLINE};
use crate::{EndReason, media::LegCommand, mouth::Purpose};

impl Call {
    /// Ends the call after `farewell`, or after what is being said where it is empty.
    pub(super) fn close(&mut self, reason: EndReason, farewell: Vec<Phrase>) {
        match self.phase {
            Phase::SettingUp => return self.refuse(reason),
            Phase::Answered | Phase::Opening => return self.close_unheard(reason),
            Phase::Talking => {}
            Phase::Closing | Phase::Recording | Phase::Done => return,
        }
        self.ending = Some(reason);
        self.phase = Phase::Closing;
        self.note("closing", reason.label());
        self.dismiss_agent();
        self.deadline = Some(self.now + FAREWELL_DEADLINE);
        let farewell: Vec<_> = farewell.into_iter().filter(|phrase| self.guard.may_say(phrase).is_ok()).collect();
        if !farewell.is_empty() {
            self.say(Purpose::Farewell, farewell);
        } else if self.mouth.is_quiet() {
            self.hang_up();
        }
    }

    /// Ends a call that has heard nothing yet: no word may come before the opening.
    fn close_unheard(&mut self, reason: EndReason) {
        self.ending = Some(reason);
        self.note("closing", reason.label());
        self.hang_up();
    }

    pub(super) fn dismiss_agent(&mut self) {
        self.abandon_transfer();
        // What was thrown away to be keyed anew is not keyed any more.
        self.withdraw_restart();
        self.cancel_capture();
        match &self.agent {
            Agent::Collector(_) => self.stop_listening(),
            Agent::Stream(_) => {
                self.outputs.push_back(Output::Leg(LegCommand::Clear { generation: audio::Generation(u64::MAX) }));
                self.outputs.push_back(Output::CloseBot);
            }
            Agent::Echo => self.outputs.push_back(Output::Leg(LegCommand::Echo(false))),
        }
        let freed = self.mouth.forget(|purpose| purpose == Purpose::Collector);
        self.play(freed);
    }

    /// The dialog is over already: nothing can be said any more.
    pub(super) fn lost(&mut self, reason: EndReason) {
        match self.phase {
            Phase::SettingUp => {
                self.ending = Some(reason);
                self.note("lost", reason.label());
                self.abandon();
            }
            Phase::Answered | Phase::Opening | Phase::Talking => {
                self.ending = Some(reason);
                self.note("lost", reason.label());
                if let Some(payment) = self.payment.as_mut().filter(|_| reason == EndReason::CallerHungUp) {
                    payment.withdrawn.get_or_insert("hung_up");
                }
                self.dismiss_agent();
                self.conclude();
            }
            Phase::Closing => self.conclude(),
            Phase::Recording | Phase::Done => {}
        }
    }

    pub(super) fn hang_up(&mut self) {
        if matches!(self.phase, Phase::Recording | Phase::Done) {
            return;
        }
        let reason = self.ending.unwrap_or(EndReason::Completed);
        self.outputs.push_back(Output::HangUp(reason));
        self.conclude();
    }

    /// The talk is over. A capture that still runs says how it ended first; then the records are written.
    fn conclude(&mut self) {
        self.phase = Phase::Recording;
        self.facts.ended_at = Some(self.wall());
        self.note("hung_up", self.ending.map_or("", EndReason::label));
        self.outputs.push_back(Output::Leg(LegCommand::Close));
        if self.payment.as_ref().is_some_and(super::Payment::is_open) {
            self.deadline = Some(self.now + CAPTURE_END);
        } else {
            self.write_records();
        }
    }

    /// Records took too long, or a capture did not say how it ended.
    pub(super) fn records_overdue(&mut self) {
        if self.facts.written {
            self.note("records.late", "the store keeps trying");
            return self.finish();
        }
        self.write_records();
    }

    /// Writes the attempt and the compliance record, once.
    pub(super) fn write_records(&mut self) {
        if std::mem::replace(&mut self.facts.written, true) {
            return;
        }
        self.deadline = Some(self.now + RECORDS_DEADLINE);
        self.settle_unheard();
        self.conclude_records();
        self.finish_if_recorded();
    }

    pub(super) fn finish_if_recorded(&mut self) {
        if self.phase == Phase::Recording && self.facts.written && self.facts.pending.is_empty() {
            self.finish();
        }
    }

    /// Ends a call that was never answered. What was journalled of it is ended too.
    pub(super) fn abandon(&mut self) {
        if self.facts.journalled {
            self.conclude();
        } else {
            self.finish();
        }
    }

    pub(super) fn finish(&mut self) {
        if self.phase == Phase::Done {
            return;
        }
        let reason = self.ending.unwrap_or(EndReason::Completed);
        self.phase = Phase::Done;
        self.deadline = None;
        self.note("ended", reason.label());
        self.outputs.push_back(Output::Done(reason));
    }

    /// How the conversation ended, by the agent's word or by what happened.
    pub(super) fn disposition(&self) -> Disposition {
        self.facts.disposition.unwrap_or(match self.ending {
            Some(EndReason::CallerHungUp | EndReason::Cancelled) => Disposition::HungUp,
            Some(EndReason::Transferred) => Disposition::Transferred,
            Some(EndReason::Drained | EndReason::Requested) => Disposition::ShutDown,
            Some(
                EndReason::Completed
                | EndReason::AckTimeout
                | EndReason::SetUpFailed
                | EndReason::NotDurable
                | EndReason::MediaTimeout
                | EndReason::HandshakeFailed
                | EndReason::AgentFailed
                | EndReason::CaptureLapsed
                | EndReason::LongestCall
                | EndReason::Interrupted,
            )
            | None => Disposition::Failure,
        })
    }
}
