//! A row as an answer shows it.

use serde_json::{Map, Value, json};

use crate::{
    schema::Object,
    store::{Row, Store},
};

/// The value at the end of a path; null where a parent is missing.
pub(super) fn value(store: &Store, object: &Object, row: &Row, path: &[String]) -> Value {
    match path {
        [] => Value::Null,
        [field] => row.value(field).clone(),
        [relationship, rest @ ..] => {
            let parent = parent(store, object, row, relationship);
            parent.map_or(Value::Null, |(object, row)| value(store, object, row, rest))
        }
    }
}

fn parent<'a>(store: &'a Store, object: &Object, row: &Row, relationship: &str) -> Option<(&'a Object, &'a Row)> {
    let field = object.parent(relationship)?;
    let object = store.schema.object(&field.to)?;
    Some((object, store.row(&object.name, row.value(&field.name).as_str()?)?))
}

/// The `attributes` of a row.
pub(crate) fn identity(object: &Object, row: &Row, version: &str) -> Value {
    let id = row.value("Id").as_str().unwrap_or_default();
    json!({"type": object.name, "url": format!("/services/data/{version}/sobjects/{}/{id}", object.name)})
}

/// Puts the value of a path into what is shown, parents within their own objects.
pub(super) fn show(
    store: &Store,
    object: &Object,
    row: &Row,
    path: &[String],
    shown: &mut Map<String, Value>,
    version: &str,
) {
    match path {
        [] => {}
        [field] => {
            shown.insert(field.clone(), row.value(field).clone());
        }
        [relationship, rest @ ..] => {
            let place = shown.entry(relationship.clone()).or_insert(Value::Null);
            let Some((object, row)) = parent(store, object, row, relationship) else { return };
            if place.is_null() {
                *place = json!({"attributes": identity(object, row, version)});
            }
            if let Value::Object(inner) = place {
                show(store, object, row, rest, inner, version);
            }
        }
    }
}
