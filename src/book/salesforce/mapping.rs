//! The mapping: which object and field of an org each logical one is.
//!
//! A mapping is a TOML file; two come with the gateway ([`Profile`]), and `config/salesforce/collectxpert.toml` says how one is
//! written. Reading is strict and tells all that is wrong at once.

mod event;
mod origin;
mod problem;
mod profile;
mod reader;
#[cfg(test)]
mod tests;
mod values;

use rules::money::Currency;

pub use event::{EventField, EventMapping};
pub use origin::Origin;
pub use problem::{Problem, Problems};
pub use profile::Profile;
pub use values::Values;

use super::field::Field;
use super::name::{ApiName, FieldPath, InvalidName};
use super::object::Object;
use super::version::ApiVersion;

/// A mapping without contradictions: every field that must be mapped is, and none is made for account data of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    origin: Origin,
    least_version: ApiVersion,
    currency: Currency,
    objects: [MappedObject; Object::ALL.len()],
    event: Option<EventMapping>,
}

/// An object of the org.
#[derive(Clone, Debug, PartialEq, Eq)]
struct MappedObject {
    api: ApiName,
    fields: Vec<MappedField>,
}

/// A logical field and what it is in the org.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedField {
    /// The logical field.
    pub field: Field,
    /// The field of the org, or the way to it through lookups.
    pub path: FieldPath,
    /// The longest text that it takes, in characters; `None` where length means nothing.
    pub length: Option<u32>,
    /// The values of a picklist.
    pub values: Values,
    /// Of a lookup: the relationship to the parent.
    pub relationship: Option<ApiName>,
    /// Of a lookup: the relationship from the parent to such rows, where it is asked for.
    pub children: Option<ApiName>,
}

impl Mapping {
    /// Reads a mapping. A `namespace` stands in for the one that the text names: `cxp`, or nothing for fields without one.
    ///
    /// # Errors
    /// [`Problems`], all of them, each with its line, its key and what to do.
    pub fn read(text: &str, namespace: Option<&str>) -> Result<Self, Problems> {
        reader::read(text, namespace)
    }

    /// Where it is from, and its namespace.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The least version of the API that has what is mapped.
    #[must_use]
    pub const fn least_version(&self) -> ApiVersion {
        self.least_version
    }

    /// The currency of amounts whose currency is mapped nowhere.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// The event that assignments come as; `None` where the org has none.
    #[must_use]
    pub const fn event(&self) -> Option<&EventMapping> {
        self.event.as_ref()
    }

    /// The same without the event: nothing subscribes, so the org need not have it.
    #[must_use]
    pub fn without_event(self) -> Self {
        Self { event: None, ..self }
    }

    /// The API name of an object.
    #[must_use]
    pub const fn api(&self, object: Object) -> &ApiName {
        &self.objects[object as usize].api
    }

    /// What a logical field is; `None` where it is optional and left out.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<&MappedField> {
        self.fields(field.object).iter().find(|mapped| mapped.field.name == field.name)
    }

    /// Every mapped field of an object, in the order of [`Object::fields`].
    #[must_use]
    pub fn fields(&self, object: Object) -> &[MappedField] {
        &self.objects[object as usize].fields
    }

    /// The way to a field of an account's strategy from the account.
    ///
    /// # Errors
    /// [`InvalidName`] where it crosses too many relationships, which no mapping that was read does.
    pub fn from_account(&self, strategy: &MappedField) -> Result<FieldPath, InvalidName> {
        let parent = self.field(super::object::account::STRATEGY).and_then(|field| field.relationship.as_ref());
        parent.map_or_else(|| Ok(strategy.path.clone()), |parent| strategy.path.under(parent))
    }
}
