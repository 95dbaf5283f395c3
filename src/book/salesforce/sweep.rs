//! Which accounts an org has in the queue: asked where events are not to be had, or some may be missing.

use jiff::Timestamp;
use rules::account_data::masked;
use serde_json::Value;

use super::lookup::LookupError;
use super::mapping::Mapping;
use super::object::{Object, account};
use super::soql::{Condition, Direction, Query, Value as Literal};
use crate::account::AccountId;
use crate::queue::Listed;

/// Most accounts of one sweep.
pub const MOST_ACCOUNTS: u16 = 10_000;
/// The word for the queue that is called from.
const QUEUE: &str = "ai";
/// When a row was last changed, by whomever or whatever: a field that each object has.
const MODIFIED: &str = "SystemModstamp";
/// How the address of a further page begins.
const PAGES: &str = "/services/data/";
/// Longest address of a page, in bytes.
const MOST_ADDRESS: usize = 512;

/// One page of an answer.
#[derive(Debug)]
pub struct Page {
    /// Accounts that can be queued.
    pub accounts: Vec<Listed>,
    /// How many rows the page had.
    pub rows: usize,
    /// Where the next page is.
    pub next: Option<String>,
}

/// The answer is none, or not of this statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no answer to a query")]
pub struct NoAnswer;

/// The statement for the accounts in the queue.
///
/// # Errors
/// [`LookupError::Unmapped`] where the mapping does not have the queue of an account.
pub fn statement(mapping: &Mapping) -> Result<String, LookupError> {
    let field = |field: super::Field| mapping.field(field).ok_or(LookupError::Unmapped(field.name));
    let (id, queue) = (field(account::EXTERNAL_ID)?, field(account::QUEUE)?);
    let ours = queue.values.value(QUEUE).ok_or(LookupError::Unmapped(account::QUEUE.name))?;
    let query = Query::of(mapping.api(Object::CollectionAccount).clone(), MOST_ACCOUNTS)
        .field(id.path.clone())
        .field(MODIFIED.parse()?)
        .matching(Condition::Is(queue.path.clone(), Literal::text(ours)?))
        .ordered_by(id.path.clone(), Direction::Ascending);
    Ok(query.text()?)
}

/// Reads a page. Rows whose external id is none, or the number of a card, are left out: nobody could look such an account up.
///
/// # Errors
/// [`NoAnswer`].
pub fn read(mapping: &Mapping, answer: &Value) -> Result<Page, NoAnswer> {
    let path = &mapping.field(account::EXTERNAL_ID).ok_or(NoAnswer)?.path;
    let records = answer.get("records").and_then(Value::as_array).ok_or(NoAnswer)?;
    let listed = |record: &Value| {
        let text = record.get(path.as_str())?.as_str()?;
        let account = AccountId::parse(text).ok().filter(|_| masked(text) == text)?;
        let modified_at = record.get(MODIFIED).and_then(Value::as_str);
        Some(Listed { account, modified_at: modified_at.and_then(|at| at.parse().ok()) })
    };
    let accounts = records.iter().filter_map(listed).collect();
    let next = match (answer.get("done").and_then(Value::as_bool), answer.get("nextRecordsUrl")) {
        (Some(true), _) => None,
        (Some(false), Some(Value::String(next))) if is_page(next) => Some(next.clone()),
        _ => return Err(NoAnswer),
    };
    Ok(Page { accounts, rows: records.len(), next })
}

fn is_page(address: &str) -> bool {
    address.starts_with(PAGES) && address.len() <= MOST_ADDRESS && address.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::salesforce::Profile;

    #[test]
    fn each_profile_asks_for_its_queue() {
        for (profile, text) in [
            (
                Profile::CollectXpert,
                "SELECT cxp__External_Id__c, SystemModstamp FROM cxp__Collection_Account__c WHERE cxp__Queue__c = 'AI' \
                 ORDER BY cxp__External_Id__c ASC NULLS LAST LIMIT 10000",
            ),
            (
                Profile::CollectionsAndRecovery,
                "SELECT External_Id__c, SystemModstamp FROM CollectionPlan WHERE Queue__c = 'AI' \
                 ORDER BY External_Id__c ASC NULLS LAST LIMIT 10000",
            ),
        ] {
            assert_eq!(statement(&profile.mapping(None).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn pages_are_read_and_nothing_else_is() {
        let mapping = Profile::CollectXpert.mapping(None).unwrap();
        let rows = json!([{"cxp__External_Id__c": "CA-1", "SystemModstamp": "2026-11-27T09:30:00.000+0000"}, {"cxp__External_Id__c": null}, {"cxp__External_Id__c": "a b"},
            {"cxp__External_Id__c": "4111111111111111"}]);
        let whole = read(&mapping, &json!({"done": true, "records": rows})).unwrap();
        let modified_at = Some("2026-11-27T09:30:00Z".parse().unwrap());
        let accounts = vec![Listed { account: AccountId::parse("CA-1").unwrap(), modified_at }];
        assert_eq!((whole.accounts, whole.rows, whole.next), (accounts, 4, None));
        let next = "/services/data/v66.0/query/01g-2000";
        let part = read(&mapping, &json!({"done": false, "records": [], "nextRecordsUrl": next})).unwrap();
        assert_eq!(part.next.as_deref(), Some(next));
        for answer in [
            json!(null),
            json!({"done": true}),
            json!({"records": []}),
            json!({"done": false, "records": []}),
            json!({"done": false, "records": [], "nextRecordsUrl": "https://elsewhere.example/"}),
            json!({"done": false, "records": [], "nextRecordsUrl": "/services/data/ x"}),
        ] {
            assert_eq!(read(&mapping, &answer).err(), Some(NoAnswer), "{answer}");
        }
    }
}
