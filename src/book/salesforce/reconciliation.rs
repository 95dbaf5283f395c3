//! Whether an org has the rows that it took: which a record leaves, the statement that asks for them, what is missing in the
//! answer, and what of its call goes again.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::mapping::Mapping;
use super::object::Object;
use super::soql::{self, Condition, Query, SoqlError};
use super::writing::upserts;
use crate::record::{Record, RecordKind};

/// Most rows of one statement: an address has at most 16,384 bytes.
pub const MOST_ASKED: usize = 150;

/// A row that the org took.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taken {
    /// The call that it is of.
    pub call: Uuid,
    /// The kind of the record that made it.
    pub kind: RecordKind,
    /// Its object.
    pub object: Object,
    /// Its external id.
    pub key: String,
}

/// The rows that a record leaves in an org that took it: those that it makes. An account is there before, and is not looked for.
#[must_use]
pub fn taken(mapping: &Mapping, record: &Record) -> Vec<Taken> {
    // Where the mapping has no place for it any more, it would not be taken again either.
    let rows = upserts(mapping, record, &[]).unwrap_or_default();
    let taken = |row: &super::Upsert| Taken {
        call: record.call(),
        kind: record.kind(),
        object: row.object(),
        key: row.key().to_owned(),
    };
    rows.iter().filter(|row| row.is_made()).map(taken).collect()
}

/// The statement that asks for rows of one object by their external ids, at most [`MOST_ASKED`].
///
/// # Errors
/// [`SoqlError`] where there are none.
pub fn statement(mapping: &Mapping, object: Object, rows: &[&Taken]) -> Result<String, SoqlError> {
    let key = mapping.field(object.external_id()).ok_or(SoqlError::NoField)?.path.clone();
    let keys = rows.iter().map(|row| soql::Value::text(&row.key)).collect::<Result<_, _>>()?;
    let query = Query::of(mapping.api(object).clone(), MOST_ASKED as u16).field(key.clone());
    query.matching(Condition::In(key, keys)).text()
}

/// The rows that are not in the answer; `None` where it is none.
#[must_use]
pub fn missing(mapping: &Mapping, object: Object, rows: &[&Taken], answer: &Value) -> Option<Vec<Taken>> {
    let key = mapping.field(object.external_id())?.path.as_str();
    let mut found = BTreeSet::new();
    for record in answer.get("records")?.as_array()? {
        let own = record.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.insert(own?.1.as_str()?.to_ascii_lowercase());
    }
    let is_missing = |row: &&&Taken| !found.contains(&row.key.to_ascii_lowercase());
    Some(rows.iter().filter(is_missing).map(|&row| row.clone()).collect())
}

/// What of a call goes again where it lacks rows of these kinds: those, and whatever lost its link with them. What people did
/// meanwhile with the rest of it stays.
#[must_use]
pub fn again(lacking: &BTreeSet<RecordKind>) -> BTreeSet<RecordKind> {
    let mut again = lacking.clone();
    for kind in lacking {
        match kind {
            RecordKind::ContactAttempt => again.extend(RecordKind::ALL),
            RecordKind::PaymentArrangement => again.extend([RecordKind::PaymentTransaction]),
            // A dispute is linked to its call by the graph in which the attempt is.
            RecordKind::AccountUpdate => again.extend([RecordKind::ContactAttempt]),
            RecordKind::ComplianceRecord | RecordKind::PaymentTransaction => {}
        }
    }
    again
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::ExternalId;
    use crate::salesforce::sample::{mappings, records};

    fn rows(object: Object, count: u128) -> Vec<Taken> {
        let row = |number| {
            let call = Uuid::from_u128(number);
            // The longest of all external ids.
            let key = ExternalId::arrangement(call, u16::MAX).as_str().to_owned();
            Taken { call, kind: RecordKind::PaymentArrangement, object, key }
        };
        (1..=count).map(row).collect()
    }

    #[test]
    fn the_most_that_is_asked_for_at_once_fits_into_an_address() {
        for mapping in mappings() {
            for object in Object::ALL {
                let rows = rows(object, MOST_ASKED as u128);
                let statement = statement(&mapping, object, &rows.iter().collect::<Vec<_>>()).unwrap();
                // Nothing in it but quotes, commas, parentheses and blanks is longer in an address.
                let escaped =
                    statement.bytes().filter(|byte| matches!(byte, b'\'' | b',' | b'(' | b')' | b' ')).count();
                assert!(statement.len() + 2 * escaped < 16_000, "{}", statement.len());
            }
        }
    }

    #[test]
    fn what_is_missing_is_what_the_answer_has_not() {
        let (mapping, object) = (&mappings()[0], Object::PaymentArrangement);
        let all = rows(object, 3);
        let asked: Vec<&Taken> = all.iter().collect();
        let row = |row: &Taken| json!({ "cxp__external_id__c": row.key.to_uppercase() });
        let answer = json!({ "records": [row(&all[0]), row(&all[2])] });
        assert_eq!(missing(mapping, object, &asked, &answer), Some(all[1..2].to_vec()));
        assert_eq!(missing(mapping, object, &asked, &json!({ "records": [] })), Some(all.clone()));
        for odd in [json!([]), json!({ "records": [{}] }), json!({ "records": [7] })] {
            assert_eq!(missing(mapping, object, &asked, &odd), None, "{odd}");
        }
    }

    #[test]
    fn every_object_that_calls_make_is_looked_for_and_no_other() {
        for mapping in mappings() {
            let found: BTreeSet<Object> =
                records().iter().flat_map(|record| taken(&mapping, record)).map(|row| row.object).collect();
            assert_eq!(found, Object::ALL.into_iter().filter(|object| object.is_created()).collect());
        }
    }

    #[test]
    fn what_lost_its_link_goes_along_and_nothing_else() {
        use RecordKind::{AccountUpdate, ComplianceRecord, ContactAttempt, PaymentArrangement, PaymentTransaction};
        let whole = RecordKind::ALL.as_slice();
        for (lacking, expected) in [
            (ContactAttempt, whole),
            (ComplianceRecord, &[ComplianceRecord]),
            (PaymentArrangement, &[PaymentArrangement, PaymentTransaction]),
            (PaymentTransaction, &[PaymentTransaction]),
            (AccountUpdate, &[ContactAttempt, AccountUpdate]),
        ] {
            assert_eq!(again(&[lacking].into()), expected.iter().copied().collect(), "{lacking:?}");
        }
    }
}
