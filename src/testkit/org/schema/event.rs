//! Platform events: their fields, and the Avro schema that they are published under.

use serde_json::{Value, json};

use super::field::{Field, Kind};
use super::standard;

/// A platform event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its API name, such as `cxp__AI_Queue_Assignment__e`.
    pub name: String,
    /// What people read.
    pub label: String,
    /// Its own fields, by name.
    pub fields: Vec<Field>,
    /// Whether the integration user has no right to read it: to that user it is not there.
    pub hidden: bool,
}

impl Event {
    /// How it is subscribed to.
    #[must_use]
    pub fn topic(&self) -> String {
        format!("/event/{}", self.name)
    }

    /// Every field, those that each event has first.
    pub fn all_fields(&self) -> impl Iterator<Item = Field> {
        standard::event_fields().into_iter().chain(self.fields.iter().cloned())
    }

    /// Its Avro schema (Platform Events Developer Guide, "eventSchema"): instants are milliseconds, numbers are doubles.
    #[must_use]
    pub fn avro(&self) -> String {
        let own = self.fields.iter().map(|field| {
            let kind = avro_type(field.kind);
            json!({"name": field.name, "type": ["null", kind], "doc": format!("Data:{}", field.kind.name()), "default": null})
        });
        let standard = [
            json!({"name": "CreatedDate", "type": "long", "doc": "CreatedDate:DateTime"}),
            json!({"name": "CreatedById", "type": "string", "doc": "CreatedBy:EntityId"}),
        ];
        let fields: Value = standard.into_iter().chain(own).collect();
        json!({"type": "record", "name": self.name, "namespace": "com.sforce.eventbus", "fields": fields}).to_string()
    }
}

const fn avro_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Int | Kind::Double | Kind::Currency | Kind::Percent => "double",
        Kind::Date | Kind::DateTime | Kind::Time => "long",
        Kind::Id
        | Kind::String
        | Kind::TextArea
        | Kind::Phone
        | Kind::Email
        | Kind::Url
        | Kind::Picklist
        | Kind::MultiPicklist
        | Kind::Reference => "string",
    }
}
