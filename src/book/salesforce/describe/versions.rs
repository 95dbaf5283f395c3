//! Which versions of the API an org knows.

use serde::Deserialize;

use super::finding::{Finding, Subject, Weight};
use crate::salesforce::version::ApiVersion;

/// One of the list (REST API Developer Guide, "Versions").
#[derive(Deserialize)]
struct Listed {
    version: String,
}

/// A version that an org does not know, and those that it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnknownVersion {
    asked: ApiVersion,
    oldest: ApiVersion,
    newest: ApiVersion,
}

impl UnknownVersion {
    /// Looks for a version in the org's list. A list without any says nothing.
    pub(super) fn find(asked: ApiVersion, body: &[u8]) -> Result<Option<Self>, serde_json::Error> {
        let listed: Vec<Listed> = serde_json::from_slice(body)?;
        let known: Vec<ApiVersion> = listed.iter().filter_map(|one| format!("v{}", one.version).parse().ok()).collect();
        let ends = known.iter().min().zip(known.iter().max());
        Ok(ends.filter(|_| !known.contains(&asked)).map(|(&oldest, &newest)| Self { asked, oldest, newest }))
    }

    pub(super) fn finding(&self) -> Finding {
        let Self { asked, oldest, newest } = self;
        Finding {
            weight: Weight::Stops,
            subject: Subject::Setting("book.api_version"),
            field: None,
            what: format!("the org does not know version {asked} of the API"),
            remedy: format!("set book.api_version to one that it has, {oldest} to {newest}"),
        }
    }
}
