//! Whether outbound calls may be placed: what [`book::outbound`] decides, from the store and the account book as they are.

use std::sync::Arc;

use ::book::outbound::{Books, Hold, Limits, holds};
use jiff::Timestamp;
use metrics::gauge;

use crate::book::AccountBook;
use crate::store::{Health, OutboxDepth, Store};

/// Who is asked before each outbound call.
#[derive(Clone)]
pub struct Outbound {
    store: Store,
    book: Arc<dyn AccountBook>,
    limits: Limits,
}

impl Outbound {
    /// Over a store and a book.
    #[must_use]
    pub fn new(store: Store, book: Arc<dyn AccountBook>, limits: Limits) -> Self {
        Self { store, book, limits }
    }

    /// Every reason why no outbound call may be placed at `now`; none where one may. Each is a metric, too.
    pub async fn holds(&self, now: Timestamp) -> Vec<Hold> {
        let depth = if self.book.takes_calls() {
            self.store.outbox_depth_of_calls().await
        } else {
            self.store.outbox_depth().await
        };
        let is_store_good = depth.is_ok() && *self.store.health().borrow() == Health::Good;
        let OutboxDepth { oldest_mandatory, waiting, .. } = depth.unwrap_or_default();
        let books = Books { is_store_good, oldest_mandatory, waiting, book: self.book.state() };
        let held = holds(now, &books, &self.limits);
        for hold in Hold::ALL {
            let value = if held.contains(&hold) { 1.0 } else { 0.0 };
            gauge!("tonegate_outbound_held", "reason" => hold.name()).set(value);
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ::book::outbound::BookState;
    use ::book::{AccountId, ContactAttempt, LookUp, LookupKey, Record};
    use jiff::SignedDuration;
    use tempfile::TempDir;
    use uuid::Uuid;

    use super::*;
    use crate::book::Answer;
    use crate::store::{CallRow, StoreOptions, Write};

    /// A book of which everything can be said, that takes nothing.
    struct Told {
        takes_calls: bool,
        state: BookState,
    }

    impl AccountBook for Told {
        fn name(&self) -> &'static str {
            "told"
        }

        fn look_up(&self, _key: LookupKey) -> Answer<'_, LookUp> {
            Box::pin(std::future::pending())
        }

        fn deliver(&self, _record: Record) -> Answer<'_, ()> {
            Box::pin(std::future::pending())
        }

        fn takes_calls(&self) -> bool {
            self.takes_calls
        }

        fn state(&self) -> BookState {
            self.state
        }
    }

    fn store(directory: &TempDir, least_free: u64) -> Store {
        let commit_deadline = Duration::from_secs(30);
        let path = directory.path().join("tonegate.sqlite");
        let options = StoreOptions { commit_deadline, least_free, ..StoreOptions::at(path) };
        Store::open(options, Timestamp::UNIX_EPOCH).unwrap().0
    }

    fn outbound(store: &Store, takes_calls: bool, state: BookState) -> Outbound {
        Outbound::new(store.clone(), Arc::new(Told { takes_calls, state }), Limits::default())
    }

    #[tokio::test]
    async fn what_waits_too_long_stops_outbound_calls_and_a_call_that_is_up_does_not() {
        let directory = TempDir::new().unwrap();
        let store = store(&directory, 0);
        let account = Some(AccountId::parse("CA-1").unwrap());
        let attempt = ContactAttempt::inbound(Uuid::from_u128(1), "carrier", Timestamp::UNIX_EPOCH, "collector");
        let attempt = ContactAttempt { account, ..attempt };
        let row = CallRow {
            call: attempt.call,
            trunk: attempt.trunk.clone(),
            started_at: attempt.started_at,
            compliance: ::book::ComplianceRecord::empty(attempt.call),
            attempt: attempt.clone(),
        };
        store.write(vec![Write::CallStarted(Box::new(row)), Write::from(Record::from(attempt))]).await.unwrap();
        let outbound = outbound(&store, true, BookState::GOOD);
        let later = Timestamp::now() + SignedDuration::from_mins(16);
        assert_eq!(outbound.holds(later).await, []);
        let (call, at, reason) = (Uuid::from_u128(1), Timestamp::UNIX_EPOCH, "completed".to_owned());
        store.write(Write::CallEnded { call, at, reason }).await.unwrap();
        assert_eq!(outbound.holds(Timestamp::now()).await, []);
        assert_eq!(outbound.holds(later).await, [Hold::OutboxOld]);
    }

    #[tokio::test]
    async fn a_store_or_a_book_in_trouble_stops_outbound_calls() {
        let directory = TempDir::new().unwrap();
        let full = store(&directory, u64::MAX);
        let (now, failing) = (Timestamp::now(), BookState { is_failing: true, ..BookState::GOOD });
        assert_eq!(outbound(&full, false, failing).holds(now).await, [Hold::Store, Hold::BookFailing]);
    }
}
