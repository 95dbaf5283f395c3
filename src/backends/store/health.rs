//! Whether the store can keep calls.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Whether the store can keep calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It can.
    Good,
    /// It cannot: new calls are refused, captures stop, live calls finish.
    Bad(HealthProblem),
}

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthProblem {
    /// A commit takes longer than its deadline.
    CommitStalled,
    /// The last commit failed.
    CommitFailed,
    /// The volume has too little space left.
    LowSpace,
}

impl HealthProblem {
    /// The problem's name in logs and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommitStalled => "commit_stalled",
            Self::CommitFailed => "commit_failed",
            Self::LowSpace => "low_space",
        }
    }
}

/// What the writer thread shows of itself while it may be stuck in the disk.
#[derive(Default)]
pub(super) struct Pulse(Mutex<Beat>);

#[derive(Clone, Copy, Default)]
struct Beat {
    /// When the commit that is under way began.
    since: Option<Instant>,
    /// Whether the last finished commit failed.
    failed: bool,
}

impl Pulse {
    pub(super) fn begin(&self) {
        self.change(|beat| beat.since = Some(Instant::now()));
    }

    pub(super) fn end(&self, result: Result<(), ()>) {
        self.change(|beat| *beat = Beat { since: None, failed: result.is_err() });
    }

    /// What is wrong, given how long a commit may take.
    pub(super) fn problem(&self, commit_deadline: Duration) -> Option<HealthProblem> {
        let beat = self.0.lock().map_or_else(|poisoned| *poisoned.into_inner(), |beat| *beat);
        let is_stalled = beat.since.is_some_and(|since| since.elapsed() > commit_deadline);
        match (is_stalled, beat.failed) {
            (true, _) => Some(HealthProblem::CommitStalled),
            (false, true) => Some(HealthProblem::CommitFailed),
            (false, false) => None,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Beat)) {
        let mut beat = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut beat);
    }
}
