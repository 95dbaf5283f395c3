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

redacted_debug!(Assignment, Revocation, Listed);

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

/// An account that the account book has in the queue.
#[derive(Clone, PartialEq, Eq)]
pub struct Listed {
    /// The account.
    pub account: AccountId,
    /// When the book last changed anything of it; none where it does not say.
    pub modified_at: Option<Timestamp>,
}

/// An assignment that is kept, as much of it as says whether another one was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How it stands.
    pub standing: Standing,
    /// When it was published.
    pub published_at: Timestamp,
    /// When its time ends.
    pub not_after: Option<Timestamp>,
    /// When its standing last changed.
    pub changed_at: Timestamp,
}

/// Whether an account is to be queued that the account book had in the queue at `asked_at`, for all that is kept of this one
/// assignment. What was revoked before the book was asked was assigned again since. What is expired or old was, if the book
/// has changed the account since the assignment's time ended, or it was published: not since its standing changed, which may be
/// long after that, where nobody was there to see. Without a change it is the same assignment that the book still shows.
#[must_use]
pub fn is_missed(kept: &Kept, modified_at: Option<Timestamp>, asked_at: Timestamp) -> bool {
    let is_modified_since = |over_at| modified_at.is_some_and(|modified_at| modified_at > over_at);
    match kept.standing {
        Standing::Waiting => false,
        Standing::Revoked => kept.changed_at < asked_at,
        Standing::Expired => is_modified_since(kept.not_after.unwrap_or(kept.changed_at)),
        Standing::Old => is_modified_since(kept.published_at),
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
    fn an_account_is_missed_where_the_book_changed_it_after_its_assignment_was_over() {
        let at = |second: i64| NOW + second.seconds();
        for (standing, modified, asked, is) in [
            (Standing::Waiting, Some(90), 100, false),
            (Standing::Revoked, None, 31, true),
            (Standing::Revoked, Some(90), 30, false),
            // It was seen to be expired at 30, and is since 20.
            (Standing::Expired, Some(21), 100, true),
            (Standing::Expired, Some(20), 100, false),
            (Standing::Old, Some(11), 100, true),
            (Standing::Old, Some(10), 100, false),
            (Standing::Expired, None, 100, false),
            (Standing::Old, None, 100, false),
        ] {
            let kept = Kept { standing, published_at: at(10), not_after: Some(at(20)), changed_at: at(30) };
            assert_eq!(is_missed(&kept, modified.map(at), at(asked)), is, "{standing:?} {modified:?} {asked}");
        }
    }

    #[test]
    fn each_standing_has_a_name() {
        for standing in Standing::ALL {
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
