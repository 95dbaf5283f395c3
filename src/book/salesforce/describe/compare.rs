//! The comparison, object by object, and the event.

use super::field::Place;
use super::finding::{Finding, Weight};
use super::standard::{is_standard, permission, unseen_object};
use super::{Describe, Described, DescribedField, event, field, whole};
use crate::salesforce::field::Field;
use crate::salesforce::mapping::{MappedField, Mapping};
use crate::salesforce::object::Object;

/// All that does not fit, what stops calls first. What explains the rest is told alone.
#[must_use]
pub fn compare(mapping: &Mapping, org: &Described) -> Vec<Finding> {
    if let Some(version) = &org.unknown_version {
        return vec![version.finding()];
    }
    let whole = whole::finding(mapping, org);
    // An event that is not there either has the same cause.
    let event = mapping.event().filter(|event| whole.is_none() || org.has(event.api().as_str()));
    let mut findings = whole.map_or_else(|| objects(mapping, org), |finding| vec![finding]);
    if let Some(mapped) = event {
        event::compare(mapping, mapped, org, &mut findings);
    }
    findings.sort_by_key(|finding| finding.weight);
    findings
}

fn objects(mapping: &Mapping, org: &Described) -> Vec<Finding> {
    let mut findings = Vec::new();
    for object in Object::ALL {
        match org.get(mapping.api(object).as_str()) {
            Some(describe) => compare_object(mapping, org, object, describe, &mut findings),
            None => findings.push(unknown(mapping, object)),
        }
    }
    findings
}

fn unknown(mapping: &Mapping, object: Object) -> Finding {
    let (what, remedy) = unseen_object(mapping.api(object).as_str());
    Finding { weight: Weight::Stops, subject: object.into(), field: None, what, remedy }
}

fn compare_object(
    mapping: &Mapping,
    org: &Described,
    object: Object,
    describe: &Describe,
    findings: &mut Vec<Finding>,
) {
    rights(mapping, object, describe, findings);
    for mapped in mapping.fields(object) {
        match place(mapping, org, mapped) {
            Ok((holder, described)) => field::compare(&Place { mapping, org, mapped, holder, described }, findings),
            Err(finding) => findings.push(*finding),
        }
    }
    if object.is_created() {
        demanded(mapping, object, describe, findings);
    }
}

/// What the user may do with rows of the object.
fn rights(mapping: &Mapping, object: Object, describe: &Describe, findings: &mut Vec<Finding>) {
    let is_written = mapping.fields(object).iter().any(|mapped| mapped.field.is_written);
    for (is_needed, is_granted, right) in [
        (true, describe.queryable, "Read"),
        (object.is_created(), describe.createable, "Create"),
        (is_written, describe.updateable, "Edit"),
    ] {
        if is_needed && !is_granted {
            let api = &describe.name;
            findings.push(Finding {
                weight: Weight::Stops,
                subject: object.into(),
                field: None,
                what: format!("the gateway's user has not the right {right} on {api}"),
                remedy: format!("grant {right} on {api} in the user's permission set"),
            });
        }
    }
}

/// The object that has the field in the end, and the field.
fn place<'a>(
    mapping: &Mapping,
    org: &'a Described,
    mapped: &MappedField,
) -> Result<(&'a Describe, &'a DescribedField), Box<Finding>> {
    let names: Vec<&str> = mapped.path.names().collect();
    let Some((name, relationships)) = names.split_last() else {
        return Err(absent(mapped, "the mapping names no field".into(), "correct the mapping".into()));
    };
    let holder = holder(mapping, org, mapped, relationships)?;
    holder.field(name).map(|field| (holder, field)).ok_or_else(|| unseen_field(mapping, mapped, &holder.name, name))
}

fn unseen_field(mapping: &Mapping, mapped: &MappedField, holder: &str, name: &str) -> Box<Finding> {
    if is_standard(name) {
        let right = if mapped.field.is_written { "Edit" } else { "Read" };
        let what = format!("{holder}.{name} is a standard field that the gateway's user may not see");
        let whole = permission(name);
        let remedy =
            format!("grant {right} on the field {holder}.{whole} in the user's permission set, or correct the mapping");
        return absent(mapped, what, remedy);
    }
    let what = format!("{holder} has no field {name}, or the gateway's user may not see it");
    let wanted = field::wanted(mapping, mapped);
    absent(mapped, what, format!("create {name} as {wanted}, or give the user's permission set access to the field"))
}

/// The object at the end of relationships.
fn holder<'a>(
    mapping: &Mapping,
    org: &'a Described,
    mapped: &MappedField,
    relationships: &[&str],
) -> Result<&'a Describe, Box<Finding>> {
    let described = |api: &str| {
        org.get(api).ok_or_else(|| {
            let (what, remedy) = unseen_object(api);
            absent(mapped, what, remedy)
        })
    };
    let mut holder = described(mapping.api(mapped.field.object).as_str())?;
    for relationship in relationships {
        let parents: &[String] = holder.parent(relationship).map_or(&[], Vec::as_slice);
        // Of a lookup to several objects, whichever has been described.
        let known = parents.iter().find(|parent| org.get(parent).is_some());
        let Some(parent) = known.or(parents.first()) else {
            let api = &holder.name;
            let what =
                format!("{api} has no relationship {relationship}, or the gateway's user may not see its lookup");
            return Err(absent(mapped, what, "correct the mapping, or give access to the lookup".into()));
        };
        holder = described(parent)?;
    }
    Ok(holder)
}

fn absent(mapped: &MappedField, what: String, remedy: String) -> Box<Finding> {
    let Field { object, name, is_read, is_filtered, is_written, .. } = mapped.field;
    // What is asked for or written and is not there has the whole request refused.
    let is_used = is_read || is_filtered || is_written;
    let weight = if is_used { Weight::Stops } else { field::weight(&mapped.field) };
    Box::new(Finding { weight, subject: object.into(), field: Some(name), what, remedy })
}

/// Fields without which the org takes no row, and which the gateway does not write, or not in every row.
fn demanded(mapping: &Mapping, object: Object, describe: &Describe, findings: &mut Vec<Finding>) {
    let api = &describe.name;
    for DescribedField { name, kind, .. } in describe.fields.iter().filter(|field| field.is_demanded()) {
        let mapped = mapping.fields(object).iter().filter(|mapped| mapped.field.is_written);
        let fields: Vec<Field> = mapped
            .filter(|mapped| mapped.path.as_str().eq_ignore_ascii_case(name))
            .map(|mapped| mapped.field)
            .collect();
        let (field, reason) = match fields.as_slice() {
            fields if fields.iter().any(|field| field.is_filled) => continue,
            [field, ..] => (Some(field.name), "the gateway has one for some rows only"),
            [] => (None, "the mapping does not name it"),
        };
        // A lookup has no default value (help, "Default Field Values").
        let or = if kind == "reference" { "" } else { ", or give it a default value" };
        findings.push(Finding {
            weight: Weight::Stops,
            subject: object.into(),
            field,
            what: format!("{api}.{name} must have a value in the org, and {reason}: rows are refused"),
            remedy: format!("make {name} not required{or}"),
        });
    }
}
