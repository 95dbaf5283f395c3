//! References to other rows: by id, or by an external id of the row that is meant.

use serde_json::Value;

use super::{Store, value, write::no_column};
use crate::{
    failure::Failure,
    id,
    schema::{Field, Kind},
};

/// Fails where a reference is to a row that is not there. Users are no rows here.
pub(super) fn check(store: &Store, field: &Field, value: &Value) -> Result<(), Failure> {
    let Some(to) = value.as_str().filter(|_| field.kind == Kind::Reference) else { return Ok(()) };
    let Some(target) = store.schema.object(&field.to) else { return Ok(()) };
    if !to.starts_with(&target.prefix) {
        let message = format!("{}: id value of incorrect type: {to}", field.name);
        return Err(Failure::bad("FIELD_INTEGRITY_EXCEPTION", message).of_fields(&[&field.name]));
    }
    if store.row(&target.name, to).is_none() {
        let message = "invalid cross reference id";
        return Err(Failure::bad("INVALID_CROSS_REFERENCE_KEY", message).of_fields(&[&field.name]));
    }
    Ok(())
}

/// The id that `{"Ext__c": "..."}` means; null for null.
///
/// A row that is not there is `INVALID_FIELD` in an org, not `INVALID_CROSS_REFERENCE_KEY`
/// (<https://docs.polytomic.com/docs/saleforceinvalid_reference_error> quotes the message).
pub(super) fn resolve(store: &Store, field: &Field, given: &Value) -> Result<Value, Failure> {
    if given.is_null() {
        return Ok(Value::Null);
    }
    let target = store.object(&field.to)?;
    let mut keys = given.as_object().into_iter().flatten().filter(|(name, _)| *name != "attributes");
    let (Some((name, wanted)), None) = (keys.next(), keys.next()) else {
        let message = format!("a reference of entity {} needs one external id: {}", target.name, field.relationship);
        return Err(Failure::bad("INVALID_FIELD", message));
    };
    let key = target.field(name).ok_or_else(|| no_column(&target, name))?;
    if key.kind == Kind::Id {
        let id = wanted.as_str().and_then(id::long).map_or(Value::Null, Value::from);
        return check(store, field, &id).map(|()| id);
    }
    if !key.external_id {
        let message = format!("{name} is no external id or indexed field of entity {}", target.name);
        return Err(Failure::bad("INVALID_FIELD", message).of_fields(&[&field.name]));
    }
    let wanted = value::accept(key, wanted)?;
    let found = store.keyed(&target, &key.name, &wanted);
    let shown = wanted.as_str().unwrap_or_default();
    match (found.first(), found.len()) {
        (Some(id), 1) => Ok(Value::from(id.clone())),
        (None, _) => {
            let message =
                format!("Foreign key external ID: {shown} not found for field {} in entity {}", key.name, target.name);
            Err(Failure::bad("INVALID_FIELD", message))
        }
        (Some(_), _) => {
            let message = format!(
                "More than one record found for external id field: {}:[{}]",
                key.name,
                found.into_iter().collect::<Vec<_>>().join(", ")
            );
            Err(Failure::bad("DUPLICATE_EXTERNAL_ID", message))
        }
    }
}
