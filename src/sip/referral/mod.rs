//! A caller who is referred to somebody else (RFC 3515): whom to, and what the REFER and its implicit subscription come to.

mod notification;
mod target;

use std::time::{Duration, Instant};

use crate::Status;
use crate::transaction::LIFETIME;

pub(crate) use notification::{Notification, NotifyFault};
pub use target::{ReferTarget, ReferTargetError};

use notification::Subscription;

/// How long the first NOTIFY may take: timer N (RFC 6665 §4.1.2.4).
const FIRST_NOTIFICATION: Duration = LIFETIME;
/// Longest that a subscription is followed, whatever the peer says: a target that rings longer will not answer.
const LONGEST: Duration = Duration::from_secs(180);

/// What becomes of a REFER, as it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferralNews {
    /// The peer has accepted it, and tries the target.
    Accepted,
    /// What the peer hears of the target: a 1xx.
    Progress(Status),
    /// Nothing more comes.
    Ended(ReferralEnd),
}

/// How a REFER ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferralEnd {
    /// The target has answered the peer: this side's dialog has served its purpose.
    Transferred,
    /// The peer refused the REFER.
    Refused(Status),
    /// The peer transfers nobody: 405, 420 or 501.
    Unsupported(Status),
    /// The peer knows no such dialog (481): it is ended.
    DialogGone,
    /// Nobody answered the REFER in time.
    Unanswered,
    /// The target, or what is on the way to it, refused.
    TargetRefused(Status),
    /// The REFER was accepted, and then nothing was told.
    NotNotified,
    /// The subscription ended, or ran out, before the target had answered.
    Lapsed,
}

impl ReferralEnd {
    /// The stable name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Transferred => "transferred",
            Self::Refused(_) => "refused",
            Self::Unsupported(_) => "unsupported",
            Self::DialogGone => "dialog_gone",
            Self::Unanswered => "unanswered",
            Self::TargetRefused(_) => "target_refused",
            Self::NotNotified => "not_notified",
            Self::Lapsed => "lapsed",
        }
    }

    /// The status that says more, where one came.
    #[must_use]
    pub const fn status(self) -> Option<Status> {
        match self {
            Self::Refused(status) | Self::Unsupported(status) | Self::TargetRefused(status) => Some(status),
            Self::Transferred | Self::DialogGone | Self::Unanswered | Self::NotNotified | Self::Lapsed => None,
        }
    }

    /// What a final answer other than a 2xx makes of a REFER.
    fn of_refusal(status: Status) -> Self {
        match status {
            Status::METHOD_NOT_ALLOWED | Status::BAD_EXTENSION | Status::NOT_IMPLEMENTED => Self::Unsupported(status),
            Status::REQUEST_TIMEOUT => Self::Unanswered,
            Status::NO_SUCH_CALL => Self::DialogGone,
            _ => Self::Refused(status),
        }
    }
}

/// A REFER of this side. Its transaction bounds the wait for its answer; the rest is bounded here.
pub(crate) struct Referral {
    /// Its CSeq number: the id of its subscription (RFC 3515 §2.4.6).
    sequence: u32,
    stage: Stage,
}

enum Stage {
    /// It has no final answer yet.
    Asked,
    /// The peer tells what comes of it: the next word is due at `until`, and none counts after `limit`.
    Followed { until: Instant, limit: Instant, is_notified: bool },
    /// Its end was told. What still comes is answered.
    Over,
}

impl Referral {
    /// A REFER of this CSeq number is on its way.
    pub(crate) fn new(sequence: u32) -> Self {
        Self { sequence, stage: Stage::Asked }
    }

    /// Whether the end was told.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Whether a NOTIFY with this id tells of it. Without one it does: there is only one at a time.
    pub(crate) fn is_told_by(&self, id: Option<&str>) -> bool {
        id.is_none_or(|id| id.parse::<u32>().is_ok_and(|id| id == self.sequence))
    }

    /// The REFER has its final answer. A NOTIFY may have come before it (RFC 3515 §2.4.4).
    pub(crate) fn handle_answer(&mut self, now: Instant, status: Status) -> Option<ReferralNews> {
        if !matches!(self.stage, Stage::Asked) {
            return None;
        }
        if status.is_success() {
            self.follow(now);
            return Some(ReferralNews::Accepted);
        }
        self.end(ReferralEnd::of_refusal(status))
    }

    /// The REFER gets no answer any more.
    pub(crate) fn handle_no_answer(&mut self) -> Option<ReferralNews> {
        if matches!(self.stage, Stage::Asked) { self.end(ReferralEnd::Unanswered) } else { None }
    }

    /// The peer tells how it goes on.
    pub(crate) fn handle_notification(&mut self, now: Instant, told: Notification) -> Option<ReferralNews> {
        if matches!(self.stage, Stage::Asked) {
            self.follow(now);
        }
        let Stage::Followed { until, limit, is_notified } = &mut self.stage else { return None };
        let Notification { status, subscription } = told;
        match subscription {
            _ if status.is_success() => self.end(ReferralEnd::Transferred),
            _ if status.is_refusal() => self.end(ReferralEnd::TargetRefused(status)),
            Subscription::Terminated => self.end(ReferralEnd::Lapsed),
            Subscription::Active { expires } => {
                *is_notified = true;
                *until = expires.map_or(*limit, |expires| (now + expires.min(LONGEST)).min(*limit));
                Some(ReferralNews::Progress(status))
            }
        }
    }

    /// When nothing more is waited for.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Followed { until, .. } => Some(*until),
            Stage::Asked | Stage::Over => None,
        }
    }

    /// Ends what is not told in time.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<ReferralNews> {
        match self.stage {
            Stage::Followed { until, is_notified, .. } if now >= until => {
                self.end(if is_notified { ReferralEnd::Lapsed } else { ReferralEnd::NotNotified })
            }
            Stage::Followed { .. } | Stage::Asked | Stage::Over => None,
        }
    }

    fn follow(&mut self, now: Instant) {
        self.stage = Stage::Followed { until: now + FIRST_NOTIFICATION, limit: now + LONGEST, is_notified: false };
    }

    fn end(&mut self, end: ReferralEnd) -> Option<ReferralNews> {
        self.stage = Stage::Over;
        Some(ReferralNews::Ended(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::epoch;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn active(code: u16, expires: Option<u64>) -> Notification {
        let subscription = Subscription::Active { expires: expires.map(seconds) };
        Notification { status: Status::new(code).unwrap(), subscription }
    }

    fn terminated(code: u16) -> Notification {
        Notification { subscription: Subscription::Terminated, ..active(code, None) }
    }

    fn ended(end: ReferralEnd) -> Option<ReferralNews> {
        Some(ReferralNews::Ended(end))
    }

    #[test]
    fn an_answer_of_the_target_transfers_once() {
        let now = epoch();
        let mut referral = Referral::new(7);
        assert!(referral.is_told_by(None) && referral.is_told_by(Some("7")) && !referral.is_told_by(Some("8")));
        assert_eq!(referral.handle_answer(now, Status::ACCEPTED), Some(ReferralNews::Accepted));
        assert_eq!(referral.handle_answer(now, Status::DECLINE), None, "the first final answer counts");
        let ringing = referral.handle_notification(now, active(180, Some(60)));
        assert_eq!(ringing, Some(ReferralNews::Progress(Status::RINGING)));
        assert_eq!(referral.handle_notification(now, terminated(200)), ended(ReferralEnd::Transferred));
        assert_eq!(referral.handle_notification(now, terminated(603)), None);
        assert!(referral.is_over() && referral.poll_timeout().is_none());
    }

    #[test]
    fn every_refusal_has_a_name() {
        let (now, status) = (epoch(), |code| Status::new(code).unwrap());
        for (code, end) in [
            (403, ReferralEnd::Refused(status(403))),
            (603, ReferralEnd::Refused(status(603))),
            (302, ReferralEnd::Refused(status(302))),
            (405, ReferralEnd::Unsupported(status(405))),
            (501, ReferralEnd::Unsupported(status(501))),
            (408, ReferralEnd::Unanswered),
            (481, ReferralEnd::DialogGone),
        ] {
            assert_eq!(Referral::new(1).handle_answer(now, status(code)), ended(end), "{code}");
        }
        assert_eq!(Referral::new(1).handle_no_answer(), ended(ReferralEnd::Unanswered));
        for code in [302, 486, 603] {
            let end = ReferralEnd::TargetRefused(status(code));
            assert_eq!(Referral::new(1).handle_notification(now, terminated(code)), ended(end));
        }
        assert_eq!(Referral::new(1).handle_notification(now, terminated(100)), ended(ReferralEnd::Lapsed));
    }

    #[test]
    fn word_may_come_before_the_answer() {
        let now = epoch();
        let mut referral = Referral::new(1);
        assert_eq!(referral.handle_notification(now, active(100, None)), Some(ReferralNews::Progress(Status::TRYING)));
        assert_eq!(referral.handle_answer(now, Status::ACCEPTED), None);
        assert_eq!(referral.handle_no_answer(), None);
        assert_eq!(referral.handle_notification(now, active(200, None)), ended(ReferralEnd::Transferred));
    }

    #[test]
    fn every_wait_has_an_end() {
        let start = epoch();
        let accepted = || {
            let mut referral = Referral::new(1);
            referral.handle_answer(start, Status::ACCEPTED);
            referral
        };
        let mut silent = accepted();
        assert_eq!(silent.poll_timeout(), Some(start + FIRST_NOTIFICATION));
        assert_eq!(silent.handle_timeout(start + seconds(31)), None);
        assert_eq!(silent.handle_timeout(start + seconds(32)), ended(ReferralEnd::NotNotified));
        for (expires, until) in [(Some(20), 30), (None, 180), (Some(86_400), 180), (Some(0), 10)] {
            let mut referral = accepted();
            referral.handle_notification(start + seconds(10), active(180, expires));
            assert_eq!(referral.poll_timeout(), Some(start + seconds(until)), "{expires:?}");
            assert_eq!(referral.handle_timeout(start + seconds(until)), ended(ReferralEnd::Lapsed));
        }
    }
}
