//! The scripted collector: deterministic, one question at a time.
//!
//! ```text
//! opening ─▶ identify ─▶ name ─▶ verify ─▶ disclose ─▶ account ─▶ request ─┬─▶ pay in full ───────────┐
//!                                                                          └─▶ negotiate ─▶ confirm ─▶ │
//!                                                                              save ─▶ pay the first ──┴─▶ close
//! ```
//!
//! What can be said at any time leads from every state to its fixed line and to the close.

mod account;
mod asking;
mod closing;
mod filler;
mod identity;
mod payment;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use self::asking::Asking;
use self::payment::Purpose;
use crate::action::{Action, LookUp};
use crate::disposition::Disposition;
use crate::event::{CaptureOutcome, Event, Facts, Heard, Interrupt};
use crate::grammar::{GrammarId, Understood};
use crate::hear::Interruption;
use crate::phrase::{Phrase, Plan, Wording};
use crate::verification::Factor;

/// How long the collector waits for each thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectorConfig {
    /// From the end of a question to the caller's first sound.
    pub silence: Duration,
    /// From the caller's first sound to what was heard.
    pub utterance: Duration,
    /// For all lines of one turn to be played, the required statements included.
    pub speech: Duration,
    /// For the call to answer a request.
    pub reply: Duration,
    /// When the caller is told, while the account book is asked, that it takes a moment.
    pub fillers: [Duration; 2],
    /// For a whole card capture.
    pub capture: Duration,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(7),
            utterance: Duration::from_secs(20),
            speech: Duration::from_secs(60),
            reply: Duration::from_secs(5),
            fillers: [Duration::from_millis(600), Duration::from_millis(1_400)],
            capture: Duration::from_secs(600),
        }
    }
}

/// Where the conversation is.
#[derive(Debug)]
enum Phase {
    /// The notices are being played by the call.
    Opening,
    /// An account is being looked up.
    Identifying,
    /// A question was put.
    Asking(Asking),
    /// A claim is being judged: the name, or a factor asked this often.
    Verifying { factor: Option<Factor>, is_second_try: bool },
    /// The Mini-Miranda is being played by the call.
    Disclosing,
    /// The facts are being read.
    Reading,
    /// An offer is being found.
    Offering,
    /// The plan is being saved.
    Saving(Plan),
    /// The lines before a card capture are being played.
    Introducing(Purpose),
    /// A card is being taken.
    Capturing(Purpose),
    /// The last lines are being played.
    Closing(Disposition),
    /// Over.
    Ended,
}

/// Something that has to wait until a capture is over.
#[derive(Clone, Copy, Debug)]
enum Postponed {
    Interruption(Interruption),
    Interrupt(Interrupt),
}

/// The scripted agent of one call.
///
/// Contract: [`Collector::handle_event`] for everything that happens, then [`Collector::poll_output`] until it is
/// empty, then [`Collector::handle_timeout`] at [`Collector::poll_timeout`]. An event that does not fit the state is
/// ignored. After [`Action::End`] nothing more comes.
#[derive(Debug)]
pub struct Collector {
    config: CollectorConfig,
    seed: u64,
    actions: VecDeque<Action>,
    phase: Phase,
    deadline: Option<Instant>,
    wait: filler::Wait,
    is_listening: bool,
    postponed: Option<Postponed>,
    identity: identity::Progress,
    facts: Option<Facts>,
    offer: Option<Plan>,
    offers: u8,
    saved: Option<Plan>,
    payment: payment::Progress,
}

impl Collector {
    /// A collector at the beginning of a call, while the call plays the notices. `seed` chooses among wordings of
    /// lines without legal content.
    #[must_use]
    pub fn new(config: CollectorConfig, seed: u64, now: Instant) -> Self {
        Self {
            config,
            seed,
            actions: VecDeque::new(),
            phase: Phase::Opening,
            deadline: Some(now + config.speech),
            wait: filler::Wait::default(),
            is_listening: false,
            postponed: None,
            identity: identity::Progress::default(),
            facts: None,
            offer: None,
            offers: 0,
            saved: None,
            payment: payment::Progress::default(),
        }
    }

    /// Something happened.
    pub fn handle_event(&mut self, now: Instant, event: Event) {
        if matches!(self.phase, Phase::Ended) {
            return;
        }
        match event {
            Event::Opened => self.opened(now),
            Event::Said => self.said(now),
            Event::SpeechStarted => self.speech_started(now),
            Event::Heard(heard) => self.heard(now, &heard),
            Event::Keys(keys) => self.keyed(now, &keys),
            Event::Identified(identity) => self.identified(now, identity),
            Event::Verified(answer) => self.verified(now, answer),
            Event::Disclosed => self.disclosed(now),
            Event::Facts(facts) => self.told(now, facts),
            Event::FactsUnavailable => self.facts_unavailable(now),
            Event::Barred => self.barred(now),
            Event::Offer(answer) => self.offered(now, answer),
            Event::Saved => self.saved(now),
            Event::SaveFailed => self.save_failed(now),
            Event::Captured(outcome) => self.captured(now, &outcome),
            Event::Interrupt(interrupt) => self.interrupted(now, interrupt),
        }
    }

    /// The next thing for the call to do.
    pub fn poll_output(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Collector::handle_timeout`] is due; `None` only after the end.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.deadline, self.filler_due()].into_iter().flatten().min()
    }

    /// The time has come that [`Collector::poll_timeout`] named. Earlier calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.fill(now);
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.phase {
            Phase::Asking(_) => self.asking_lapsed(now),
            Phase::Opening
            | Phase::Identifying
            | Phase::Verifying { .. }
            | Phase::Disclosing
            | Phase::Reading
            | Phase::Offering => self.fail(now),
            Phase::Saving(_) => self.save_failed(now),
            Phase::Introducing(purpose) => self.start_capture(now, purpose),
            Phase::Capturing(_) => self.captured(now, &CaptureOutcome::Unknown),
            Phase::Closing(disposition) => self.end(disposition),
            Phase::Ended => {}
        }
    }

    /// The state's name, for timelines and for how long each state takes.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match &self.phase {
            Phase::Opening => "opening",
            Phase::Identifying => "identify",
            Phase::Asking(asking) => asking.state(),
            Phase::Verifying { .. } => "verify",
            Phase::Disclosing => "disclose",
            Phase::Reading => "account",
            Phase::Offering => "negotiate",
            Phase::Saving(_) => "confirm",
            Phase::Introducing(_) | Phase::Capturing(_) => "pay",
            Phase::Closing(_) => "close",
            Phase::Ended => "ended",
        }
    }

    fn opened(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Opening) {
            self.request(now, Phase::Identifying, Action::Identify(LookUp::CallerNumber));
        }
    }

    fn said(&mut self, now: Instant) {
        self.wait.is_saying = false;
        self.fill(now);
        match self.phase {
            Phase::Asking(_) => self.question_said(now),
            Phase::Introducing(purpose) => self.start_capture(now, purpose),
            Phase::Closing(disposition) => self.end(disposition),
            Phase::Opening
            | Phase::Identifying
            | Phase::Verifying { .. }
            | Phase::Disclosing
            | Phase::Reading
            | Phase::Offering
            | Phase::Saving(_)
            | Phase::Capturing(_)
            | Phase::Ended => {}
        }
    }

    fn heard(&mut self, now: Instant, heard: &Heard) {
        let was_listening = std::mem::take(&mut self.is_listening);
        if was_listening && matches!(self.phase, Phase::Asking(_)) {
            return self.answer_heard(now, heard);
        }
        let (Heard::Text(text) | Heard::LongNumber(text)) = heard else { return };
        if let Understood::Interruption(interruption) = GrammarId::YesNo.parse(text) {
            self.interruption(now, interruption);
        }
    }

    /// Goes into a state that waits for the call's answer.
    fn request(&mut self, now: Instant, phase: Phase, action: Action) {
        self.stop_listening();
        self.deadline = Some(now + self.config.reply);
        self.wait.since = Some(now);
        self.wait.said = 0;
        self.phase = phase;
        self.actions.push_back(action);
    }

    fn say(&mut self, lines: Vec<Phrase>) {
        self.wait.is_saying = true;
        self.actions.push_back(Action::Say(lines));
    }

    fn stop_listening(&mut self) {
        if std::mem::take(&mut self.is_listening) {
            self.actions.push_back(Action::StopListening);
        }
    }

    /// A wording, different from turn to turn and from seed to seed.
    fn wording(&self) -> Wording {
        Wording::of_seed(self.seed.wrapping_add(u64::from(self.identity.matched)).wrapping_add(u64::from(self.offers)))
    }
}
