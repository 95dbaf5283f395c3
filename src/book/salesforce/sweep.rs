//! Which accounts an org has in the queue: asked where events are not to be had, or some may be missing.
//!
//! A sweep is one statement after another, each for the rows behind the last one of the statement before, by the records' ids:
//! every row has one, they are never equal, and nothing of a person is in an address. What is put into the queue behind the place
//! where the sweep is has an event of its own.

use rules::account_data::masked;
use serde_json::Value;

use super::id::RecordId;
use super::lookup::LookupError;
use super::mapping::Mapping;
use super::object::{Object, account};
use super::soql::{Condition, Direction, Query, Value as Literal};
use crate::account::AccountId;
use crate::queue::Listed;

/// Most rows of one statement.
const MOST_OF_STATEMENT: u16 = 10_000;
/// Most rows of one sweep: twice as many as may wait for a call.
const MOST_ROWS: usize = 200_000;
/// The word for the queue that is called from.
const QUEUE: &str = "ai";
/// The id of a record.
const ID: &str = "Id";
/// When a row was last changed, by whomever or whatever: a field that each object has.
const MODIFIED: &str = "SystemModstamp";
/// How the address of a further page begins.
const PAGES: &str = "/services/data/";
/// Longest address of a page, in bytes.
const MOST_ADDRESS: usize = 512;

/// What is asked of the org.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The rows of a statement.
    Statement(String),
    /// A further page of them, by its address.
    Page(String),
}

/// What comes next.
#[derive(Debug)]
enum Next {
    /// The rows behind this one.
    Behind(Option<RecordId>),
    /// A page.
    Page(String),
    /// Nothing: every row was seen.
    Over,
}

/// One sweep: says what is asked, and is told the answers.
#[derive(Debug)]
pub struct Walk {
    most_of_statement: u16,
    most_rows: usize,
    next: Next,
    last: Option<RecordId>,
    /// Rows of the statement.
    of_statement: usize,
    rows: usize,
    accounts: Vec<Listed>,
}

/// The answer is none, or not of this statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no answer to a query")]
pub struct NoAnswer;

impl Default for Walk {
    fn default() -> Self {
        Self::of(MOST_OF_STATEMENT, MOST_ROWS)
    }
}

impl Walk {
    const fn of(most_of_statement: u16, most_rows: usize) -> Self {
        Self {
            most_of_statement,
            most_rows,
            next: Next::Behind(None),
            last: None,
            of_statement: 0,
            rows: 0,
            accounts: Vec::new(),
        }
    }

    /// What is to be asked now; nothing where every row was seen, or as many as one sweep takes.
    ///
    /// # Errors
    /// [`LookupError::Unmapped`] where the mapping does not have the queue of an account.
    pub fn question(&self, mapping: &Mapping) -> Result<Option<Question>, LookupError> {
        match &self.next {
            Next::Over => Ok(None),
            Next::Behind(_) | Next::Page(_) if self.rows >= self.most_rows => Ok(None),
            Next::Behind(last) => Ok(Some(Question::Statement(statement(mapping, *last, self.most_of_statement)?))),
            Next::Page(address) => Ok(Some(Question::Page(address.clone()))),
        }
    }

    /// Reads the answer. Rows whose external id is none, or the number of a card, are left out: nobody could look such an account
    /// up.
    ///
    /// # Errors
    /// [`NoAnswer`]; then the same is to be asked.
    pub fn handle_answer(&mut self, mapping: &Mapping, answer: &Value) -> Result<(), NoAnswer> {
        let path = &mapping.field(account::EXTERNAL_ID).ok_or(NoAnswer)?.path;
        let records = answer.get("records").and_then(Value::as_array).ok_or(NoAnswer)?;
        let page = page(answer)?;
        let ids = records.iter().map(|record| text(record, ID).and_then(|id| RecordId::parse(id).ok()).ok_or(NoAnswer));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        self.last = ids.last().copied().or(self.last);
        self.accounts.extend(records.iter().filter_map(|record| listed(record, path.as_str())));
        self.of_statement += records.len();
        // A page without rows counts too: there is an end of them.
        self.rows += records.len().max(1);
        self.next = match page {
            Some(address) => Next::Page(address),
            None if self.of_statement >= usize::from(self.most_of_statement) => {
                self.of_statement = 0;
                Next::Behind(self.last)
            }
            None => Next::Over,
        };
        Ok(())
    }

    /// Whether every row was seen.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self.next, Next::Over)
    }

    /// Accounts that can be queued, of the rows that were seen.
    #[must_use]
    pub fn into_accounts(self) -> Vec<Listed> {
        self.accounts
    }
}

fn statement(mapping: &Mapping, last: Option<RecordId>, most: u16) -> Result<String, LookupError> {
    let field = |field: super::Field| mapping.field(field).ok_or(LookupError::Unmapped(field.name));
    let (external_id, queue) = (field(account::EXTERNAL_ID)?, field(account::QUEUE)?);
    let ours = queue.values.value(QUEUE).ok_or(LookupError::Unmapped(account::QUEUE.name))?;
    let is_ours = Condition::Is(queue.path.clone(), Literal::text(ours)?);
    let condition = match last {
        Some(last) => Condition::All(vec![is_ours, Condition::Above(ID.parse()?, last.into())]),
        None => is_ours,
    };
    let query = Query::of(mapping.api(Object::CollectionAccount).clone(), most)
        .field(ID.parse()?)
        .field(external_id.path.clone())
        .field(MODIFIED.parse()?)
        .matching(condition)
        .ordered_by(ID.parse()?, Direction::Ascending);
    Ok(query.text()?)
}

fn text<'a>(record: &'a Value, name: &str) -> Option<&'a str> {
    record.get(name)?.as_str()
}

fn listed(record: &Value, external_id: &str) -> Option<Listed> {
    let id = text(record, external_id)?;
    let account = AccountId::parse(id).ok().filter(|_| masked(id) == id)?;
    Some(Listed { account, modified_at: text(record, MODIFIED).and_then(|at| at.parse().ok()) })
}

/// The address of the next page, where there is one.
fn page(answer: &Value) -> Result<Option<String>, NoAnswer> {
    match (answer.get("done").and_then(Value::as_bool), answer.get("nextRecordsUrl")) {
        (Some(true), _) => Ok(None),
        (Some(false), Some(Value::String(next))) if is_page(next) => Ok(Some(next.clone())),
        _ => Err(NoAnswer),
    }
}

fn is_page(address: &str) -> bool {
    address.starts_with(PAGES) && address.len() <= MOST_ADDRESS && address.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::salesforce::Profile;

    const NEXT: &str = "/services/data/v66.0/query/01g-2000";

    fn mapping() -> Mapping {
        Profile::CollectXpert.mapping(None).unwrap()
    }

    fn row(number: u8) -> Value {
        json!({"Id": format!("a0B5g000000000{number}"), "cxp__External_Id__c": format!("CA-{number}")})
    }

    fn accounts(walk: Walk) -> Vec<String> {
        walk.into_accounts().into_iter().map(|listed| listed.account.as_str().to_owned()).collect()
    }

    #[test]
    fn each_profile_asks_for_its_queue() {
        for (profile, text) in [
            (
                Profile::CollectXpert,
                "SELECT Id, cxp__External_Id__c, SystemModstamp FROM cxp__Collection_Account__c \
                 WHERE cxp__Queue__c = 'AI' ORDER BY Id ASC NULLS LAST LIMIT 10000",
            ),
            (
                Profile::CollectionsAndRecovery,
                "SELECT Id, External_Id__c, SystemModstamp FROM CollectionPlan \
                 WHERE Queue__c = 'AI' ORDER BY Id ASC NULLS LAST LIMIT 10000",
            ),
        ] {
            let question = Walk::default().question(&profile.mapping(None).unwrap());
            assert_eq!(question, Ok(Some(Question::Statement(text.to_owned()))));
        }
    }

    #[test]
    fn statements_follow_one_another_until_one_is_not_full() {
        let (mut walk, mapping) = (Walk::of(3, 100), mapping());
        let asked = |walk: &Walk| walk.question(&mapping).unwrap();
        walk.handle_answer(&mapping, &json!({"done": false, "records": [row(1), row(2)], "nextRecordsUrl": NEXT}))
            .unwrap();
        assert_eq!(asked(&walk), Some(Question::Page(NEXT.to_owned())));
        walk.handle_answer(&mapping, &json!({"done": true, "records": [row(3)]})).unwrap();
        let Some(Question::Statement(text)) = asked(&walk) else { panic!("no statement") };
        assert!(text.contains("WHERE (cxp__Queue__c = 'AI' AND Id > 'a0B5g0000000003EAA') ORDER BY Id ASC"), "{text}");
        assert!(!walk.is_whole());
        walk.handle_answer(&mapping, &json!({"done": true, "records": [row(5), row(6)]})).unwrap();
        assert_eq!(asked(&walk), None);
        assert!(walk.is_whole());
        assert_eq!(accounts(walk), ["CA-1", "CA-2", "CA-3", "CA-5", "CA-6"]);
    }

    #[test]
    fn a_sweep_without_end_is_cut() {
        for records in [vec![row(1), row(2)], Vec::new()] {
            let (mut walk, mapping, mut answers) = (Walk::of(2, 4), mapping(), 0);
            while walk.question(&mapping).unwrap().is_some() {
                walk.handle_answer(&mapping, &json!({"done": false, "records": records, "nextRecordsUrl": NEXT}))
                    .unwrap();
                answers += 1;
            }
            assert!(!walk.is_whole());
            assert_eq!(answers, 4 / records.len().max(1));
        }
    }

    #[test]
    fn pages_are_read_and_nothing_else_is() {
        let mapping = mapping();
        let id = |text: &str| json!({"Id": "a0B5g0000000001", "cxp__External_Id__c": text});
        let mut good = row(1);
        good["SystemModstamp"] = "2026-11-27T09:30:00.000+0000".into();
        let rows = [good, row(2), json!({"Id": "a0B5g0000000003"}), id("a b"), id("4111111111111111")];
        let mut walk = Walk::default();
        walk.handle_answer(&mapping, &json!({"done": true, "records": rows})).unwrap();
        let listed = walk.into_accounts();
        let modified = listed.iter().map(|listed| (listed.account.as_str(), listed.modified_at));
        let at = "2026-11-27T09:30:00Z".parse().unwrap();
        assert_eq!(modified.collect::<Vec<_>>(), [("CA-1", Some(at)), ("CA-2", None)]);
        for answer in [
            json!(null),
            json!({"done": true}),
            json!({"records": []}),
            json!({"done": true, "records": [{"cxp__External_Id__c": "CA-1"}]}),
            json!({"done": false, "records": []}),
            json!({"done": false, "records": [], "nextRecordsUrl": "https://elsewhere.example/"}),
            json!({"done": false, "records": [], "nextRecordsUrl": "/services/data/ x"}),
        ] {
            assert_eq!(Walk::default().handle_answer(&mapping, &answer), Err(NoAnswer), "{answer}");
        }
    }
}
