//! Whether an org has what the mapping says: its own description of its objects and of the event that assignments come as,
//! compared with the mapping.
//!
//! The user whose rights count is the one who asks: what is hidden from it is not in its describe results.

mod compare;
mod event;
mod field;
mod finding;
mod standard;
#[cfg(test)]
mod tests;
mod topic;
mod versions;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

pub use compare::compare;
pub use finding::{Finding, Subject, Weight};
pub use topic::{Asked, Topic};

use self::versions::UnknownVersion;
use super::mapping::Mapping;
use super::object::Object;
use super::version::ApiVersion;

/// What an org says of itself.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// Describe results by the API name of their object in small letters.
    objects: BTreeMap<String, Describe>,
    /// The version of the API that it was asked by, where it has not that one.
    unknown_version: Option<UnknownVersion>,
    /// The name of every object that it lists, by itself in small letters.
    listed: BTreeMap<String, String>,
}

/// The list of objects (REST API Developer Guide, "Describe Global").
#[derive(Deserialize)]
struct Listing {
    sobjects: Vec<ListedObject>,
}

#[derive(Deserialize)]
struct ListedObject {
    name: String,
}

/// What an org says of an object (REST API Developer Guide, "sObject Describe"), as much of it as is compared.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Describe {
    name: String,
    #[serde(default)]
    queryable: bool,
    #[serde(default)]
    createable: bool,
    #[serde(default)]
    updateable: bool,
    #[serde(default)]
    fields: Vec<DescribedField>,
    #[serde(default)]
    child_relationships: Vec<ChildRelationship>,
}

/// A field as the org describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedField {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    length: u32,
    /// Places behind the point.
    #[serde(default)]
    scale: Option<u32>,
    #[serde(default)]
    createable: bool,
    #[serde(default)]
    updateable: bool,
    #[serde(default)]
    filterable: bool,
    #[serde(default)]
    nillable: bool,
    #[serde(default)]
    defaulted_on_create: bool,
    #[serde(default)]
    external_id: bool,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    restricted_picklist: bool,
    #[serde(default)]
    picklist_values: Vec<PicklistValue>,
    #[serde(default)]
    reference_to: Vec<String>,
    #[serde(default)]
    relationship_name: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct PicklistValue {
    value: String,
    #[serde(default)]
    active: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChildRelationship {
    #[serde(rename = "childSObject")]
    child: String,
    #[serde(default)]
    field: String,
    #[serde(default)]
    relationship_name: Option<String>,
}

impl Described {
    /// Whether the org was asked at all: it is not where it has not the version of the API.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        self.unknown_version.is_none()
    }

    /// Adds the body of one describe result.
    ///
    /// # Errors
    /// Where it is none.
    pub fn add(&mut self, body: &[u8]) -> Result<(), serde_json::Error> {
        let describe: Describe = serde_json::from_slice(body)?;
        self.objects.insert(describe.name.to_ascii_lowercase(), describe);
        Ok(())
    }

    /// Adds the list of the API's versions that the org knows, and says whether the one that is used is among them. Where it is
    /// not, nothing else need be asked.
    ///
    /// # Errors
    /// Where it is no such list.
    pub fn add_versions(&mut self, used: ApiVersion, body: &[u8]) -> Result<bool, serde_json::Error> {
        self.unknown_version = UnknownVersion::find(used, body)?;
        Ok(self.unknown_version.is_none())
    }

    /// Adds the list of all objects, to be asked for where the org [lacks most](Self::lacks_most) of them.
    ///
    /// # Errors
    /// Where it is no such list.
    pub fn add_list(&mut self, body: &[u8]) -> Result<(), serde_json::Error> {
        let Listing { sobjects } = serde_json::from_slice(body)?;
        self.listed = sobjects.into_iter().map(|object| (object.name.to_ascii_lowercase(), object.name)).collect();
        Ok(())
    }

    /// Whether most of the mapped objects are not there: then it helps to know which are.
    #[must_use]
    pub fn lacks_most(&self, mapping: &Mapping) -> bool {
        whole::lacks_most(mapping, self)
    }

    /// Whether an object or event was described.
    #[must_use]
    pub fn has(&self, api: &str) -> bool {
        self.get(api).is_some()
    }

    fn get(&self, api: &str) -> Option<&Describe> {
        self.objects.get(&api.to_ascii_lowercase())
    }

    /// The objects whose description is still needed to compare this mapping: its own, the event's, and the parents that fields
    /// are read from. To be asked again whenever some were added, until it is empty or the org has no more to say.
    #[must_use]
    pub fn missing(&self, mapping: &Mapping) -> BTreeSet<String> {
        let own = Object::ALL.map(|object| mapping.api(object).to_string());
        let event = mapping.event().map(|event| event.api().to_string());
        let mut wanted: BTreeSet<String> = own.into_iter().chain(event).collect();
        for object in Object::ALL {
            for mapped in mapping.fields(object).iter().filter(|mapped| !mapped.path.is_own()) {
                let names: Vec<&str> = mapped.path.names().collect();
                let parents = names.split_last().map_or(&[][..], |(_, parents)| parents);
                wanted.extend(self.parents(mapping.api(object).as_str(), parents));
            }
        }
        wanted.retain(|api| self.get(api).is_none());
        wanted
    }

    /// The objects on a way through relationships, as far as is known.
    fn parents(&self, from: &str, relationships: &[&str]) -> BTreeSet<String> {
        let mut reached = BTreeSet::from([from.to_owned()]);
        let mut all = BTreeSet::new();
        for relationship in relationships {
            let describes = reached.iter().filter_map(|api| self.get(api));
            reached = describes.filter_map(|describe| describe.parent(relationship)).flatten().cloned().collect();
            all.extend(reached.iter().cloned());
        }
        all
    }
}

impl DescribedField {
    /// Whether no row is made without a value for it. A checkbox is never without one.
    fn is_demanded(&self) -> bool {
        self.createable && !self.nillable && !self.defaulted_on_create && self.kind != "boolean"
    }
}

impl Describe {
    fn field(&self, name: &str) -> Option<&DescribedField> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The objects that a relationship leads to.
    fn parent(&self, relationship: &str) -> Option<&Vec<String>> {
        let is_it = |field: &&DescribedField| {
            field.relationship_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(relationship))
        };
        self.fields.iter().find(is_it).map(|field| &field.reference_to)
    }
}
