//! What objects and fields there are ("sObject Describe"). A hidden field is not told of.

use serde_json::{Value, json};

use crate::{
    call::{Call, Reply},
    failure::Failure,
    schema::{Field, Kind, Object},
    world::World,
};

/// Every object.
pub(super) fn every(world: &World, call: &Call<'_>) -> Reply {
    let objects: Value = world.store.schema.objects().map(|object| brief(call, object)).collect();
    Reply::json(200, json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects}))
}

/// What is said of an object wherever it is named.
pub(super) fn brief(call: &Call<'_>, object: &Object) -> Value {
    let url = format!("{}/sobjects/{}", call.base(), object.name);
    json!({
        "name": object.name, "label": object.label, "labelPlural": format!("{}s", object.label),
        "keyPrefix": object.prefix, "custom": object.name.ends_with("__c"), "queryable": true, "createable": true,
        "updateable": true, "deletable": true, "retrieveable": true, "searchable": false, "undeletable": true,
        "urls": {
            "sobject": url, "describe": format!("{url}/describe"), "rowTemplate": format!("{url}/{{ID}}"),
        },
    })
}

/// One object with its fields. Schemas of this org do not change while it runs, so `If-Modified-Since` finds nothing new.
pub(super) fn one(world: &World, call: &Call<'_>, object: &str) -> Result<Reply, Failure> {
    if call.method != "GET" {
        return Err(Failure::method(call.method));
    }
    let object = world.store.object(object)?;
    if call.header("if-modified-since").is_some() {
        return Ok(Reply::empty(304));
    }
    let mut described = brief(call, &object);
    described["fields"] = object.visible().map(|told| field(&object, told)).collect();
    described["childRelationships"] = object
        .children
        .iter()
        .map(|children| {
            json!({"childSObject": children.object, "field": children.field, "relationshipName": children.name,
                   "cascadeDelete": false, "deprecatedAndHidden": false})
        })
        .collect();
    Ok(Reply::json(200, described).with("last-modified", "Mon, 30 Nov 2026 00:00:00 GMT"))
}

fn field(object: &Object, field: &Field) -> Value {
    let is_written = !field.read_only;
    let is_long_or_number = field.kind.is_number() || field.kind == Kind::Boolean;
    let values: Value = field
        .values
        .iter()
        .map(|value| json!({"value": value, "label": value, "active": true, "defaultValue": false, "validFor": null}))
        .collect();
    json!({
        "name": field.name, "label": field.name, "type": field.kind.name(), "soapType": field.kind.soap_name(),
        "length": if is_long_or_number { 0 } else { field.length }, "precision": field.precision, "scale": field.scale,
        "nillable": !field.required && field.kind != Kind::Boolean && field.kind != Kind::Id,
        "createable": is_written, "updateable": is_written, "filterable": field.is_filterable(),
        "sortable": field.is_filterable(), "groupable": field.is_filterable(), "unique": field.unique,
        "caseSensitive": false, "externalId": field.external_id, "idLookup": field.external_id || field.kind == Kind::Id,
        "custom": field.name.ends_with("__c"), "calculated": false, "defaultedOnCreate": field.kind == Kind::Boolean,
        "nameField": field.name == "Name", "autoNumber": field.name == "Name" && object.numbered.is_some(),
        "restrictedPicklist": field.restricted, "picklistValues": values,
        "referenceTo": if field.to.is_empty() { json!([]) } else { json!([field.to]) },
        "relationshipName": if field.relationship.is_empty() { Value::Null } else { json!(field.relationship) },
    })
}
