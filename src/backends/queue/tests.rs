use std::collections::BTreeMap;

use ::book::{
    AccountId, AssignmentId,
    queue::{Limits, Revocation},
};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::tests::{durability, durable};

mod model;

const OLDEST: SignedDuration = SignedDuration::from_hours(72);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn account(number: u8) -> AccountId {
    AccountId::parse(&format!("CA-{number}")).unwrap()
}

fn listed(number: u8, modified: Option<i64>) -> Listed {
    Listed { account: account(number), modified_at: modified.map(at) }
}

fn assignment(id: &str, of: u8, published: i64) -> Assignment {
    Assignment { id: Some(AssignmentId::parse(id).unwrap()), ..Assignment::found(account(of), at(published)) }
}

fn assign(assignment: Assignment) -> Change {
    Change::Assign(Box::new(assignment))
}

fn revoke(id: &str, of: u8, published: i64) -> Change {
    Change::Revoke(Revocation {
        id: AssignmentId::parse(id).unwrap(),
        account: account(of),
        published_at: at(published),
    })
}

fn place(number: u8) -> ReplayId {
    ReplayId::new(vec![0xA7; 2].into_iter().chain([number]).collect()).unwrap()
}

fn holder(name: &str) -> Holder {
    Holder { subscription: "https://acme.my.salesforce.com/event/Assignment__e".to_owned(), name: name.to_owned() }
}

/// A queue whose lease is held.
struct Rig {
    queue: Queue,
    directory: TempDir,
    events: u32,
}

impl Rig {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let queue = Queue::open(&directory.path().join("queue.sqlite")).unwrap();
        assert!(queue.claim(holder("a"), at(0), at(1_000_000_000)).await.unwrap());
        Self { queue, directory, events: 0 }
    }

    /// A second gateway on the same file.
    fn beside(&self) -> Queue {
        Queue::open(&self.directory.path().join("queue.sqlite")).unwrap()
    }

    /// A change comes, as an event of its own.
    async fn change(&mut self, change: Change, now: i64) -> Outcome {
        self.events += 1;
        let uuid = Some(format!("event-{}", self.events));
        self.store(vec![Received { uuid, content: Content::Change(change) }], now).await.unwrap()[0]
    }

    async fn store(&self, events: Vec<Received>, now: i64) -> Result<Vec<Outcome>, QueueError> {
        let batch = Batch { events, place: Some(place(1)), gap: None, oldest: OLDEST };
        self.queue.store(holder("a"), batch, at(now)).await
    }

    async fn sweep(&self, accounts: &[u8], asked_at: i64, is_whole: bool) -> (u64, u64) {
        let accounts = accounts.iter().map(|number| listed(*number, None)).collect();
        let found = Found { accounts, asked_at: at(asked_at), is_whole };
        let swept = self.queue.sweep(holder("a"), found, at(asked_at)).await.unwrap();
        let Swept { queued, withdrawn, .. } = swept;
        (queued, withdrawn)
    }

    /// The accounts that wait, in their order.
    async fn waiting(&self) -> Vec<String> {
        let waiting = self.queue.waiting(1_000).await.unwrap();
        waiting.iter().map(|assignment| assignment.account.as_str().to_owned()).collect()
    }
}

#[tokio::test]
async fn an_assignment_is_queued_once_by_its_event_and_by_its_id() {
    let mut rig = Rig::new().await;
    let event = Received { uuid: Some("e".to_owned()), content: Content::Change(assign(assignment("as-1", 1, 0))) };
    let twice = rig.store(vec![event.clone(), event.clone()], 1).await.unwrap();
    assert_eq!(twice, [Outcome::Queued, Outcome::Repeated]);
    assert_eq!(rig.store(vec![event], 2).await.unwrap(), [Outcome::Repeated], "the same event in another place");
    assert_eq!(
        rig.change(assign(assignment("as-1", 1, 5)), 5).await,
        Outcome::Repeated,
        "the same id by another event"
    );
    let nameless = Received { uuid: None, content: Content::Change(assign(assignment("as-1", 1, 0))) };
    assert_eq!(rig.store(vec![nameless], 6).await.unwrap(), [Outcome::Repeated]);
    assert_eq!(rig.waiting().await, ["CA-1"]);
    assert_eq!(rig.queue.depth().await.unwrap(), Depth { waiting: 1, quarantined: 0 });
}

#[tokio::test]
async fn a_revocation_ends_what_was_published_before_it_whichever_comes_first() {
    let mut rig = Rig::new().await;
    rig.change(assign(assignment("as-1", 1, 0)), 1).await;
    rig.change(assign(assignment("as-2", 2, 0)), 1).await;
    assert_eq!(rig.change(revoke("as-1", 1, 5), 5).await, Outcome::Revoked);
    assert_eq!(rig.waiting().await, ["CA-2"]);
    assert_eq!(rig.change(revoke("own-id", 2, 5), 6).await, Outcome::Revoked, "by its account");
    assert_eq!(rig.change(revoke("as-3", 3, 5), 6).await, Outcome::RevokedAhead);
    assert_eq!(rig.change(assign(assignment("as-3", 3, 4)), 7).await, Outcome::RevokedBefore);
    assert_eq!(rig.change(assign(assignment("as-4", 3, 5)), 7).await, Outcome::RevokedBefore);
    assert_eq!(rig.change(assign(assignment("as-5", 3, 6)), 7).await, Outcome::Queued, "assigned again");
    assert_eq!(rig.change(revoke("as-4", 3, 5), 8).await, Outcome::RevokedAhead, "an old revocation comes late");
    assert_eq!(rig.waiting().await, ["CA-3"]);
}

#[tokio::test]
async fn what_is_late_is_dropped_and_counted() {
    let mut rig = Rig::new().await;
    let ending = |id, end| Assignment { not_after: Some(at(end)), ..assignment(id, 1, 0) };
    assert_eq!(rig.change(assign(ending("as-1", 10)), 10).await, Outcome::Expired);
    assert_eq!(rig.change(assign(ending("as-2", 20)), 10).await, Outcome::Queued);
    let old = OLDEST.as_secs() + 1;
    assert_eq!(rig.change(assign(assignment("as-3", 3, 10)), 10 + old).await, Outcome::Old);
    let mut rig = Rig::new().await;
    rig.change(assign(ending("as-2", 20)), 10).await;
    assert_eq!(rig.queue.tidy(at(19)).await.unwrap(), 0);
    assert_eq!(rig.queue.tidy(at(20)).await.unwrap(), 1);
    assert!(rig.waiting().await.is_empty());
    assert_eq!(rig.change(assign(ending("as-2", 20)), 21).await, Outcome::Repeated);
}

#[tokio::test]
async fn the_greatest_priority_comes_first_and_then_what_may_be_called_first() {
    let mut rig = Rig::new().await;
    for (of, priority, not_before) in [(1, 0, None), (2, 5, Some(20)), (3, 5, Some(10)), (4, 5, None), (5, -1, None)] {
        let id = format!("as-{of}");
        let assigned = Assignment { priority, not_before: not_before.map(at), ..assignment(&id, of, 0) };
        rig.change(assign(assigned), 1).await;
    }
    assert_eq!(rig.waiting().await, ["CA-4", "CA-3", "CA-2", "CA-1", "CA-5"]);
    assert_eq!(rig.queue.waiting(2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_assignment_is_kept_as_it_came() {
    let mut rig = Rig::new().await;
    let whole = Assignment {
        priority: 3,
        not_before: Some(at(1)),
        not_after: Some(at(100)),
        phone: Some(::book::Phone::parse("+12025550143").unwrap()),
        language: Some("en".to_owned()),
        time_zone: Some("America/New_York".to_owned()),
        limits: Limits { max_instalments: Some(3), min_payment: None },
        ..assignment("as-1", 1, 0)
    };
    rig.change(assign(whole.clone()), 1).await;
    assert!(rig.queue.waiting(1).await.unwrap() == [whole]);
}

#[tokio::test]
async fn the_place_moves_with_what_is_stored_and_not_without() {
    let rig = Rig::new().await;
    assert_eq!(rig.queue.progress(holder("a")).await.unwrap().place, None);
    let batch = |number| Batch { events: Vec::new(), place: Some(place(number)), gap: None, oldest: OLDEST };
    rig.queue.store(holder("a"), batch(1), at(1)).await.unwrap();
    rig.queue.store(holder("a"), Batch { place: None, ..batch(1) }, at(1)).await.unwrap();
    assert_eq!(
        rig.queue.progress(holder("b")).await.unwrap().place,
        Some(place(1)),
        "it is the subscription's, not the holder's"
    );
    assert_eq!(rig.queue.store(holder("b"), batch(2), at(1)).await, Err(QueueError::NotHeld));
    assert_eq!(rig.queue.progress(holder("a")).await.unwrap().place, Some(place(1)));
    let other = Holder { subscription: "elsewhere".to_owned(), ..holder("a") };
    assert_eq!(rig.queue.progress(other).await.unwrap().place, None);
}

#[tokio::test]
async fn that_events_may_be_missing_is_kept_until_a_whole_sweep_that_asked_later() {
    let rig = Rig::new().await;
    let has_gap = async || rig.beside().progress(holder("b")).await.unwrap().has_gap;
    let batch = |gap: Option<i64>| Batch { place: Some(place(1)), gap: gap.map(at), ..Batch::default() };
    rig.queue.store(holder("a"), batch(Some(5)), at(5)).await.unwrap();
    rig.queue.store(holder("a"), batch(Some(3)), at(6)).await.unwrap();
    rig.queue.store(holder("a"), batch(None), at(6)).await.unwrap();
    assert!(has_gap().await, "with the place");
    rig.sweep(&[1], 4, true).await;
    assert!(has_gap().await, "the org was asked before");
    rig.sweep(&[1], 6, false).await;
    assert!(has_gap().await, "not every account was seen");
    rig.sweep(&[1], 6, true).await;
    assert!(!has_gap().await);
}

#[tokio::test]
async fn one_of_two_gateways_holds_the_lease_until_it_ends_or_is_given_back() {
    let rig = Rig::new().await;
    let (one, other) = (&rig.queue, rig.beside());
    one.release(holder("a")).await.unwrap();
    assert!(one.claim(holder("a"), at(0), at(20)).await.unwrap());
    assert!(!other.claim(holder("b"), at(10), at(30)).await.unwrap());
    assert!(one.claim(holder("a"), at(10), at(30)).await.unwrap(), "it is kept");
    assert!(!other.claim(holder("b"), at(29), at(49)).await.unwrap());
    assert!(other.claim(holder("b"), at(30), at(50)).await.unwrap(), "it has ended");
    assert!(!one.claim(holder("a"), at(31), at(51)).await.unwrap());
    let batch = Batch { events: Vec::new(), place: Some(place(9)), gap: None, oldest: OLDEST };
    assert_eq!(one.store(holder("a"), batch.clone(), at(31)).await, Err(QueueError::NotHeld));
    assert_eq!(other.store(holder("b"), batch, at(50)).await, Err(QueueError::NotHeld), "its own has ended too");
    other.release(holder("b")).await.unwrap();
    assert!(one.claim(holder("a"), at(32), at(52)).await.unwrap(), "it was given back");
    assert!(
        !other.claim(holder("b"), at(31), at(51)).await.unwrap(),
        "it was renewed after the other looked at the clock"
    );
    assert!(other.claim(holder("b"), at(-3_600), at(-3_580)).await.unwrap(), "the clock was set back by an hour");
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_aside_without_what_is_in_it() {
    let rig = Rig::new().await;
    let unreadable = |number: usize| Unreadable {
        replay_id: place(7),
        schema_id: "schema".to_owned(),
        reason: "its schema is not known".to_owned(),
        bytes: number,
    };
    let received = |number| Received { uuid: None, content: Content::Unreadable(unreadable(number)) };
    let most = usize::try_from(MOST_QUARANTINED).unwrap();
    let outcomes = rig.store((0..most + 5).map(received).collect(), 1).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Quarantined));
    assert_eq!(rig.queue.depth().await.unwrap(), Depth { waiting: 0, quarantined: MOST_QUARANTINED });
    assert_eq!(rig.queue.quarantine(1).await.unwrap(), [unreadable(most + 4)]);
}

#[tokio::test]
async fn a_sweep_queues_what_no_event_told_of_and_takes_back_what_it_had_found() {
    let mut rig = Rig::new().await;
    rig.change(assign(assignment("as-1", 1, 0)), 1).await;
    let ended = Assignment { not_after: Some(at(1)), ..assignment("as-2", 2, 0) };
    rig.change(assign(ended), 1).await;
    rig.change(assign(assignment("as-3", 3, 0)), 1).await;
    rig.change(revoke("as-3", 3, 2), 9).await;
    assert_eq!(rig.sweep(&[1, 2, 3, 4, 5], 8, true).await, (2, 0), "the org was asked before the revocation came");
    assert_eq!(rig.waiting().await, ["CA-1", "CA-4", "CA-5"]);
    assert_eq!(rig.sweep(&[1, 2, 3, 4], 10, false).await, (1, 0), "assigned again since; and not all were asked for");
    assert_eq!(rig.sweep(&[1, 2, 3, 4], 11, true).await, (0, 1));
    assert_eq!(rig.waiting().await, ["CA-1", "CA-4", "CA-3"]);
    assert_eq!(rig.change(assign(assignment("as-4", 4, 12)), 12).await, Outcome::Queued, "instead of what was found");
    assert_eq!(rig.sweep(&[], 13, true).await, (0, 1), "an assignment is not taken back by a sweep");
    assert_eq!(rig.waiting().await, ["CA-1", "CA-4"]);
    let late = Found { accounts: vec![listed(9, None)], asked_at: at(14), is_whole: true };
    assert_eq!(rig.queue.sweep(holder("b"), late, at(14)).await, Err(QueueError::NotHeld));
}

#[tokio::test]
async fn a_sweep_queues_what_was_assigned_again_after_an_assignment_was_over() {
    let mut rig = Rig::new().await;
    let ending = |id: &str, of| Assignment { not_after: Some(at(20)), ..assignment(id, of, 0) };
    rig.change(assign(ending("as-1", 1)), 1).await;
    rig.change(assign(ending("as-2", 2)), 1).await;
    rig.change(assign(ending("as-3", 3)), 1).await;
    rig.change(assign(ending("as-4", 3)), 1).await;
    rig.change(revoke("as-4", 3, 2), 100).await;
    assert_eq!(rig.queue.tidy(at(100)).await.unwrap(), 2, "long after");
    let accounts = vec![listed(1, Some(60)), listed(2, Some(10)), listed(3, Some(60))];
    let found = Found { accounts, asked_at: at(100), is_whole: true };
    assert_eq!(rig.queue.sweep(holder("a"), found, at(100)).await.unwrap().queued, 1);
    assert_eq!(rig.waiting().await, ["CA-1"], "the third was revoked as the org was asked");
}

#[tokio::test]
async fn a_full_queue_leaves_out_what_has_no_room_and_goes_on() {
    let mut rig = Rig::new().await;
    rig.change(assign(assignment("as-1", 1, 0)), 1).await;
    let raw = rusqlite::Connection::open(rig.directory.path().join("queue.sqlite")).unwrap();
    let fill = "INSERT INTO assignments (key, account, standing, is_found, priority, published_ms, changed_ms) \
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
                SELECT 'f-' || i, 'F-' || i, 'waiting', 0, 0, 0, 0 FROM n";
    raw.execute(fill, [MOST_WAITING as i64 - 1]).unwrap();
    let event = |uuid: &str, change| Received { uuid: Some(uuid.to_owned()), content: Content::Change(change) };
    let late = event("x", assign(assignment("as-2", 2, 0)));
    let events = vec![late.clone(), event("y", revoke("as-1", 1, 2)), event("z", assign(assignment("as-3", 3, 0)))];
    let batch = Batch { events, place: Some(place(9)), gap: None, oldest: OLDEST };
    let outcomes = rig.queue.store(holder("a"), batch, at(2)).await.unwrap();
    assert_eq!(outcomes, [Outcome::NoRoom, Outcome::Revoked, Outcome::Queued], "what is behind it makes room");
    let progress = async || rig.queue.progress(holder("a")).await.unwrap();
    assert_eq!(progress().await, Progress { place: Some(place(9)), has_gap: true });
    assert_eq!(rig.store(vec![late], 3).await, Ok(vec![Outcome::NoRoom]), "it counts as not seen");

    let whole = Swept { is_whole: true, ..Swept::default() };
    let sweep = async |second| {
        let found = Found { accounts: vec![listed(2, None), listed(4, None)], asked_at: at(second), is_whole: true };
        rig.queue.sweep(holder("a"), found, at(second)).await
    };
    assert_eq!(sweep(4).await, Ok(Swept { left_out: 2, ..whole }));
    raw.execute("DELETE FROM assignments WHERE key = 'f-1'", []).unwrap();
    assert_eq!(sweep(5).await, Ok(Swept { queued: 1, left_out: 1, ..whole }), "as many as there is room for");
    assert!(progress().await.has_gap);
    raw.execute("DELETE FROM assignments WHERE key = 'f-2'", []).unwrap();
    assert_eq!(sweep(6).await, Ok(Swept { queued: 1, ..whole }));
    assert!(!progress().await.has_gap);
}

#[tokio::test]
async fn what_is_over_is_forgotten_and_what_waits_is_not() {
    let mut rig = Rig::new().await;
    rig.change(assign(assignment("as-1", 1, 0)), 1).await;
    rig.change(revoke("as-2", 2, 0), 1).await;
    let seen = SignedDuration::from_hours(SEEN_HOURS).as_secs() + 2;
    rig.queue.tidy(at(seen)).await.unwrap();
    let again =
        Received { uuid: Some("event-1".to_owned()), content: Content::Change(assign(assignment("as-1", 1, 0))) };
    assert_eq!(rig.store(vec![again], seen).await.unwrap(), [Outcome::Repeated], "by its id");
    assert_eq!(rig.change(assign(assignment("as-2", 2, 0)), seen).await, Outcome::RevokedBefore);
    let kept = SignedDuration::from_hours(KEPT_HOURS).as_secs() + 2;
    rig.queue.tidy(at(kept)).await.unwrap();
    let raw = rusqlite::Connection::open(rig.directory.path().join("queue.sqlite")).unwrap();
    let count =
        |table| raw.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(["assignments", "revocations", "seen_events"].map(count), [1, 0, 0]);
    assert_eq!(rig.waiting().await, ["CA-1"]);
}

#[test]
fn tidying_goes_by_indexes_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("queue.sqlite");
    drop(Queue::open(&path).unwrap());
    let raw = rusqlite::Connection::open(&path).unwrap();
    for (statement, range) in apply::FORGET.iter().map(|(statement, _)| *statement).chain([apply::EXPIRE]).zip([
        "(seen_ms<?)",
        "(changed_ms<?)",
        "(changed_ms<?)",
        "(standing=? AND not_after_ms<?)",
    ]) {
        let mut plan = raw.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let step: String = plan.query_row([0], |row| row.get(3)).unwrap();
        assert!(step.contains("SEARCH") && step.contains(range), "{statement}: {step}");
    }
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("queue.sqlite");
    drop(Queue::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Queue::open(&path), Err(StoreError::Newer)));
}

#[tokio::test]
async fn what_is_committed_to_the_queue_is_on_the_disk() {
    let rig = Rig::new().await;
    let level = rig.queue.worker.ask(|connection| durability(connection)).unwrap();
    assert_eq!(level.await.unwrap(), durable());
}
