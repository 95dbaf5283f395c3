//! A row by an external id ("sObject Rows by External ID"): changed where it is there, made where it is not.

use serde_json::{Map, Value, json};

use super::row;
use crate::{
    call::{Body, Call, Reply},
    failure::Failure,
    schema::{Field, Kind, Object},
    world::World,
};

/// From this version on an upsert that changed a row says so in a body.
const WITH_BODY: u16 = 46;

/// Answers `sobjects/{object}/{field}/{key}`.
pub(super) fn answer(
    world: &mut World,
    call: &Call<'_>,
    object: &str,
    field: &str,
    key: &str,
) -> Result<Reply, Failure> {
    let object = world.store.object(object)?;
    let field = object.field(field).filter(|field| field.external_id || field.kind == Kind::Id).ok_or_else(|| {
        let message = format!("Provided external ID field does not exist or is not accessible: {field}");
        Failure::new(404, "NOT_FOUND", message)
    })?;
    if field.kind == Kind::Id {
        return row::answer(world, call, &object.name, key);
    }
    let found: Vec<String> = world.store.keyed(&object, &field.name, &Value::from(key)).into_iter().collect();
    match (found.as_slice(), call.method) {
        ([_, _, ..], _) => {
            let urls = found.iter().map(|id| format!("{}/sobjects/{}/{id}", call.base(), object.name)).collect();
            Ok(Reply::json(300, urls))
        }
        ([id], "PATCH") => {
            check_body(field, &call.object()?)?;
            let changed = row::with_id(world, call, &object, id)?;
            let body = json!({"id": id, "success": true, "errors": [], "created": false});
            let is_told = call.version >= WITH_BODY && changed.status == 204;
            Ok(if is_told { Reply::json(200, body) } else { changed })
        }
        ([id], _) => row::with_id(world, call, &object, id),
        ([], "PATCH") if call.parameter("updateOnly") != Some("true") => create(world, call, &object, field, key),
        ([], _) => Err(Failure::not_found()),
    }
}

fn create(world: &mut World, call: &Call<'_>, object: &Object, field: &Field, key: &str) -> Result<Reply, Failure> {
    let (mut body, now) = (call.object()?, world.now());
    check_body(field, &body)?;
    body.insert(field.name.clone(), Value::from(key));
    let mut reply = row::created(call, object, &world.store.create(object, &body, now)?);
    if let Body::Json(told) = &mut reply.body {
        told["created"] = Value::Bool(true);
    }
    Ok(reply)
}

/// The key stands in the address alone.
fn check_body(field: &Field, body: &Map<String, Value>) -> Result<(), Failure> {
    let is_key = |name: &&String| name.eq_ignore_ascii_case(&field.name) || name.eq_ignore_ascii_case("Id");
    match body.keys().find(is_key) {
        None => Ok(()),
        Some(name) => {
            let message = format!("The {name} field should not be specified in the sobject data.");
            Err(Failure::bad("INVALID_FIELD", message))
        }
    }
}
