//! The rules again, as a world that knows the truth: a store, a processor that remembers keys, and crashes between any two
//! steps.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What the processor has made of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Undecided,
    Made,
    Failed,
}

/// What the payment's row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    Approved,
    Refunding { key: u32 },
    Refunded,
}

/// What a row says, a processor knows and a network still carries.
struct World {
    row: Row,
    keys: u32,
    truth: BTreeMap<u32, Truth>,
    /// The key of a request that has left and has not arrived.
    in_flight: Option<u32>,
    /// How often the processor gave the money back.
    made: u32,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self { row: Row::Approved, keys: 0, truth: BTreeMap::new(), in_flight: None, made: 0, now: Instant::now() }
    }

    /// A request arrives. One key is decided once; a processor that does not look further makes every key's refund.
    fn decide(&mut self, key: u32, fails: bool) {
        if matches!(self.truth.get(&key), None | Some(Truth::Undecided)) {
            self.truth.insert(key, if fails { Truth::Failed } else { Truth::Made });
            self.made += u32::from(!fails);
        }
    }

    fn said(&self, key: u32) -> Answer {
        match self.truth.get(&key) {
            None => Answer::Absent,
            Some(Truth::Undecided) => Answer::Pending,
            Some(Truth::Made) => Answer::Done,
            Some(Truth::Failed) => Answer::Failed,
        }
    }

    fn key(&self) -> u32 {
        match self.row {
            Row::Refunding { key } => key,
            Row::Approved | Row::Refunded => panic!("a question before the refund is durable: {:?}", self.row),
        }
    }

    /// What happens to a refund that is asked for. A request can be refused whatever became of an earlier one: a secret
    /// key that was taken back says nothing of what was done with it.
    fn ask(&mut self, luck: u8) -> Answer {
        let key = self.key();
        match luck % 8 {
            0 | 1 => {
                self.decide(key, luck & 16 != 0);
                self.said(key)
            }
            2 => {
                self.decide(key, luck & 16 != 0);
                Answer::Uncertain
            }
            3 => {
                self.in_flight = Some(key);
                Answer::Uncertain
            }
            4 => Answer::Uncertain,
            5 if !self.truth.contains_key(&key) => {
                self.truth.insert(key, Truth::Undecided);
                Answer::Pending
            }
            6 => Answer::Refused,
            _ => Answer::Busy,
        }
    }

    fn read(&self, luck: u8) -> Answer {
        match luck % 8 {
            3 => Answer::Uncertain,
            5 => Answer::Refused,
            6 => Answer::Busy,
            _ => self.said(self.key()),
        }
    }

    fn intend(&mut self) {
        if self.row == Row::Approved {
            self.keys += 1;
            self.row = Row::Refunding { key: self.keys };
        }
    }

    fn keep(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Refunded => self.row = Row::Refunded,
            Verdict::Refused => self.row = Row::Approved,
            Verdict::Pending | Verdict::Open | Verdict::NotBegun => panic!("nothing is to be kept of {verdict:?}"),
        }
    }

    /// Time passes: what was on its way arrives or dies, what was undecided is decided.
    fn settle_network(&mut self, luck: u8) {
        if let Some(key) = self.in_flight.take()
            && luck.is_multiple_of(2)
        {
            self.decide(key, false);
        }
        let undecided: Vec<u32> =
            self.truth.iter().filter(|(_, truth)| **truth == Truth::Undecided).map(|(key, _)| *key).collect();
        for key in undecided {
            self.decide(key, luck & 16 != 0);
        }
    }

    /// A refund as whoever looks at the row begins it.
    fn begun(&self) -> Refunding {
        match self.row {
            Row::Approved => Refunding::asking(self.now),
            Row::Refunding { .. } => Refunding::resuming(self.now, self.in_flight.is_none()),
            Row::Refunded => panic!("it is refunded"),
        }
    }
}

/// Runs one refund; `None` where the gateway crashed in the middle.
fn run(world: &mut World, script: &mut impl Iterator<Item = u8>) -> Option<Verdict> {
    let mut refunding = world.begun();
    for _ in 0..100 {
        if let Some(verdict) = refunding.verdict() {
            return Some(verdict);
        }
        let luck = script.next().unwrap_or(0);
        let Some(effect) = refunding.poll_output() else {
            world.now = refunding.poll_timeout().expect("something to wait for");
            if luck % 5 == 4 {
                world.settle_network(luck);
            }
            refunding.handle_timeout(world.now);
            continue;
        };
        let (crashes_before, crashes_after) = (luck == 255, luck == 254);
        if crashes_before {
            return None;
        }
        // Kept; not kept; kept, but the answer was lost.
        let (is_kept, told) = match luck % 16 {
            14 => (true, Durability::Unclear),
            15 if luck & 16 != 0 => (false, Durability::Unclear),
            15 => (false, Durability::Absent),
            _ => (true, Durability::Durable),
        };
        match effect {
            Effect::Intend if is_kept => world.intend(),
            Effect::Keep(verdict) if is_kept => world.keep(verdict),
            Effect::Intend | Effect::Keep(_) | Effect::Ask | Effect::Read => {}
        }
        let answer = match effect {
            Effect::Ask => Some(world.ask(luck)),
            Effect::Read => Some(world.read(luck)),
            Effect::Intend | Effect::Keep(_) => None,
        };
        if crashes_after {
            return None;
        }
        match answer {
            Some(answer) => refunding.handle_answer(world.now, answer),
            None => refunding.handle_kept(told),
        }
    }
    panic!("it never ends");
}

/// What is told must be so, now and later.
fn assert_true(world: &World, verdict: Verdict) {
    match verdict {
        Verdict::Refunded => assert_eq!((world.row, world.made), (Row::Refunded, 1)),
        Verdict::Refused => {
            assert_eq!((world.row, world.made), (Row::Approved, 0));
            // What still comes has been decided before.
            assert!(world.in_flight.is_none_or(|key| world.truth.contains_key(&key)));
        }
        Verdict::Pending => assert!(matches!(world.row, Row::Refunding { .. })),
        Verdict::NotBegun => assert_eq!((world.row, world.made), (Row::Approved, 0)),
        Verdict::Open => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn money_goes_back_once_whatever_is_lost_refused_or_crashes(script: Vec<u8>, rounds in 1_usize..6) {
        let mut world = World::new();
        let mut script = script.into_iter();
        for _ in 0..rounds {
            if world.row == Row::Refunded {
                break;
            }
            if let Some(verdict) = run(&mut world, &mut script) {
                assert_true(&world, verdict);
            }
            if let Some(luck) = script.next().filter(|luck| luck % 3 == 0) {
                world.settle_network(luck);
            }
        }
        // The store, the network and the processor recover, and whoever looks after open payments goes on.
        world.settle_network(0);
        for _ in 0..4 {
            if matches!(world.row, Row::Refunding { .. }) {
                run(&mut world, &mut std::iter::repeat(0));
            }
        }
        prop_assert!(world.made <= 1, "given back {} times", world.made);
        match world.row {
            Row::Refunded => prop_assert_eq!(world.made, 1),
            Row::Approved => prop_assert_eq!(world.made, 0),
            Row::Refunding { .. } => prop_assert!(false, "left open"),
        }
    }
}

fn drained(refunding: &mut Refunding) -> Effect {
    refunding.poll_output().expect("something to do")
}

/// A refund that has been asked for, once.
fn asked(now: Instant) -> Refunding {
    let mut refunding = Refunding::asking(now);
    assert_eq!(drained(&mut refunding), Effect::Intend);
    refunding.handle_kept(Durability::Durable);
    assert_eq!(drained(&mut refunding), Effect::Ask);
    refunding
}

#[test]
fn a_refusal_after_a_lost_answer_says_nothing_of_it() {
    let now = Instant::now();
    let mut refunding = asked(now);
    refunding.handle_answer(now, Answer::Refused);
    assert_eq!(drained(&mut refunding), Effect::Keep(Verdict::Refused), "of the first attempt it says all");

    let mut refunding = asked(now);
    refunding.handle_answer(now, Answer::Uncertain);
    let due = refunding.poll_timeout().unwrap();
    refunding.handle_timeout(due);
    assert_eq!(drained(&mut refunding), Effect::Read);
    refunding.handle_answer(due, Answer::Absent);
    assert_eq!(drained(&mut refunding), Effect::Ask);
    refunding.handle_answer(due, Answer::Refused);
    assert_eq!((refunding.poll_output(), refunding.verdict()), (None, Some(Verdict::Open)));
}

#[test]
fn what_was_left_open_is_read_before_it_is_asked_for_again() {
    let now = Instant::now();
    for (known, verdict) in [(Answer::Done, Verdict::Refunded), (Answer::Failed, Verdict::Refused)] {
        let mut refunding = Refunding::resuming(now, false);
        assert_eq!(drained(&mut refunding), Effect::Read);
        refunding.handle_answer(now, known);
        assert_eq!(drained(&mut refunding), Effect::Keep(verdict));
    }
    for (is_final, verdict) in [(false, None), (true, Some(Effect::Keep(Verdict::Refused)))] {
        let mut refunding = Refunding::resuming(now, is_final);
        assert_eq!(drained(&mut refunding), Effect::Read);
        refunding.handle_answer(now, Answer::Absent);
        assert_eq!(drained(&mut refunding), Effect::Intend);
        refunding.handle_kept(Durability::Durable);
        assert_eq!(drained(&mut refunding), Effect::Ask);
        refunding.handle_answer(now, Answer::Refused);
        assert_eq!(refunding.poll_output(), verdict, "no earlier one can come: {is_final}");
    }
}

#[test]
fn what_the_processor_has_not_finished_is_neither_refunded_nor_refused() {
    let now = Instant::now();
    for mut refunding in [asked(now), Refunding::resuming(now, true)] {
        refunding.poll_output();
        refunding.handle_answer(now, Answer::Pending);
        assert_eq!((refunding.poll_output(), refunding.verdict()), (None, Some(Verdict::Pending)));
    }
}

#[test]
fn a_processor_that_says_nothing_leaves_it_open_by_the_deadline() {
    let now = Instant::now();
    let mut refunding = asked(now);
    refunding.handle_timeout(now + LONGEST - Duration::from_millis(1));
    assert_eq!(refunding.verdict(), None);
    refunding.handle_timeout(now + LONGEST);
    assert_eq!(refunding.verdict(), Some(Verdict::Open));
}

#[test]
fn what_is_not_durable_is_neither_asked_for_nor_told() {
    let now = Instant::now();
    for (begun, kept, verdict) in [
        (Refunding::asking(now), Durability::Absent, Verdict::NotBegun),
        (Refunding::asking(now), Durability::Unclear, Verdict::Open),
        (Refunding::resuming(now, true), Durability::Absent, Verdict::Open),
    ] {
        let mut refunding = begun;
        if drained(&mut refunding) == Effect::Read {
            refunding.handle_answer(now, Answer::Absent);
            assert_eq!(drained(&mut refunding), Effect::Intend);
        }
        refunding.handle_kept(kept);
        assert_eq!((refunding.poll_output(), refunding.verdict()), (None, Some(verdict)), "{kept:?}");
    }

    let mut refunding = asked(now);
    refunding.handle_answer(now, Answer::Done);
    assert_eq!(drained(&mut refunding), Effect::Keep(Verdict::Refunded));
    refunding.handle_kept(Durability::Absent);
    assert_eq!(refunding.verdict(), Some(Verdict::Open));
}

#[test]
fn a_processor_that_is_always_at_a_loss_is_asked_a_few_times_and_left() {
    let now = Instant::now();
    let mut refunding = asked(now);
    let (mut asked, mut at) = (1, now);
    while refunding.verdict().is_none() {
        refunding.handle_answer(at, Answer::Uncertain);
        let Some(due) = refunding.poll_timeout() else { break };
        at = due;
        refunding.handle_timeout(at);
        assert_eq!(drained(&mut refunding), Effect::Read);
        refunding.handle_answer(at, Answer::Absent);
        asked += u8::from(refunding.poll_output() == Some(Effect::Ask));
    }
    assert_eq!((asked, refunding.verdict()), (ATTEMPTS, Some(Verdict::Open)));
}
