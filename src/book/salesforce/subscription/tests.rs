#![expect(clippy::disallowed_methods, reason = "an instant can only be made from the clock")]

use super::*;

mod model;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn place(number: u8) -> ReplayId {
    ReplayId::new(vec![0xA7, number]).unwrap()
}

/// A subscription in virtual time.
struct Rig {
    now: Instant,
    subscription: Subscription,
}

impl Rig {
    fn new(first: First, place: Option<ReplayId>) -> Self {
        Self::from(first, Progress { place, has_gap: false })
    }

    fn from(first: First, progress: Progress) -> Self {
        let now = Instant::now();
        let mut rig = Self { now, subscription: Subscription::new(first, Timing::default(), progress, 7, now) };
        rig.subscription.handle_timeout(now);
        rig
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.subscription.poll_output()).collect()
    }

    /// What is done by then, and when.
    fn until(&mut self, end: Instant) -> Vec<(Duration, Output)> {
        let (began, mut done) = (self.now, Vec::new());
        while self.subscription.poll_timeout() <= end {
            self.now = self.now.max(self.subscription.poll_timeout());
            self.subscription.handle_timeout(self.now);
            done.extend(self.outputs().into_iter().map(|output| (self.now - began, output)));
        }
        self.now = end;
        done
    }

    fn after(&mut self, time: Duration) -> Vec<Output> {
        self.until(self.now + time).into_iter().map(|(_, output)| output).collect()
    }

    /// The next time that a stream is opened: how long until then, and where it begins.
    fn opened(&mut self) -> (Duration, Start) {
        let began = self.now;
        loop {
            let outputs = self.outputs();
            if outputs.contains(&Output::Sweep(Sweep::Reconcile)) {
                self.subscription.handle_swept(self.now, true);
            }
            for output in outputs {
                if let Output::Open { start, .. } = output {
                    return (self.now - began, start);
                }
            }
            self.now = self.now.max(self.subscription.poll_timeout());
            self.subscription.handle_timeout(self.now);
        }
    }

    fn answer(&mut self, events: u32, pending: u32) {
        self.subscription.handle_answer(self.now, events, pending);
    }

    fn stored(&mut self, place: ReplayId) {
        self.subscription.handle_stored(self.now, Some(place));
    }

    fn end(&mut self, end: End) {
        self.subscription.handle_end(self.now, end);
    }
}

#[test]
fn the_first_stream_begins_as_set_and_a_later_one_behind_what_is_stored() {
    assert_eq!(Rig::new(First::Earliest, None).opened(), (s(0), Start::Earliest));
    let mut rig = Rig::new(First::Latest, None);
    assert_eq!(rig.opened().1, Start::Latest);
    rig.answer(2, 98);
    rig.end(End::Unavailable);
    assert_eq!(rig.opened().1, Start::Latest, "what was not stored has no place");
    rig.answer(2, 98);
    rig.stored(place(2));
    rig.end(End::Unavailable);
    assert_eq!(rig.opened().1, Start::After(place(2)));
    assert_eq!(Rig::new(First::Latest, Some(place(9))).opened().1, Start::After(place(9)));
}

#[test]
fn where_everything_is_new_the_org_is_swept_once() {
    for (first, place, is_swept) in
        [(First::Earliest, None, true), (First::Earliest, Some(place(1)), false), (First::Latest, None, false)]
    {
        let mut rig = Rig::new(first, place);
        let sweep = Output::Sweep(Sweep::Reconcile);
        assert_eq!(rig.outputs().contains(&sweep), is_swept);
        rig.subscription.handle_swept(rig.now, true);
        assert!(!rig.after(s(299)).contains(&sweep));
    }
}

#[test]
fn what_may_be_missing_is_so_until_a_sweep_is_done_whoever_makes_it() {
    let sweep = Output::Sweep(Sweep::Reconcile);
    let mut rig = Rig::from(First::Latest, Progress { place: Some(place(1)), has_gap: true });
    assert!(rig.outputs().contains(&sweep) && rig.subscription.has_gap());
    rig.answer(1, 99);
    rig.stored(place(2));
    rig.subscription.handle_swept(rig.now, false);
    assert!(rig.subscription.has_gap());
    assert_eq!(rig.after(s(61)), [sweep]);
    rig.end(End::Corrupted);
    rig.subscription.handle_swept(rig.now, true);
    assert!(rig.subscription.has_gap(), "that sweep began before");
    assert!(rig.after(s(61)).contains(&Output::Sweep(Sweep::Reconcile)));
    rig.subscription.handle_swept(rig.now, true);
    assert!(!rig.subscription.has_gap());
}

#[test]
fn what_had_no_room_is_swept_until_it_has() {
    let mut rig = Rig::new(First::Latest, Some(place(1)));
    rig.opened();
    rig.answer(1, 99);
    rig.subscription.handle_gap(rig.now);
    rig.stored(place(2));
    for longest in [60, 60, 120, 240, 480, 900, 900] {
        assert!(rig.subscription.has_gap());
        let began = rig.now;
        while !rig.outputs().contains(&Output::Sweep(Sweep::Reconcile)) {
            rig.now = rig.now.max(rig.subscription.poll_timeout());
            rig.subscription.handle_timeout(rig.now);
            rig.answer(0, 99);
            rig.stored(place(3));
        }
        let wait = rig.now - began;
        assert!(wait >= s(longest) / 2 && wait <= s(longest), "{wait:?} of {longest} s");
        rig.subscription.handle_gap(rig.now);
        rig.subscription.handle_swept(rig.now, false);
    }
    rig.after(s(900));
    rig.subscription.handle_gap(rig.now);
    rig.subscription.handle_swept(rig.now, true);
    assert!(rig.subscription.has_gap(), "what was left out meanwhile may be missing");
    rig.after(s(60));
    rig.subscription.handle_swept(rig.now, true);
    assert!(!rig.subscription.has_gap());
}

#[test]
fn more_is_asked_for_when_few_are_outstanding_and_what_came_is_stored() {
    let mut rig = Rig::new(First::Earliest, None);
    rig.opened();
    rig.answer(40, 60);
    rig.stored(place(1));
    assert_eq!(rig.outputs(), []);
    rig.answer(30, 30);
    assert_eq!(rig.outputs(), []);
    rig.stored(place(2));
    assert_eq!(rig.outputs(), [Output::Ask(70)]);
    rig.answer(30, 0);
    rig.stored(place(3));
    assert_eq!(rig.outputs(), [], "the server does not know yet what was asked for: 70 are outstanding");
    assert_eq!(rig.after(s(60)), []);
    rig.answer(0, 0);
    rig.stored(place(4));
    assert_eq!(rig.outputs(), [Output::Ask(100)], "now it must, and says that none are");
}

#[test]
fn a_slow_store_does_not_let_a_stream_end_for_idleness() {
    let mut rig = Rig::new(First::Earliest, None);
    rig.opened();
    rig.answer(100, 0);
    assert_eq!(rig.after(s(49)), []);
    assert_eq!(rig.after(s(1)), [Output::Ask(1)]);
    assert_eq!(rig.after(s(200)), []);
    rig.stored(place(1));
    assert_eq!(rig.outputs(), [Output::Ask(99)]);
}

#[test]
fn a_silent_stream_is_given_up_and_one_that_is_kept_alive_is_not() {
    let mut rig = Rig::new(First::Earliest, Some(place(1)));
    rig.opened();
    for _ in 0..5 {
        assert_eq!(rig.after(s(270)), []);
        rig.answer(0, 100);
        rig.stored(place(2));
    }
    let done = rig.until(rig.now + s(305));
    assert_eq!(done[0], (s(300), Output::Close));
    assert!(matches!(&done[1], (_, Output::Open { start: Start::After(at), .. }) if *at == place(2)), "{done:?}");
}

#[test]
fn waits_double_until_something_is_stored() {
    let mut rig = Rig::new(First::Earliest, None);
    rig.opened();
    for longest in [1, 2, 4, 8, 16, 32, 60, 60] {
        rig.end(End::Unavailable);
        let (wait, _) = rig.opened();
        assert!(wait >= s(longest) / 2 && wait <= s(longest), "{wait:?} of {longest} s");
    }
    rig.answer(0, 100);
    rig.stored(place(1));
    rig.end(End::Unavailable);
    assert!(rig.opened().0 <= s(1));
    rig.end(End::Refused);
    assert!(rig.opened().0 >= s(30), "a refusal is not looked at again at once");
}

#[test]
fn what_cannot_be_stored_is_not_asked_for_again_and_again() {
    let mut rig = Rig::new(First::Earliest, Some(place(1)));
    let count = |outputs: &[Output]| {
        outputs.iter().find_map(|output| if let Output::Open { count, .. } = output { Some(*count) } else { None })
    };
    assert_eq!(count(&rig.outputs()), Some(MOST_OUTSTANDING));
    let (began, mut events, mut sweeps) = (rig.now, MOST_OUTSTANDING, 0);
    while rig.now - began < s(3_600) {
        rig.answer(1, 0);
        assert!(!rig.subscription.is_receiving());
        rig.end(End::Unstored);
        loop {
            rig.now = rig.now.max(rig.subscription.poll_timeout());
            rig.subscription.handle_timeout(rig.now);
            let outputs = rig.outputs();
            if outputs.contains(&Output::Sweep(Sweep::Fallback)) {
                sweeps += 1;
                rig.subscription.handle_swept(rig.now, true);
            }
            if let Some(count) = count(&outputs) {
                events += count;
                break;
            }
        }
        assert_eq!(rig.subscription.is_polling(rig.now), rig.now - began >= s(300));
    }
    assert!(events < 250, "{events} events of the day's allowance in an hour");
    assert!(sweeps >= 50, "{sweeps} sweeps stand in");
    rig.answer(1, 0);
    rig.stored(place(2));
    assert!(rig.subscription.is_receiving() && !rig.subscription.is_polling(rig.now));
    assert_eq!(rig.outputs(), [Output::Ask(MOST_OUTSTANDING)]);
    rig.end(End::Unavailable);
    assert!(rig.opened().0 <= s(1));
}

#[test]
fn a_session_that_is_not_taken_is_renewed() {
    let mut rig = Rig::new(First::Earliest, Some(place(1)));
    rig.opened();
    rig.end(End::Session);
    assert_eq!(rig.outputs(), [Output::RenewSession]);
    assert_eq!(rig.opened().1, Start::After(place(1)));
    rig.end(End::Session);
    rig.end(End::Session);
    assert_eq!(rig.outputs(), [Output::RenewSession], "an end is told once");
}

#[test]
fn a_place_that_is_not_known_is_followed_by_everything_and_a_sweep() {
    let mut rig = Rig::new(First::Latest, Some(place(1)));
    rig.opened();
    rig.end(End::Corrupted);
    let outputs = rig.after(s(2));
    assert_eq!(outputs[0], Output::Sweep(Sweep::Reconcile));
    assert!(matches!(outputs[1], Output::Open { start: Start::Earliest, .. }));
    rig.answer(3, 97);
    rig.stored(place(7));
    rig.subscription.handle_swept(rig.now, false);
    assert_eq!(rig.after(s(61)), [Output::Sweep(Sweep::Reconcile)], "until it is done");
    rig.subscription.handle_swept(rig.now, true);
    rig.end(End::Unavailable);
    assert_eq!(rig.opened().1, Start::After(place(7)));
}

#[test]
fn where_no_more_is_delivered_the_org_is_swept_for_as_long() {
    let mut rig = Rig::new(First::Earliest, Some(place(1)));
    rig.opened();
    rig.answer(0, 100);
    rig.stored(place(2));
    rig.end(End::Limited);
    let mut sweeps = 0;
    let start = loop {
        rig.now = rig.subscription.poll_timeout();
        rig.subscription.handle_timeout(rig.now);
        match rig.outputs().pop().unwrap() {
            Output::Sweep(Sweep::Fallback) => sweeps += 1,
            Output::Open { start, .. } => break start,
            other @ (Output::Ask(_) | Output::Close | Output::RenewSession | Output::Sweep(_)) => panic!("{other:?}"),
        }
        assert!(rig.subscription.is_polling(rig.now));
        rig.subscription.handle_swept(rig.now, true);
    };
    assert_eq!(start, Start::After(place(2)), "the place is still good");
    assert!((8..=30).contains(&sweeps), "{sweeps} in 7.5 to 15 minutes");
    rig.answer(5, 95);
    rig.stored(place(3));
    assert!(!rig.subscription.is_polling(rig.now) && rig.subscription.is_receiving());
    assert_eq!(rig.after(s(299)), [], "sweeps stop");
}

#[test]
fn sweeps_stand_in_for_streams_that_fail_for_long() {
    let mut rig = Rig::new(First::Earliest, None);
    rig.opened();
    let began = rig.now;
    rig.end(End::Unavailable);
    let first = loop {
        rig.now = rig.subscription.poll_timeout();
        rig.subscription.handle_timeout(rig.now);
        for output in rig.outputs() {
            match output {
                Output::Open { .. } => rig.end(End::Unavailable),
                Output::Sweep(Sweep::Fallback) => {}
                other @ (Output::Ask(_) | Output::Close | Output::RenewSession | Output::Sweep(_)) => {
                    panic!("{other:?}")
                }
            }
        }
        if rig.subscription.is_polling(rig.now) {
            break rig.now - began;
        }
    };
    assert_eq!(first, s(300));
    rig.subscription.handle_swept(rig.now, false);
    let again = rig.until(rig.now + s(60));
    assert!(again.iter().any(|(_, output)| *output == Output::Sweep(Sweep::Fallback)), "{again:?}");
}
