//! The call queue: which accounts are to be called, as a strategy engine assigns and revokes them.
//!
//! Assignments and revocations come at least once, in any order and late. What is left of them does not depend on that: an
//! assignment is acted on once, and a revocation ends the assignment of its id, and whatever of its account was published
//! before it, also where it comes first.
//!
//! An entry is a hint. Whether somebody may be called is asked of the account book when they are about to be.

use jiff::{SignedDuration, Timestamp};
use rules::money::Money;
use serde::{Deserialize, Serialize};

use crate::account::{AccountId, AssignmentId, StrategyId};
use crate::phone::Phone;
use crate::redact::redacted_debug;

/// An account that is to be called.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Its id; none where no assignment was heard of and the account book has the account in the queue.
    pub id: Option<AssignmentId>,
    /// Who is called.
    pub account: AccountId,
    /// The strategy that assigned it.
    pub strategy: Option<StrategyId>,
    /// The greatest is called first.
    pub priority: i32,
    /// From when on.
    pub not_before: Option<Timestamp>,
    /// Until when.
    pub not_after: Option<Timestamp>,
    /// The number that the strategy engine saw.
    pub phone: Option<Phone>,
    /// BCP 47 tag of the language to talk in.
    pub language: Option<String>,
    /// IANA name of the debtor's time zone.
    pub time_zone: Option<String>,
    /// What may be arranged.
    pub limits: Limits,
    /// When it was published.
    pub published_at: Timestamp,
}

/// Limits of an assignment: they make an account's own stricter, never looser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most instalments.
    pub max_instalments: Option<u16>,
    /// Least payment.
    pub min_payment: Option<Money>,
}

redacted_debug!(Assignment, Revocation);

impl Assignment {
    /// An account that the account book has in the queue, found there at `now` without an assignment.
    #[must_use]
    pub fn found(account: AccountId, now: Timestamp) -> Self {
        Self {
            id: None,
            account,
            strategy: None,
            priority: 0,
            not_before: None,
            not_after: None,
            phone: None,
            language: None,
            time_zone: None,
            limits: Limits::default(),
            published_at: now,
        }
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.not_after.is_some_and(|end| end <= now)
    }
}

/// An account that is not to be called any more.
#[derive(Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The id of the assignment, or one of the revocation's own.
    pub id: AssignmentId,
    /// Who is not called.
    pub account: AccountId,
    /// When it was published.
    pub published_at: Timestamp,
}

/// What changes the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An account is to be called.
    Assign(Box<Assignment>),
    /// It is not, after all.
    Revoke(Revocation),
}

/// How an assignment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for its call.
    Waiting,
    /// Its time was over before its call.
    Expired,
    /// It was older than assignments may be when it came.
    Old,
    /// It was revoked.
    Revoked,
}

impl Standing {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Expired, Self::Old, Self::Revoked];

    /// Its name where it is kept.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Expired => "expired",
            Self::Old => "old",
            Self::Revoked => "revoked",
        }
    }

    /// The standing of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.name() == name)
    }
}

/// How a new assignment stands, where `revoked_at` is the publication of its account's latest revocation and `oldest` how old it
/// may be.
#[must_use]
pub fn admit(
    assignment: &Assignment,
    revoked_at: Option<Timestamp>,
    now: Timestamp,
    oldest: SignedDuration,
) -> Standing {
    if revoked_at.is_some_and(|revoked| assignment.published_at <= revoked) {
        Standing::Revoked
    } else if now.duration_since(assignment.published_at) > oldest {
        Standing::Old
    } else if assignment.is_expired(now) {
        Standing::Expired
    } else {
        Standing::Waiting
    }
}

/// Whether an account is to be queued that the account book had in the queue at `asked_at`, by an assignment of the account that
/// was last changed at `changed_at`. What was revoked before the book was asked was assigned again since.
#[must_use]
pub fn is_missed(standing: Standing, changed_at: Timestamp, asked_at: Timestamp) -> bool {
    match standing {
        Standing::Waiting | Standing::Expired | Standing::Old => false,
        Standing::Revoked => changed_at < asked_at,
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const OLDEST: SignedDuration = SignedDuration::from_hours(72);

    fn assignment() -> Assignment {
        Assignment::found(AccountId::parse("CA-1").unwrap(), NOW)
    }

    #[test]
    fn an_assignment_waits_unless_something_speaks_against_it() {
        assert_eq!(admit(&assignment(), None, NOW, OLDEST), Standing::Waiting);
        let later = NOW + 72.hours();
        assert_eq!(admit(&assignment(), None, later, OLDEST), Standing::Waiting);
        assert_eq!(admit(&assignment(), None, later + 1.second(), OLDEST), Standing::Old);
        for (revoked_at, standing) in [(NOW - 1.second(), Standing::Waiting), (NOW, Standing::Revoked)] {
            assert_eq!(admit(&assignment(), Some(revoked_at), NOW, OLDEST), standing);
        }
        let ending = Assignment { not_after: Some(NOW + 1.second()), ..assignment() };
        assert_eq!(admit(&ending, None, NOW, OLDEST), Standing::Waiting);
        assert_eq!(admit(&ending, None, NOW + 1.second(), OLDEST), Standing::Expired);
    }

    #[test]
    fn only_what_was_revoked_before_the_book_was_asked_is_missed() {
        let (before, after) = (NOW - 1.second(), NOW + 1.second());
        for standing in Standing::ALL {
            assert_eq!(is_missed(standing, before, NOW), standing == Standing::Revoked);
            assert!(!is_missed(standing, NOW, NOW) && !is_missed(standing, after, NOW));
            assert_eq!(Standing::named(standing.name()), Some(standing));
        }
        assert_eq!(Standing::named("other"), None);
    }

    #[test]
    fn an_assignment_shows_nothing_and_is_whole_as_json() {
        assert_eq!(format!("{:?}", Change::Assign(Box::new(assignment()))), "Assign(Assignment { .. })");
        let text = serde_json::to_string(&assignment()).unwrap();
        assert!(serde_json::from_str::<Assignment>(&text).unwrap() == assignment());
    }
}
