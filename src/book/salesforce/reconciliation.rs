//! Whether an org has the attempts that it took: the statement that asks, and what is missing in the answer.

use std::collections::BTreeSet;

use serde_json::Value;

use super::mapping::Mapping;
use super::object::Object;
use super::soql::{self, Condition, Query, SoqlError};
use crate::record::ExternalId;

/// Most attempts of one statement: an address has at most 16,384 bytes.
pub const MOST_ASKED: usize = 150;

/// The statement that asks for attempts by their external ids, at most [`MOST_ASKED`].
///
/// # Errors
/// [`SoqlError`] where there are none.
pub fn statement(mapping: &Mapping, attempts: &[ExternalId]) -> Result<String, SoqlError> {
    let object = Object::ContactAttempt;
    let key = mapping.field(object.external_id()).ok_or(SoqlError::NoField)?.path.clone();
    let keys = attempts.iter().map(|attempt| soql::Value::text(attempt.as_str())).collect::<Result<_, _>>()?;
    let query = Query::of(mapping.api(object).clone(), MOST_ASKED as u16).field(key.clone());
    query.matching(Condition::In(key, keys)).text()
}

/// The attempts that are not in the answer; `None` where it is none.
#[must_use]
pub fn missing(mapping: &Mapping, attempts: &[ExternalId], answer: &Value) -> Option<Vec<ExternalId>> {
    let key = mapping.field(Object::ContactAttempt.external_id())?.path.as_str();
    let mut found = BTreeSet::new();
    for record in answer.get("records")?.as_array()? {
        let own = record.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.insert(own?.1.as_str()?.to_ascii_lowercase());
    }
    Some(attempts.iter().filter(|attempt| !found.contains(&attempt.as_str().to_ascii_lowercase())).cloned().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::salesforce::sample::mappings;

    fn attempts(count: u128) -> Vec<ExternalId> {
        (1..=count).map(|number| ExternalId::attempt(Uuid::from_u128(number))).collect()
    }

    #[test]
    fn the_most_that_is_asked_for_at_once_fits_into_an_address() {
        for mapping in mappings() {
            let statement = statement(&mapping, &attempts(MOST_ASKED as u128)).unwrap();
            // Nothing in it but quotes, commas, parentheses and blanks is longer in an address.
            let escaped = statement.bytes().filter(|byte| matches!(byte, b'\'' | b',' | b'(' | b')' | b' ')).count();
            assert!(statement.len() + 2 * escaped < 16_000, "{}", statement.len());
        }
    }

    #[test]
    fn what_is_missing_is_what_the_answer_has_not() {
        let (mapping, attempts) = (&mappings()[0], attempts(3));
        let row = |attempt: &ExternalId| json!({ "cxp__external_id__c": attempt.as_str().to_uppercase() });
        let answer = json!({ "records": [row(&attempts[0]), row(&attempts[2])] });
        assert_eq!(missing(mapping, &attempts, &answer), Some(attempts[1..2].to_vec()));
        assert_eq!(missing(mapping, &attempts, &json!({ "records": [] })), Some(attempts.clone()));
        for odd in [json!([]), json!({ "records": [{}] }), json!({ "records": [7] })] {
            assert_eq!(missing(mapping, &attempts, &odd), None, "{odd}");
        }
    }
}
