//! The comparison of the event that assignments come as.
//!
//! There is one right on it, to read it, and none on its fields: who may read it sees them all (Platform Events Developer Guide,
//! "Considerations for Defining and Publishing Platform Events"). To a user without the right it is not there.

use super::finding::{Finding, Subject, Weight};
use super::{Described, DescribedField, field};
use crate::salesforce::mapping::{EventField, EventMapping, Mapping};
use crate::salesforce::object::Object;

pub(super) fn compare(mapping: &Mapping, event: &EventMapping, org: &Described, findings: &mut Vec<Finding>) {
    let Some(describe) = org.get(event.api().as_str()) else {
        findings.push(unknown(event));
        return;
    };
    for field in EventField::ALL {
        let Some(name) = event.field(field) else { continue };
        let finding = match describe.field(name.as_str()) {
            None => Some(absent(event, field, name.as_str())),
            Some(described) => kind(event, field, described).or_else(|| length(mapping, event, org, field, described)),
        };
        findings.extend(finding);
    }
}

fn unknown(event: &EventMapping) -> Finding {
    let api = event.api();
    Finding {
        weight: Weight::StopsAssignments,
        subject: Subject::AssignmentEvent,
        field: None,
        what: format!("the org has no event {api}, or the gateway's user may not see it"),
        remedy: format!("create {api}, grant Read on {api} in the user's permission set, or correct the mapping"),
    }
}

/// A field that no event has a value in is nothing. Only what each event must have is missed.
fn absent(event: &EventMapping, field: EventField, name: &str) -> Finding {
    let weight = if field.is_required() { Weight::StopsAssignments } else { Weight::Warns };
    let kind = field.kind();
    let wanted = kind.length().map_or_else(|| kind.name().to_owned(), |length| format!("text of {length} characters"));
    let what = format!("{} has no field {name}", event.api());
    of(field, weight, what, format!("create {name} in the event as {wanted}, or correct the mapping"))
}

/// An event with a value of another type is not acted on.
fn kind(event: &EventMapping, field: EventField, described: &DescribedField) -> Option<Finding> {
    let kind = field.kind();
    if field::types(kind).contains(&described.kind.as_str()) {
        return None;
    }
    let what = format!("{}.{} is a {}", event.api(), described.name, described.kind);
    let remedy = format!("map a {}, or change the field's type", kind.name());
    Some(of(field, Weight::StopsAssignments, what, remedy))
}

/// What is longer than its field cannot be published.
fn length(
    mapping: &Mapping,
    event: &EventMapping,
    org: &Described,
    field: EventField,
    described: &DescribedField,
) -> Option<Finding> {
    let (needed, weight) = match field {
        EventField::Account => (longest_account(mapping, org)?, Weight::Warns),
        EventField::Action => (longest_action(event), Weight::StopsAssignments),
        EventField::Phone => (field::PHONE, Weight::Warns),
        EventField::Assignment
        | EventField::Strategy
        | EventField::Priority
        | EventField::NotBefore
        | EventField::NotAfter
        | EventField::Language
        | EventField::TimeZone
        | EventField::MaxInstalments
        | EventField::MinPayment => return None,
    };
    let (name, length) = (&described.name, described.length);
    let what = format!("{}.{name} takes {length} characters, and {needed} may have to be in it", event.api());
    (length < needed).then(|| of(field, weight, what, format!("set the length of the field to {needed}")))
}

/// What the org takes as external id of an account.
fn longest_account(mapping: &Mapping, org: &Described) -> Option<u32> {
    let path = &mapping.field(Object::CollectionAccount.external_id())?.path;
    let account = org.get(mapping.api(Object::CollectionAccount).as_str())?;
    account.field(path.as_str()).map(|described| described.length)
}

fn longest_action(event: &EventMapping) -> u32 {
    let longest = [event.assign(), event.revoke()].map(|action| action.chars().count()).into_iter().max();
    longest.and_then(|longest| u32::try_from(longest).ok()).unwrap_or(u32::MAX)
}

fn of(field: EventField, weight: Weight, what: String, remedy: String) -> Finding {
    Finding { weight, subject: Subject::AssignmentEvent, field: Some(field.name()), what, remedy }
}
