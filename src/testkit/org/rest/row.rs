//! One row by its id ("sObject Rows"), and new ones ("sObject Basic Information").

use jiff::{Timestamp, fmt::rfc2822};
use serde_json::{Map, Value, json};

use super::describe;
use crate::{
    call::{Call, Reply},
    failure::Failure,
    id,
    schema::Object,
    soql,
    store::{Row, parse_instant},
    world::World,
};

/// Answers `sobjects/{object}`.
pub(super) fn of_object(world: &mut World, call: &Call<'_>, object: &str) -> Result<Reply, Failure> {
    let object = world.store.object(object)?;
    match call.method {
        "GET" => Ok(Reply::json(200, json!({"objectDescribe": describe::brief(call, &object), "recentItems": []}))),
        "POST" => {
            let (body, now) = (call.object()?, world.now());
            Ok(created(call, &object, &world.store.create(&object, &body, now)?))
        }
        other => Err(Failure::method(other)),
    }
}

/// Answers `sobjects/{object}/{id}`.
pub(super) fn answer(world: &mut World, call: &Call<'_>, object: &str, id: &str) -> Result<Reply, Failure> {
    let object = world.store.object(object)?;
    let id = id::long(id).filter(|id| id.starts_with(&object.prefix)).ok_or_else(Failure::not_found)?;
    with_id(world, call, &object, &id)
}

/// Reads, changes or deletes a row.
pub(super) fn with_id(world: &mut World, call: &Call<'_>, object: &Object, id: &str) -> Result<Reply, Failure> {
    let now = world.now();
    match call.method {
        "GET" => read(world, call, object, id),
        "PATCH" => {
            let body = call.object()?;
            if let Some(row) = world.store.row(&object.name, id)
                && let Some(since) = instant(call, "if-unmodified-since")?
                && modified(row).is_some_and(|modified| modified > since)
            {
                return Ok(Reply::empty(412));
            }
            world.store.update(object, id, &body, now)?;
            Ok(Reply::empty(204))
        }
        "DELETE" => {
            world.store.delete(object, id, now)?;
            Ok(Reply::empty(204))
        }
        other => Err(Failure::method(other)),
    }
}

/// What is said of a row that was made.
pub(super) fn created(call: &Call<'_>, object: &Object, id: &str) -> Reply {
    let body = json!({"id": id, "success": true, "errors": []});
    Reply::json(201, body).with("location", format!("{}/sobjects/{}/{id}", call.base(), object.name))
}

fn read(world: &mut World, call: &Call<'_>, object: &Object, id: &str) -> Result<Reply, Failure> {
    world.store.check_read(object)?;
    let row = world.store.row(&object.name, id).ok_or_else(Failure::not_found)?;
    if let Some(since) = instant(call, "if-modified-since")?
        && modified(row).is_none_or(|modified| modified <= since)
    {
        return Ok(Reply::empty(304));
    }
    let fields = call.parameter("fields");
    Ok(Reply::json(200, shown(object, row, fields, &call.version_text())?))
}

/// A row with the fields that are asked for, or with every field that is not hidden.
pub(super) fn shown(object: &Object, row: &Row, fields: Option<&str>, version: &str) -> Result<Value, Failure> {
    let mut shown = Map::new();
    shown.insert("attributes".to_owned(), soql::identity(object, row, version));
    let mut put = |name: &str| shown.insert(name.to_owned(), row.value(name).clone());
    match fields {
        None => object.visible().for_each(|field| drop(put(&field.name))),
        Some(names) => {
            put("Id");
            for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                let unknown = || {
                    let message = format!("No such column '{name}' on sobject of type {}", object.name);
                    Failure::bad("INVALID_FIELD", message)
                };
                put(&object.field(name).ok_or_else(unknown)?.name);
            }
        }
    }
    Ok(Value::Object(shown))
}

fn modified(row: &Row) -> Option<Timestamp> {
    parse_instant(row.value("LastModifiedDate").as_str()?)
}

/// The date of a condition ("Conditional Requests"), to the second.
fn instant(call: &Call<'_>, header: &str) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = call.header(header) else { return Ok(None) };
    let parsed = rfc2822::DateTimeParser::new().parse_timestamp(text);
    parsed.map(Some).map_err(|_| Failure::bad("INVALID_HEADER_VALUE", format!("{header} is no date of HTTP")))
}
