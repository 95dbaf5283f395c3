//! A backlog of many calls on its way: lots of rows of one object after another, parents before what links to them, and what became
//! of each record in the end. No row is forgotten: each is written, refused, or left for another time.
//!
//! A row that is refused is not reduced here: its record goes by itself, where that is done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::results::RowResult;
use crate::record::{ContactAttempt, Disposition, Record};
use crate::salesforce::mapping::Mapping;
use crate::salesforce::object::Object;
use crate::salesforce::writing::{Graph, Upsert, own_rows};

/// Most rows of one lot: what an org makes one batch of ("Bulk API 2.0 Limits").
const MOST_ROWS: usize = 10_000;
/// How often a row is sent that a job did not come to.
const MOST_TURNS: u8 = 3;
/// Objects in the order in which their rows are written: what is linked to before what links.
const ORDER: [Object; 6] = [
    Object::ContactAttempt,
    Object::PaymentArrangement,
    Object::Dispute,
    Object::PaymentTransaction,
    Object::ComplianceRecord,
    Object::CollectionAccount,
];

/// Rows of one object, to be sent together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// Whose rows they are.
    pub object: Object,
    /// The rows, no two with one external id: [all are made](Upsert::is_made) where they are not there, or none is.
    pub rows: Vec<Upsert>,
    turn: u8,
}

impl Lot {
    /// Whether rows are made where they are not there. Where they are changed only, no job of upserts can do it.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.rows.iter().all(Upsert::is_made)
    }
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drained {
    /// All its rows are written.
    Written,
    /// A row of it was refused, or this org has none for it: it is to go with its call, by itself.
    Refused,
    /// A row of it was not written, and nothing is known against it.
    Later,
    /// Nothing of it was sent.
    Unsent,
}

/// A backlog on its way.
#[derive(Debug)]
pub struct Drain {
    records: Vec<Record>,
    /// Records whose call makes no graph, by their place.
    unwritable: BTreeSet<usize>,
    /// Rows of accounts by the place of an attempt that stands for them.
    accounts: BTreeMap<usize, (Object, String)>,
    lots: VecDeque<Lot>,
    /// Rows that are not written.
    left: BTreeMap<(Object, String), Drained>,
    counts: Counts,
}

/// How many rows were sent, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that were in lots, each once.
    pub sent: usize,
    /// Rows that are written.
    pub written: usize,
    /// Rows that were refused.
    pub refused: usize,
    /// Rows that were not tried, or of which nothing is told.
    pub unprocessed: usize,
}

impl Drain {
    /// Begins with the records of many calls, each call's in their order.
    #[must_use]
    pub fn new(mapping: &Mapping, records: Vec<Record>) -> Self {
        let mut calls: Vec<(uuid::Uuid, Vec<usize>)> = Vec::new();
        let mut places = BTreeMap::new();
        for (place, record) in records.iter().enumerate() {
            let at = *places.entry(record.call()).or_insert(calls.len());
            match calls.get_mut(at) {
                Some((_, call)) => call.push(place),
                None => calls.push((record.call(), vec![place])),
            }
        }
        let (mut rows, mut unwritable) = (Rows::default(), BTreeSet::new());
        for (_, places) in calls {
            let of_call: Vec<Record> = places.iter().map(|&place| records[place].clone()).collect();
            match Graph::of_call(mapping, &of_call, &[]) {
                Ok(graph) => graph.iter().flat_map(Graph::nodes).for_each(|node| rows.put(node.upsert.clone())),
                Err(_) => unwritable.extend(places),
            }
        }
        let lots: VecDeque<Lot> = rows.lots().collect();
        let counts = Counts { sent: lots.iter().map(|lot| lot.rows.len()).sum(), ..Counts::default() };
        let accounts = accounts(&records);
        Self { records, unwritable, accounts, lots, left: BTreeMap::new(), counts }
    }

    /// What is to be sent now.
    pub fn next_lot(&mut self) -> Option<Lot> {
        self.lots.pop_front()
    }

    /// What became of the rows of a lot, in their order; `None` of those of which nothing is told. Rows that were not tried are sent
    /// again, a few times.
    pub fn answered(&mut self, lot: Lot, results: &[Option<RowResult>]) {
        let mut again = Vec::new();
        let results = results.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        for (row, result) in lot.rows.into_iter().zip(results) {
            match result {
                Some(RowResult::Written) => self.counts.written += 1,
                Some(RowResult::Refused(refusal)) => {
                    self.counts.refused += 1;
                    let why = if refusal.fault.passes() { Drained::Later } else { Drained::Refused };
                    self.left.insert(key(&row), why);
                }
                Some(RowResult::Unprocessed) | None if lot.turn + 1 < MOST_TURNS => again.push(row),
                Some(RowResult::Unprocessed) | None => self.leave(&row, Drained::Later),
            }
        }
        if !again.is_empty() {
            self.lots.push_front(Lot { object: lot.object, rows: again, turn: lot.turn + 1 });
        }
    }

    /// The org does not take a lot now: that, and all that would come after it, is left for another time.
    pub fn stopped(&mut self, lot: &Lot) {
        let rest = std::mem::take(&mut self.lots);
        for lot in std::iter::once(lot).chain(&rest) {
            let why = if lot.turn == 0 { Drained::Unsent } else { Drained::Later };
            lot.rows.iter().for_each(|row| self.leave(row, why.clone()));
        }
    }

    /// What became of each record, by its place.
    #[must_use]
    pub fn results(&self) -> Vec<Drained> {
        let result = |(place, record): (usize, &Record)| {
            if self.unwritable.contains(&place) {
                return Drained::Refused;
            }
            let account = self.accounts.get(&place).cloned();
            let rows: Vec<_> = own_rows(record).into_iter().chain(account).map(|row| self.left.get(&row)).collect();
            let has = |what: &Drained| rows.contains(&Some(what));
            match () {
                () if has(&Drained::Refused) => Drained::Refused,
                () if rows.iter().all(Option::is_none) => Drained::Written,
                () if rows.iter().all(|row| *row == Some(&Drained::Unsent)) => Drained::Unsent,
                () => Drained::Later,
            }
        };
        self.records.iter().enumerate().map(result).collect()
    }

    /// How many rows were sent so far, and what became of them: the three add up to the first once nothing is left to be sent.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    fn leave(&mut self, row: &Upsert, why: Drained) {
        self.counts.unprocessed += 1;
        self.left.insert(key(row), why);
    }
}

/// What attempts say on their accounts no other record stands for: the last of each account, whose outcome stays, and those that
/// hand the account over to people.
fn accounts(records: &[Record]) -> BTreeMap<usize, (Object, String)> {
    let (mut accounts, mut last) = (BTreeMap::new(), BTreeMap::new());
    for (place, record) in records.iter().enumerate() {
        let Record::ContactAttempt(ContactAttempt { account: Some(account), disposition, .. }) = record else {
            continue;
        };
        let row = (Object::CollectionAccount, account.as_str().to_owned());
        last.insert(row.clone(), place);
        if *disposition == Some(Disposition::Escalated) {
            accounts.insert(place, row);
        }
    }
    accounts.extend(last.into_iter().map(|(row, place)| (place, row)));
    accounts
}

fn key(row: &Upsert) -> (Object, String) {
    (row.object(), row.key().to_owned())
}

/// Rows, no two with one key.
#[derive(Default)]
struct Rows {
    rows: Vec<Upsert>,
    places: BTreeMap<(Object, String), usize>,
}

impl Rows {
    /// Adds a row. What it says of a row that is there already is added to that: what comes later counts.
    fn put(&mut self, row: Upsert) {
        let place = *self.places.entry(key(&row)).or_insert(self.rows.len());
        match self.rows.get_mut(place) {
            Some(earlier) => earlier.merge(row),
            None => self.rows.push(row),
        }
    }

    fn lots(self) -> impl Iterator<Item = Lot> {
        let mut rows = self.rows;
        let kinds = ORDER.into_iter().flat_map(|object| [(object, true), (object, false)]);
        kinds.flat_map(move |(object, is_made)| {
            let of_kind: Vec<Upsert> =
                rows.extract_if(.., |row| row.object() == object && row.is_made() == is_made).collect();
            let lot = |rows: &[Upsert]| Lot { object, rows: rows.to_vec(), turn: 0 };
            of_kind.chunks(MOST_ROWS).map(lot).collect::<Vec<_>>()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{AccountUpdate, ComplianceRecord, ExternalId};
    use crate::salesforce::fault::{Fault, Refusal};
    use crate::salesforce::sample::{mappings, records};
    use rules::contact::Flag;
    use uuid::Uuid;

    fn refused(fault: Fault) -> Option<RowResult> {
        Some(RowResult::Refused(Refusal { fault, code: String::new(), fields: Vec::new() }))
    }

    /// Attempt and compliance record of so many calls of one account.
    fn calls(count: u128) -> Vec<Record> {
        let Record::ContactAttempt(attempt) = &records()[0] else { panic!("the first is the attempt") };
        let one = |number| -> [Record; 2] {
            let call = Uuid::from_u128(number);
            let attempt = ContactAttempt { external_id: ExternalId::attempt(call), call, ..attempt.clone() };
            let compliance = ComplianceRecord { account: attempt.account.clone(), ..ComplianceRecord::empty(call) };
            [attempt.into(), compliance.into()]
        };
        (1..=count).flat_map(one).collect()
    }

    /// Answers every lot, until none is left; returns the objects in their order.
    fn drained(drain: &mut Drain, answer: impl Fn(&Upsert, u8) -> Option<RowResult>) -> Vec<Object> {
        let mut objects = Vec::new();
        while let Some(lot) = drain.next_lot() {
            objects.push(lot.object);
            let results: Vec<_> = lot.rows.iter().map(|row| answer(row, lot.turn)).collect();
            drain.answered(lot, &results);
        }
        let Counts { sent, written, refused, unprocessed } = drain.counts();
        assert_eq!(sent, written + refused + unprocessed, "every row is accounted for");
        objects
    }

    #[test]
    fn parents_go_before_what_links_to_them() {
        for mapping in mappings() {
            let mut drain = Drain::new(&mapping, records().to_vec());
            assert_eq!(drained(&mut drain, |_, _| Some(RowResult::Written)), ORDER);
            assert_eq!(drain.results(), [const { Drained::Written }; 5]);
        }
    }

    #[test]
    fn an_account_of_many_calls_is_one_row_with_the_last_word() {
        let mapping = &mappings()[0];
        let mut records = calls(3);
        let flags = |number: u128, flag| {
            let (call, account) = (Uuid::from_u128(number), records[0].account().unwrap().clone());
            let external_id = ExternalId::update(call, 1);
            Record::from(AccountUpdate {
                external_id,
                call,
                account,
                set: [flag].into(),
                at: crate::salesforce::sample::at(0),
            })
        };
        let flags = [flags(1, Flag::Cease), flags(3, Flag::Attorney)];
        records.extend(flags);
        let lots = Drain::new(mapping, records).lots;
        let account = lots.iter().find(|lot| lot.object == Object::CollectionAccount).unwrap();
        assert_eq!(account.rows.len(), 1);
        for flag in [Flag::Cease, Flag::Attorney] {
            let path = mapping.field(crate::salesforce::object::account::flag(flag)).unwrap().path.as_str();
            assert_eq!(account.rows[0].body()[path], true, "{path}");
        }
    }

    #[test]
    fn a_row_that_is_refused_is_told_of_its_own_record_alone() {
        let mapping = &mappings()[0];
        for (fault, expected) in [(Fault::Rejected, Drained::Refused), (Fault::Locked, Drained::Later)] {
            let mut drain = Drain::new(mapping, calls(2));
            let key = ExternalId::attempt(Uuid::from_u128(2));
            drained(
                &mut drain,
                |row, _| {
                    if row.key() == key.as_str() { refused(fault) } else { Some(RowResult::Written) }
                },
            );
            let results = drain.results();
            assert_eq!(results, [Drained::Written, Drained::Written, expected, Drained::Written]);
        }
    }

    #[test]
    fn an_attempt_whose_account_is_not_written_comes_again_for_it() {
        let mapping = &mappings()[0];
        for (fault, expected) in [(Fault::Locked, Drained::Later), (Fault::Rejected, Drained::Refused)] {
            let mut calls = calls(3);
            if let Record::ContactAttempt(attempt) = &mut calls[2] {
                attempt.disposition = Some(Disposition::Escalated);
            }
            let mut drain = Drain::new(mapping, calls);
            let is_account = |row: &Upsert| row.object() == Object::CollectionAccount;
            drained(&mut drain, |row, _| if is_account(row) { refused(fault) } else { Some(RowResult::Written) });
            let written = || Drained::Written;
            let results = [written(), written(), expected.clone(), written(), expected, written()];
            assert_eq!(drain.results(), results, "the escalated one, and the last");
        }
    }

    #[test]
    fn what_a_job_did_not_come_to_is_sent_again_and_left_in_the_end() {
        let mapping = &mappings()[0];
        for (nothing, turns, expected) in [
            (Some(RowResult::Unprocessed), 1, Drained::Written),
            (None, 2, Drained::Written),
            (Some(RowResult::Unprocessed), 3, Drained::Later),
        ] {
            let mut drain = Drain::new(mapping, calls(1));
            let objects = drained(&mut drain, |row, turn| {
                let is_stuck = row.object() == Object::ContactAttempt && turn < turns;
                if is_stuck { nothing.clone() } else { Some(RowResult::Written) }
            });
            assert_eq!(drain.results(), [expected, Drained::Written]);
            let sent = objects.iter().filter(|object| **object == Object::ContactAttempt).count();
            assert_eq!(sent, usize::from(turns.min(2)) + 1);
        }
    }

    #[test]
    fn an_org_that_stops_leaves_the_rest_for_another_time() {
        let mapping = &mappings()[0];
        let mut drain = Drain::new(mapping, calls(2));
        let lot = drain.next_lot().unwrap();
        let written = vec![Some(RowResult::Written); lot.rows.len()];
        drain.answered(lot, &written);
        let lot = drain.next_lot().unwrap();
        drain.stopped(&lot);
        assert_eq!(drain.next_lot(), None);
        let unsent = || Drained::Unsent;
        assert_eq!(
            drain.results(),
            [Drained::Written, unsent(), Drained::Later, unsent()],
            "the last attempt is written, and its account is not"
        );
        assert_eq!(drain.counts(), Counts { sent: 5, written: 2, refused: 0, unprocessed: 3 });
    }

    #[test]
    fn a_call_that_this_org_has_no_rows_for_goes_by_itself() {
        let mapping = &mappings()[0];
        let mut records = [records().to_vec(), calls(1)].concat();
        if let Record::PaymentTransaction(payment) = &mut records[3] {
            payment.amount = rules::money::Money::new(1, rules::money::Currency::parse("EUR").unwrap());
        }
        let mut drain = Drain::new(mapping, records);
        drained(&mut drain, |_, _| Some(RowResult::Written));
        let results = drain.results();
        assert!(results[..5].iter().all(|result| *result == Drained::Refused));
        assert_eq!(results[5..], [Drained::Written, Drained::Written]);
    }
}
