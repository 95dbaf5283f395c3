//! The org's own description of the objects that a mapping names, and of the parents that fields are read from.

use std::time::Instant;

use book::salesforce::{ApiVersion, Described, Fault, Mapping};

use super::{Connections, SalesforceError};

/// Most rounds: each may bring the parents of what the one before described.
const MOST_ROUNDS: usize = 8;

/// Asks for the description of every object, one after another, until `deadline`. An object that the org does not know, or
/// hides, is left out: the comparison says so.
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
    let mut unknown = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let missing: Vec<String> =
            described.missing(mapping).into_iter().filter(|object| !unknown.contains(object)).collect();
        if missing.is_empty() {
            break;
        }
        for object in missing {
            let path = format!("/services/data/{version}/sobjects/{object}/describe");
            match connections.read(&path, deadline).await {
                Ok(answer) => {
                    let body = answer.body.to_string();
                    described.add(body.as_bytes()).map_err(|_| SalesforceError::Malformed)?;
                }
                Err(SalesforceError::Refused(refusal)) if is_unknown(refusal.fault) => unknown.push(object),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(described)
}

/// What an org says of an object that it has not, or that the user may not see.
const fn is_unknown(fault: Fault) -> bool {
    matches!(fault, Fault::Absent | Fault::Configuration)
}
