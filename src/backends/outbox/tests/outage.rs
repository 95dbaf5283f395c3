//! Two hours in which a book refuses every write, passed in virtual time, with the results of 5,000 calls; and what comes after.

use std::collections::BTreeMap;

use ::book::salesforce::{
    Delivery, Fault, Heard, Mapping, Object, Profile, Refusal, Upsert,
    bulk::{Drain, Drained, RowResult},
    writing::{Node, NodeOutcome, Written},
};
use ::book::{AccountId, ComplianceRecord, ExternalId};

use super::*;
use crate::store::BulkJobs;

const ACCOUNTS: u128 = 400;
const MINUTES: i64 = 120;

/// What an org would have: rows by their keys, each with how often it was written, and the order in which attempts came to be.
#[derive(Default)]
struct Rows {
    written: BTreeMap<(Object, String), u32>,
    attempts: Vec<String>,
    /// Attempts that a job did not take: they come after later ones of their account.
    late: Vec<String>,
    /// Whether it refuses writes.
    is_down: bool,
    /// Of so many answers one is lost, although all was written; none at 0.
    lost: u32,
    requests: u32,
}

impl Rows {
    fn write(&mut self, row: &Upsert) {
        *self.written.entry((row.object(), row.key().to_owned())).or_default() += 1;
        if row.object() == Object::ContactAttempt {
            self.attempts.push(row.key().to_owned());
        }
    }

    fn has(&self, row: &Upsert) -> bool {
        row.object() == Object::CollectionAccount || self.written.contains_key(&(row.object(), row.key().to_owned()))
    }
}

/// An org by the gateway's own decisions, without a connection.
struct Model {
    mapping: Mapping,
    rows: Mutex<Rows>,
    takes_backlogs: bool,
}

impl Model {
    fn call(&self, records: Vec<Record>, earlier: Earlier) -> Vec<Result<(), BookError>> {
        let mut rows = self.rows.lock().unwrap();
        let count = records.len();
        rows.requests += 1;
        if rows.is_down {
            return vec![Err(BookError::Failed); count];
        }
        let mut delivery = Delivery::new(&self.mapping, records);
        let graph = delivery.graph().unwrap().unwrap();
        if earlier == Earlier::None || !graph.nodes().iter().all(|node| rows.has(&node.upsert)) {
            graph.nodes().iter().for_each(|node| rows.write(&node.upsert));
        }
        if rows.lost > 0 && rows.requests.is_multiple_of(rows.lost) {
            return vec![Err(BookError::Unclear); count];
        }
        let outcome = |node: &Node| NodeOutcome {
            reference: node.reference.clone(),
            object: node.upsert.object(),
            result: Ok(Written::Created),
        };
        let outcomes: Vec<NodeOutcome> = graph.nodes().iter().map(outcome).collect();
        assert_eq!(delivery.heard(&graph, &outcomes), Heard::Written);
        delivery.results().into_iter().map(|result| result.map_err(|_| BookError::Refused)).collect()
    }

    /// Of some hundred rows of a job one is not come to, and one is locked.
    fn drain(&self, records: Vec<Record>) -> Vec<Result<(), BookError>> {
        let mut rows = self.rows.lock().unwrap();
        let locked = || RowResult::Refused(Refusal { fault: Fault::Locked, code: String::new(), fields: Vec::new() });
        let mut drain = Drain::new(&self.mapping, records);
        while let Some(lot) = drain.next_lot() {
            let mut results = Vec::new();
            for (place, row) in lot.rows.iter().enumerate() {
                if matches!(place % 103, 50 | 99) {
                    rows.late.push(row.key().to_owned());
                }
                results.push(Some(match place % 103 {
                    50 => RowResult::Unprocessed,
                    99 => locked(),
                    _ => {
                        rows.write(row);
                        RowResult::Written
                    }
                }));
            }
            drain.answered(lot, &results);
        }
        let answer = |drained| match drained {
            Drained::Written => Ok(()),
            Drained::Refused => Err(BookError::Refused),
            Drained::Later | Drained::Unsent => Err(BookError::Unclear),
        };
        drain.results().into_iter().map(answer).collect()
    }
}

impl AccountBook for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    fn look_up(&self, _key: LookupKey) -> Answer<'_, LookUp> {
        Box::pin(std::future::ready(Ok(LookUp::Nothing)))
    }

    fn deliver(&self, record: Record) -> Answer<'_, ()> {
        Box::pin(std::future::ready(self.call(vec![record], Earlier::None).remove(0)))
    }

    fn takes_calls(&self) -> bool {
        true
    }

    fn deliver_call(&self, records: Vec<Record>, history: History) -> Answers<'_> {
        Box::pin(std::future::ready(self.call(records, history.earlier)))
    }

    fn takes_backlogs(&self) -> bool {
        self.takes_backlogs
    }

    fn deliver_backlog(&self, records: Vec<Record>, _jobs: BulkJobs) -> Answers<'_> {
        Box::pin(std::future::ready(self.drain(records)))
    }
}

/// What a call of an account leaves.
fn results(call: u128) -> [Record; 2] {
    let account = Some(AccountId::parse(&format!("CA-{}", call % ACCOUNTS)).unwrap());
    let id = Uuid::from_u128(call);
    let attempt = ContactAttempt::inbound(id, "carrier", Timestamp::UNIX_EPOCH, "collector");
    [
        ContactAttempt { account: account.clone(), ..attempt }.into(),
        ComplianceRecord { account, ..ComplianceRecord::empty(id) }.into(),
    ]
}

/// Two hours of refused writes with calls ending all the while, and then rounds until nothing waits: what is in the org, how many
/// rounds there were, and how long they took.
async fn pass(calls: u128, takes_backlogs: bool, lost: u32) -> (Arc<Model>, usize, SignedDuration) {
    let directory = TempDir::new().unwrap();
    let options = StoreOptions {
        commit_deadline: Duration::from_secs(30),
        least_free: 0,
        ..StoreOptions::at(directory.path().join("tonegate.sqlite"))
    };
    let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
    let mapping = Profile::CollectXpert.mapping(None).unwrap();
    let rows = Mutex::new(Rows { is_down: true, lost, ..Rows::default() });
    let model = Arc::new(Model { mapping, rows, takes_backlogs });
    let outbox = Outbox::new(store.clone(), Arc::clone(&model) as Arc<dyn AccountBook>, RetryPolicy::default());
    let began = Timestamp::now();
    for minute in 0..MINUTES {
        let ended = |minute: i64| calls * minute as u128 / MINUTES as u128;
        let writes: Vec<Write> = (ended(minute)..ended(minute + 1)).flat_map(results).map(Write::from).collect();
        store.write(writes).await.unwrap();
        let round = outbox.round(began + SignedDuration::from_mins(minute + 1)).await.unwrap();
        assert_eq!((round.delivered, round.parked), (0, 0));
    }
    assert_eq!(store.outbox_depth_of_calls().await.unwrap().waiting, 2 * calls as u64);
    assert!(model.rows.lock().unwrap().written.is_empty());
    model.rows.lock().unwrap().is_down = false;
    let over = began + SignedDuration::from_mins(MINUTES + 1);
    let (mut now, mut rounds) = (over, 0);
    loop {
        let round = outbox.round(now).await.unwrap();
        rounds += 1;
        assert!(round.parked == 0 && rounds < 2_000, "{round:?} after {rounds}");
        if round.delivered > 0 {
            continue;
        }
        if store.outbox_depth_of_calls().await.unwrap().waiting == 0 {
            break;
        }
        now += SignedDuration::from_secs(5);
    }
    (model, rounds, now.duration_since(over))
}

/// Nothing is lost, and no row is written twice.
fn check(model: &Model, calls: u128) {
    let rows = model.rows.lock().unwrap();
    for object in [Object::ContactAttempt, Object::ComplianceRecord] {
        let of_object = rows.written.iter().filter(|((of, _), _)| *of == object);
        let written: Vec<u32> = of_object.map(|(_, &times)| times).collect();
        assert_eq!(written.len(), calls as usize, "0 lost");
        assert!(written.iter().all(|times| *times == 1), "0 doubled");
    }
}

/// The attempts of each account are in the order of their calls, but those that a job did not take.
fn check_order(model: &Model, calls: u128) {
    let calls: BTreeMap<String, u128> =
        (0..=calls).map(|call| (ExternalId::attempt(Uuid::from_u128(call)).to_string(), call)).collect();
    let mut last = BTreeMap::new();
    let rows = model.rows.lock().unwrap();
    for key in rows.attempts.iter().filter(|key| !rows.late.contains(key)) {
        let call = calls[key];
        let before = last.insert(call % ACCOUNTS, call);
        assert!(before.is_none_or(|before| before < call), "{before:?} before {call}");
    }
}

#[tokio::test]
async fn two_hours_without_writes_lose_nothing_double_nothing_and_keep_the_order() {
    let (model, _, took) = pass(5_000, false, 0).await;
    check(&model, 5_000);
    check_order(&model, 5_000);
    assert!(took.as_secs() <= 90, "all is there {took:?} after the outage, work itself left out");
}

#[tokio::test]
async fn answers_that_are_lost_after_an_outage_double_nothing() {
    let (model, ..) = pass(1_500, false, 7).await;
    check(&model, 1_500);
    check_order(&model, 1_500);
}

#[tokio::test]
async fn a_backlog_goes_in_one_piece_as_soon_as_the_book_takes_something() {
    let (model, rounds, _) = pass(5_000, true, 0).await;
    check(&model, 5_000);
    check_order(&model, 5_000);
    assert!(rounds < 30, "{rounds} rounds");
}
