//! What objects, events and fields there are ("sObject Describe"). What is hidden is not told of.

use serde_json::{Value, json};

use crate::{
    call::{Call, Reply},
    failure::Failure,
    schema::{Event, Field, Kind, Object},
    world::World,
};

/// Every object, and every event.
pub(super) fn every(world: &World, call: &Call<'_>) -> Reply {
    let objects = world.store.schema.objects().map(|object| brief(call, object));
    let every: Value = objects.chain(world.bus.events().map(|event| brief_event(call, event))).collect();
    Reply::json(200, json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": every}))
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

/// An event can be published by whoever asks, and neither be asked for nor changed.
fn brief_event(call: &Call<'_>, event: &Event) -> Value {
    let url = format!("{}/sobjects/{}", call.base(), event.name);
    json!({
        "name": event.name, "label": event.label, "labelPlural": format!("{}s", event.label), "keyPrefix": null,
        "custom": true, "queryable": false, "createable": true, "updateable": false, "deletable": false,
        "retrieveable": false, "searchable": false, "undeletable": false,
        "urls": {
            "sobject": url, "describe": format!("{url}/describe"), "eventSchema": format!("{url}/eventSchema"),
        },
    })
}

/// One object or event with its fields. Objects do not change while this org runs, so `If-Modified-Since` finds nothing new of them.
pub(super) fn one(world: &World, call: &Call<'_>, name: &str) -> Result<Reply, Failure> {
    if call.method != "GET" {
        return Err(Failure::method(call.method));
    }
    let described = match world.bus.event(name) {
        Some(event) => whole_event(call, event),
        None => {
            let object = world.store.object(name)?;
            if call.header("if-modified-since").is_some() {
                return Ok(Reply::empty(304));
            }
            whole(call, &object)
        }
    };
    Ok(Reply::json(200, described).with("last-modified", "Mon, 30 Nov 2026 00:00:00 GMT"))
}

fn whole_event(call: &Call<'_>, event: &Event) -> Value {
    let mut described = brief_event(call, event);
    let told = |own: Field| {
        let mut told = field(&own);
        for right in ["updateable", "filterable", "sortable", "groupable"] {
            told[right] = json!(false);
        }
        told
    };
    described["fields"] = event.all_fields().map(told).collect();
    described["childRelationships"] = json!([]);
    described
}

fn whole(call: &Call<'_>, object: &Object) -> Value {
    let mut described = brief(call, object);
    let told = |own: &Field| {
        let mut told = field(own);
        told["autoNumber"] = json!(own.name == "Name" && object.numbered.is_some());
        told
    };
    described["fields"] = object.visible().map(told).collect();
    described["childRelationships"] = object
        .children
        .iter()
        .map(|children| {
            json!({"childSObject": children.object, "field": children.field, "relationshipName": children.name,
                   "cascadeDelete": false, "deprecatedAndHidden": false})
        })
        .collect();
    described
}

fn field(field: &Field) -> Value {
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
        "nameField": field.name == "Name", "autoNumber": false,
        "restrictedPicklist": field.restricted, "picklistValues": values,
        "referenceTo": if field.to.is_empty() { json!([]) } else { json!([field.to]) },
        "relationshipName": if field.relationship.is_empty() { Value::Null } else { json!(field.relationship) },
    })
}
