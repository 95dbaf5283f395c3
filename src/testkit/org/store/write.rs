//! What becomes of a row that is written: values are taken as their fields want them, and what must be there is.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Row, Step, Store, links, value, value::instant_text};
use crate::{
    failure::Failure,
    schema::{Field, Kind, Object},
};

/// An empty row: no checkbox is null.
pub(super) fn fresh(object: &Object, user: &str, now: Timestamp) -> Row {
    let boxes = object.fields.values().filter(|field| field.kind == Kind::Boolean);
    let mut row = Row { fields: boxes.map(|field| (field.name.clone(), Value::Bool(false))).collect() };
    for field in ["CreatedById", "OwnerId"] {
        row.fields.insert(field.to_owned(), user.into());
    }
    row.fields.insert("CreatedDate".to_owned(), instant_text(now).into());
    touch(&mut row, user, now);
    row
}

/// Says who changed it and when.
pub(super) fn touch(row: &mut Row, user: &str, now: Timestamp) {
    row.fields.insert("LastModifiedById".to_owned(), user.into());
    for field in ["LastModifiedDate", "SystemModstamp"] {
        row.fields.insert(field.to_owned(), instant_text(now).into());
    }
}

/// Puts what a body gives into a row.
pub(super) fn apply(
    store: &Store,
    object: &Object,
    row: &mut Row,
    body: &Map<String, Value>,
    step: Step,
) -> Result<(), Failure> {
    for (name, given) in body.iter().filter(|(name, _)| *name != "attributes") {
        if let Some(field) = object.field(name) {
            check_writable(field, step)?;
            let value = value::accept(field, given)?;
            links::check(store, field, &value)?;
            row.fields.insert(field.name.clone(), value);
        } else if let Some(field) = object.parent(name) {
            check_writable(field, step)?;
            row.fields.insert(field.name.clone(), links::resolve(store, field, given)?);
        } else {
            return Err(no_column(object, name));
        }
    }
    Ok(())
}

/// A name that is not asked for: a number, or first and last name.
pub(super) fn name(object: &Object, row: &mut Row, number: u64) {
    let is_kept = object.fields.get("name").is_none_or(|field| !field.read_only);
    let name = match &object.numbered {
        Some(_) if number == 0 => return,
        Some(before) => format!("{before}{number:06}"),
        None if is_kept && number != 0 && row.value("Name").is_null() => {
            row.value("Id").as_str().unwrap_or_default().to_owned()
        }
        None if is_kept => return,
        None => {
            let parts = ["FirstName", "LastName"].map(|part| row.value(part).as_str().unwrap_or_default());
            parts.join(" ").trim().to_owned()
        }
    };
    row.fields.insert("Name".to_owned(), name.into());
}

/// Looks at the row as it will be.
pub(super) fn check(store: &Store, object: &Object, row: &Row, id: &str) -> Result<(), Failure> {
    let missing: Vec<&str> = object
        .fields
        .values()
        .filter(|field| field.required && row.value(&field.name).is_null())
        .map(|field| field.name.as_str())
        .collect();
    if !missing.is_empty() {
        let message = format!("Required fields are missing: [{}]", missing.join(", "));
        return Err(Failure::bad("REQUIRED_FIELD_MISSING", message).of_fields(&missing));
    }
    for field in object.fields.values().filter(|field| field.unique) {
        let others = store.keyed(object, &field.name, row.value(&field.name));
        if let Some(other) = others.iter().find(|other| *other != id) {
            let message = format!("duplicate value found: {} duplicates value on record with id: {other}", field.name);
            return Err(Failure::bad("DUPLICATE_VALUE", message));
        }
    }
    Ok(())
}

/// A name that is no field, or a hidden one: nobody can tell them apart.
pub(super) fn no_column(object: &Object, name: &str) -> Failure {
    Failure::bad("INVALID_FIELD", format!("No such column '{name}' on sobject of type {}", object.name))
}

fn check_writable(field: &Field, step: Step) -> Result<(), Failure> {
    if !field.read_only {
        return Ok(());
    }
    let verb = if step == Step::Create { "create" } else { "update" };
    let message = format!(
        "Unable to {verb} fields: {}. Please check the security settings of this field and verify that it is read/write \
         for your profile or permission set.",
        field.name
    );
    Err(Failure::bad("INVALID_FIELD_FOR_INSERT_UPDATE", message).of_fields(&[&field.name]))
}
