//! The org's own description of the objects that a mapping names, and of the parents that fields are read from.

use std::time::Instant;

use book::salesforce::{ApiVersion, Described, Fault, Mapping};

use super::{Answer, Connections, SalesforceError};

/// Most rounds: each may bring the parents of what the one before described.
const MOST_ROUNDS: usize = 8;

/// Asks for the versions of the API, then for the description of every object, one after another, until `deadline`. An object
/// that the org does not know, or hides, is left out: the comparison says so. Where most are, the org is asked which it has.
///
/// # Errors
/// [`SalesforceError`] of the first request that failed for another reason.
pub async fn described(
    connections: &Connections,
    mapping: &Mapping,
    version: ApiVersion,
    deadline: Instant,
) -> Result<Described, SalesforceError> {
    let mut described = Described::default();
    if let Some(body) = told(connections.read("/services/data/", deadline).await)? {
        let is_known = described.add_versions(version, body.as_bytes()).map_err(|_| SalesforceError::Malformed)?;
        if !is_known {
            return Ok(described);
        }
    }
    objects(connections, mapping, version, deadline, &mut described).await?;
    if described.lacks_most(mapping)
        && let Some(body) = told(connections.read(&format!("/services/data/{version}/sobjects/"), deadline).await)?
    {
        described.add_list(body.as_bytes()).map_err(|_| SalesforceError::Malformed)?;
    }
    Ok(described)
}

async fn objects(
    connections: &Connections,
    mapping: &Mapping,
    version: ApiVersion,
    deadline: Instant,
    described: &mut Described,
) -> Result<(), SalesforceError> {
    let mut unknown = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let missing: Vec<String> =
            described.missing(mapping).into_iter().filter(|object| !unknown.contains(object)).collect();
        if missing.is_empty() {
            break;
        }
        for object in missing {
            let path = format!("/services/data/{version}/sobjects/{object}/describe");
            match told(connections.read(&path, deadline).await)? {
                Some(body) => described.add(body.as_bytes()).map_err(|_| SalesforceError::Malformed)?,
                None => unknown.push(object),
            }
        }
    }
    Ok(())
}

/// The body of an answer; `None` where the org says that it has nothing of the kind, or that the user may not see it.
fn told(answer: Result<Answer, SalesforceError>) -> Result<Option<String>, SalesforceError> {
    match answer {
        Ok(answer) => Ok(Some(answer.body.to_string())),
        Err(SalesforceError::Refused(refusal)) if matches!(refusal.fault, Fault::Absent | Fault::Configuration) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
