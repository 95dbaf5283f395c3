//! Whether a new call would be taken: only what every call needs.
//!
//! The account book, speech children, the bot and the processor are not here. A call that lacks one of them is
//! still answered and told so, and they are shared: a node that took itself out for one of them would take
//! all nodes out together.

use std::sync::atomic::{AtomicBool, Ordering};

use metrics::gauge;
use tokio::sync::watch;

/// Something without which no call can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// SIP sockets are bound.
    Sip,
    /// Media threads keep their tick.
    Media,
    /// The store commits within its deadline.
    Store,
    /// Every volume has the free space asked for.
    Disk,
    /// The clock is within its bound.
    Clock,
    /// Every prompt that the law or a capture needs is rendered.
    Prompts,
    /// The process is not on its way out.
    Drain,
}

/// How many checks there are.
const COUNT: usize = 7;

impl Check {
    /// Every check, in the order of the report.
    pub(crate) const ALL: [Self; COUNT] =
        [Self::Sip, Self::Media, Self::Store, Self::Disk, Self::Clock, Self::Prompts, Self::Drain];

    /// The name in the report and in the metric's label.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Media => "media",
            Self::Store => "store",
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::Prompts => "prompts",
            Self::Drain => "drain",
        }
    }
}

/// The state of every check, shared by those who know it and those who ask.
#[derive(Debug)]
pub(crate) struct Readiness {
    failing: watch::Sender<[Option<&'static str>; COUNT]>,
    /// Whether cards are withheld by dual control.
    withholds_cards: AtomicBool,
    /// Why no outbound call may be placed; `None` until somebody has looked. No check: the node takes calls all the same.
    outbound: watch::Sender<Option<Vec<&'static str>>>,
}

impl Readiness {
    /// At start nothing is ready but the process itself, which is not draining.
    #[must_use]
    pub(crate) fn new() -> Self {
        let mut failing = [Some("not started"); COUNT];
        failing[Check::Drain as usize] = None;
        for check in Check::ALL {
            report(check, failing[check as usize].is_none());
        }
        let outbound = watch::Sender::new(None);
        Self { failing: watch::Sender::new(failing), withholds_cards: AtomicBool::new(false), outbound }
    }

    /// Says why no outbound call may be placed; nothing where one may.
    pub(crate) fn hold_outbound(&self, reasons: Vec<&'static str>) {
        let told = reasons.join(", ");
        let reasons = Some(reasons);
        let is_news = self.outbound.send_if_modified(|held| std::mem::replace(held, reasons.clone()) != reasons);
        if is_news && told.is_empty() {
            tracing::info!("outbound calls may be placed");
        } else if is_news {
            tracing::warn!(reasons = told, "no outbound call is placed");
        }
    }

    /// Marks a check as passed.
    pub(crate) fn pass(&self, check: Check) {
        self.set(check, None);
    }

    /// Marks a check as failed, with a reason that holds nothing private.
    pub(crate) fn fail(&self, check: Check, reason: &'static str) {
        self.set(check, Some(reason));
    }

    /// Whether every check passes.
    #[must_use]
    pub(crate) fn is_ready(&self) -> bool {
        self.states().iter().all(Option::is_none)
    }

    /// Returns as soon as every check passes.
    pub(crate) async fn ready(&self) {
        // Who tells is here, and so never gone.
        self.failing.subscribe().wait_for(|failing| failing.iter().all(Option::is_none)).await.ok();
    }

    /// No card is taken from now on: what they would go to is not approved any more.
    pub(crate) fn withhold_cards(&self) {
        self.withholds_cards.store(true, Ordering::Relaxed);
    }

    /// Whether cards may be taken: not while what is written of them may be lost, or may carry a wrong time, or while dual
    /// control withholds them.
    #[must_use]
    pub(crate) fn may_capture(&self) -> bool {
        if self.withholds_cards.load(Ordering::Relaxed) {
            return false;
        }
        let states = self.states();
        [Check::Store, Check::Disk, Check::Clock].into_iter().all(|check| states[check as usize].is_none())
    }

    /// The first check that fails, in the order of the report.
    #[must_use]
    pub(crate) fn first_failing(&self) -> Option<Check> {
        let states = self.states();
        Check::ALL.into_iter().find(|check| states[*check as usize].is_some())
    }

    /// One line per check: `ok NAME` or `failing NAME: reason`; and `ok outbound` or `held outbound: reasons`.
    #[must_use]
    pub(crate) fn report(&self) -> String {
        let states = self.states();
        let line = |check: Check| match states[check as usize] {
            None => format!("ok {}\n", check.name()),
            Some(reason) => format!("failing {}: {reason}\n", check.name()),
        };
        let outbound = match self.outbound.borrow().as_deref() {
            None => String::new(),
            Some([]) => "ok outbound\n".to_owned(),
            Some(reasons) => format!("held outbound: {}\n", reasons.join(", ")),
        };
        Check::ALL.into_iter().map(line).chain([outbound]).collect()
    }

    fn set(&self, check: Check, reason: Option<&'static str>) {
        let is_news =
            self.failing.send_if_modified(|failing| std::mem::replace(&mut failing[check as usize], reason) != reason);
        if is_news {
            match reason {
                None => tracing::info!(check = check.name(), "check passes"),
                Some(reason) => tracing::warn!(check = check.name(), reason, "check fails"),
            }
        }
        report(check, reason.is_none());
    }

    fn states(&self) -> [Option<&'static str>; COUNT] {
        *self.failing.borrow()
    }
}

fn report(check: Check, passes: bool) {
    gauge!("tonegate_ready", "check" => check.name()).set(if passes { 1.0 } else { 0.0 });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_taken_only_when_every_check_passes() {
        let readiness = Readiness::new();
        for check in Check::ALL {
            assert!(!readiness.is_ready() || check == Check::Drain);
            readiness.pass(check);
        }
        assert!(readiness.is_ready());
        readiness.fail(Check::Store, "commits are slow");
        assert!(!readiness.is_ready());
        assert!(readiness.report().contains("failing store: commits are slow\n"));
        assert!(readiness.report().contains("ok sip\n"));
    }

    #[test]
    fn outbound_calls_that_are_held_are_told_and_take_no_node_out() {
        let readiness = Readiness::new();
        Check::ALL.into_iter().for_each(|check| readiness.pass(check));
        assert!(!readiness.report().contains("outbound"), "nobody has looked");
        readiness.hold_outbound(vec!["outbox_old", "book_failing"]);
        assert!(readiness.report().ends_with("held outbound: outbox_old, book_failing\n"));
        assert!(readiness.is_ready());
        readiness.hold_outbound(Vec::new());
        assert!(readiness.report().ends_with("ok outbound\n"));
    }

    #[test]
    fn cards_are_taken_while_they_can_be_kept_and_dated() {
        for stops in [Check::Store, Check::Disk, Check::Clock] {
            let readiness = Readiness::new();
            Check::ALL.into_iter().for_each(|check| readiness.pass(check));
            readiness.fail(Check::Drain, "leaving");
            assert!(readiness.may_capture(), "a call that is up pays to its end");
            readiness.fail(stops, "in trouble");
            assert!(!readiness.may_capture(), "{}", stops.name());
        }
        let readiness = Readiness::new();
        Check::ALL.into_iter().for_each(|check| readiness.pass(check));
        readiness.withhold_cards();
        assert!(readiness.is_ready() && !readiness.may_capture(), "calls go on without cards");
    }

    #[test]
    fn each_check_has_a_place_of_its_own() {
        for (place, check) in Check::ALL.into_iter().enumerate() {
            assert_eq!(check as usize, place);
        }
    }
}
