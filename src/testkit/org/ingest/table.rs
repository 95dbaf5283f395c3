//! The CSV of a job ("Prepare CSV Files"): a header of API names, `X__r.Ext__c` for a parent by its external id, nothing for
//! "leave it", `#N/A` for null.

use csv::{ReaderBuilder, Terminator, WriterBuilder};
use serde_json::{Map, Value};

use crate::schema::Object;

/// Most rows of one upload: an org takes 150 million a day, a test far fewer.
const MOST_ROWS: usize = 1_000_000;

/// Rows under a header.
pub(super) struct Table {
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads the content of a job, or says why all of it is refused.
    pub(super) fn read(content: &str, delimiter: u8, object: &Object) -> Result<Self, String> {
        let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(content.as_bytes());
        let invalid = |why: String| format!("InvalidBatch : {why}");
        let header = reader.headers().map_err(|error| invalid(error.to_string()))?;
        let header: Vec<String> = header.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
        if header.iter().all(String::is_empty) {
            return Err(invalid("the content is empty".to_owned()));
        }
        if let Some(unknown) = header.iter().find(|name| !is_known(object, name)) {
            return Err(invalid(format!("Field name not found : {unknown}")));
        }
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|error| invalid(error.to_string()))?;
            rows.push(row.iter().map(str::to_owned).collect());
            if rows.len() > MOST_ROWS {
                return Err(invalid(format!("more than {MOST_ROWS} rows")));
            }
        }
        Ok(Self { header, rows })
    }

    /// A row as an object.
    pub(super) fn record(&self, row: &[String]) -> Map<String, Value> {
        let given = self.header.iter().zip(row).filter(|(_, text)| !text.is_empty());
        let each = given.map(|(name, text)| {
            let value = if text == "#N/A" { Value::Null } else { Value::from(text.as_str()) };
            match name.split_once('.') {
                Some((relationship, _)) if value.is_null() => (relationship.to_owned(), Value::Null),
                Some((relationship, key)) => {
                    (relationship.to_owned(), Value::Object(Map::from_iter([(key.to_owned(), value)])))
                }
                None => (name.clone(), value),
            }
        });
        each.collect()
    }

    /// Writes rows under a header. Each cell stands in quotes, as in what Salesforce writes.
    pub(super) fn write<'a>(
        delimiter: u8,
        header: impl Iterator<Item = &'a String>,
        rows: impl Iterator<Item = &'a Vec<String>>,
    ) -> String {
        let delimiter = if delimiter == 0 { b',' } else { delimiter };
        let mut builder = WriterBuilder::new();
        builder.delimiter(delimiter).terminator(Terminator::Any(b'\n')).quote_style(csv::QuoteStyle::Always);
        let mut writer = builder.flexible(true).from_writer(Vec::new());
        // Into memory, and rows may be of any length: nothing here can fail.
        writer.write_record(header).ok();
        rows.for_each(|row| drop(writer.write_record(row)));
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }
}

fn is_known(object: &Object, name: &str) -> bool {
    match name.split_once('.') {
        Some((relationship, _)) => object.parent(relationship).is_some(),
        None => object.field(name).is_some(),
    }
}
