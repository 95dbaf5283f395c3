//! Rows that go wrong on order: locks, rules of the org, and an org that reads and does not write.

use serde::{Deserialize, Serialize};

use super::Store;
use crate::{failure::Failure, schema::Object};

/// What is done with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It is asked for.
    Read,
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
}

/// Rows of an object that fail, wherever they are reached from: alone, in a composite, a graph, a collection or a bulk job.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowTrouble {
    /// The object's API name.
    pub object: String,
    /// One row of it alone, by its id of 18 characters.
    #[serde(default)]
    pub id: Option<String>,
    /// What fails: everything that writes, where nothing is said.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The code, such as `FIELD_CUSTOM_VALIDATION_EXCEPTION`.
    pub code: String,
    /// What is said.
    #[serde(default)]
    pub message: String,
    /// The fields to blame.
    #[serde(default)]
    pub fields: Vec<String>,
    /// The status where the row was asked for alone.
    #[serde(default = "bad_request")]
    pub status: u16,
    /// How often, or until it is cleared.
    #[serde(default)]
    pub times: Option<u32>,
}

fn bad_request() -> u16 {
    400
}

impl RowTrouble {
    /// A row, or every row of an object, that another transaction holds (help, 000387767): a write waits some ten seconds in a
    /// real org and is then refused; here it is refused at once.
    #[must_use]
    pub fn locked(object: &str, id: Option<&str>, times: Option<u32>) -> Self {
        Self {
            message: format!("unable to obtain exclusive access to this record or 1 records: {}", id.unwrap_or(object)),
            id: id.map(str::to_owned),
            ..Self::rejected(object, "UNABLE_TO_LOCK_ROW", times)
        }
    }

    /// Writes to an object that break a rule of the org.
    #[must_use]
    pub fn rejected(object: &str, code: &str, times: Option<u32>) -> Self {
        Self {
            object: object.to_owned(),
            id: None,
            steps: Vec::new(),
            code: code.to_owned(),
            message: "a rule of the org says no".to_owned(),
            fields: Vec::new(),
            status: 400,
            times,
        }
    }

    fn is_of(&self, object: &Object, step: Step, id: Option<&str>) -> bool {
        let is_step = if self.steps.is_empty() { step != Step::Read } else { self.steps.contains(&step) };
        let is_row = self.id.is_none() || self.id.as_deref() == id;
        self.object.eq_ignore_ascii_case(&object.name) && is_step && is_row && self.times != Some(0)
    }
}

impl Store {
    /// Fails where somebody ordered it, which uses one of its times up.
    pub(super) fn check_trouble(&mut self, object: &Object, step: Step, id: Option<&str>) -> Result<(), Failure> {
        if self.is_read_only && step != Step::Read {
            let message = "Unable to process the request because the org is in read-only mode for maintenance";
            return Err(Failure::bad("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", message));
        }
        let Some(trouble) = self.troubles.iter_mut().find(|trouble| trouble.is_of(object, step, id)) else {
            return Ok(());
        };
        let fields: Vec<&str> = trouble.fields.iter().map(String::as_str).collect();
        let failure = Failure::new(trouble.status, &trouble.code, trouble.message.clone()).of_fields(&fields);
        if let Some(times) = &mut trouble.times {
            *times -= 1;
        }
        self.troubles.retain(|trouble| trouble.times != Some(0));
        Err(failure)
    }
}
