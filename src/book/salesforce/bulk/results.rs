//! What became of the rows of a job: three tables, told apart by where they are asked for, rows told apart by our own external id.

use std::collections::BTreeMap;

use crate::salesforce::fault::Refusal;
use crate::salesforce::mapping::Mapping;
use crate::salesforce::object::Object;

/// The column of an error ("Get Job Failed Record Results").
const ERROR: &str = "sf__Error";

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowResult {
    /// It is written.
    Written,
    /// The org refuses it.
    Refused(Refusal),
    /// It was not tried, because the job came to its end before.
    Unprocessed,
}

/// The answer is no table with our external id in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job's results are no table with the external id in it")]
pub struct UnreadableResults;

/// What became of every row that the org tells of.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// By external id, in small letters: the org takes no notice of case.
    rows: BTreeMap<String, RowResult>,
}

impl Results {
    /// Reads `successfulResults`, `failedResults` and `unprocessedrecords` of a job. Of a row that is told of more than once the
    /// worst counts.
    ///
    /// # Errors
    /// [`UnreadableResults`] where one of them cannot be read.
    pub fn read(
        mapping: &Mapping,
        object: Object,
        [succeeded, failed, unprocessed]: [&str; 3],
    ) -> Result<Self, UnreadableResults> {
        let key = mapping.field(object.external_id()).ok_or(UnreadableResults)?.path.as_str();
        let mut rows = BTreeMap::new();
        for (key, _) in lines(succeeded, key)? {
            rows.insert(key, RowResult::Written);
        }
        for (key, _) in lines(unprocessed, key)? {
            rows.insert(key, RowResult::Unprocessed);
        }
        for (key, error) in lines(failed, key)? {
            rows.insert(key, RowResult::Refused(Refusal::read_text(&error)));
        }
        Ok(Self { rows })
    }

    /// What became of the row with this external id; `None` where nothing is told of it.
    #[must_use]
    pub fn of(&self, key: &str) -> Option<&RowResult> {
        self.rows.get(&key.to_ascii_lowercase())
    }
}

/// The external id and the error of each line. No table at all has no lines.
fn lines(text: &str, key: &str) -> Result<Vec<(String, String)>, UnreadableResults> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|_| UnreadableResults)?;
    let place = |name: &str| header.iter().position(|title| title.eq_ignore_ascii_case(name));
    let (key, error) = (place(key).ok_or(UnreadableResults)?, place(ERROR));
    let line = |line: Result<csv::StringRecord, csv::Error>| {
        let line = line.map_err(|_| UnreadableResults)?;
        let cell = |at: usize| line.get(at).unwrap_or_default().to_owned();
        Ok((cell(key).to_ascii_lowercase(), error.map(cell).unwrap_or_default()))
    };
    reader.records().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salesforce::fault::Fault;
    use crate::salesforce::sample::mappings;

    #[test]
    fn rows_are_told_apart_by_our_own_key_in_whatever_order_they_come() {
        let mapping = &mappings()[0];
        let succeeded = "\"sf__Id\",\"sf__Created\",\"cxp__Status__c\",\"cxp__External_Id__c\"\n\"a\",\"true\",\"Completed\",\"ATTEMPT-1\"\n";
        let error = "FIELD_CUSTOM_VALIDATION_EXCEPTION:no, not \"\"this\"\":cxp__Status__c --";
        let failed = format!("\"sf__Id\",\"sf__Error\",\"cxp__External_Id__c\"\n\"\",\"{error}\",\"attempt-2\"\n");
        let unprocessed = "cxp__External_Id__c\nattempt-3\n";
        let results = Results::read(mapping, Object::ContactAttempt, [succeeded, &failed, unprocessed]).unwrap();
        assert_eq!(results.of("attempt-1"), Some(&RowResult::Written));
        let Some(RowResult::Refused(refusal)) = results.of("attempt-2") else { panic!("a refusal") };
        assert_eq!((refusal.fault, refusal.code.as_str()), (Fault::Rejected, "FIELD_CUSTOM_VALIDATION_EXCEPTION"));
        assert_eq!(refusal.fields, ["cxp__Status__c"]);
        assert_eq!(results.of("attempt-3"), Some(&RowResult::Unprocessed));
        assert_eq!(results.of("attempt-4"), None);
    }

    #[test]
    fn what_is_no_table_of_ours_is_told() {
        let mapping = &mappings()[0];
        for odd in ["sf__Id,sf__Created\na,true\n", "<html>busy</html>", "cxp__External_Id__c,b\nattempt-1\n"] {
            let read = Results::read(mapping, Object::ContactAttempt, [odd, "", ""]);
            assert_eq!(read.err(), Some(UnreadableResults), "{odd}");
        }
    }
}
