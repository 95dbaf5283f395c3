//! Whether outbound calls may be placed, as far as the books go: a call whose record cannot be kept, or whose account cannot be
//! asked for, is not begun. Inbound calls go on.

use jiff::{SignedDuration, Timestamp};

/// Why no outbound call may be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// The store does not keep calls, or does not say what waits.
    Store,
    /// Something that must be kept has waited too long for the account book.
    OutboxOld,
    /// Too much waits for the account book.
    OutboxFull,
    /// The account book failed again and again, and is left alone for a moment.
    BookFailing,
    /// What is left of the account book's allowance is for calls that are up.
    BookAllowance,
    /// It was not seen yet that the account book has what the mapping says, or it has it not.
    BookUnproven,
}

impl Hold {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Store, Self::OutboxOld, Self::OutboxFull, Self::BookFailing, Self::BookAllowance, Self::BookUnproven];

    /// The reason in metrics and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::OutboxOld => "outbox_old",
            Self::OutboxFull => "outbox_full",
            Self::BookFailing => "book_failing",
            Self::BookAllowance => "book_allowance",
            Self::BookUnproven => "book_unproven",
        }
    }
}

/// How an account book is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookState {
    /// It failed again and again, and is left alone.
    pub is_failing: bool,
    /// What is left of its allowance is kept back.
    pub is_saving: bool,
    /// It was seen to have what is read and written.
    pub is_proven: bool,
}

impl BookState {
    /// Nothing is wrong.
    pub const GOOD: Self = Self { is_failing: false, is_saving: false, is_proven: true };
}

/// How the books are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Books {
    /// Whether the store keeps calls and says what waits.
    pub is_store_good: bool,
    /// Since when the oldest of what [must be kept](crate::RecordKind::is_mandatory) waits.
    pub oldest_mandatory: Option<Timestamp>,
    /// How many records wait.
    pub waiting: u64,
    /// The account book.
    pub book: BookState,
}

/// Where outbound calls end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long something that must be kept may wait.
    pub longest: SignedDuration,
    /// How many records may wait.
    pub most: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { longest: SignedDuration::from_mins(15), most: 50_000 }
    }
}

/// Every reason why no outbound call may be placed at `now`; none where one may.
#[must_use]
pub fn holds(now: Timestamp, books: &Books, limits: &Limits) -> Vec<Hold> {
    let is_old = books.oldest_mandatory.is_some_and(|since| now.duration_since(since) > limits.longest);
    let is_held = |hold: &Hold| match hold {
        Hold::Store => !books.is_store_good,
        Hold::OutboxOld => is_old,
        Hold::OutboxFull => books.waiting > limits.most,
        Hold::BookFailing => books.book.is_failing,
        Hold::BookAllowance => books.book.is_saving,
        Hold::BookUnproven => !books.book.is_proven,
    };
    Hold::ALL.into_iter().filter(is_held).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Books = Books { is_store_good: true, oldest_mandatory: None, waiting: 0, book: BookState::GOOD };

    fn held(books: Books) -> Vec<Hold> {
        holds(Timestamp::UNIX_EPOCH + SignedDuration::from_mins(60), &books, &Limits::default())
    }

    fn since(minute: i64, second: i64) -> Option<Timestamp> {
        Some(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(minute * 60 + second))
    }

    #[test]
    fn each_trouble_holds_calls_by_its_own_name() {
        let book = |book| Books { book, ..GOOD };
        for (books, expected) in [
            (GOOD, vec![]),
            (Books { oldest_mandatory: since(45, 0), waiting: 50_000, ..GOOD }, vec![]),
            (Books { oldest_mandatory: since(44, 59), ..GOOD }, vec![Hold::OutboxOld]),
            (Books { waiting: 50_001, ..GOOD }, vec![Hold::OutboxFull]),
            (Books { is_store_good: false, ..GOOD }, vec![Hold::Store]),
            (book(BookState { is_failing: true, ..BookState::GOOD }), vec![Hold::BookFailing]),
            (book(BookState { is_saving: true, ..BookState::GOOD }), vec![Hold::BookAllowance]),
            (book(BookState { is_proven: false, ..BookState::GOOD }), vec![Hold::BookUnproven]),
        ] {
            assert_eq!(held(books), expected, "{books:?}");
        }
        let worst = BookState { is_failing: true, is_saving: true, is_proven: false };
        let all = Books { is_store_good: false, oldest_mandatory: since(0, 0), waiting: u64::MAX, book: worst };
        assert_eq!(held(all), Hold::ALL);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_old() {
        assert_eq!(held(Books { oldest_mandatory: since(70, 0), ..GOOD }), []);
    }
}
