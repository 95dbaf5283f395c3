//! One subscription: how many events were asked for, where it is, and when it must hear or say something. It is told the time.

use jiff::{SignedDuration, Timestamp};

use super::{Bus, Refusal, Told};

/// Most events that may be outstanding; more that is asked for is not counted (Pub/Sub API, "Subscribe RPC Method").
const MOST_PENDING: u32 = 100;
/// After so long without an event the place in the topic is told, where events are outstanding.
const KEEPALIVE: SignedDuration = SignedDuration::from_secs(270);
/// So long a stream is kept on which none are.
const IDLE: SignedDuration = SignedDuration::from_secs(60);
/// Most bytes of events in one answer.
const MOST_BYTES: usize = 3_000_000;

/// Where a subscription begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Latest,
    Earliest,
    After(Vec<u8>),
}

/// What a peer asks for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) topic: String,
    pub(crate) start: Start,
    pub(crate) count: i32,
}

/// What happens next on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Events, each with its replay id; none to keep the stream alive.
    Deliver { events: Vec<(Vec<u8>, Told)>, latest: Vec<u8>, pending: u32 },
    /// The stream ends.
    End(Refusal),
}

/// One subscription.
pub(crate) struct Subscription {
    topic: String,
    place: u64,
    pending: u32,
    delivered: u32,
    /// When something was last said, or asked for.
    since: Timestamp,
}

impl Subscription {
    /// Begins with the first request of a stream.
    pub(crate) fn open(bus: &mut Bus, asked: &Asked, now: Timestamp) -> Result<Self, Refusal> {
        if bus.troubles.closed {
            return Err(Refusal::closed(&asked.topic));
        }
        let number = if let Start::After(id) = &asked.start { bus.number(id) } else { None };
        let topic = bus.topics.get_mut(&asked.topic).filter(|topic| !topic.event.hidden);
        let topic = topic.ok_or_else(|| Refusal::no_topic(&asked.topic))?;
        topic.age(now);
        let place = match &asked.start {
            Start::Latest => topic.last(),
            Start::Earliest => 0,
            Start::After(id) if id.is_empty() => return Err(Refusal::no_replay_id()),
            Start::After(_) => number.filter(|number| topic.has(*number)).ok_or_else(Refusal::corrupted)?,
        };
        let mut subscription = Self { topic: asked.topic.clone(), place, pending: 0, delivered: 0, since: now };
        subscription.handle_request(asked, now)?;
        Ok(subscription)
    }

    /// Takes a further request, which adds to what is outstanding. Where it begins is not looked at any more.
    pub(crate) fn handle_request(&mut self, asked: &Asked, now: Timestamp) -> Result<(), Refusal> {
        if !asked.topic.is_empty() && asked.topic != self.topic {
            return Err(Refusal::other_topic());
        }
        let count = u32::try_from(asked.count).ok().filter(|count| *count > 0).ok_or_else(Refusal::requested)?;
        if self.pending == 0 {
            self.since = now;
        }
        self.pending = self.pending.saturating_add(count).min(MOST_PENDING);
        Ok(())
    }

    /// What happens now, if anything does.
    pub(crate) fn poll(&mut self, bus: &mut Bus, now: Timestamp) -> Option<Step> {
        let drop_every = bus.troubles.drop_every;
        if drop_every.is_some_and(|most| self.delivered >= most) {
            return Some(Step::End(Refusal::unavailable()));
        }
        if self.pending == 0 {
            return (now >= self.poll_timeout()).then(|| Step::End(Refusal::idle()));
        }
        let most = drop_every.map_or(self.pending, |most| self.pending.min(most - self.delivered));
        let events = self.next(bus, most, now);
        if events.is_empty() {
            return (now >= self.poll_timeout()).then(|| self.keep_alive(bus, now));
        }
        if let Some(left) = &mut bus.troubles.deliveries_left {
            let Some(rest) = left.checked_sub(events.len() as u64) else {
                return Some(Step::End(Refusal::allowance()));
            };
            *left = rest;
        }
        let count = u32::try_from(events.len()).unwrap_or(MOST_PENDING);
        self.place = events.last().map_or(self.place, |(number, _)| *number);
        self.pending -= count.min(self.pending);
        self.delivered = self.delivered.saturating_add(count);
        self.since = now;
        let events = events.into_iter().map(|(number, told)| (bus.replay_id(number), told)).collect();
        Some(Step::Deliver { events, latest: bus.replay_id(self.place), pending: self.pending })
    }

    /// When something happens though nothing comes.
    pub(crate) fn poll_timeout(&self) -> Timestamp {
        let wait = if self.pending == 0 { IDLE } else { KEEPALIVE };
        self.since.checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    fn next(&self, bus: &mut Bus, most: u32, now: Timestamp) -> Vec<(u64, Told)> {
        let Some(topic) = bus.topics.get_mut(&self.topic) else { return Vec::new() };
        topic.age(now);
        let mut bytes = 0;
        let fits = |(_, told): &(u64, &Told)| {
            bytes += told.payload.len();
            bytes <= MOST_BYTES || bytes == told.payload.len()
        };
        let found = topic.after(self.place).take(most as usize).take_while(fits);
        found.map(|(number, told)| (number, told.clone())).collect()
    }

    fn keep_alive(&mut self, bus: &mut Bus, now: Timestamp) -> Step {
        if let Some(topic) = bus.topics.get_mut(&self.topic) {
            self.place = topic.keep(None, now);
        }
        self.since = now;
        Step::Deliver { events: Vec::new(), latest: bus.replay_id(self.place), pending: self.pending }
    }
}
