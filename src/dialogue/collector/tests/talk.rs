//! A whole talk in virtual time: the collector against an honest call, with the real guard, verification and
//! negotiation, and a caller who gives scripted answers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use rules::arrangement::{Bounds, Frequency};
use rules::calendar::{BusinessDayRule, Calendar};
use rules::money::{Currency, Money};

use crate::action::{Action, LookUp};
use crate::collector::{Collector, CollectorConfig};
use crate::digits::{Digits, KeyRun};
use crate::disposition::Disposition;
use crate::event::{CaptureOutcome, Event, Facts, Heard, Identity, Interrupt};
use crate::grammar::GrammarId;
use crate::guard::{Disclosure, Guard, What};
use crate::negotiation::Negotiation;
use crate::phrase::{CardBrand, PersonName, Phrase, Plan};
use crate::redaction::{Finding, Redactor};
use crate::verification::{Claim, Expected, Verification};

pub(super) const TODAY: Date = date(2026, 11, 20);
pub(super) const REFERENCE: &str = "20417319";

/// What the caller does when listened to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    Say(&'static str),
    Key(&'static str),
    /// Makes a sound without words.
    Mumble,
    /// Says and keys nothing.
    Silent,
    HangUp,
}

/// How the call and its services behave.
#[derive(Clone, Copy, Debug)]
pub(super) struct World {
    pub(super) number_is_known: bool,
    pub(super) is_barred: bool,
    pub(super) balance_minor: i64,
    pub(super) save_fails: bool,
    pub(super) captures: &'static [&'static str],
    /// The request that the account book does not answer.
    pub(super) unavailable: Option<&'static str>,
    /// What is owed when a plan is saved for the first time, where that has changed.
    pub(super) balance_at_save: Option<i64>,
    /// The request that is never answered.
    pub(super) unanswered: Option<&'static str>,
    /// What is said while the card is being taken.
    pub(super) said_in_capture: Option<&'static str>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            number_is_known: true,
            is_barred: false,
            balance_minor: 60_000,
            save_fails: false,
            captures: &["approved"],
            unavailable: None,
            balance_at_save: None,
            unanswered: None,
            said_in_capture: None,
        }
    }
}

/// One talk. The log holds what was said and asked, in order, by name.
pub(super) struct Talk {
    pub(super) log: Vec<String>,
    pub(super) collector: Collector,
    world: World,
    turns: VecDeque<Turn>,
    now: Instant,
    guard: Guard,
    verification: Verification,
    negotiation: Negotiation,
    captures: usize,
    is_saying: bool,
    is_listening: bool,
    heard_read_back: Option<Plan>,
    redactor: Redactor,
    grammar: GrammarId,
}

pub(super) fn bounds() -> Bounds {
    Bounds {
        min_payment: Money::new(2_500, Currency::USD),
        min_first_payment: Money::new(2_500, Currency::USD),
        max_instalments: 12,
        frequencies: vec![Frequency::Monthly, Frequency::Biweekly],
        max_days_to_first: 30,
        max_total_days: 400,
        business_days: BusinessDayRule::Following,
        approval_over: None,
        settlement: None,
    }
}

impl Talk {
    pub(super) fn new(world: World, turns: &[Turn], seed: u64, now: Instant) -> Self {
        let balance = Money::new(world.balance_minor, Currency::USD);
        let reference = world.number_is_known.then_some(REFERENCE);
        Self {
            log: Vec::new(),
            collector: Collector::new(CollectorConfig::default(), seed, now),
            world,
            turns: turns.iter().copied().collect(),
            now,
            guard: Guard::new(),
            verification: Verification::new(Expected::new(Some(date(1981, 3, 3)), Some("40219"), reference)),
            negotiation: Negotiation::new(balance, bounds(), TODAY, Calendar::united_states()),
            captures: 0,
            is_saying: false,
            is_listening: false,
            heard_read_back: None,
            redactor: Redactor::new(),
            grammar: GrammarId::YesNo,
        }
    }

    /// Runs to the end; panics when it does not come within `most` steps.
    pub(super) fn run(&mut self, most: usize) -> Disposition {
        for notice in [Disclosure::Opening, Disclosure::AiNotice, Disclosure::RecordingNotice] {
            self.guard.played(notice);
        }
        self.tell(Event::Opened);
        for _ in 0..most {
            if let Some(disposition) = self.drain() {
                return disposition;
            }
            self.step();
        }
        panic!("no end after {most} steps: {:?}", self.log);
    }

    fn tell(&mut self, event: Event) {
        self.collector.handle_event(self.now, event);
    }

    /// Does everything that is asked for; returns the disposition once it is over.
    fn drain(&mut self) -> Option<Disposition> {
        while let Some(action) = self.collector.poll_output() {
            if let Action::End(disposition) = action {
                self.log.push(format!("[end:{disposition}]"));
                assert!(self.collector.poll_output().is_none() && self.collector.poll_timeout().is_none());
                return Some(disposition);
            }
            self.act(action);
        }
        None
    }

    /// The lines that play are played out, then the caller has a turn, then time passes.
    fn step(&mut self) {
        self.now += Duration::from_secs(1);
        if std::mem::take(&mut self.is_saying) {
            return self.tell(Event::Said);
        }
        if self.is_listening && !matches!(self.turns.front(), None | Some(Turn::Silent)) {
            return self.caller_turn();
        }
        if self.is_listening {
            self.turns.pop_front();
        }
        let deadline = self.collector.poll_timeout().expect("a talk that is not over has a deadline");
        self.now = self.now.max(deadline);
        self.collector.handle_timeout(self.now);
    }

    fn caller_turn(&mut self) {
        let Some(turn) = self.turns.pop_front() else { return };
        self.is_listening = matches!(turn, Turn::HangUp);
        match turn {
            Turn::Say(text) => {
                self.tell(Event::SpeechStarted);
                let heard = self.redact(text);
                self.tell(Event::Heard(heard));
            }
            Turn::Key(keys) => self.tell(Event::Keys(KeyRun::from_keys(keys.chars()))),
            Turn::Mumble => {
                self.tell(Event::SpeechStarted);
                self.tell(Event::Heard(Heard::Nothing));
            }
            Turn::HangUp => self.tell(Event::Interrupt(Interrupt::HungUp)),
            Turn::Silent => {}
        }
    }

    /// What a call makes of words before the collector gets them.
    fn redact(&mut self, text: &str) -> Heard {
        let heard = self.redactor.hear(self.now, text.to_owned(), self.grammar, 0..1);
        match heard.finding.is_some_and(Finding::is_number) {
            true => Heard::LongNumber(heard.text),
            false => Heard::Text(heard.text),
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Say(phrases) => self.say(&phrases),
            Action::Listen { grammar, keys } => {
                assert!(!self.is_listening && keys.max_keys == grammar.max_keys());
                self.guard.permits(What::CallerAudio).expect("heard only after the notices");
                (self.is_listening, self.grammar) = (true, grammar);
            }
            Action::StopListening => assert!(std::mem::take(&mut self.is_listening), "was not listening"),
            Action::Identify(by) => self.answer("identify", |talk| talk.identify(&by)),
            Action::Verify(claim) => self.answer("verify", |talk| talk.verify(&claim)),
            Action::Disclose => self.answer("disclose", Self::disclose),
            Action::AskFacts => self.answer("facts", Self::facts),
            Action::RequestOffer(wanted) => self.answer("offer", |talk| Event::Offer(talk.negotiation.ask(wanted))),
            Action::SaveArrangement(plan) => self.answer("save", |talk| talk.save(plan)),
            Action::StartCapture { amount } => {
                assert!(amount.is_positive() && !self.is_listening && !self.is_saying);
                self.answer("capture", Self::capture);
            }
            Action::Note(interruption) => {
                self.guard.stop();
                self.log.push(format!("[note:{}]", Disposition::from(interruption)));
            }
            Action::End(_) => unreachable!("taken by drain"),
        }
    }

    fn answer(&mut self, request: &str, reply: impl FnOnce(&mut Self) -> Event) {
        self.log.push(format!("[{request}]"));
        if self.world.unanswered != Some(request) {
            let event = reply(self);
            self.tell(event);
        }
    }

    fn say(&mut self, phrases: &[Phrase]) {
        for phrase in phrases {
            self.log.push(phrase.name().to_owned());
            let may_say = self.guard.may_say(phrase);
            assert!(may_say.is_ok(), "{} although {may_say:?}", phrase.name());
            if let Phrase::ReadBackPlan(plan) = phrase {
                self.negotiation.read_back_played(plan);
                self.heard_read_back = Some(*plan);
            }
        }
        self.is_saying = true;
    }

    fn identify(&mut self, by: &LookUp) -> Event {
        if self.world.unavailable == Some("identify") {
            return Event::Identified(Identity::Unavailable);
        }
        let is_found = match by {
            LookUp::CallerNumber => self.world.number_is_known,
            LookUp::Reference(digits) => digits.as_str() == REFERENCE,
        };
        Event::Identified(match (is_found, self.world.is_barred) {
            (false, _) => Identity::Unknown,
            (true, true) => Identity::Barred,
            (true, false) => {
                Identity::Found { person: PersonName::new("Jordan Avery"), factors: self.verification.factors() }
            }
        })
    }

    fn verify(&mut self, claim: &Claim) -> Event {
        let answer = self.verification.claim(claim);
        if self.verification.is_verified() {
            self.guard.verified();
        }
        Event::Verified(answer)
    }

    fn disclose(&mut self) -> Event {
        assert!(self.verification.is_verified(), "the mini-miranda is for the right party");
        self.guard.played(Disclosure::MiniMiranda);
        Event::Disclosed
    }

    fn facts(&mut self) -> Event {
        self.guard.permits(What::DebtFacts).expect("facts only after the mini-miranda");
        if self.world.unavailable == Some("facts") {
            return Event::FactsUnavailable;
        }
        self.owed(self.world.balance_minor)
    }

    fn owed(&self, minor: i64) -> Event {
        let balance = Money::new(minor, Currency::USD);
        Event::Facts(Facts { creditor: "Northside Dental".to_owned(), balance, today: TODAY })
    }

    fn save(&mut self, plan: Plan) -> Event {
        assert_eq!(self.heard_read_back, Some(plan), "the plan that was read back is the one that is saved");
        if let Some(minor) = self.world.balance_at_save.take() {
            let balance = Money::new(minor, Currency::USD);
            self.negotiation = Negotiation::new(balance, bounds(), TODAY, Calendar::united_states());
            return self.owed(minor);
        }
        self.negotiation.agree(&plan).expect("saved only when agreed");
        assert!(plan.offer.is_within(&bounds(), &Calendar::united_states()), "inside the bounds");
        if self.world.save_fails { Event::SaveFailed } else { Event::Saved }
    }

    fn capture(&mut self) -> Event {
        self.guard.permits(What::Capture).expect("a card only after the mini-miranda");
        if let Some(text) = self.world.said_in_capture {
            self.tell(Event::Heard(Heard::Text(text.to_owned())));
        }
        let outcome = self.world.captures.get(self.captures).copied().unwrap_or("failed");
        self.captures += 1;
        Event::Captured(match outcome {
            "approved" => {
                CaptureOutcome::Approved { brand: CardBrand::Visa, last_four: Digits::parse("4242").unwrap() }
            }
            "declined" => CaptureOutcome::Declined,
            "cancelled" => CaptureOutcome::Cancelled,
            "unknown" => CaptureOutcome::Unknown,
            _ => CaptureOutcome::Failed,
        })
    }
}
