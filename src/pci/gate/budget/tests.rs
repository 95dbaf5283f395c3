use super::*;
use crate::Purpose;
use proptest::prelude::*;

const PAUSE: Duration = Duration::from_millis(1_500);

struct Desk {
    budget: Budget,
    outputs: Outputs,
    now: Instant,
    keys: Vec<(Instant, char)>,
    ends: Vec<CollectEnd>,
    dropped: Vec<(u32, SuppressReason)>,
}

impl Desk {
    fn new(policy: KeyPolicy) -> Self {
        let (budget, outputs) = (Budget::new(policy), Outputs::new());
        Self { budget, outputs, now: crate::tests::beginning(), keys: vec![], ends: vec![], dropped: vec![] }
    }

    fn drain(&mut self) {
        while let Some(output) = self.outputs.queue.pop_front() {
            match output {
                GateOutput::MenuKey(key) => self.keys.push((self.now, key.key())),
                GateOutput::Collected(collected) => self.ends.push(collected.end),
                GateOutput::Suppressed(dropped) => self.dropped.push((dropped.keys, dropped.reason)),
                GateOutput::Speech(_)
                | GateOutput::Vault(_)
                | GateOutput::Prompt(_)
                | GateOutput::Capture(_)
                | GateOutput::Control(_) => panic!("not the budget's"),
            }
        }
    }

    /// Moves the clock, doing what falls due on the way.
    fn wait(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        while let Some(due) = self.budget.poll_timeout().filter(|&due| due <= until) {
            self.now = due.max(self.now);
            self.budget.handle_timeout(self.now, &mut self.outputs);
            self.drain();
        }
        self.now = until;
    }

    fn dial(&mut self, keys: &str, apart: u64) {
        for key in keys.bytes() {
            self.budget.press(self.now, Key::from_symbol(key).unwrap(), false, &mut self.outputs);
            self.drain();
            self.wait(apart);
        }
    }

    fn collect(&mut self, max_keys: u8) {
        let (pause, patience) = (Duration::from_secs(3), Duration::from_secs(10));
        let collect = Collect { purpose: Purpose::Date, max_keys, terminator: Some('#'), pause, patience };
        self.budget.collect(self.now, collect, &mut self.outputs);
        self.drain();
    }

    fn heard(&self) -> String {
        self.keys.iter().map(|(_, key)| key).collect()
    }
}

#[test]
fn a_collect_delivers_at_once_and_ends_when_full() {
    let mut desk = Desk::new(KeyPolicy::Declared);
    desk.collect(4);
    desk.dial("12345", 300);
    assert_eq!((desk.heard().as_str(), &desk.ends[..]), ("1234", &[CollectEnd::Full][..]));
    desk.wait(2_000);
    assert_eq!(desk.dropped, [(1, SuppressReason::Undeclared)]);
}

#[test]
fn a_collect_ends_by_terminator_pause_or_patience() {
    let mut desk = Desk::new(KeyPolicy::Declared);
    desk.collect(8);
    desk.dial("12#", 300);
    desk.collect(8);
    desk.dial("3", 300);
    desk.wait(5_000);
    desk.collect(8);
    desk.wait(10_000);
    assert_eq!(desk.ends, [CollectEnd::Terminated, CollectEnd::Paused, CollectEnd::NoKeys]);
    assert_eq!(desk.heard(), "123");
}

#[test]
fn a_card_keyed_into_collects_gives_half_of_it_at_most() {
    let mut desk = Desk::new(KeyPolicy::Declared);
    desk.collect(8);
    desk.dial("42424242", 200);
    desk.collect(8);
    desk.dial("42424242", 200);
    assert_eq!(desk.keys.len(), 8, "the run goes on, so nothing more leaves");
    assert_eq!(desk.ends, [CollectEnd::Full, CollectEnd::Overrun]);
    desk.wait(1_000);
    assert_eq!(desk.dropped, [(8, SuppressReason::RunTooLong)]);
}

#[test]
fn without_a_collect_a_declared_policy_lets_nothing_leave() {
    let mut desk = Desk::new(KeyPolicy::Declared);
    desk.dial("4242424242424242", 200);
    desk.wait(2_000);
    assert!(desk.keys.is_empty());
    assert_eq!(desk.dropped, [(16, SuppressReason::Undeclared)]);
}

#[test]
fn a_short_run_is_released_whole_after_its_pause() {
    let mut desk = Desk::new(KeyPolicy::Released { pause: PAUSE });
    desk.dial("123", 300);
    assert!(desk.keys.is_empty());
    desk.wait(1_300);
    assert_eq!(desk.heard(), "123");
}

#[test]
fn a_card_in_one_run_is_dropped_whole() {
    let mut desk = Desk::new(KeyPolicy::Released { pause: PAUSE });
    desk.dial("4242424242424242", 300);
    assert!(desk.budget.held.iter().all(Option::is_none), "nothing of it is held either");
    desk.wait(2_000);
    assert!(desk.keys.is_empty());
    assert_eq!(desk.dropped, [(16, SuppressReason::RunTooLong)]);
}

#[test]
fn a_card_in_groups_stays_within_the_window() {
    let mut desk = Desk::new(KeyPolicy::Released { pause: PAUSE });
    for _ in 0..4 {
        desk.dial("4242", 300);
        desk.wait(3_000);
    }
    assert_eq!(desk.keys.len(), 8);
    assert_eq!(desk.dropped, [(4, SuppressReason::BudgetSpent), (4, SuppressReason::BudgetSpent)]);
    desk.wait(60_000);
    desk.dial("1", 2_000);
    assert_eq!(desk.keys.len(), 9);
}

#[test]
fn a_terminator_after_a_full_answer_does_not_end_the_next_collect() {
    let mut desk = Desk::new(KeyPolicy::Declared);
    desk.collect(4);
    desk.dial("1987", 150);
    desk.collect(4);
    desk.dial("#", 700);
    desk.dial("77#", 150);
    assert_eq!(desk.heard(), "198777");
    assert_eq!(desk.ends, [CollectEnd::Full, CollectEnd::Terminated]);
}

#[test]
fn a_capture_that_fails_at_once_gives_no_new_budget() {
    let mut desk = Desk::new(KeyPolicy::Declared);
    desk.collect(8);
    desk.dial("41111111", 100);
    desk.budget.withdraw(&mut desk.outputs);
    desk.drain();
    desk.wait(700);
    desk.collect(8);
    desk.dial("11111111", 100);
    assert_eq!(desk.heard(), "41111111");
}

#[test]
fn a_capture_takes_what_is_held() {
    let mut desk = Desk::new(KeyPolicy::Released { pause: PAUSE });
    desk.dial("4242", 300);
    desk.budget.withdraw(&mut desk.outputs);
    desk.drain();
    desk.wait(5_000);
    assert!(desk.keys.is_empty());
    assert_eq!(desk.dropped, [(4, SuppressReason::Capture)]);
}

proptest! {
    /// Whatever is keyed and however it is spaced: no window holds more than the budget of undeclared keys, every key
    /// is delivered or counted, and they stay in order.
    #[test]
    fn undeclared_keys_never_exceed_the_budget(gaps in prop::collection::vec(50_u64..20_000, 1..120)) {
        let mut desk = Desk::new(KeyPolicy::Released { pause: PAUSE });
        for (place, gap) in gaps.iter().enumerate() {
            desk.dial(["1", "2", "3"][place % 3], *gap);
        }
        desk.wait(2_000);
        for (place, (at, _)) in desk.keys.iter().enumerate() {
            let window = desk.keys[place..].iter().filter(|(later, _)| *later < *at + BUDGET_WINDOW).count();
            prop_assert!(window <= BUDGET);
        }
        prop_assert_eq!(desk.keys.len() as u64 + desk.budget.suppressed, gaps.len() as u64);
    }

    /// Whatever is declared while a card is keyed without a pause: at most the budget of one run leaves.
    #[test]
    fn no_run_gives_more_than_its_budget(
        gaps in prop::collection::vec(50_u64..999, 9..20),
        collects in prop::collection::vec(prop::option::of(1_u8..12), 20),
    ) {
        let mut desk = Desk::new(KeyPolicy::Declared);
        for (gap, collect) in gaps.iter().zip(collects) {
            if let Some(max_keys) = collect {
                desk.collect(max_keys);
            }
            desk.dial("7", *gap);
        }
        prop_assert!(desk.keys.len() <= BUDGET);
        prop_assert_eq!(desk.keys.len() as u64 + desk.budget.suppressed, gaps.len() as u64);
    }
}
