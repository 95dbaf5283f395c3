//! The steps of a delivery, for whoever has to know where it may be cut off.

use std::sync::Arc;

/// How far an entry is on its way to the account book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// It was read as due.
    Due,
    /// It is durable that it is being sent, and nothing was sent: only for books that take calls.
    Marked,
    /// The book was asked, and has not answered.
    Asked,
    /// The book has answered, and the store does not know.
    Answered,
    /// The store knows.
    Settled,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 5] = [Self::Due, Self::Marked, Self::Asked, Self::Answered, Self::Settled];
}

/// Who is told of each step of each entry. It must not block.
pub type Observer = Arc<dyn Fn(Step, i64) + Send + Sync>;
