//! The comparison of one field.

use super::finding::{Finding, Weight};
use super::{Describe, Described, DescribedField};
use crate::salesforce::field::{Field, Kind};
use crate::salesforce::mapping::{MappedField, Mapping};
use crate::salesforce::object::account;

/// Longest external id that the gateway makes: `arrangement-`, a random id, `-` and a number.
const LONGEST_KEY: u32 = 54;
/// Longest telephone number, with its `+` (ITU-T E.164), in characters.
pub(super) const PHONE: u32 = 16;
/// Longest text that is no long text area, in characters (help, "Custom Field Types").
const LONGEST_TEXT: u32 = 255;

/// A mapped field and what the org says of it.
pub(super) struct Place<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) org: &'a Described,
    pub(super) mapped: &'a MappedField,
    /// The object that has the field.
    pub(super) holder: &'a Describe,
    pub(super) described: &'a DescribedField,
}

impl Place<'_> {
    /// Its name, as Setup has it.
    fn name(&self) -> String {
        format!("{}.{}", self.holder.name, self.described.name)
    }
}

/// What follows where the org has not a field as it should.
pub(super) const fn weight(field: &Field) -> Weight {
    if field.is_mandatory() { Weight::Stops } else { Weight::Warns }
}

pub(super) fn compare(place: &Place<'_>, findings: &mut Vec<Finding>) {
    let mut add = |weight, what: String, remedy: String| {
        let Field { object, name, .. } = place.mapped.field;
        findings.push(Finding { weight, subject: object.into(), field: Some(name), what, remedy });
    };
    let own = weight(&place.mapped.field);
    let checks = [kind(place), rights(place), filter(place), length(place), key(place), lookup(place), children(place)];
    for (what, remedy) in checks.into_iter().flatten() {
        add(own, what, remedy);
    }
    for (what, remedy) in [index(place), minor_unit(place)].into_iter().flatten() {
        add(Weight::Warns, what, remedy);
    }
    if let Some((weight, what, remedy)) = values(place) {
        add(weight, what, remedy);
    }
}

/// How a field that is not there yet is made.
pub(super) fn wanted(mapping: &Mapping, mapped: &MappedField) -> String {
    let length = mapped.length.unwrap_or_default();
    let values = || mapped.values.all().collect::<Vec<_>>().join(", ");
    match mapped.field.kind {
        Kind::ExternalId => format!("text of {length} characters, External ID and Unique"),
        Kind::Phone => format!("text of {PHONE} characters, External ID and not Unique"),
        Kind::Text(_) if length > LONGEST_TEXT => format!("long text area of {length} characters"),
        Kind::Text(_) => format!("text of {length} characters"),
        kind @ (Kind::Picklist(_) | Kind::Picklists(_)) => format!("{} with the values {}", kind.name(), values()),
        Kind::Reference(parent) => format!("lookup to {}", mapping.api(parent)),
        kind @ (Kind::Bool | Kind::Money | Kind::Number | Kind::Date | Kind::Instant | Kind::Time) => {
            kind.name().into()
        }
    }
}

/// Whether the smallest part of an amount is kept. Currencies without parts need none.
fn minor_unit(place: &Place<'_>) -> Remark {
    let currency = place.mapping.currency();
    let least = u32::from(currency.exponent());
    let scale = place.described.scale.filter(|scale| place.mapped.field.kind == Kind::Money && *scale < least)?;
    let what = format!(
        "{} keeps {scale} of the {least} decimal places of {currency}: the smallest parts of amounts are lost",
        place.name()
    );
    Some((what, format!("give {} {least} decimal places", place.described.name)))
}

/// What is so, and what to change.
type Remark = Option<(String, String)>;

/// The types of Salesforce that can hold a kind (Object Reference, "Field Types").
pub(super) const fn types(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Text(_) => {
            &["string", "textarea", "picklist", "combobox", "url", "phone", "email", "encryptedstring", "id"]
        }
        Kind::Bool => &["boolean"],
        Kind::Money => &["currency", "double"],
        Kind::Number => &["int", "long", "double", "percent", "currency"],
        Kind::Date => &["date"],
        Kind::Instant => &["datetime"],
        Kind::Time => &["time"],
        Kind::Picklist(_) => &["picklist", "combobox", "string"],
        Kind::Picklists(_) => &["multipicklist"],
        Kind::Reference(_) => &["reference"],
        Kind::ExternalId => &["string"],
        Kind::Phone => &["phone", "string"],
    }
}

fn kind(place: &Place<'_>) -> Remark {
    let (described, kind) = (place.described, place.mapped.field.kind);
    if types(kind).contains(&described.kind.as_str()) {
        return None;
    }
    let what = format!("{} is a {}", place.name(), described.kind);
    Some((what, format!("map a {}, or change the field's type", kind.name())))
}

fn rights(place: &Place<'_>) -> Remark {
    let (described, field) = (place.described, &place.mapped.field);
    let must_create = field.is_written && field.object.is_created();
    // The key is in the address of a row, and is set when that is made.
    let must_update = field.is_written && field.kind != Kind::ExternalId;
    let is_missing = (must_create && !described.createable) || (must_update && !described.updateable);
    let what = || format!("{} cannot be written by the gateway's user", place.name());
    is_missing.then(|| (what(), "give the user's permission set Edit on the field; it can be no formula".into()))
}

fn filter(place: &Place<'_>) -> Remark {
    let is_missing = place.mapped.field.is_filtered && !place.described.filterable;
    let what = || format!("rows cannot be found by {}", place.name());
    is_missing.then(|| (what(), "map a field that can be filtered by: no long text and none that is encrypted".into()))
}

/// Without an index a look-up in many rows takes longer than a caller waits.
fn index(place: &Place<'_>) -> Remark {
    let field = place.mapped.field;
    let is_looked_up = [account::PHONE, account::ALTERNATIVE_PHONE, account::REFERENCE].contains(&field);
    let has_index = place.described.external_id || place.described.unique;
    let what = || format!("rows are found by {}, and it has no index that is known of", place.name());
    let remedy = match place.described.kind.as_str() {
        "string" => "mark the field as External ID, not unique",
        _ => "map a text field that is External ID and not unique: one of this type can be none",
    };
    (is_looked_up && !has_index).then(|| (what(), remedy.into()))
}

fn length(place: &Place<'_>) -> Remark {
    let (mapped, length) = (place.mapped, place.described.length);
    let is_key = mapped.field.kind == Kind::ExternalId;
    let needed = if is_key { mapped.field.object.is_created().then_some(LONGEST_KEY) } else { mapped.length };
    let needed = needed.filter(|needed| mapped.field.is_written && length < *needed)?;
    let what = format!("{} takes {length} characters, and {needed} may be written", place.name());
    let or = if is_key { String::new() } else { format!(", or set length = {length} in the mapping") };
    Some((what, format!("set the length of the field to {needed}{or}")))
}

fn key(place: &Place<'_>) -> Remark {
    let described = place.described;
    let is_key = place.mapped.field.kind == Kind::ExternalId;
    let what = || format!("{} is no key: rows cannot be written or linked by it", place.name());
    (is_key && !(described.external_id && described.unique))
        .then(|| (what(), "mark the field as External ID and as Unique".into()))
}

fn lookup(place: &Place<'_>) -> Remark {
    let Kind::Reference(parent) = place.mapped.field.kind else { return None };
    let (described, api) = (place.described, place.mapping.api(parent));
    if !described.reference_to.iter().any(|to| to.eq_ignore_ascii_case(api.as_str())) {
        let what = format!("{} does not lead to {api}", place.name());
        return Some((what, format!("map the lookup that leads to {api}")));
    }
    let (ours, theirs) = (place.mapped.relationship.as_ref()?.as_str(), described.relationship_name.as_deref());
    let is_same = theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(ours));
    let what = || format!("the relationship of {} is not called {ours}", place.name());
    let remedy = || format!("set relationship = \"{}\" in the mapping", theirs.unwrap_or("…"));
    (!is_same).then(|| (what(), remedy()))
}

/// The relationship back is the parent's, whose description names the lookup.
fn children(place: &Place<'_>) -> Remark {
    let (children, Kind::Reference(parent)) = (place.mapped.children.as_ref()?, place.mapped.field.kind) else {
        return None;
    };
    let parent = place.org.get(place.mapping.api(parent).as_str())?;
    let is_it = |relationship: &&super::ChildRelationship| {
        relationship.child.eq_ignore_ascii_case(&place.holder.name)
            && relationship.field.eq_ignore_ascii_case(&place.described.name)
    };
    let found = parent.child_relationships.iter().find(is_it).and_then(|found| found.relationship_name.as_deref());
    let is_same = found.is_some_and(|found| found.eq_ignore_ascii_case(children.as_str()));
    let what = || format!("{} has no relationship {children} by {}", parent.name, place.name());
    let remedy = || match found {
        Some(found) => format!("set children = \"{found}\" in the mapping"),
        None => format!("give the lookup the child relationship name {children}"),
    };
    (!is_same).then(|| (what(), remedy()))
}

/// The values that the org does not have. It takes them all the same where the picklist is not restricted.
fn values(place: &Place<'_>) -> Option<(Weight, String, String)> {
    let described = place.described;
    if !matches!(described.kind.as_str(), "picklist" | "multipicklist") {
        return None;
    }
    let has = |value: &str| described.picklist_values.iter().any(|known| known.active && known.value == value);
    let missing: Vec<&str> = place.mapped.values.all().filter(|value| !has(value)).collect();
    if missing.is_empty() {
        return None;
    }
    let is_needed = described.restricted_picklist || place.mapped.field.is_filtered;
    let weight = if is_needed { weight(&place.mapped.field) } else { Weight::Warns };
    let list = missing.join(", ");
    let remedy = match missing.len() {
        1 => "add it as an active value, or change it in the mapping",
        _ => "add them as active values, or change them in the mapping",
    };
    Some((weight, format!("{} has no value {list}", place.name()), remedy.into()))
}
