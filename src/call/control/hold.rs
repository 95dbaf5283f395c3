//! A call that the caller holds, or that is being handed over: the clock of its conversation stands still, and what is heard
//! meanwhile is no answer.

use std::time::{Duration, Instant};

use super::Call;

/// Why a conversation stands still.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause {
    /// The caller holds the call.
    Caller,
    /// The caller is being handed over.
    Transfer,
}

/// How long a conversation has stood still.
#[derive(Debug, Default)]
pub(super) struct Hold {
    by_caller: bool,
    by_transfer: bool,
    since: Option<Instant>,
    past: Duration,
}

impl Hold {
    pub(super) fn is_on(&self) -> bool {
        self.since.is_some()
    }

    pub(super) fn begin(&mut self, now: Instant, cause: Cause) {
        *self.flag(cause) = true;
        self.since.get_or_insert(now);
    }

    pub(super) fn end(&mut self, now: Instant, cause: Cause) {
        *self.flag(cause) = false;
        if !self.by_caller && !self.by_transfer {
            self.past += self.since.take().map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        }
    }

    fn flag(&mut self, cause: Cause) -> &mut bool {
        match cause {
            Cause::Caller => &mut self.by_caller,
            Cause::Transfer => &mut self.by_transfer,
        }
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
        self.hold.begin(self.now, Cause::Caller);
        self.note("held", "");
    }

    pub(super) fn resumed(&mut self) {
        self.hold.end(self.now, Cause::Caller);
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
        hold.begin(at(4), Cause::Caller);
        hold.begin(at(5), Cause::Caller);
        assert_eq!((hold.clock(at(60)), hold.due(at(9))), (at(4), None));
        hold.end(at(64), Cause::Caller);
        assert_eq!((hold.clock(at(66)), hold.due(at(9))), (at(6), Some(at(69))));
        hold.begin(at(67), Cause::Caller);
        hold.end(at(77), Cause::Caller);
        hold.end(at(78), Cause::Caller);
        assert_eq!((hold.clock(at(80)), hold.due(at(9))), (at(10), Some(at(79))));
    }

    #[test]
    fn a_hold_within_a_transfer_ends_neither_early() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut hold = Hold::default();
        hold.begin(at(4), Cause::Transfer);
        hold.begin(at(5), Cause::Caller);
        hold.end(at(6), Cause::Caller);
        assert!(hold.is_on());
        hold.begin(at(7), Cause::Caller);
        hold.end(at(8), Cause::Transfer);
        assert_eq!((hold.clock(at(9)), hold.due(at(9))), (at(4), None));
        hold.end(at(10), Cause::Caller);
        assert_eq!(hold.clock(at(10)), at(4));
    }
}
