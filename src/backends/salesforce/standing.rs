//! Rows as an org has them, read to see whether they are what was sent.

use std::time::Instant;

use book::salesforce::{
    ApiVersion, Mapping, Object, Standing, Upsert,
    writing::{MOST_READ, reading},
};

use super::{Connections, SalesforceError};

/// How each row stands, in their order, until `deadline`: one query for each object, more where there are many rows.
///
/// # Errors
/// [`SalesforceError`] of the first query that failed.
pub(super) async fn standings(
    connections: &Connections,
    mapping: &Mapping,
    version: ApiVersion,
    rows: &[&Upsert],
    deadline: Instant,
) -> Result<Vec<Standing>, SalesforceError> {
    let mut found = vec![Standing::Absent; rows.len()];
    for object in Object::ALL {
        let places: Vec<usize> = (0..rows.len()).filter(|&place| rows[place].object() == object).collect();
        for places in places.chunks(MOST_READ) {
            let asked: Vec<&Upsert> = places.iter().map(|&place| rows[place]).collect();
            let statement = reading(mapping, &asked).map_err(|_| SalesforceError::Setting("mapping"))?;
            let Some(statement) = statement else { continue };
            let answer = connections.query(version, &statement, deadline).await?;
            for &place in places {
                found[place] = Standing::of(mapping, rows[place], &answer.body);
            }
        }
    }
    Ok(found)
}
