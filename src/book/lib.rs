//! The account book: accounts, strategies, records and the outbox.
