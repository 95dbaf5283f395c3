//! `composite/sobjects`: up to 200 rows in one request, each with an answer of its own ("sObject Collections").

use serde_json::{Map, Value, json};

use super::row;
use crate::{
    call::{Call, Reply},
    failure::Failure,
    id,
    schema::{Field, Kind, Object},
    world::World,
};

/// Most rows that are written, and most that are read by their ids.
const MOST_WRITTEN: usize = 200;
const MOST_READ: usize = 2_000;

type Record = Map<String, Value>;

/// What became of a row: its id, and whether it was made.
type Written = Result<(String, bool), Failure>;

pub(super) fn answer(world: &mut World, call: &Call<'_>, rest: &[&str]) -> Result<Reply, Failure> {
    match (call.method, rest) {
        ("POST", []) => write(world, call, false, create),
        ("PATCH", []) => write(world, call, false, update),
        ("DELETE", []) => delete(world, call),
        ("GET", [object]) => {
            let ids = call.parameter("ids").unwrap_or_default().split(',').map(str::to_owned).collect();
            let fields = call.parameter("fields").unwrap_or_default().to_owned();
            read(world, call, object, ids, &fields)
        }
        ("POST", [object]) => {
            let body = call.object()?;
            let texts = |name: &str| -> Vec<String> {
                let listed = body.get(name).and_then(Value::as_array).into_iter().flatten();
                listed.filter_map(|text| text.as_str().map(str::to_owned)).collect()
            };
            read(world, call, object, texts("ids"), &texts("fields").join(","))
        }
        ("PATCH", [object, field]) => {
            let object = world.store.object(object)?;
            let field =
                object.field(field).filter(|field| field.external_id || field.kind == Kind::Id).ok_or_else(|| {
                    let message = format!("Provided external ID field does not exist or is not accessible: {field}");
                    Failure::new(404, "NOT_FOUND", message)
                })?;
            write(world, call, true, |world, record| upsert(world, &object, field, record))
        }
        (method, [] | [_] | [_, _]) => Err(Failure::method(method)),
        _ => Err(Failure::not_found()),
    }
}

/// Writes every record, and tells of each.
fn write(
    world: &mut World,
    call: &Call<'_>,
    is_upsert: bool,
    one: impl Fn(&mut World, &Record) -> Written,
) -> Result<Reply, Failure> {
    let mut body = call.object()?;
    let records: Vec<Record> = body
        .remove("records")
        .and_then(|records| serde_json::from_value(records).ok())
        .ok_or_else(|| Failure::json("records is missing, or no array of objects"))?;
    let is_whole = body.get("allOrNone").and_then(Value::as_bool).unwrap_or_default();
    check_count(records.len(), MOST_WRITTEN)?;
    Ok(each(world, &records, is_whole, is_upsert, one))
}

fn delete(world: &mut World, call: &Call<'_>) -> Result<Reply, Failure> {
    let ids: Vec<&str> = call.parameter("ids").unwrap_or_default().split(',').filter(|id| !id.is_empty()).collect();
    check_count(ids.len(), MOST_WRITTEN)?;
    let is_whole = call.parameter("allOrNone") == Some("true");
    Ok(each(world, &ids, is_whole, false, |world, id| {
        let (object, id) = with_id(world, id)?;
        let now = world.now();
        world.store.delete(&object, &id, now)?;
        Ok((id, false))
    }))
}

fn check_count(count: usize, most: usize) -> Result<(), Failure> {
    if count <= most {
        return Ok(());
    }
    let message = format!("record limit reached. cannot submit more than {most} records into this call");
    Err(Failure::bad("EXCEEDED_ID_LIMIT", message))
}

fn each<T>(
    world: &mut World,
    records: &[T],
    is_whole: bool,
    is_upsert: bool,
    one: impl Fn(&mut World, &T) -> Written,
) -> Reply {
    let savepoint = world.store.savepoint();
    let mut written: Vec<Written> = records.iter().map(|record| one(world, record)).collect();
    if is_whole && written.iter().any(Result::is_err) {
        world.store.roll_back(savepoint);
        let message =
            "Record rolled back because not all records were valid and the request was using AllOrNone header";
        for row in written.iter_mut().filter(|row| row.is_ok()) {
            *row = Err(Failure::bad("ALL_OR_NONE_OPERATION_ROLLED_BACK", message));
        }
    }
    Reply::json(200, written.iter().map(|row| told(row, is_upsert)).collect())
}

fn told(row: &Written, is_upsert: bool) -> Value {
    match row {
        Ok((id, is_created)) if is_upsert => {
            json!({"id": id, "success": true, "errors": [], "created": is_created})
        }
        Ok((id, _)) => json!({"id": id, "success": true, "errors": []}),
        Err(failure) if is_upsert => json!({"success": false, "errors": [failure.row_item()], "created": false}),
        Err(failure) => json!({"success": false, "errors": [failure.row_item()]}),
    }
}

fn create(world: &mut World, record: &Record) -> Written {
    let kind = record.get("attributes").and_then(|attributes| attributes["type"].as_str()).unwrap_or_default();
    let object = world.store.schema.object(kind).cloned();
    let object =
        object.ok_or_else(|| Failure::bad("INVALID_TYPE", format!("sObject type '{kind}' is not supported.")))?;
    let now = world.now();
    Ok((world.store.create(&object, record, now)?, true))
}

fn update(world: &mut World, record: &Record) -> Written {
    let mut record = record.clone();
    let id = take(&mut record, "id")
        .ok_or_else(|| Failure::bad("MISSING_ARGUMENT", "Id not specified in an update call").of_fields(&["Id"]))?;
    let (object, id) = with_id(world, id.as_str().unwrap_or_default())?;
    let now = world.now();
    world.store.update(&object, &id, &record, now)?;
    Ok((id, false))
}

/// Changes or makes a row by its key, which stands in the record.
pub(crate) fn upsert(world: &mut World, object: &Object, field: &Field, record: &Record) -> Written {
    let mut record = record.clone();
    let key = take(&mut record, &field.name).filter(|key| !key.is_null()).ok_or_else(|| {
        let message = format!("{} not specified", field.name);
        Failure::bad("MISSING_ARGUMENT", message).of_fields(&[&field.name])
    })?;
    let now = world.now();
    if field.kind == Kind::Id {
        let (_, id) = with_id(world, key.as_str().unwrap_or_default())?;
        world.store.update(object, &id, &record, now)?;
        return Ok((id, false));
    }
    let found: Vec<String> = world.store.keyed(object, &field.name, &key).into_iter().collect();
    match found.as_slice() {
        [] => {
            record.insert(field.name.clone(), key);
            Ok((world.store.create(object, &record, now)?, true))
        }
        [id] => {
            world.store.update(object, id, &record, now)?;
            Ok((id.clone(), false))
        }
        [_, _, ..] => {
            let message =
                format!("{}: more than one record found for external id field: [{}]", field.name, found.join(", "));
            Err(Failure::bad("DUPLICATE_VALUE", message).of_fields(&[&field.name]))
        }
    }
}

/// Takes a field out of a record, whatever the case of its name.
fn take(record: &mut Record, name: &str) -> Option<Value> {
    let own = record.keys().find(|own| own.eq_ignore_ascii_case(name))?.clone();
    record.remove(&own)
}

/// An id, and the object that it is of.
fn with_id(world: &World, text: &str) -> Result<(Object, String), Failure> {
    let malformed = || Failure::bad("MALFORMED_ID", format!("malformed id {text}"));
    let id = id::long(text).ok_or_else(malformed)?;
    let object = world.store.schema.of_prefix(id.get(..3).unwrap_or_default()).cloned().ok_or_else(malformed)?;
    if world.store.any_row(&object.name, &id).is_none() {
        return Err(Failure::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"));
    }
    Ok((object, id))
}

/// Rows in the order of their ids; null for one that is not there.
fn read(world: &mut World, call: &Call<'_>, object: &str, ids: Vec<String>, fields: &str) -> Result<Reply, Failure> {
    check_count(ids.len(), MOST_READ)?;
    let object = world.store.object(object)?;
    world.store.check_read(&object)?;
    let version = call.version_text();
    let one = |id: String| match id::long(&id).and_then(|id| world.store.row(&object.name, &id)) {
        Some(found) => row::shown(&object, found, Some(fields), &version),
        None => Ok(Value::Null),
    };
    Ok(Reply::json(200, ids.into_iter().map(one).collect::<Result<_, _>>()?))
}
