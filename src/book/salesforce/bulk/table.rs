//! Rows of one object as CSV ("Prepare CSV Files"): a header of API names, parents by their external ids, an empty cell for what is
//! left as it is, `#N/A` for what becomes null.

use std::collections::BTreeSet;

use csv::{QuoteStyle, Terminator, WriterBuilder};
use serde_json::Value;

use crate::redact::redacted_debug;
use crate::salesforce::field::Kind;
use crate::salesforce::mapping::Mapping;
use crate::salesforce::name::ApiName;
use crate::salesforce::object::Object;
use crate::salesforce::writing::Upsert;

/// What stands for null.
const NULL: &str = "#N/A";

/// Rows under a header.
#[derive(Clone, PartialEq, Eq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

redacted_debug!(Table);

impl Table {
    /// The table of rows of one object, those of one account beside one another: batches of a job run side by side, and rows of
    /// one parent would lock one another out. Rows of other objects are left out.
    #[must_use]
    pub fn of(mapping: &Mapping, object: Object, rows: &[Upsert]) -> Self {
        let mut rows: Vec<&Upsert> = rows.iter().filter(|row| row.object() == object).collect();
        let account = relationship(mapping, object);
        rows.sort_by_cached_key(|row| account.map(|name| text(row.body().get(name))).unwrap_or_default());
        let columns = columns(mapping, object, &rows);
        let key = mapping.field(object.external_id()).map_or_else(String::new, |field| field.path.to_string());
        let header = std::iter::once(key).chain(columns.iter().map(Column::title)).collect();
        let line = |row: &&Upsert| {
            let cells = columns.iter().map(|column| text(row.body().get(&column.name)));
            std::iter::once(row.key().to_owned()).chain(cells).collect()
        };
        Self { header, rows: rows.iter().map(line).collect() }
    }

    /// The content of a job: lines end with `\n`, cells stand in quotes where they must, and are not trimmed.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut builder = WriterBuilder::new();
        let mut writer =
            builder.terminator(Terminator::Any(b'\n')).quote_style(QuoteStyle::Necessary).from_writer(Vec::new());
        // Into memory, and every line has as many cells as the header: nothing here can fail.
        writer.write_record(&self.header).ok();
        self.rows.iter().for_each(|row| drop(writer.write_record(row)));
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }
}

/// A field that a row has, and of a link the parent's external id.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Column {
    name: String,
    parent_key: Option<String>,
}

impl Column {
    fn title(&self) -> String {
        self.parent_key.as_ref().map_or_else(|| self.name.clone(), |key| format!("{}.{key}", self.name))
    }
}

/// Every field that a row has, in the order of the mapping.
fn columns(mapping: &Mapping, object: Object, rows: &[&Upsert]) -> Vec<Column> {
    let of_row = |row: &&Upsert| {
        let fields = row.body().as_object().into_iter().flatten();
        let column = |(name, value): (&String, &Value)| {
            let parent_key = value.as_object().and_then(|link| link.keys().next().cloned());
            Column { name: name.clone(), parent_key }
        };
        fields.map(column).collect::<Vec<_>>()
    };
    let columns: BTreeSet<Column> = rows.iter().flat_map(of_row).collect();
    let place = |column: &Column| {
        mapping.fields(object).iter().position(|field| {
            let relationship = field.relationship.as_ref().map(ApiName::as_str);
            field.path.as_str() == column.name || relationship == Some(&column.name)
        })
    };
    let mut columns: Vec<Column> = columns.into_iter().collect();
    columns.sort_by_key(place);
    columns
}

/// The relationship to the account that rows of an object have.
fn relationship(mapping: &Mapping, object: Object) -> Option<&str> {
    let is_account = |kind| kind == Kind::Reference(Object::CollectionAccount);
    let link = mapping.fields(object).iter().find(|field| is_account(field.field.kind))?;
    link.relationship.as_ref().map(ApiName::as_str)
}

/// A cell.
fn text(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::Null) => NULL.to_owned(),
        Some(Value::String(text)) if text.is_empty() => NULL.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(link)) => text(link.values().next()),
        Some(value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_))) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ContactAttempt, ExternalId, Record};
    use crate::salesforce::sample::{CARD, mappings, records};
    use crate::salesforce::writing::upserts;
    use crate::{AccountId, salesforce::object::attempt};

    fn rows(mapping: &Mapping, records: &[Record]) -> Vec<Upsert> {
        records.iter().flat_map(|record| upserts(mapping, record, &[]).unwrap()).collect()
    }

    fn attempt_of(account: &str, number: u128, change: impl FnOnce(&mut ContactAttempt)) -> Record {
        let Record::ContactAttempt(attempt) = &records()[0] else { panic!("the first is the attempt") };
        let mut attempt = attempt.clone();
        attempt.external_id = ExternalId::attempt(uuid::Uuid::from_u128(number));
        attempt.account = Some(AccountId::parse(account).unwrap());
        change(&mut attempt);
        attempt.into()
    }

    #[test]
    fn a_table_says_what_an_upsert_says() {
        for mapping in mappings() {
            for object in Object::ALL {
                let rows = rows(&mapping, &records());
                let of_object: Vec<&Upsert> = rows.iter().filter(|row| row.object() == object).collect();
                let csv = Table::of(&mapping, object, &rows).csv();
                let mut reader = csv::Reader::from_reader(csv.as_bytes());
                let header = reader.headers().unwrap().clone();
                let lines: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
                assert_eq!(lines.len(), of_object.len(), "{}", object.name());
                let (Some(line), Some(row)) = (lines.first(), of_object.first()) else { continue };
                assert_eq!(header.len(), row.body().as_object().unwrap().len() + 1);
                for (name, cell) in header.iter().zip(line).skip(1) {
                    let value = match name.split_once('.') {
                        Some((relationship, key)) => &row.body()[relationship][key],
                        None => &row.body()[name],
                    };
                    assert_eq!(value.as_str().map_or_else(|| value.to_string(), str::to_owned), cell, "{name}");
                }
                assert_eq!(&line[0], row.key());
            }
        }
    }

    #[test]
    fn rows_of_one_account_lie_beside_one_another_in_their_order() {
        let mapping = &mappings()[0];
        let accounts = ["CA-2", "CA-1", "CA-2", "CA-1"];
        let records: Vec<Record> =
            accounts.iter().zip(1..).map(|(account, number)| attempt_of(account, number, |_| ())).collect();
        let csv = Table::of(mapping, Object::ContactAttempt, &rows(mapping, &records)).csv();
        let keys: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
        let in_order = [1, 3, 0, 2].map(|place: usize| records[place].external_id().as_str());
        assert_eq!(keys, in_order);
        assert!(csv.starts_with("cxp__External_Id__c,cxp__Collection_Account__r.cxp__External_Id__c,"), "{csv}");
    }

    #[test]
    fn what_one_row_has_not_is_left_as_it_is_and_odd_texts_stay_whole() {
        let mapping = &mappings()[0];
        let odd = "line one\nline \"two\", three ";
        let records = [
            attempt_of("CA-1", 1, |attempt| attempt.escalation_reason = Some(odd.to_owned())),
            attempt_of("CA-1", 2, |attempt| attempt.escalation_reason = None),
            attempt_of("CA-1", 3, |attempt| attempt.escalation_reason = Some(CARD.to_owned())),
        ];
        let csv = Table::of(mapping, Object::ContactAttempt, &rows(mapping, &records)).csv();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let name = mapping.field(attempt::ESCALATION_REASON).unwrap().path.as_str();
        let column = reader.headers().unwrap().iter().position(|title| title == name).unwrap();
        let cells: Vec<String> = reader.records().map(|line| line.unwrap()[column].to_owned()).collect();
        assert_eq!(cells, [odd, "", "################"], "a card number is masked as in any row");
    }
}
