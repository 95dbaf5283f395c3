//! The subscription to assignments: when a stream is opened and where it begins, how many events are asked for, what follows
//! when it ends, and when the org's accounts are swept instead.
//!
//! It is told what happens and the time, and says what to do ([`Output`]). The place in the topic moves only when events are
//! stored: what was received and not stored is received again.
//!
//! | end of a stream | what follows |
//! |---|---|
//! | [`End::Unavailable`], [`End::Silent`], [`End::Unstored`] | opened again behind the last event that was stored, after 1 s, 2 s, 4 s … 60 s |
//! | [`End::Session`] | the same, with a new session |
//! | [`End::Corrupted`] | the same from the earliest event that is kept, and one sweep: events may be missing |
//! | [`End::Refused`] | the same after 60 s |
//! | [`End::Limited`] | the same after 15 minutes; sweeps meanwhile |
//!
//! The first stream of all, where it begins with the earliest event, has one sweep beside it. That events may be missing is
//! durable until a sweep is done, and a gateway that takes over begins with one; after each that is not done the next waits twice
//! as long, up to 15 minutes. Sweeps, each 30 to 60 s, also stand in where nothing could be stored for five minutes; they stop
//! with the first answer that is stored.
//!
//! Only what is stored counts as a success. Where what came was not, the next stream asks for one event until one is: each that
//! is delivered counts against the org's allowance of the day, stored or not.

mod backoff;
mod end;
mod place;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use self::backoff::Backoff;

pub use end::End;
pub use place::{InvalidReplayId, ReplayId};

/// Most events that may be outstanding; a server counts no more (Pub/Sub API, "Subscribe RPC Method").
pub const MOST_OUTSTANDING: u32 = 100;
/// From so few on more are asked for.
const FEW: u32 = MOST_OUTSTANDING / 2;

/// Where the very first stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// With the oldest event that is kept.
    Earliest,
    /// With the next one.
    Latest,
}

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A stream without an answer is given up; the server shows that it is alive within 270 s.
    pub watchdog: Duration,
    /// A stream on which nothing is outstanding is asked for more; the server ends it after 60 s.
    pub idle: Duration,
    /// The wait after a first failure; it doubles.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// The wait where no more events are delivered this day.
    pub limited_wait: Duration,
    /// Nothing could be stored for so long: sweeps stand in.
    pub patience: Duration,
    /// Between two sweeps, at the most; at the least half of it. After those that are not done it doubles, to `limited_wait`.
    pub sweep_every: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            watchdog: Duration::from_secs(300),
            idle: Duration::from_secs(50),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            limited_wait: Duration::from_secs(900),
            patience: Duration::from_secs(300),
            sweep_every: Duration::from_secs(60),
        }
    }
}

/// Where a stream begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest event that is kept.
    Earliest,
    /// With the next one.
    Latest,
    /// Behind this one.
    After(ReplayId),
}

/// Why accounts are swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Events may be missing: there was no place to go on from.
    Reconcile,
    /// Events are not to be had.
    Fallback,
}

impl Sweep {
    /// Its name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            Self::Fallback => "fallback",
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Open a stream and ask for so many events.
    Open {
        /// Where it begins.
        start: Start,
        /// How many.
        count: u32,
    },
    /// Ask for so many more.
    Ask(u32),
    /// Give the stream up. It is not told again.
    Close,
    /// Have a new session, and use it from now on.
    RenewSession,
    /// Ask the org which accounts are in the queue, and tell what came of it.
    Sweep(Sweep),
}

/// The stream.
#[derive(Clone, Copy, Debug)]
enum State {
    /// There is none before then.
    Waiting { until: Instant },
    /// It is asked for, or there; `is_stored` once something that came by it is.
    Open { silent_at: Instant, is_stored: bool, flow: Flow },
}

/// How many events are outstanding on a stream.
#[derive(Clone, Copy, Debug)]
struct Flow {
    outstanding: u32,
    /// When some were last asked for: answers of just then may not know of it.
    asked_at: Instant,
    /// What came is being stored.
    is_storing: bool,
    /// When more must be asked for, though what came is not stored yet.
    idle_at: Option<Instant>,
}

/// How far a subscription has come, as it is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last event that was stored.
    pub place: Option<ReplayId>,
    /// Events before it may be missing, and no sweep has stood in for them yet.
    pub has_gap: bool,
}

/// The subscription.
#[derive(Debug)]
pub struct Subscription {
    first: First,
    timing: Timing,
    backoff: Backoff,
    place: Option<ReplayId>,
    /// There was a place that the org does not know any more, and nothing was stored since.
    is_place_lost: bool,
    /// The last thing that came was not stored.
    is_unstored: bool,
    state: State,
    failing_since: Option<Instant>,
    is_limited: bool,
    has_gap: bool,
    /// The gap came about while a sweep was under way, which may not have seen what is missing.
    is_gap_new: bool,
    is_sweeping: bool,
    sweep_at: Option<Instant>,
    /// Between sweeps that are not done.
    sweep_backoff: Backoff,
    outputs: VecDeque<Output>,
}

impl Subscription {
    /// One that goes on from there.
    #[must_use]
    pub fn new(first: First, timing: Timing, progress: Progress, seed: u64, now: Instant) -> Self {
        let Progress { place, has_gap } = progress;
        // What was assigned before the oldest event that is kept is in the org's queue alone.
        let has_gap = has_gap || (place.is_none() && first == First::Earliest);
        Self {
            first,
            timing,
            backoff: Backoff::new(timing.first_wait, timing.longest_wait, seed),
            place,
            is_place_lost: false,
            is_unstored: false,
            state: State::Waiting { until: now },
            failing_since: None,
            is_limited: false,
            has_gap,
            is_gap_new: false,
            is_sweeping: false,
            sweep_at: has_gap.then_some(now),
            sweep_backoff: Backoff::new(timing.sweep_every, timing.limited_wait, !seed),
            outputs: VecDeque::new(),
        }
    }

    /// Whether the stream answers, and what comes by it is stored.
    #[must_use]
    pub const fn is_receiving(&self) -> bool {
        matches!(self.state, State::Open { is_stored: true, .. })
    }

    /// Whether events may be missing that no sweep has stood in for yet: durable with the next place, or it is forgotten.
    #[must_use]
    pub const fn has_gap(&self) -> bool {
        self.has_gap
    }

    /// Whether sweeps stand in for events.
    #[must_use]
    pub fn is_polling(&self, now: Instant) -> bool {
        let is_lost = |since: Instant| now.saturating_duration_since(since) >= self.timing.patience;
        self.is_limited || self.failing_since.is_some_and(is_lost)
    }

    /// An answer with so many events came, and so many more are `pending` by the server's word. Tell when it is stored.
    pub fn handle_answer(&mut self, now: Instant, events: u32, pending: u32) {
        let State::Open { flow, is_stored, .. } = self.state else { return };
        let mut outstanding = flow.outstanding.saturating_sub(events);
        if now.saturating_duration_since(flow.asked_at) >= self.timing.idle {
            outstanding = outstanding.min(pending);
        }
        let idle_at = (outstanding == 0).then(|| now + self.timing.idle);
        let flow = Flow { outstanding, is_storing: true, idle_at, ..flow };
        self.state = State::Open { silent_at: now + self.timing.watchdog, is_stored, flow };
    }

    /// What came is stored up to this place; none where the answer had none.
    pub fn handle_stored(&mut self, now: Instant, place: Option<ReplayId>) {
        if place.is_some() {
            (self.place, self.is_place_lost) = (place, false);
        }
        let State::Open { flow, is_stored, .. } = &mut self.state else { return };
        (*is_stored, self.is_unstored) = (true, false);
        self.backoff.reset();
        self.failing_since = None;
        self.is_limited = false;
        if !self.has_gap {
            self.sweep_at = None;
        }
        flow.is_storing = false;
        flow.idle_at = None;
        if flow.outstanding <= FEW {
            let count = MOST_OUTSTANDING - flow.outstanding;
            flow.ask(now, count);
            self.outputs.push_back(Output::Ask(count));
        }
    }

    /// The stream ended, or could not be opened, or what came could not be stored.
    pub fn handle_end(&mut self, now: Instant, end: End) {
        let State::Open { flow, .. } = self.state else { return };
        self.is_unstored |= flow.is_storing;
        let since = *self.failing_since.get_or_insert(now);
        let backoff = self.backoff.next();
        let wait = match end {
            End::Limited => self.backoff.spread(self.timing.limited_wait),
            End::Refused => self.backoff.spread(self.timing.longest_wait),
            End::Unavailable | End::Silent | End::Session | End::Corrupted | End::Unstored => backoff,
        };
        self.state = State::Waiting { until: now + wait };
        let sweep_at = match end {
            End::Limited => {
                self.is_limited = true;
                now
            }
            End::Corrupted => {
                (self.place, self.is_place_lost) = (None, true);
                (self.has_gap, self.is_gap_new) = (true, self.is_sweeping);
                now
            }
            End::Session => {
                self.outputs.push_back(Output::RenewSession);
                since + self.timing.patience
            }
            End::Unavailable | End::Silent | End::Refused | End::Unstored => since + self.timing.patience,
        };
        self.sweep_at = Some(self.sweep_at.map_or(sweep_at, |before| before.min(sweep_at)));
    }

    /// Something that came is left out of what is stored: a sweep is to bring it.
    pub fn handle_gap(&mut self, now: Instant) {
        (self.has_gap, self.is_gap_new) = (true, self.is_sweeping);
        let wait = self.backoff.spread(self.timing.sweep_every);
        self.sweep_at.get_or_insert(now + wait);
    }

    /// A sweep is over; `is_done` where the org told of all its accounts and all are stored.
    pub fn handle_swept(&mut self, now: Instant, is_done: bool) {
        self.has_gap &= !is_done || self.is_gap_new;
        (self.is_sweeping, self.is_gap_new) = (false, false);
        let wait = if is_done {
            self.sweep_backoff.reset();
            self.backoff.spread(self.timing.sweep_every)
        } else {
            self.sweep_backoff.next()
        };
        if self.has_gap || self.is_polling(now) {
            self.sweep_at = Some(now + wait);
        }
    }

    /// What is to be done, one thing after another.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        let stream = match self.state {
            State::Waiting { until } => until,
            State::Open { silent_at, flow, .. } => flow.idle_at.map_or(silent_at, |idle| idle.min(silent_at)),
        };
        self.sweep_at.filter(|_| !self.is_sweeping).map_or(stream, |sweep| sweep.min(stream))
    }

    /// The time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Waiting { until } if until <= now => self.open(now),
            State::Open { silent_at, .. } if silent_at <= now => {
                self.outputs.push_back(Output::Close);
                self.handle_end(now, End::Silent);
            }
            State::Open { .. } => self.stay_awake(now),
            State::Waiting { .. } => {}
        }
        if !self.is_sweeping && self.sweep_at.is_some_and(|at| at <= now) {
            (self.is_sweeping, self.sweep_at) = (true, None);
            self.outputs.push_back(Output::Sweep(if self.has_gap { Sweep::Reconcile } else { Sweep::Fallback }));
        }
    }

    fn open(&mut self, now: Instant) {
        let start = match (&self.place, self.first) {
            (Some(place), _) => Start::After(place.clone()),
            (None, First::Latest) if !self.is_place_lost => Start::Latest,
            (None, First::Earliest | First::Latest) => Start::Earliest,
        };
        let count = if self.is_unstored { 1 } else { MOST_OUTSTANDING };
        let flow = Flow { outstanding: count, asked_at: now, is_storing: false, idle_at: None };
        self.state = State::Open { silent_at: now + self.timing.watchdog, is_stored: false, flow };
        self.outputs.push_back(Output::Open { start, count });
    }

    /// One event is asked for where nothing is outstanding while what came is still being stored.
    fn stay_awake(&mut self, now: Instant) {
        let State::Open { flow, .. } = &mut self.state else { return };
        if flow.is_storing && flow.idle_at.is_some_and(|at| at <= now) {
            flow.idle_at = None;
            flow.ask(now, 1);
            self.outputs.push_back(Output::Ask(1));
        }
    }
}

impl Flow {
    const fn ask(&mut self, now: Instant, count: u32) {
        self.outstanding += count;
        self.asked_at = now;
    }
}
