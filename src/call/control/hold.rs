//! A call that the caller holds: the clock of its conversation stands still, and what is heard meanwhile is not the caller.

use std::time::{Duration, Instant};

use super::Call;

/// How long a conversation has stood still.
#[derive(Debug, Default)]
pub(super) struct Hold {
    since: Option<Instant>,
    past: Duration,
}

impl Hold {
    pub(super) fn is_on(&self) -> bool {
        self.since.is_some()
    }

    fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    fn end(&mut self, now: Instant) {
        self.past += self.since.take().map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
    }

    /// The conversation's own time.
    pub(super) fn clock(&self, now: Instant) -> Instant {
        let ran_until = self.since.unwrap_or(now);
        ran_until.checked_sub(self.past).unwrap_or(ran_until)
    }

    /// When something comes that is due by the conversation's time; never while it stands still.
    pub(super) fn due(&self, due: Instant) -> Option<Instant> {
        self.since.is_none().then(|| due + self.past)
    }
}

impl Call {
    pub(super) fn held(&mut self) {
        self.hold.begin(self.now);
        self.note("held", "");
    }

    pub(super) fn resumed(&mut self) {
        self.hold.end(self.now);
        self.note("resumed", "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_holds_are_left_out_of_the_conversations_time() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut hold = Hold::default();
        assert_eq!((hold.clock(at(3)), hold.due(at(9))), (at(3), Some(at(9))));
        hold.begin(at(4));
        hold.begin(at(5));
        assert_eq!((hold.clock(at(60)), hold.due(at(9))), (at(4), None));
        hold.end(at(64));
        assert_eq!((hold.clock(at(66)), hold.due(at(9))), (at(6), Some(at(69))));
        hold.begin(at(67));
        hold.end(at(77));
        hold.end(at(78));
        assert_eq!((hold.clock(at(80)), hold.due(at(9))), (at(10), Some(at(79))));
    }
}
