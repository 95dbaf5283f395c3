//! The comparison, object by object.

use super::field::Place;
use super::finding::{Finding, Weight};
use super::{Describe, Described, field};
use crate::salesforce::field::Kind;
use crate::salesforce::mapping::{MappedField, Mapping};
use crate::salesforce::object::Object;

/// All that does not fit, what stops calls first.
#[must_use]
pub fn compare(mapping: &Mapping, org: &Described) -> Vec<Finding> {
    let mut findings = Vec::new();
    for object in Object::ALL {
        match org.get(mapping.api(object).as_str()) {
            Some(describe) => compare_object(mapping, org, object, describe, &mut findings),
            None => findings.push(unknown(mapping, object)),
        }
    }
    findings.sort_by_key(|finding| finding.weight);
    findings
}

fn unknown(mapping: &Mapping, object: Object) -> Finding {
    let api = mapping.api(object);
    Finding {
        weight: Weight::Stops,
        object,
        field: None,
        what: format!("the org has no object {api}, or the gateway's user may not see it"),
        remedy: format!("create {api}, give the user's permission set access to it, or correct the mapping"),
    }
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
                object,
                field: None,
                what: format!("the gateway's user has not the right {right} on {api}"),
                remedy: format!("grant {right} on {api} in the user's permission set"),
            });
        }
    }
}

/// The object that has the field in the end, and the field.
fn place<'a>(
    mapping: &'a Mapping,
    org: &'a Described,
    mapped: &MappedField,
) -> Result<(&'a Describe, &'a super::DescribedField), Box<Finding>> {
    let object = mapped.field.object;
    let absent = |what: String, remedy: String| {
        let weight = field::weight(&mapped.field);
        Box::new(Finding { weight, object, field: Some(mapped.field.name), what, remedy })
    };
    let mut api = mapping.api(object).to_string();
    let mut names = mapped.path.names().peekable();
    while let Some(name) = names.next() {
        let Some(describe) = org.get(&api) else {
            let what = format!("the org has no object {api}, or the gateway's user may not see it");
            return Err(absent(what, format!("give the user's permission set access to {api}")));
        };
        if names.peek().is_none() {
            return describe.field(name).map(|field| (describe, field)).ok_or_else(|| {
                let kind = mapped.field.kind.name();
                let what = format!("{api} has no field {name}, or the gateway's user may not see it");
                let remedy = format!("create {name} as {kind}, or give the user's permission set access to the field");
                absent(what, remedy)
            });
        }
        // Of a lookup to several objects, whichever has been described.
        let parents = describe.parent(name).into_iter().flatten();
        let Some(parent) = parents.clone().find(|parent| org.get(parent).is_some()).or(parents.clone().next()) else {
            let what = format!("{api} has no relationship {name}, or the gateway's user may not see its lookup");
            return Err(absent(what, "correct the mapping, or give access to the lookup".into()));
        };
        api.clone_from(parent);
    }
    Err(absent("the mapping names no field".into(), "correct the mapping".into()))
}

/// Fields without which the org takes no row, and which the gateway does not write.
fn demanded(mapping: &Mapping, object: Object, describe: &Describe, findings: &mut Vec<Finding>) {
    let is_written = |name: &str| {
        let own = mapping.fields(object).iter().filter(|mapped| mapped.field.is_written);
        own.map(|mapped| mapped.path.as_str()).any(|path| path.eq_ignore_ascii_case(name))
    };
    let fields = describe.fields.iter().filter(|field| field.createable && !field.nillable);
    for field in fields.filter(|field| !field.defaulted_on_create && !is_written(&field.name)) {
        // A checkbox is never without a value.
        if field.kind != "boolean" {
            let (name, api) = (&field.name, &describe.name);
            findings.push(Finding {
                weight: Weight::Stops,
                object,
                field: None,
                what: format!("{api}.{name} must have a value in the org, and the gateway writes none"),
                remedy: format!("make {name} not required, or give it a default"),
            });
        }
    }
    let optional = mapping.fields(object).iter().filter(|mapped| !mapped.field.is_required && mapped.field.is_written);
    for mapped in optional.filter(|mapped| !matches!(mapped.field.kind, Kind::Bool)) {
        let demands = describe.field(mapped.path.as_str()).is_some_and(|field| !field.nillable && field.createable);
        let is_defaulted = describe.field(mapped.path.as_str()).is_some_and(|field| field.defaulted_on_create);
        if demands && !is_defaulted {
            findings.push(Finding {
                weight: Weight::Warns,
                object,
                field: Some(mapped.field.name),
                what: format!("{} must have a value in the org, and not every row has one for it", mapped.path),
                remedy: format!("make {} not required", mapped.path),
            });
        }
    }
}
