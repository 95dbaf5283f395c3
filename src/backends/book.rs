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

use ::book::outbox::Fault;
use ::book::{LookUp, LookupKey, Record};

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

    /// Whether it takes the records of a call together, once the call is over. Flags it takes at once, by themselves, and then
    /// again with their call.
    fn takes_calls(&self) -> bool {
        false
    }

    /// Writes records of one call, one after another unless the book does better. After one that failed because the book did
    /// not answer the others are not tried.
    fn deliver_call(&self, records: Vec<Record>) -> Answers<'_> {
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
}

/// Why a book did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The deadline passed.
    #[error("the account book did not answer within its deadline")]
    Deadline,
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
}

impl BookError {
    /// Whether trying again will help.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Deadline | Self::BreakerOpen | Self::Busy | Self::Failed => Fault::Unavailable,
            Self::UnknownAccount | Self::Refused | Self::Unreliable => Fault::Rejected,
        }
    }

    /// The error's name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::BreakerOpen => "breaker_open",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Unreliable => "unreliable",
            Self::UnknownAccount => "unknown_account",
            Self::Refused => "refused",
        }
    }
}
