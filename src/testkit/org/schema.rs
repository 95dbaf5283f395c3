//! What objects an org has, with their fields, as a file says. Names are found whatever their case, as Salesforce finds them.

mod event;
mod field;
mod file;
mod standard;

use std::collections::BTreeMap;

use book::salesforce::Profile;

pub use event::Event;
pub use field::{Field, Kind};
pub use file::SchemaError;

/// The sample that comes with this crate: the seven objects of CollectXpert under the namespace `cxp`, and Contact.
pub const COLLECTXPERT: &str = include_str!("schema/collectxpert.toml");
/// The other one: Collections and Recovery's CollectionPlan with custom fields, six custom objects, Account and Contact.
pub const COLLECTIONS_AND_RECOVERY: &str = include_str!("schema/collections-and-recovery.toml");

/// The sample with the objects that a profile maps.
#[must_use]
pub const fn sample(profile: Profile) -> &'static str {
    match profile {
        Profile::CollectXpert => COLLECTXPERT,
        Profile::CollectionsAndRecovery => COLLECTIONS_AND_RECOVERY,
    }
}

/// Every object and event of an org.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    objects: BTreeMap<String, Object>,
    events: Vec<Event>,
}

/// An object.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its API name, such as `cxp__Dispute__c`.
    pub name: String,
    /// What people read.
    pub label: String,
    /// The first three characters of its ids.
    pub prefix: String,
    /// What the number in its name begins with, where its `Name` is an auto-number.
    pub numbered: Option<String>,
    /// Its fields by their names in small letters.
    pub fields: BTreeMap<String, Field>,
    /// What refers to it.
    pub children: Vec<Children>,
}

/// A relationship to rows that refer to one.
#[derive(Clone, Debug)]
pub struct Children {
    /// How a sub-query calls it, such as `cxp__Disputes__r`.
    pub name: String,
    /// The object that refers.
    pub object: String,
    /// The field by which it does.
    pub field: String,
}

impl Schema {
    /// Reads a schema: TOML, a table `[objects.NAME]` for each object and `[events.NAME]` for each event, with
    /// its `fields`.
    ///
    /// # Errors
    /// [`SchemaError`] where the file is no schema, or contradicts itself.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        file::read(text)
    }

    /// An object by its name.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&Object> {
        self.objects.get(&name.to_ascii_lowercase())
    }

    /// Every object, by name.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values()
    }

    /// That no object is called so, and which there are.
    pub(crate) fn unknown(&self, name: &str) -> String {
        let known: Vec<&str> = self.objects().map(|object| object.name.as_str()).collect();
        format!("the org has no object {name}; its objects are {}", known.join(", "))
    }

    /// Every platform event, by name.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }

    /// The object whose ids begin so.
    #[must_use]
    pub fn of_prefix(&self, prefix: &str) -> Option<&Object> {
        self.objects().find(|object| object.prefix == prefix)
    }

    /// Hides a field, as field-level security does, or shows it again. Whether there is such a field.
    pub fn hide(&mut self, object: &str, field: &str, is_hidden: bool) -> bool {
        let object = self.objects.get_mut(&object.to_ascii_lowercase());
        let field = object.and_then(|object| object.fields.get_mut(&field.to_ascii_lowercase()));
        field.map(|field| field.hidden = is_hidden).is_some()
    }
}

impl Object {
    /// A field that may be seen.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(&name.to_ascii_lowercase()).filter(|field| !field.hidden)
    }

    /// Every field that may be seen.
    pub fn visible(&self) -> impl Iterator<Item = &Field> {
        self.fields.values().filter(|field| !field.hidden)
    }

    /// The reference whose parent is reached by this name, such as `cxp__Strategy__r`.
    #[must_use]
    pub fn parent(&self, relationship: &str) -> Option<&Field> {
        self.visible().find(|field| field.relationship.eq_ignore_ascii_case(relationship) && !relationship.is_empty())
    }

    /// The relationship to children of this name.
    #[must_use]
    pub fn children(&self, name: &str) -> Option<&Children> {
        self.children.iter().find(|children| children.name.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests;
