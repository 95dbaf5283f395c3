//! The account book behind the calls: who an account belongs to, and where records go.
//!
//! Every book implements [`AccountBook`]; calls see it through [`GuardedBook`], which adds the deadlines, the breaker
//! and the metrics. The embedded book is [`SqliteBook`]; [`crate::salesforce::SalesforceBook`] is an org.

mod guard;
mod schema;
mod sqlite;
#[cfg(test)]
mod tests;

use std::pin::Pin;

use ::book::outbound::BookState;
use ::book::outbox::Fault;
use ::book::{AccountUpdate, LookUp, LookupKey, Record};

use crate::store::BulkJobs;

pub use guard::{GuardOptions, GuardedBook};
pub use sqlite::{Seeded, SqliteBook};

/// What a book answers with, in the end.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, BookError>> + Send + 'a>>;

/// What a book answers to several records, in the end: to each of them, in their order.
pub type Answers<'a> = Pin<Box<dyn Future<Output = Vec<Result<(), BookError>>> + Send + 'a>>;

/// An account book.
pub trait AccountBook: Send + Sync {
    /// The book's name in metrics: `sqlite`, `salesforce`.
    fn name(&self) -> &'static str;

    /// Finds an account with its strategy, as they are now.
    fn look_up(&self, key: LookupKey) -> Answer<'_, LookUp>;

    /// Writes a record. Writing it again changes nothing: its external id is its key.
    fn deliver(&self, record: Record) -> Answer<'_, ()>;

    /// Writes flags by themselves, before anything else of their call.
    fn set_flags(&self, update: AccountUpdate, _earlier: Earlier) -> Answer<'_, ()> {
        self.deliver(update.into())
    }

    /// Whether it takes the records of a call together, once the call is over. Flags it takes at once, by themselves, and then
    /// again with their call.
    fn takes_calls(&self) -> bool {
        false
    }

    /// Writes records of one call, one after another unless the book does better. After one that failed because the book did
    /// not answer the others are not tried. What an [`Earlier`] try may have written is looked for before it is written again.
    fn deliver_call(&self, records: Vec<Record>, _history: History) -> Answers<'_> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(records.len());
            let mut silent = None;
            for record in records {
                let answer = match silent {
                    Some(error) => Err(error),
                    None => self.deliver(record).await,
                };
                silent = silent.or(answer.err().filter(|error| error.fault() == Fault::Unavailable));
                answers.push(answer);
            }
            answers
        })
    }

    /// How it is, for whoever would place calls.
    fn state(&self) -> BookState {
        BookState::GOOD
    }

    /// Whether it has a way of its own for the records of very many calls.
    fn takes_backlogs(&self) -> bool {
        false
    }

    /// Writes the records of many calls that are over, each call's in their order. It may take minutes. What is
    /// [refused](BookError::Refused) is to be delivered with its call. A job that takes them is among `jobs` until it is over.
    fn deliver_backlog(&self, records: Vec<Record>, _jobs: BulkJobs) -> Answers<'_> {
        self.deliver_call(records, History::NONE)
    }

    /// Ends the jobs of which nobody saw the end, so that nothing is written by them beside what is sent again.
    fn end_jobs(&self, _jobs: BulkJobs) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What is known of an earlier try to write the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// There was none, or nothing came of it.
    None,
    /// There was one, and what came of it is not known.
    Unclear,
}

impl Earlier {
    /// By whether it is unclear.
    #[must_use]
    pub const fn of(is_unclear: bool) -> Self {
        if is_unclear { Self::Unclear } else { Self::None }
    }
}

/// What is known beside the records of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// An earlier try to write them.
    pub earlier: Earlier,
    /// Whether the book may have a later call of the same account: the last word on the account is that call's.
    pub is_superseded: bool,
}

impl History {
    /// There is none.
    pub const NONE: Self = Self { earlier: Earlier::None, is_superseded: false };
}

/// Why a book did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The deadline passed.
    #[error("the account book did not answer within its deadline")]
    Deadline,
    /// The answer was lost, or cannot be read.
    #[error("the account book's answer was lost")]
    Unclear,
    /// It failed too often just now and is left alone for a moment.
    #[error("the account book failed repeatedly and is not asked for a moment")]
    BreakerOpen,
    /// Too many questions wait.
    #[error("too many questions wait for the account book")]
    Busy,
    /// It answered, and what it says of an account cannot be relied on.
    #[error("what the account book says of an account cannot be relied on")]
    Unreliable,
    /// It answered with a failure of its own.
    #[error("the account book failed")]
    Failed,
    /// The record names an account the book does not have.
    #[error("the account book has no such account")]
    UnknownAccount,
    /// The book will not take the record.
    #[error("the account book refuses the record")]
    Refused,
    /// The book has a row under the record's key that it says is another, and will not change it.
    #[error("the account book has another row under the record's key")]
    Differs,
    /// The book has no place for the record: its mapping must be mended.
    #[error("the account book has no place for the record")]
    Unwritable,
}

impl BookError {
    /// Whether trying again will help.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Deadline | Self::Unclear | Self::BreakerOpen | Self::Busy | Self::Failed => Fault::Unavailable,
            Self::UnknownAccount | Self::Refused | Self::Unreliable | Self::Differs | Self::Unwritable => {
                Fault::Rejected
            }
        }
    }

    /// Whether what was to be written may have been.
    #[must_use]
    pub const fn is_unclear(self) -> bool {
        matches!(self, Self::Deadline | Self::Unclear)
    }

    /// Whether nothing was even sent.
    #[must_use]
    pub const fn is_unsent(self) -> bool {
        matches!(self, Self::BreakerOpen | Self::Busy)
    }

    /// The error's name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Unclear => "unclear",
            Self::BreakerOpen => "breaker_open",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Unreliable => "unreliable",
            Self::UnknownAccount => "unknown_account",
            Self::Refused => "refused",
            Self::Differs => "differs",
            Self::Unwritable => "unwritable",
        }
    }
}
