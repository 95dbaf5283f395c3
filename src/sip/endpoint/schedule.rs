//! Who is due when.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::CallHandle;

/// A transaction's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TransactionId(pub(super) u64);

/// Something that can be due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    Server(TransactionId),
    Client(TransactionId),
    Call(CallHandle),
    /// What comes of a REFER in the call.
    Referral(CallHandle),
}

/// One deadline for each timer, the nearest first.
#[derive(Default)]
pub(super) struct Schedule {
    order: BTreeSet<(Instant, Timer)>,
    deadlines: HashMap<Timer, Instant>,
}

impl Schedule {
    /// Sets or clears the deadline of `timer`.
    pub(super) fn set(&mut self, timer: Timer, deadline: Option<Instant>) {
        let before = match deadline {
            Some(deadline) => self.deadlines.insert(timer, deadline),
            None => self.deadlines.remove(&timer),
        };
        if let Some(before) = before {
            self.order.remove(&(before, timer));
        }
        if let Some(deadline) = deadline {
            self.order.insert((deadline, timer));
        }
    }

    /// The nearest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(deadline, _)| *deadline)
    }

    /// Takes a timer whose deadline has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let &(deadline, timer) = self.order.first()?;
        if deadline > now {
            return None;
        }
        self.set(timer, None);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tests::epoch;

    #[test]
    fn timers_come_in_order_and_the_latest_deadline_counts() {
        let start = epoch();
        let at = |seconds| Some(start + Duration::from_secs(seconds));
        let (first, second) = (Timer::Call(CallHandle(1)), Timer::Client(TransactionId(2)));
        let mut schedule = Schedule::default();
        schedule.set(first, at(1));
        schedule.set(second, at(2));
        schedule.set(first, at(3));
        assert!(schedule.next() == at(2) && schedule.take_due(start).is_none());
        let now = start + Duration::from_secs(9);
        assert!(schedule.take_due(now) == Some(second) && schedule.take_due(now) == Some(first));
        assert!(schedule.take_due(now).is_none() && schedule.next().is_none());
    }
}
