//! Whether rows are in an org as they were sent: what is asked where the answer to a write was lost, or says that a row is there
//! already.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Upsert;
use crate::salesforce::mapping::Mapping;
use crate::salesforce::name::{FieldPath, InvalidName};
use crate::salesforce::soql::{self, Condition, Query, SoqlError};

/// Most rows of one statement: an address has at most 16,384 bytes.
pub const MOST_READ: usize = 50;
/// Two amounts that differ by less are one: half of the smallest part of any currency.
const SAME_AMOUNT: f64 = 0.000_5;

/// How a row of an org compares with what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Every field that was sent has the value that was sent.
    Same,
    /// It is there, and a field has another value.
    Differs,
    /// There is no such row.
    Absent,
}

/// No statement can be written for a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// A field's name is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Salesforce would not take the statement.
    #[error(transparent)]
    Soql(#[from] SoqlError),
}

/// The statement that asks for rows of one object by their external ids, with the fields that were sent: at most [`MOST_READ`].
/// `None` where there are no rows.
///
/// # Errors
/// [`ReadingError`] where no statement can be written.
pub fn reading(mapping: &Mapping, rows: &[&Upsert]) -> Result<Option<String>, ReadingError> {
    let Some(object) = rows.first().map(|row| row.object()) else { return Ok(None) };
    let Some(key) = mapping.field(object.external_id()) else { return Ok(None) };
    let mut query = Query::of(mapping.api(object).clone(), MOST_READ as u16).field(key.path.clone());
    for (name, value) in rows.iter().filter_map(|row| row.body().as_object()).flatten() {
        query = query.field(path(name, value)?);
    }
    let keys = rows.iter().map(|row| soql::Value::text(row.key())).collect::<Result<_, _>>()?;
    Ok(Some(query.matching(Condition::In(key.path.clone(), keys)).text()?))
}

/// A field, or of a link the parent's external id.
fn path(name: &str, value: &Value) -> Result<FieldPath, InvalidName> {
    match value.as_object().and_then(|link| link.keys().next()) {
        Some(key) => format!("{name}.{key}").parse(),
        None => name.parse(),
    }
}

impl Standing {
    /// How a row stands by the answer to [`reading`].
    #[must_use]
    pub fn of(mapping: &Mapping, row: &Upsert, answer: &Value) -> Self {
        let Some(key) = mapping.field(row.object().external_id()) else { return Self::Absent };
        let found = answer.get("records").and_then(Value::as_array).into_iter().flatten().find(|record| {
            let own = record.as_object().and_then(|record| member(record, key.path.as_str()));
            own.and_then(Value::as_str).is_some_and(|own| own.eq_ignore_ascii_case(row.key()))
        });
        match found {
            None => Self::Absent,
            Some(found) if is_held(row.body(), found) => Self::Same,
            Some(_) => Self::Differs,
        }
    }
}

/// Whether everything that was sent is in what was found.
fn is_held(sent: &Value, found: &Value) -> bool {
    match (sent, found) {
        (Value::Object(sent), Value::Object(found)) => {
            sent.iter().all(|(name, value)| member(found, name).is_some_and(|found| is_held(value, found)))
        }
        (Value::Number(sent), Value::Number(found)) => {
            sent.as_f64().zip(found.as_f64()).is_some_and(|(sent, found)| (sent - found).abs() < SAME_AMOUNT)
        }
        (Value::String(sent), Value::String(found)) => is_same_text(sent, found),
        (sent, found) => sent == found,
    }
}

/// Salesforce writes moments with another zone and keeps whole seconds of them, and texts with other ends of lines and nothing at
/// their end.
fn is_same_text(sent: &str, found: &str) -> bool {
    let lines = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    let second = |text: &str| Some(text.parse::<Timestamp>().ok()?.as_millisecond().div_euclid(1_000));
    lines(sent) == lines(found) || second(sent).is_some_and(|sent| second(found) == Some(sent))
}

/// A member by its name, whatever its case.
fn member<'a>(record: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let alike = || record.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    record.get(name).or_else(alike)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::salesforce::sample::{mappings, records};
    use crate::salesforce::writing::upserts;

    /// What an org answers that has a row as it was sent, in its own words.
    fn kept(mapping: &Mapping, row: &Upsert) -> Value {
        let mut record = row.body().clone();
        let key = mapping.field(row.object().external_id()).unwrap().path.as_str();
        record[key] = json!(row.key().to_uppercase());
        for value in record.as_object_mut().unwrap().values_mut() {
            if let Some(moment) = value.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
                *value = json!(moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string());
            } else if let Some(lines) = value.as_str().filter(|text| text.contains('\n')) {
                *value = json!(lines.replace('\n', "\r\n"));
            }
        }
        json!({ "records": [record] })
    }

    #[test]
    fn a_row_stands_as_it_was_sent_until_a_field_has_another_value() {
        for mapping in mappings() {
            for row in records().iter().flat_map(|record| upserts(&mapping, record, &[]).unwrap()) {
                let answer = kept(&mapping, &row);
                assert_eq!(Standing::of(&mapping, &row, &answer), Standing::Same, "{answer}");
                for name in row.body().as_object().unwrap().keys() {
                    for other in [json!(null), json!("another"), json!(-7)] {
                        let mut changed = answer.clone();
                        changed["records"][0][name] = other;
                        assert_eq!(Standing::of(&mapping, &row, &changed), Standing::Differs, "{name}");
                    }
                }
                assert_eq!(Standing::of(&mapping, &row, &json!({ "records": [] })), Standing::Absent);
            }
        }
    }

    #[test]
    fn a_moment_is_kept_to_the_second() {
        for (found, is_same) in [
            ("2026-11-30T08:00:05.000+0000", true),
            ("2026-11-30T09:00:05.000+0100", true),
            ("2026-11-30T08:00:06.000+0000", false),
            ("2026-11-30T08:00:04.000+0000", false),
        ] {
            assert_eq!(is_same_text("2026-11-30T08:00:05.987Z", found), is_same, "{found}");
        }
    }

    #[test]
    fn the_statement_asks_for_what_was_sent_and_for_parents_by_their_keys() {
        let mapping = &mappings()[0];
        let rows = upserts(mapping, &records()[3], &[]).unwrap();
        let statement = reading(mapping, &[&rows[0]]).unwrap().unwrap();
        assert!(statement.starts_with("SELECT cxp__External_Id__c, "), "{statement}");
        assert!(statement.contains(", cxp__Contact_Attempt__r.cxp__External_Id__c, "), "{statement}");
        let key = format!("WHERE cxp__External_Id__c IN ('{}') LIMIT 50", rows[0].key());
        assert!(statement.ends_with(&key), "{statement}");
        assert_eq!(reading(mapping, &[]), Ok(None));
    }
}
