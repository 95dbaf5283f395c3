//! The embedded collector at work: its actions carried out, its questions answered, nothing said that the guard forbids.

use std::time::{Duration, Instant};

use book::{LookupKey, Reference};
use dialogue::{
    Action, Answer, CaptureOutcome, Claim, Collector, CollectorConfig, Event, Finding, GrammarId, Heard, Identity,
    KeyPlan, KeyRun, LookUp, Phrase, Plan, Wanted, What,
};
use gate::{Collect, CollectEnd, Collected, MenuKey, SpeechEdge};
use zeroize::{Zeroize, Zeroizing};

use super::{Agent, Call, Output, Phase, reading::Errand};
use crate::{
    EndReason,
    media::LegCommand,
    mouth::Purpose,
    port::{AuditEvent, Request, Ticket},
};

/// A pause after a key that ends a collect.
const KEY_PAUSE: Duration = Duration::from_secs(3);
/// How long a collect waits for its first key. The recogniser gives up earlier.
const KEY_PATIENCE: Duration = Duration::from_secs(60);

/// The collector and what it waits for.
pub(super) struct Scripted {
    core: Collector,
    keys: Zeroizing<String>,
    listening: bool,
    asked_by_number: bool,
    saving: Option<(Ticket, Plan)>,
}

impl Scripted {
    pub(super) fn new(seed: u64, now: Instant) -> Self {
        Self {
            core: Collector::new(CollectorConfig::default(), seed, now),
            keys: Zeroizing::new(String::with_capacity(dialogue::digits::MAX_DIGITS)),
            listening: false,
            asked_by_number: false,
            saving: None,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.core.poll_timeout()
    }
}

impl Call {
    /// Tells the collector, and does what it then wants.
    pub(super) fn collector_event(&mut self, event: Event) {
        let now = self.hold.clock(self.now);
        let Agent::Collector(scripted) = &mut self.agent else { return };
        if self.phase != Phase::Talking {
            return;
        }
        scripted.core.handle_event(now, event);
        self.collector_actions();
    }

    pub(super) fn agent_due(&mut self) {
        let now = self.hold.clock(self.now);
        match &mut self.agent {
            Agent::Collector(scripted) if scripted.core.poll_timeout().is_some_and(|due| due <= now) => {
                scripted.core.handle_timeout(now);
                self.collector_actions();
            }
            Agent::Collector(_) | Agent::Echo => {}
            Agent::Stream(_) => self.stream_due(),
        }
    }

    fn collector_actions(&mut self) {
        while self.phase == Phase::Talking {
            let Agent::Collector(scripted) = &mut self.agent else { return };
            let Some(action) = scripted.core.poll_output() else { return };
            self.collector_action(action);
        }
    }

    fn collector_action(&mut self, action: Action) {
        match action {
            Action::Say(phrases) => self.collector_says(phrases),
            Action::Listen { grammar, keys } => self.listen(grammar, keys),
            Action::StopListening => self.stop_listening(),
            Action::Identify(look_up) => self.identify(look_up),
            Action::Verify(claim) => {
                let answer = self.verify(&claim);
                self.collector_event(Event::Verified(answer));
            }
            Action::Disclose => self.disclose(),
            Action::AskFacts => self.once_current(Errand::Tell),
            Action::RequestOffer(wanted) => self.offer(wanted),
            Action::SaveArrangement(plan) => self.once_current(Errand::Save(plan)),
            Action::StartCapture { .. } if self.is_handing_over() => {
                self.note("capture.refused", "the caller is being handed over");
                self.collector_event(Event::Captured(CaptureOutcome::Failed));
            }
            Action::StartCapture { amount } => self.start_capture(amount),
            Action::Note(interruption) => self.note_interruption(interruption),
            Action::End(disposition) => {
                self.facts.disposition = Some(disposition);
                self.close_unless_transferred(EndReason::Completed, Vec::new());
            }
        }
    }

    fn collector_says(&mut self, phrases: Vec<Phrase>) {
        if let Some(missing) = phrases.iter().find_map(|phrase| self.guard.may_say(phrase).err()) {
            self.note("guard.blocked", missing.code());
            self.audit(AuditEvent::ControlFailed { control: "guard_blocked" });
            return self.close(EndReason::AgentFailed, vec![Phrase::Apology]);
        }
        self.say(Purpose::Collector, phrases);
    }

    pub(super) fn collector_said(&mut self) {
        self.collector_event(Event::Said);
    }

    fn listen(&mut self, grammar: GrammarId, keys: KeyPlan) {
        if let Agent::Collector(scripted) = &mut self.agent {
            scripted.keys.zeroize();
            scripted.listening = true;
        }
        self.outputs.push_back(Output::Listen(grammar));
        self.outputs.push_back(Output::Leg(LegCommand::Collect(Collect {
            purpose: purpose(grammar),
            max_keys: keys.max_keys,
            terminator: Some('#'),
            pause: KEY_PAUSE,
            patience: KEY_PATIENCE,
        })));
    }

    pub(super) fn stop_listening(&mut self) {
        let Agent::Collector(scripted) = &mut self.agent else { return };
        if !std::mem::take(&mut scripted.listening) {
            return;
        }
        scripted.keys.zeroize();
        self.outputs.push_back(Output::StopListening);
        self.outputs.push_back(Output::Leg(LegCommand::EndCollect));
    }

    pub(super) fn heard(&mut self, heard: Option<String>, finding: Option<Finding>, took: Duration) {
        let Agent::Collector(scripted) = &mut self.agent else { return };
        if !scripted.listening || !scripted.keys.is_empty() {
            return;
        }
        if self.hold.is_on() {
            // Music or another person. The collector asks again when the caller is back.
            return self.note_taking("caller.heard", "on hold", Some(took));
        }
        self.note_taking("caller.heard", if heard.is_some() { "speech" } else { "nothing" }, Some(took));
        self.stop_listening();
        let is_number = finding.is_some_and(Finding::is_number);
        let words = if is_number { Heard::LongNumber } else { Heard::Text };
        self.collector_event(Event::Heard(heard.map_or(Heard::Nothing, words)));
    }

    pub(super) fn speech(&mut self, edge: SpeechEdge) {
        if edge == SpeechEdge::Started && self.phase == Phase::Talking && !self.hold.is_on() {
            self.note("caller.speech", "");
            self.spoken_in_capture();
            self.collector_event(Event::SpeechStarted);
        }
    }

    pub(super) fn key(&mut self, key: MenuKey) {
        match &mut self.agent {
            Agent::Stream(_) => self.outputs.push_back(Output::BotKey(key)),
            Agent::Collector(scripted) if scripted.listening => {
                if scripted.keys.is_empty() {
                    self.outputs.push_back(Output::StopListening);
                }
                scripted.keys.push(key.key());
            }
            Agent::Collector(_) | Agent::Echo => {}
        }
    }

    pub(super) fn collected(&mut self, collected: Collected) {
        let Agent::Collector(scripted) = &mut self.agent else { return };
        if !scripted.listening {
            return;
        }
        match collected.end {
            CollectEnd::Withdrawn | CollectEnd::NoKeys => return,
            CollectEnd::Full | CollectEnd::Terminated | CollectEnd::Paused | CollectEnd::Overrun => {}
        }
        let run = KeyRun::from_keys(scripted.keys.chars());
        scripted.keys.zeroize();
        self.note("caller.keyed", format!("{} keys", collected.keys));
        self.stop_listening();
        self.collector_event(Event::Keys(run));
    }

    fn identify(&mut self, look_up: LookUp) {
        match look_up {
            LookUp::CallerNumber => {
                if let Agent::Collector(scripted) = &mut self.agent {
                    scripted.asked_by_number = true;
                }
                if self.invitation.caller.is_none() {
                    self.collector_event(Event::Identified(Identity::Unknown));
                } else {
                    self.identified();
                }
            }
            LookUp::Reference(reference) => {
                let Ok(reference) = Reference::parse(reference.as_str()) else {
                    return self.collector_event(Event::Identified(Identity::Unknown));
                };
                let ticket = self.ask(Request::LookUp(LookupKey::Reference(reference)));
                self.matter.by_reference();
                self.matter.expect(ticket, self.now);
            }
        }
    }

    /// A look-up is over, or was over before the collector asked.
    pub(super) fn identified(&mut self) {
        let Agent::Collector(scripted) = &mut self.agent else { return };
        if !scripted.asked_by_number {
            return;
        }
        if let Some(identity) = self.matter.identity() {
            self.collector_event(Event::Identified(identity));
        }
    }

    /// Judges a claim for the collector or a bot.
    pub(super) fn verify(&mut self, claim: &Claim) -> Answer {
        let answer = self.matter.claim(claim).unwrap_or(Answer::NoMatch);
        let factor = claim.factor().map_or("name".to_owned(), |factor| format!("{factor:?}"));
        self.note("verification", format!("{factor}: {answer:?}"));
        if answer != Answer::Match {
            self.audit(AuditEvent::VerificationFailed);
        }
        if self.matter.is_verified() && !self.guard.is_verified() {
            self.guard.verified();
            self.facts.verified_at = Some(self.wall());
            self.note("verified", "right party");
            self.audit(AuditEvent::Verified);
            self.progress();
            self.read_account();
        }
        answer
    }

    pub(super) fn tell_facts(&mut self) {
        match (self.guard.permits(What::DebtFacts), self.matter.facts()) {
            (Ok(()), Some(facts)) => {
                self.audit(AuditEvent::FactsDisclosed);
                self.collector_event(Event::Facts(facts));
            }
            (Err(_), _) | (_, None) => self.close(EndReason::AgentFailed, vec![Phrase::Apology]),
        }
    }

    fn offer(&mut self, wanted: Wanted) {
        let permitted = self.guard.permits(What::Negotiation).is_ok();
        match self.matter.negotiation().filter(|_| permitted) {
            Some(negotiation) => {
                let answer = negotiation.ask(wanted);
                self.note("offer", format!("{answer:?}"));
                self.collector_event(Event::Offer(answer));
            }
            None => self.close(EndReason::AgentFailed, vec![Phrase::Apology]),
        }
    }

    pub(super) fn save_for_collector(&mut self, plan: Plan) {
        let saved = self.save_arrangement(&plan);
        if let (Some(ticket), Agent::Collector(scripted)) = (saved, &mut self.agent) {
            scripted.saving = Some((ticket, plan));
        } else {
            self.collector_event(Event::SaveFailed);
        }
    }

    /// A record is durable, or is not to be had: whether the collector was waiting for it.
    pub(super) fn arrangement_settled(&mut self, ticket: Ticket, saved: bool) -> bool {
        let Agent::Collector(scripted) = &mut self.agent else { return false };
        if scripted.saving.as_ref().is_none_or(|(saving, _)| *saving != ticket) {
            return false;
        }
        scripted.saving = None;
        self.collector_event(if saved { Event::Saved } else { Event::SaveFailed });
        true
    }
}

/// What keys are for while this is listened for, as the gate's audit names it.
fn purpose(grammar: GrammarId) -> gate::Purpose {
    match grammar {
        GrammarId::YesNo | GrammarId::Name | GrammarId::PayInFull | GrammarId::AcceptPlan => gate::Purpose::Choice,
        GrammarId::DateOfBirth => gate::Purpose::Date,
        GrammarId::Reference | GrammarId::LastFour => gate::Purpose::AccountReference,
        GrammarId::PostalCode => gate::Purpose::PostalCode,
        GrammarId::PlanTerms => gate::Purpose::Amount,
    }
}
