//! What an org would say of itself, with a package deployed, to a user who has its permission set and nothing else.

use book::salesforce::Described;
use org::schema::{Field, Schema};
use serde_json::{Value, json};

use super::package::{Element, Grants, Object, Package};

/// Standard fields under another name in permission sets, or under none: the parts of a name everybody sees who sees the row,
/// an address is granted whole.
const GRANTED_AS: [(&str, Option<&str>); 4] =
    [("Name", None), ("FirstName", None), ("LastName", None), ("MailingPostalCode", Some("MailingAddress"))];

/// The description of every object that the permission set lets be read. Standard fields are those of `standard`.
pub(super) fn described(package: &Package, grants: &Grants, standard: &Schema) -> Described {
    let mut described = Described::default();
    for api in grants.objects.keys().filter(|api| grants.has(api, "allowRead")) {
        let own = package.objects.get(api);
        let mut fields: Vec<Value> = own.into_iter().flat_map(|object| custom(api, object, grants)).collect();
        fields.extend(standard_fields(api, own, grants, standard));
        let object = json!({
            "name": api,
            "queryable": own.is_none_or(|object| !object.is_event()),
            "createable": grants.has(api, "allowCreate"),
            "updateable": grants.has(api, "allowEdit"),
            "fields": fields,
            "childRelationships": children(package, api),
        });
        described.add(object.to_string().as_bytes()).unwrap();
    }
    described
}

fn custom<'a>(api: &'a str, object: &'a Object, grants: &'a Grants) -> impl Iterator<Item = Value> + 'a {
    object.fields.iter().filter_map(move |(name, field)| {
        let granted = grants.fields.get(&format!("{api}.{name}")).copied();
        // What every row must have is seen and written by everybody who sees and writes the row, and all of an event is seen by
        // everybody who may read it.
        let is_given = field.is("required") || object.is_event();
        let is_editable = if is_given { grants.has(api, "allowEdit") } else { granted? };
        Some(custom_field(name, field, is_editable))
    })
}

fn custom_field(name: &str, field: &Element, is_editable: bool) -> Value {
    let kind = kind(field);
    json!({
        "name": name,
        "type": kind,
        "length": field.number("length"),
        "createable": is_editable,
        "updateable": is_editable,
        "filterable": kind != "textarea",
        "nillable": !field.is("required"),
        "externalId": field.is("externalId"),
        "unique": field.is("unique"),
        "restrictedPicklist": true,
        "picklistValues": field.values.iter().map(|value| json!({"value": value, "active": true})).collect::<Vec<_>>(),
        "referenceTo": field.find("referenceTo").into_iter().collect::<Vec<_>>(),
        "relationshipName": field.find("referenceTo").map(|_| name.replace("__c", "__r")),
    })
}

fn standard_fields(api: &str, own: Option<&Object>, grants: &Grants, standard: &Schema) -> Vec<Value> {
    if own.is_some_and(Object::is_event) {
        return Vec::new();
    }
    if own.is_some_and(|object| object.own.is_some()) {
        return vec![json!({"name": "Name", "type": "string", "length": 80, "filterable": true, "nillable": true})];
    }
    let Some(object) = standard.object(api) else { return Vec::new() };
    let is_granted = |field: &&Field| {
        let name =
            GRANTED_AS.iter().find(|(name, _)| *name == field.name).map_or(Some(&*field.name), |(_, name)| *name);
        name.is_none_or(|name| grants.fields.contains_key(&format!("{api}.{name}")))
    };
    let visible = object.visible().filter(|field| !field.name.ends_with("__c")).filter(is_granted);
    visible
        .map(|field| {
            let relationship = (!field.relationship.is_empty()).then_some(&field.relationship);
            json!({
                "name": field.name, "type": field.kind.name(), "length": field.length, "filterable": true,
                "nillable": true, "referenceTo": [field.to], "relationshipName": relationship,
            })
        })
        .collect()
}

fn children(package: &Package, api: &str) -> Vec<Value> {
    let lookups = package.fields().filter(|(_, _, field)| field.find("referenceTo") == Some(api));
    lookups
        .map(|(child, name, field)| {
            let relationship = format!("{}__r", field.text("relationshipName"));
            json!({"childSObject": child, "field": name, "relationshipName": relationship})
        })
        .collect()
}

/// The name that describe has for a type.
pub(super) fn kind(field: &Element) -> &'static str {
    match field.text("type") {
        "Text" => "string",
        "LongTextArea" => "textarea",
        "Checkbox" => "boolean",
        "Currency" => "currency",
        "Number" => "double",
        "Percent" => "percent",
        "Date" => "date",
        "DateTime" => "datetime",
        "Time" => "time",
        "Picklist" => "picklist",
        "MultiselectPicklist" => "multipicklist",
        "Lookup" => "reference",
        other => panic!("no field has the type {other}"),
    }
}
