//! What holds for every talk, however odd: nothing panics, nothing of the debt comes early, nothing is saved that was
//! not agreed to, and silence comes to an end.

use std::time::{Duration, Instant};

use jiff::civil::date;
use proptest::prelude::*;
use rules::arrangement::{Ask, Wish};
use rules::calendar::Calendar;
use rules::money::{Currency, Money};

use super::talk::{TODAY, Talk, Turn, World, bounds};
use crate::action::Action;
use crate::collector::{Collector, CollectorConfig};
use crate::digits::{Digits, KeyRun};
use crate::event::{CaptureOutcome, Event, Facts, Heard, Identity, Interrupt};
use crate::negotiation::{Negotiation, OfferAnswer, Wanted};
use crate::phrase::{CardBrand, PersonName, Phrase, Plan};
use crate::tests::beginning;
use crate::verification::{Answer, Factor};

/// More timeouts than any state has wordings.
const MOST_TIMEOUTS: usize = 14;

const SAID: [&str; 24] = [
    "yes",
    "no",
    "speaking",
    "march third nineteen eighty one",
    "four oh two one nine",
    "seven three one nine",
    "two oh four one seven three one nine",
    "more time",
    "fifty a month",
    "ten dollars a month",
    "four payments",
    "two hundred dollars",
    "pay it all",
    "say that again",
    "purple",
    "",
    "maybe",
    "stop calling me",
    "I dispute this",
    "a real person",
    "I already paid",
    "one million dollars",
    "over twelve months",
    "yes no",
];
const KEYED: [&str; 10] = ["1", "2", "9", "0", "03031981", "40219", "7319", "20417319", "50", "*"];

fn offer(count: u16) -> OfferAnswer {
    let ask = Ask { wish: Wish::Instalments(count), frequency: None, first: None };
    let total = Money::new(60_000, Currency::USD);
    Negotiation::new(total, bounds(), TODAY, Calendar::united_states()).ask(Wanted::Terms(ask))
}

fn any_capture() -> impl Strategy<Value = CaptureOutcome> {
    let last_four = Digits::parse("4242").unwrap();
    prop_oneof![
        Just(CaptureOutcome::Approved { brand: CardBrand::Visa, last_four }),
        Just(CaptureOutcome::Declined),
        Just(CaptureOutcome::Failed),
        Just(CaptureOutcome::Cancelled),
        Just(CaptureOutcome::Unknown),
    ]
}

fn any_request_answer() -> impl Strategy<Value = Event> {
    let person = PersonName::new("Jordan Avery");
    let facts = Facts {
        creditor: "Northside Dental".to_owned(),
        balance: Money::new(60_000, Currency::USD),
        today: date(2026, 11, 20),
    };
    prop_oneof![
        1 => Just(Event::Identified(Identity::Found { person, factors: Factor::ALL.to_vec() })),
        1 => Just(Event::Identified(Identity::Unknown)),
        1 => Just(Event::Identified(Identity::Unavailable)),
        1 => Just(Event::FactsUnavailable),
        1 => Just(Event::Barred),
        4 => Just(Event::Verified(Answer::Match)),
        1 => Just(Event::Verified(Answer::NoMatch)),
        2 => Just(Event::Disclosed),
        2 => Just(Event::Facts(facts)),
        2 => (1_u16..12).prop_map(|count| Event::Offer(offer(count))),
        1 => Just(Event::Offer(OfferAnswer::Refer)),
        2 => Just(Event::Saved),
        1 => Just(Event::SaveFailed),
        1 => any_capture().prop_map(Event::Captured),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => Just(Event::Opened),
        8 => Just(Event::Said),
        1 => Just(Event::SpeechStarted),
        8 => prop::sample::select(SAID.to_vec()).prop_map(|text| Event::Heard(Heard::Text(text.to_owned()))),
        1 => Just(Event::Heard(Heard::Nothing)),
        1 => Just(Event::Heard(Heard::LongNumber("it is [withheld]".to_owned()))),
        6 => prop::sample::select(KEYED.to_vec()).prop_map(|keys| Event::Keys(KeyRun::from_keys(keys.chars()))),
        16 => any_request_answer(),
        1 => prop_oneof![Just(Interrupt::ShuttingDown), Just(Interrupt::Failure)].prop_map(Event::Interrupt),
    ]
}

fn any_turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        6 => prop::sample::select(SAID.to_vec()).prop_map(Turn::Say),
        4 => prop::sample::select(KEYED.to_vec()).prop_map(Turn::Key),
        1 => Just(Turn::Mumble),
        1 => Just(Turn::Silent),
    ]
}

/// What a collector was told and asked for so far, by a judge that knows nothing of its states.
#[derive(Default)]
struct Judge {
    matches: usize,
    is_disclosed: bool,
    offered: Option<Plan>,
    read_back: Option<Plan>,
    read_back_said: bool,
    agreed: bool,
    has_ended: bool,
}

impl Judge {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the judge knows only what it judges")]
    fn before(&mut self, event: &Event) {
        match event {
            Event::Verified(Answer::Match) => self.matches += 1,
            Event::Disclosed => self.is_disclosed |= self.matches > 2,
            Event::Offer(OfferAnswer::AsAsked(plan) | OfferAnswer::Closest(plan)) => self.offered = Some(*plan),
            Event::Said => self.read_back_said = self.read_back.is_some(),
            Event::Heard(Heard::Text(text)) => self.agreed = self.read_back_said && text == "yes",
            Event::Keys(keys) => self.agreed = self.read_back_said && keys.single() == Some('1'),
            _ => self.agreed = false,
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the judge knows only what it judges")]
    fn judge(&mut self, action: &Action) -> Result<(), TestCaseError> {
        prop_assert!(!self.has_ended, "nothing after the end");
        match action {
            Action::Say(phrases) => {
                for phrase in phrases {
                    prop_assert!(phrase.may_precede_verification() || self.is_disclosed, "{phrase:?} is early");
                    if let Phrase::ReadBackPlan(plan) = phrase {
                        (self.read_back, self.read_back_said) = (Some(*plan), false);
                    }
                }
            }
            Action::SaveArrangement(plan) => {
                prop_assert!(self.agreed && self.read_back == Some(*plan), "saved without an agreement");
                prop_assert!(plan.offer.is_within(&bounds(), &Calendar::united_states()));
            }
            Action::StartCapture { .. } | Action::RequestOffer(_) => prop_assert!(self.is_disclosed),
            Action::Disclose => prop_assert!(self.matches > 2, "the name and two factors"),
            Action::End(_) => self.has_ended = true,
            _ => {}
        }
        Ok(())
    }

    fn judge_all(&mut self, collector: &mut Collector) -> Result<(), TestCaseError> {
        for _ in 0..8 {
            match collector.poll_output() {
                Some(action) => self.judge(&action)?,
                None => return Ok(()),
            }
        }
        Err(TestCaseError::fail("one event asks for a bounded number of things"))
    }
}

/// Lets time pass until the end.
fn run_out(collector: &mut Collector, judge: &mut Judge) -> Result<(), TestCaseError> {
    for _ in 0..MOST_TIMEOUTS {
        let Some(deadline) = collector.poll_timeout() else { break };
        collector.handle_timeout(deadline);
        judge.judge_all(collector)?;
    }
    prop_assert!(judge.has_ended, "silence ends: {}", collector.state());
    Ok(())
}

fn play(events: Vec<(Event, u64)>, seed: u64, start: Instant) -> Result<(), TestCaseError> {
    let mut collector = Collector::new(CollectorConfig::default(), seed, start);
    let mut judge = Judge::default();
    let mut now = start;
    for (event, wait) in events {
        judge.before(&event);
        collector.handle_event(now, event);
        judge.judge_all(&mut collector)?;
        now += Duration::from_millis(wait);
        collector.handle_timeout(now);
        judge.judge_all(&mut collector)?;
    }
    run_out(&mut collector, &mut judge)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_breaks_the_rules(
        events in prop::collection::vec((any_event(), 0_u64..10_000), 0..120),
        seed in any::<u64>(),
    ) {
        play(events, seed, beginning())?;
    }

    #[test]
    fn no_order_of_events_breaks_them_after_verification(
        events in prop::collection::vec((any_event(), 0_u64..500), 0..120),
        seed in any::<u64>(),
    ) {
        let person = PersonName::new("Jordan Avery");
        let opening = [
            Event::Opened,
            Event::Identified(Identity::Found { person, factors: Factor::ALL.to_vec() }),
            Event::Keys(KeyRun::from_keys(['1'])),
            Event::Verified(Answer::Match),
            Event::Keys(KeyRun::from_keys("03031981".chars())),
            Event::Verified(Answer::Match),
            Event::Keys(KeyRun::from_keys("40219".chars())),
            Event::Verified(Answer::Match),
            Event::Disclosed,
        ];
        let events = opening.into_iter().map(|event| (event, 0)).chain(events).collect();
        play(events, seed, beginning())?;
    }

    #[test]
    fn no_caller_talks_an_honest_call_out_of_the_rules(
        turns in prop::collection::vec(any_turn(), 0..40),
        number_is_known in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let world = World { number_is_known, captures: &["declined", "approved"], ..World::default() };
        Talk::new(world, &turns, seed, beginning()).run(600);
        let verified = [Turn::Say("yes"), Turn::Key("03031981"), Turn::Key("40219")];
        let turns: Vec<Turn> = verified.into_iter().chain(turns).collect();
        Talk::new(World { number_is_known: true, ..world }, &turns, seed, beginning()).run(600);
    }
}
