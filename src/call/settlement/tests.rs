//! The rules again, as a world that knows the truth: a store, a processor with a memory, and crashes between any two steps.

use proptest::prelude::*;

use super::*;

/// What the processor has made of the payment's one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Nothing,
    Undecided,
    Charged,
    Declined,
}

/// What a row says, a processor knows and a network still carries.
struct World {
    row: PaymentState,
    truth: Truth,
    /// What the processor will say to this card.
    approves: bool,
    /// A request that has left and has not arrived.
    in_flight: bool,
    /// How often the processor took money.
    taken: u32,
    /// Whether the gateway has been down since the token came.
    crashed: bool,
    now: Instant,
}

impl World {
    fn new(approves: bool) -> Self {
        Self {
            row: PaymentState::Submitted,
            truth: Truth::Nothing,
            approves,
            in_flight: false,
            taken: 0,
            crashed: false,
            now: Instant::now(),
        }
    }

    /// A charge arrives. One key is decided once.
    fn decide(&mut self) {
        if matches!(self.truth, Truth::Nothing | Truth::Undecided) {
            self.truth = if self.approves { Truth::Charged } else { Truth::Declined };
            self.taken += u32::from(self.approves);
        }
    }

    fn said(&self) -> Answer {
        match self.truth {
            Truth::Nothing => Answer::Absent,
            Truth::Undecided => Answer::Pending,
            Truth::Charged => Answer::Approved,
            Truth::Declined => Answer::Declined(DeclineReason::Declined),
        }
    }

    /// What happens to a charge that is asked for.
    fn charge(&mut self, luck: u8) -> Answer {
        assert!(
            matches!(self.row, PaymentState::Charging | PaymentState::Unknown),
            "a charge before its row is durable: {:?}",
            self.row
        );
        assert!(!self.crashed, "a charge after a crash");
        match luck % 8 {
            0 | 1 => {
                self.decide();
                self.said()
            }
            2 => {
                self.decide();
                Answer::Uncertain
            }
            3 => {
                self.in_flight = true;
                Answer::Uncertain
            }
            4 => Answer::Uncertain,
            5 if self.truth == Truth::Nothing => {
                self.truth = Truth::Undecided;
                Answer::Pending
            }
            // A key that is under way or decided is not refused: that would be told as in doubt.
            6 if self.truth == Truth::Nothing && !self.in_flight => Answer::Refused,
            _ => Answer::Busy,
        }
    }

    fn read(&mut self, luck: u8) -> Answer {
        if luck % 4 == 3 { Answer::Uncertain } else { self.said() }
    }

    /// Time passes: what was on its way arrives or dies, what was undecided is decided.
    fn settle_network(&mut self, luck: u8) {
        if std::mem::take(&mut self.in_flight) && luck.is_multiple_of(2) {
            self.decide();
        }
        if self.truth == Truth::Undecided {
            self.decide();
        }
    }
}

/// Runs one settlement; `None` where the gateway crashed in the middle.
fn run(world: &mut World, mut settlement: Settlement, script: &mut impl Iterator<Item = u8>) -> Option<Verdict> {
    for _ in 0..200 {
        if let Some(verdict) = settlement.verdict() {
            return Some(verdict);
        }
        let luck = script.next().unwrap_or(0);
        let Some(effect) = settlement.poll_output() else {
            world.now = settlement.poll_timeout().expect("something to wait for");
            if luck % 5 == 4 {
                world.settle_network(luck);
            }
            settlement.handle_timeout(world.now);
            continue;
        };
        if luck >= 248 {
            return None;
        }
        match effect {
            Effect::Keep(state) => {
                // Kept; not kept; kept, but the answer was lost.
                if luck % 7 != 6 {
                    world.row = state;
                }
                settlement.handle_kept(luck % 7 < 5);
            }
            Effect::Charge => {
                let answer = world.charge(luck);
                if luck >= 240 {
                    return None;
                }
                settlement.handle_answer(world.now, answer);
            }
            Effect::Read => {
                let answer = world.read(luck);
                settlement.handle_answer(world.now, answer);
            }
        }
    }
    panic!("no end");
}

/// What is told must be so, now and later.
fn assert_true(world: &World, verdict: Verdict) {
    match verdict {
        Verdict::Approved => assert_eq!((world.truth, world.taken), (Truth::Charged, 1)),
        Verdict::Declined(_) => assert_eq!((world.truth, world.taken), (Truth::Declined, 0)),
        Verdict::Failed => assert_eq!((world.truth, world.taken, world.in_flight), (Truth::Nothing, 0, false)),
        Verdict::HandedOn => panic!("nobody else was to charge"),
        Verdict::Unknown => {}
    }
}

/// What the next start does with a row, and what looks after open payments later.
fn recover(world: &World, absence_is_final: bool) -> Option<Settlement> {
    match world.row {
        PaymentState::Submitted | PaymentState::Tokenised => Some(Settlement::abandoning(world.now)),
        PaymentState::Charging | PaymentState::Unknown => Some(Settlement::reading(world.now, absence_is_final)),
        PaymentState::Approved | PaymentState::Declined | PaymentState::Abandoned | PaymentState::HandedOn => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_fails_money_is_taken_once_at_most_and_what_is_told_is_so(
        script in prop::collection::vec(any::<u8>(), 0..80),
        approves: bool,
    ) {
        let mut world = World::new(approves);
        let mut script = script.into_iter();
        let first = Settlement::charging(world.now);
        match run(&mut world, first, &mut script) {
            Some(verdict) => assert_true(&world, verdict),
            None => world.crashed = true,
        }
        world.crashed = true;
        // The processor's answers of before: a request may still be on its way.
        for _ in 0..4 {
            let Some(settlement) = recover(&world, false) else { break };
            if let Some(verdict) = run(&mut world, settlement, &mut script) {
                assert_true(&world, verdict);
            }
        }
        // Long after, everything has arrived or never will, and store and processor work.
        world.settle_network(script.next().unwrap_or(0));
        if let Some(settlement) = recover(&world, true) {
            let verdict = run(&mut world, settlement, &mut std::iter::empty()).expect("nothing crashes");
            assert_true(&world, verdict);
            prop_assert_ne!(verdict, Verdict::Unknown);
        }
        prop_assert!(world.taken <= 1);
        match world.row {
            PaymentState::Approved => prop_assert_eq!(world.truth, Truth::Charged),
            PaymentState::Declined => prop_assert_eq!(world.truth, Truth::Declined),
            PaymentState::Abandoned => prop_assert_eq!((world.truth, world.taken), (Truth::Nothing, 0)),
            PaymentState::Submitted
            | PaymentState::Tokenised
            | PaymentState::Charging
            | PaymentState::Unknown
            | PaymentState::HandedOn => prop_assert!(false, "left open: {:?}", world.row),
        }
    }
}

fn drained(settlement: &mut Settlement) -> Effect {
    settlement.poll_output().expect("something to do")
}

/// A settlement whose charge has been asked for.
fn asked(now: Instant) -> Settlement {
    let mut settlement = Settlement::charging(now);
    assert_eq!(drained(&mut settlement), Effect::Keep(PaymentState::Tokenised));
    settlement.handle_kept(true);
    assert_eq!(drained(&mut settlement), Effect::Keep(PaymentState::Charging));
    settlement.handle_kept(true);
    assert_eq!(drained(&mut settlement), Effect::Charge);
    settlement
}

#[test]
fn a_lost_answer_is_read_first_and_charged_again_only_where_the_processor_knows_nothing() {
    let now = Instant::now();
    for (known, next) in [
        (Answer::Approved, Effect::Keep(PaymentState::Approved)),
        (Answer::Declined(DeclineReason::ExpiredCard), Effect::Keep(PaymentState::Declined)),
    ] {
        let mut settlement = asked(now);
        settlement.handle_answer(now, Answer::Uncertain);
        let due = settlement.poll_timeout().unwrap();
        settlement.handle_timeout(due);
        assert_eq!(drained(&mut settlement), Effect::Read);
        settlement.handle_answer(due, known);
        assert_eq!(drained(&mut settlement), next);
    }
    let mut settlement = asked(now);
    settlement.handle_answer(now, Answer::Uncertain);
    for expected in [Effect::Read, Effect::Charge] {
        let due = settlement.poll_timeout().unwrap();
        settlement.handle_timeout(due);
        assert_eq!(drained(&mut settlement), expected);
        settlement.handle_answer(due, Answer::Absent);
    }
}

#[test]
fn a_refusal_is_a_failure_only_of_the_first_attempt() {
    let now = Instant::now();
    let mut settlement = asked(now);
    settlement.handle_answer(now, Answer::Refused);
    assert_eq!(drained(&mut settlement), Effect::Keep(PaymentState::Abandoned));

    let mut settlement = asked(now);
    settlement.handle_answer(now, Answer::Uncertain);
    let mut due = settlement.poll_timeout().unwrap();
    settlement.handle_timeout(due);
    drained(&mut settlement);
    settlement.handle_answer(due, Answer::Absent);
    due = settlement.poll_timeout().unwrap();
    settlement.handle_timeout(due);
    assert_eq!(drained(&mut settlement), Effect::Charge);
    settlement.handle_answer(due, Answer::Refused);
    settlement.handle_timeout(settlement.poll_timeout().unwrap());
    assert_eq!(drained(&mut settlement), Effect::Read, "the first attempt may have been made");
}

#[test]
fn a_processor_that_says_nothing_makes_it_unknown_by_the_deadline() {
    let now = Instant::now();
    let mut settlement = asked(now);
    settlement.handle_timeout(now + LONGEST - Duration::from_millis(1));
    assert_eq!(settlement.poll_output(), None);
    settlement.handle_timeout(now + LONGEST);
    assert_eq!(drained(&mut settlement), Effect::Keep(PaymentState::Unknown));
    settlement.handle_kept(false);
    assert_eq!(settlement.verdict(), Some(Verdict::Unknown));
}

#[test]
fn a_processor_that_is_always_busy_is_given_up_and_nothing_was_charged() {
    let now = Instant::now();
    let mut settlement = asked(now);
    let mut charges = 1;
    let mut at = now;
    loop {
        settlement.handle_answer(at, Answer::Busy);
        match settlement.poll_output() {
            Some(Effect::Keep(state)) => {
                assert_eq!((state, charges), (PaymentState::Abandoned, ATTEMPTS));
                return;
            }
            Some(Effect::Charge | Effect::Read) => panic!("without a pause"),
            None => {}
        }
        at = settlement.poll_timeout().unwrap();
        settlement.handle_timeout(at);
        assert_eq!(drained(&mut settlement), Effect::Charge);
        charges += 1;
    }
}

#[test]
fn a_token_for_somebody_else_is_kept_and_never_charged() {
    let mut settlement = Settlement::handing_on(Instant::now());
    assert_eq!(drained(&mut settlement), Effect::Keep(PaymentState::HandedOn));
    settlement.handle_kept(true);
    assert_eq!((settlement.poll_output(), settlement.verdict()), (None, Some(Verdict::HandedOn)));
}

#[test]
fn a_token_that_cannot_be_kept_is_not_charged() {
    let mut settlement = Settlement::charging(Instant::now());
    drained(&mut settlement);
    settlement.handle_kept(false);
    assert_eq!((settlement.poll_output(), settlement.verdict()), (None, Some(Verdict::Failed)));
}
