//! The file of a schema.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Children, Event, Object, Schema,
    field::{Field, Kind},
    standard,
};

/// Most objects of a schema.
const MOST_OBJECTS: usize = 200;
/// Most fields of an object (help, "Custom Fields Allowed Per Object": 800 at most).
const MOST_FIELDS: usize = 800;

/// A file is no schema.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It is no TOML, or has a word that no schema has.
    #[error("the schema cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// More than 200 objects, or more than 800 fields.
    #[error("{0} is too many: a schema has at most {MOST_OBJECTS} objects of at most {MOST_FIELDS} fields")]
    Size(usize),
    /// A prefix is not of three letters and digits, or another object has it.
    #[error("{0}: its prefix must be three letters or digits that no other object has")]
    Prefix(String),
    /// A reference is to an object that is not there.
    #[error("{object}.{field} refers to {to}, which the schema has not")]
    Reference {
        /// The object that refers.
        object: String,
        /// Its field.
        field: String,
        /// What it refers to.
        to: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    objects: BTreeMap<String, Listed>,
    #[serde(default)]
    events: BTreeMap<String, ListedEvent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedEvent {
    label: Option<String>,
    #[serde(default)]
    hidden: bool,
    fields: BTreeMap<String, Field>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    label: Option<String>,
    prefix: String,
    numbered: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, Field>,
}

pub(super) fn read(text: &str) -> Result<Schema, SchemaError> {
    let file: File = toml::from_str(text)?;
    let most = file.objects.values().map(|listed| listed.fields.len()).max().unwrap_or_default();
    if file.objects.len() > MOST_OBJECTS || most > MOST_FIELDS {
        return Err(SchemaError::Size(most.max(file.objects.len())));
    }
    let mut schema = Schema::default();
    for (name, listed) in file.objects {
        let is_prefix = listed.prefix.len() == 3 && listed.prefix.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_prefix || schema.of_prefix(&listed.prefix).is_some() {
            return Err(SchemaError::Prefix(name));
        }
        schema.objects.insert(name.to_ascii_lowercase(), object(name, listed));
    }
    link(&mut schema)?;
    schema.events = file.events.into_iter().map(|(name, listed)| event(name, listed)).collect();
    Ok(schema)
}

fn event(name: String, listed: ListedEvent) -> Event {
    let named = listed.fields.into_iter().map(|(name, field)| Field { name, ..field });
    let fields = named.map(Field::completed).collect();
    let label = listed.label.unwrap_or_else(|| name.clone());
    Event { name, label, fields, hidden: listed.hidden }
}

fn object(name: String, listed: Listed) -> Object {
    let mut fields: BTreeMap<String, Field> =
        standard::fields().into_iter().map(|field| (field.name.to_ascii_lowercase(), field)).collect();
    for (name, field) in listed.fields {
        let field = Field { name, ..field }.completed();
        fields.insert(field.name.to_ascii_lowercase(), field);
    }
    if listed.numbered.is_some()
        && let Some(field) = fields.get_mut("name")
    {
        field.read_only = true;
    }
    let label = listed.label.unwrap_or_else(|| name.clone());
    Object { name, label, prefix: listed.prefix, numbered: listed.numbered, fields, children: Vec::new() }
}

/// Tells parents of their children. `User` need not be in a schema: whoever signs in is one.
fn link(schema: &mut Schema) -> Result<(), SchemaError> {
    let mut found = Vec::new();
    for object in schema.objects() {
        for field in object.fields.values().filter(|field| field.kind == Kind::Reference && field.to != "User") {
            let (own, name, to) = (object.name.clone(), field.name.clone(), field.to.clone());
            if schema.object(&to).is_none() {
                return Err(SchemaError::Reference { object: own, field: name, to });
            }
            if !field.children.is_empty() {
                found.push((to, Children { name: field.children.clone(), object: own, field: name }));
            }
        }
    }
    for (to, children) in found {
        if let Some(parent) = schema.objects.get_mut(&to.to_ascii_lowercase()) {
            parent.children.push(children);
        }
    }
    Ok(())
}
