//! From the INVITE to the moment an agent may talk.

use std::sync::Arc;

use audio::SegmentId;
use book::{LookUp, LookupKey};
use dialogue::{Phrase, What};
use jiff::SignedDuration;

use super::{Agent, Call, Output, Phase, SinkKind, reading};
use crate::{
    EndReason,
    media::{Delivery, LegCommand},
    mouth::{Finished, Purpose},
    port::{AuditEvent, Failure, Prompt, Proof, Request, Ticket},
};

/// One sample at 8 kHz, in microseconds.
const SAMPLE_MICROS: i64 = 125;

/// What an answer waits for.
#[derive(Default)]
pub(super) struct SetUp {
    prepared: bool,
    notices: Option<(Ticket, Vec<Phrase>)>,
    rendered: Option<Vec<Arc<Prompt>>>,
}

impl Call {
    pub(super) fn begin(&mut self) {
        self.note("invited", self.invitation.trunk.clone());
        self.outputs.push_back(Output::Ring);
        let (attempt, compliance) = self.attempt_so_far();
        self.ask(Request::Prepare { attempt: Box::new(attempt), compliance: Box::new(compliance) });
        let notices = Phrase::notices(&self.settings.business).to_vec();
        let ticket = self.ask(Request::Prompts(notices.clone()));
        self.set_up.notices = Some((ticket, notices));
        self.look_up_caller();
    }

    /// Asks for the account of the caller's number, where there is one.
    pub(super) fn look_up_caller(&mut self) {
        if let Some(number) = self.invitation.caller.clone() {
            let ticket = self.ask(Request::LookUp(LookupKey::Number(number)));
            self.matter.expect(ticket, self.now);
        }
    }

    pub(super) fn prepared(&mut self) {
        if self.phase != Phase::SettingUp {
            return;
        }
        self.set_up.prepared = true;
        self.facts.journalled = true;
        self.answer_if_ready();
    }

    pub(super) fn rendered(&mut self, ticket: Ticket, prompts: Vec<Arc<Prompt>>) {
        if self.set_up.notices.as_ref().is_some_and(|(notices, _)| *notices == ticket) {
            self.set_up.rendered = Some(prompts);
            self.answer_if_ready();
            return;
        }
        let segments = self.mouth.rendered(ticket, prompts);
        self.play(segments);
    }

    fn answer_if_ready(&mut self) {
        if self.phase != Phase::SettingUp || !self.set_up.prepared || self.set_up.rendered.is_none() {
            return;
        }
        self.phase = Phase::Answered;
        self.deadline = None;
        self.facts.answered_at = Some(self.wall());
        let took = self.now.saturating_duration_since(self.began);
        self.note_taking("answered", "", Some(took));
        self.audit(AuditEvent::CallStarted);
        self.outputs.push_back(Output::Answer);
        self.outputs.push_back(Output::Leg(LegCommand::BeginHandshake));
    }

    pub(super) fn acknowledged(&mut self) {
        if self.phase != Phase::Answered {
            return;
        }
        let (Some((ticket, phrases)), Some(prompts)) = (self.set_up.notices.take(), self.set_up.rendered.take()) else {
            return;
        };
        self.phase = Phase::Opening;
        self.note("acknowledged", "");
        self.mouth.say(ticket, Purpose::Opening, phrases);
        let segments = self.mouth.rendered(ticket, prompts);
        self.play(segments);
    }

    pub(super) fn started(&mut self, id: SegmentId) {
        if let Some(name) = self.mouth.name(id) {
            self.note("prompt.started", name);
        }
    }

    /// A segment was sent to its last sample: the only thing that counts as said.
    pub(super) fn finished(&mut self, delivery: &Delivery) {
        let Some(finished) = self.mouth.over(delivery.id) else { return };
        self.note("prompt.finished", finished.prompt.name);
        if let Some(disclosure) = finished.phrase.disclosure() {
            self.guard.played(disclosure);
            self.facts.disclosed(disclosure, self.wall());
            self.prove(&finished, delivery.samples, Some(*delivery));
            self.progress();
        }
        if let Phrase::ReadBackPlan(plan) = &finished.phrase {
            self.matter.read_back_played(plan);
        }
        self.said(&finished);
    }

    /// A segment was cut: it does not count as said.
    pub(super) fn interrupted(&mut self, id: SegmentId, played: u64, total: u64) {
        let Some(finished) = self.mouth.over(id) else { return };
        self.note("prompt.interrupted", format!("{} {played}/{total} samples", finished.prompt.name));
        if let Some(disclosure) = finished.phrase.disclosure() {
            if played > 0 {
                self.facts.cut(disclosure, self.wall());
            }
            self.prove(&finished, played, None);
            self.progress();
        }
        self.said(&finished);
    }

    fn prove(&mut self, finished: &Finished, samples: u64, delivery: Option<Delivery>) {
        let ended_at = self.wall();
        let length = SignedDuration::from_micros(i64::try_from(samples).unwrap_or_default() * SAMPLE_MICROS);
        self.audit(AuditEvent::Proof(Proof {
            prompt: Arc::clone(&finished.prompt),
            samples_sent: samples,
            delivery,
            started_at: ended_at.checked_sub(length).unwrap_or(ended_at),
            ended_at,
        }));
    }

    fn said(&mut self, finished: &Finished) {
        match finished.purpose {
            Purpose::Opening if finished.last => self.opened(),
            Purpose::Disclosure if finished.last => self.disclosed(),
            Purpose::Collector if finished.last => self.collector_said(),
            Purpose::Transfer if finished.last => self.announced(),
            Purpose::Opening
            | Purpose::Disclosure
            | Purpose::Collector
            | Purpose::Capture(_)
            | Purpose::Aside
            | Purpose::Transfer
            | Purpose::Farewell => {}
        }
        if self.phase == Phase::Closing && self.mouth.is_quiet() {
            self.hang_up();
        }
    }

    /// The notices are over. Only now does caller audio go anywhere.
    fn opened(&mut self) {
        if self.phase != Phase::Opening {
            return;
        }
        if let Err(missing) = self.guard.permits(What::CallerAudio) {
            self.note("guard.blocked", missing.code());
            return self.close(EndReason::AgentFailed, vec![Phrase::Apology]);
        }
        self.phase = Phase::Talking;
        self.note("opened", "caller audio flows from here");
        self.consider_recording();
        match self.agent {
            Agent::Collector(_) => {
                self.outputs.push_back(Output::Attach(SinkKind::Agent));
                self.collector_event(dialogue::Event::Opened);
            }
            Agent::Stream(_) => self.connect_bot(),
            Agent::Echo => self.outputs.push_back(Output::Leg(LegCommand::Echo(true))),
        }
    }

    /// Says the Mini-Miranda; the agent is mute until it is over.
    pub(super) fn disclose(&mut self) {
        self.outputs.push_back(Output::Leg(LegCommand::MuteAgent(true)));
        self.say(Purpose::Disclosure, vec![Phrase::MiniMiranda]);
    }

    fn disclosed(&mut self) {
        self.outputs.push_back(Output::Leg(LegCommand::MuteAgent(false)));
        match self.agent {
            Agent::Collector(_) => self.collector_event(dialogue::Event::Disclosed),
            Agent::Stream(_) | Agent::Echo => self.note("disclosed", ""),
        }
    }

    pub(super) fn looked_up(&mut self, ticket: Ticket, found: LookUp) {
        let took = self.matter.took(ticket, self.now);
        let result = match found {
            LookUp::Found(_) => "found",
            LookUp::Nothing => "not found",
            LookUp::Several => "several",
        };
        self.note_taking("account.looked_up", result, took);
        self.matter.settle(ticket, found, self.today(), &self.settings.calendar);
        self.consider_recording();
        self.progress();
        self.identified();
    }

    pub(super) fn failed(&mut self, ticket: Ticket, failure: Failure) {
        self.note("request.failed", format!("{failure:?}"));
        if self.phase == Phase::SettingUp && !self.matter.awaits(ticket) {
            let reason = if failure == Failure::NotDurable { EndReason::NotDurable } else { EndReason::SetUpFailed };
            return self.refuse(reason);
        }
        if self.matter.awaits(ticket) {
            self.matter.unanswered(ticket);
            return self.identified();
        }
        if self.reading.awaits(ticket) {
            return self.reading_over(reading::Found::Unavailable);
        }
        if let Some((purpose, freed)) = self.mouth.failed(ticket) {
            self.play(freed);
            return self.unspoken(purpose);
        }
        if self.record_failed(ticket) || self.payment_request_failed(ticket, failure) {
            return;
        }
        self.note("request.unclaimed", "");
    }

    /// A line could not be rendered.
    fn unspoken(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Farewell => self.hang_up(),
            Purpose::Opening | Purpose::Disclosure | Purpose::Collector => {
                self.close(EndReason::AgentFailed, vec![Phrase::Apology]);
            }
            Purpose::Capture(_) => self.cancel_capture(),
            // It goes on without words.
            Purpose::Transfer => self.announced(),
            // The bot talks on.
            Purpose::Aside => {}
        }
    }

    pub(super) fn refuse(&mut self, reason: EndReason) {
        self.note("refused", reason.label());
        self.ending = Some(reason);
        self.outputs.push_back(Output::Refuse);
        self.abandon();
    }
}
