//! The life of a job: `Open`, `UploadComplete`, `InProgress`, and then `JobComplete`, `Failed` or `Aborted` ("Get Information About an
//! Ingest Job").

use serde::Deserialize;
use serde_json::{Value, json};

use crate::salesforce::mapping::Mapping;
use crate::salesforce::object::Object;

/// The body of `POST /services/data/{version}/jobs/ingest`: upserts by the external id ("Create a Job").
#[must_use]
pub fn creation(mapping: &Mapping, object: Object) -> Value {
    json!({
        "object": mapping.api(object).as_str(),
        "operation": "upsert",
        "externalIdFieldName": mapping.field(object.external_id()).map(|field| field.path.as_str()),
        "contentType": "CSV",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    })
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum JobState {
    /// Its rows may be uploaded.
    Open,
    /// They are, and it waits for its turn.
    UploadComplete,
    /// It is worked at.
    InProgress,
    /// Every row was tried.
    JobComplete,
    /// It was given up: some rows may have been written.
    Failed,
    /// Somebody ended it: some rows may have been written.
    Aborted,
}

impl JobState {
    /// The name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::UploadComplete => "upload_complete",
            Self::InProgress => "in_progress",
            Self::JobComplete => "complete",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }

    /// Whether it goes no further, and tells what became of its rows.
    #[must_use]
    pub const fn is_over(self) -> bool {
        match self {
            Self::Open | Self::UploadComplete | Self::InProgress => false,
            Self::JobComplete | Self::Failed | Self::Aborted => true,
        }
    }
}

/// A job, as the org tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Job {
    /// Its id: letters and digits.
    pub id: String,
    /// How far it is.
    pub state: JobState,
}

/// The answer tells of no job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer tells of no job")]
pub struct UnknownJob;

impl Job {
    /// Reads what the org says of a job.
    ///
    /// # Errors
    /// [`UnknownJob`].
    pub fn read(body: &Value) -> Result<Self, UnknownJob> {
        let job = Self::deserialize(body).map_err(|_| UnknownJob)?;
        let is_id = (15..=18).contains(&job.id.len()) && job.id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_id { Ok(job) } else { Err(UnknownJob) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salesforce::sample::mappings;

    #[test]
    fn a_job_is_of_an_object_and_upserts_by_its_external_id() {
        let body = creation(&mappings()[0], Object::ContactAttempt);
        assert_eq!(body["object"], "cxp__Contact_Attempt__c");
        assert_eq!(
            (&body["operation"], &body["externalIdFieldName"]),
            (&json!("upsert"), &json!("cxp__External_Id__c"))
        );
    }

    #[test]
    fn a_job_is_known_by_a_plain_id_and_a_state() {
        let job = Job::read(&json!({"id": "7505e000000AbcDAAS", "state": "InProgress", "object": "X"})).unwrap();
        assert!(!job.state.is_over());
        for odd in [
            json!({"id": "7505e000000AbcDAAS", "state": "Sleeping"}),
            json!({"id": "../../sobjects/x", "state": "Open"}),
            json!({"id": "", "state": "Open"}),
            json!([]),
        ] {
            assert_eq!(Job::read(&odd), Err(UnknownJob), "{odd}");
        }
        for over in ["JobComplete", "Failed", "Aborted"] {
            assert!(Job::read(&json!({"id": "7505e000000AbcDAAS", "state": over})).unwrap().state.is_over());
        }
    }
}
