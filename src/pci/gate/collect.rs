//! Keys outside captures: what a caller may be asked for, and what leaves.

use std::{fmt, time::Duration};

use crate::key::Key;

/// Most keys of one run, of one collect, and of one [`BUDGET_WINDOW`] of undeclared runs: half of a card number, and
/// no more than a truncated one may show.
pub const KEY_BUDGET: u8 = 8;
/// The span in which no more than [`KEY_BUDGET`] undeclared keys leave.
pub const BUDGET_WINDOW: Duration = Duration::from_secs(60);

/// What becomes of keys outside captures and outside a declared collect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPolicy {
    /// They are dropped: for agents that declare what they ask for.
    Declared,
    /// For bots that cannot declare: keys are held until none has come for `pause`, then the run leaves whole, or is
    /// dropped whole where it is longer than [`KEY_BUDGET`] or more than that would have left in [`BUDGET_WINDOW`].
    Released {
        /// The pause that ends a run. At least [`SHORTEST_PAUSE`].
        pause: Duration,
    },
}

/// A shorter pause between undeclared runs is taken as this one.
pub const SHORTEST_PAUSE: Duration = Duration::from_millis(1_000);

/// What a collect is for; goes to the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A choice from a menu, a yes or a no.
    Choice,
    /// An account reference, or the end of one.
    AccountReference,
    /// A date of birth, or another date.
    Date,
    /// A postal code.
    PostalCode,
    /// An amount of money.
    Amount,
}

/// A declared collect: the caller was asked to key something that is no card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collect {
    /// What for.
    pub purpose: Purpose,
    /// Ends with this many keys. Taken as [`KEY_BUDGET`] where larger, as 1 where zero.
    pub max_keys: u8,
    /// Ends before this key, which is not delivered: usually `#`.
    pub terminator: Option<char>,
    /// Ends when no key has followed the last for so long. Before the first key, `patience` counts instead.
    pub pause: Duration,
    /// Ends when no key came for so long since the collect was declared.
    pub patience: Duration,
}

/// A collect's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collected {
    /// What it was for.
    pub purpose: Purpose,
    /// Keys that were delivered.
    pub keys: u8,
    /// Why it ended.
    pub end: CollectEnd,
}

/// Why a collect ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectEnd {
    /// All its keys are there.
    Full,
    /// The terminator was pressed, after a key.
    Terminated,
    /// The caller paused after at least one key.
    Paused,
    /// No key came in time.
    NoKeys,
    /// Keys of a run that is already longer than [`KEY_BUDGET`] were dropped: ask again after a pause.
    Overrun,
    /// The driver ended or replaced it, or a capture began.
    Withdrawn,
}

/// A key outside captures, wiped when dropped. On the heap, because a key that is moved through queues would leave itself
/// behind in their slots. Its [`fmt::Debug`] does not show which.
pub struct MenuKey {
    pub(crate) key: Box<Key>,
    pub(crate) purpose: Option<Purpose>,
}

impl MenuKey {
    /// The key: `0` to `9`, `*`, `#` or `A` to `D`.
    pub fn key(&self) -> char {
        char::from(self.key.symbol())
    }

    /// The collect it belongs to; none for an undeclared run.
    pub fn purpose(&self) -> Option<Purpose> {
        self.purpose
    }
}

impl fmt::Debug for MenuKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MenuKey").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}
