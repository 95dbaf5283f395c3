//! One topic: its events in their order, for as long as they are kept.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::schema::Event;

/// How long an event can be asked for again (Pub/Sub API, "Event Message Durability").
const RETENTION: SignedDuration = SignedDuration::from_hours(72);
/// Most places of a topic; the oldest goes.
const MOST: usize = 100_000;

/// An event as it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) schema_id: String,
    pub(crate) payload: Vec<u8>,
}

/// A place in a topic: an event's, or one that was told of to keep a stream alive.
pub(super) struct Kept {
    pub(super) number: u64,
    at: Timestamp,
    pub(super) told: Option<Told>,
}

pub(super) struct Topic {
    pub(super) event: Event,
    pub(super) schema_id: String,
    pub(super) kept: VecDeque<Kept>,
    last: u64,
}

impl Topic {
    pub(super) fn new(event: Event, schema_id: String) -> Self {
        Self { event, schema_id, kept: VecDeque::new(), last: 4_000 }
    }

    /// Numbers grow, and not by one: a client that counts is wrong.
    pub(super) fn keep(&mut self, told: Option<Told>, now: Timestamp) -> u64 {
        if self.kept.len() >= MOST {
            self.kept.pop_front();
        }
        self.last += 1 + self.last % 3;
        self.kept.push_back(Kept { number: self.last, at: now, told });
        self.last
    }

    /// Where a subscription to what comes begins.
    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    /// Forgets what is too old.
    pub(super) fn age(&mut self, now: Timestamp) {
        while self.kept.front().is_some_and(|kept| now.duration_since(kept.at) >= RETENTION) {
            self.kept.pop_front();
        }
    }

    /// Whether somebody may go on from here.
    pub(super) fn has(&self, number: u64) -> bool {
        self.kept.binary_search_by_key(&number, |kept| kept.number).is_ok()
    }

    /// Events behind a place.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = (u64, &Told)> {
        let first = self.kept.partition_point(|kept| kept.number <= number);
        self.kept.range(first..).filter_map(|kept| Some((kept.number, kept.told.as_ref()?)))
    }
}
