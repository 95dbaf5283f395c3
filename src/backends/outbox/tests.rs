use std::collections::VecDeque;
use std::sync::Mutex;

use ::book::{ContactAttempt, LookUp, LookupKey, Record};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::book::{Answer, BookError};
use crate::store::StoreOptions;
use crate::tests::until;

/// A book that answers deliveries as scripted, and well after that.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<Result<(), BookError>>>,
    taken: Mutex<Vec<Uuid>>,
}

impl AccountBook for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn look_up(&self, _key: LookupKey) -> Answer<'_, LookUp> {
        Box::pin(std::future::ready(Ok(LookUp::Nothing)))
    }

    fn deliver(&self, record: Record) -> Answer<'_, ()> {
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Ok(()));
        if answer.is_ok() {
            self.taken.lock().unwrap().push(record.call());
        }
        Box::pin(std::future::ready(answer))
    }
}

struct Bench {
    _directory: TempDir,
    store: Store,
    book: Arc<Scripted>,
    outbox: Outbox,
}

/// A store with attempts of one account, and a book that will answer so.
async fn bench(attempts: u128, answers: impl IntoIterator<Item = Result<(), BookError>>) -> Bench {
    let directory = TempDir::new().unwrap();
    let options = StoreOptions {
        commit_deadline: Duration::from_secs(30),
        least_free: 0,
        ..StoreOptions::at(directory.path().join("tonegate.sqlite"))
    };
    let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
    let account = ::book::AccountId::parse("CA-1001").unwrap();
    for call in 0..attempts {
        let attempt = ContactAttempt::inbound(Uuid::from_u128(call), "carrier", Timestamp::UNIX_EPOCH, "collector");
        let record = Record::from(ContactAttempt { account: Some(account.clone()), ..attempt });
        store.write(Write::from(record)).await.unwrap();
    }
    let book = Arc::new(Scripted { answers: Mutex::new(answers.into_iter().collect()), taken: Mutex::default() });
    let outbox = Outbox::new(store.clone(), book.clone(), RetryPolicy::default());
    Bench { _directory: directory, store, book, outbox }
}

fn minutes_from_now(minutes: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(minutes)
}

#[tokio::test]
async fn an_outage_loses_nothing_doubles_nothing_and_keeps_the_order() {
    let bench = bench(3, [Err(BookError::Failed), Err(BookError::Deadline), Err(BookError::BreakerOpen)]).await;
    let mut delivered = 0;
    for minute in 1..20 {
        let now = minutes_from_now(2 * minute);
        delivered += bench.outbox.round(now).await.unwrap().delivered;
        let again = bench.outbox.round(now).await.unwrap();
        delivered += again.delivered;
        assert_eq!(again.retried, 0, "a failed record waits");
    }
    assert_eq!(delivered, 3);
    assert_eq!(*bench.book.taken.lock().unwrap(), [0, 1, 2].map(Uuid::from_u128));
    assert_eq!(bench.store.outbox_depth().await.unwrap(), OutboxDepth::default());
}

#[tokio::test]
async fn what_the_book_refuses_is_parked_and_lets_the_others_pass() {
    let bench = bench(2, [Err(BookError::Refused); 3]).await;
    let mut parked = 0;
    for minute in 1..6 {
        parked += bench.outbox.round(minutes_from_now(2 * minute)).await.unwrap().parked;
    }
    assert_eq!(parked, 1);
    assert_eq!(*bench.book.taken.lock().unwrap(), [Uuid::from_u128(1)]);
    let depth = bench.store.outbox_depth().await.unwrap();
    assert_eq!((depth.waiting, depth.parked), (0, 1));
}

#[tokio::test]
async fn the_running_worker_is_woken_by_a_record_and_stops_when_told() {
    let Bench { _directory, store, book, outbox } = bench(0, []).await;
    let cancelled = CancellationToken::new();
    let worker = tokio::spawn(outbox.run(cancelled.clone()));
    let attempt = ContactAttempt::inbound(Uuid::from_u128(4), "carrier", Timestamp::UNIX_EPOCH, "collector");
    store.write(Write::from(Record::from(attempt))).await.unwrap();
    until("end of the outbox", async || store.outbox_depth().await.unwrap() == OutboxDepth::default()).await;
    assert_eq!(*book.taken.lock().unwrap(), [Uuid::from_u128(4)]);
    cancelled.cancel();
    tokio::time::timeout(Duration::from_secs(30), worker).await.unwrap().unwrap();
}
