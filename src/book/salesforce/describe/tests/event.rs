use super::*;
use crate::salesforce::mapping::{EventField, EventMapping, Profile};

/// How an org describes an event that is as the mapping says: no user may query or change one.
pub(super) fn described(event: &EventMapping) -> Value {
    let fields: Vec<Value> = EventField::ALL
        .into_iter()
        .filter_map(|field| {
            let (name, kind) = (event.field(field)?.as_str(), field.kind());
            Some(json!({ "name": name, "type": type_of(kind), "length": kind.length().unwrap_or(0), "nillable": true }))
        })
        .collect();
    json!({ "name": event.api().as_str(), "queryable": false, "createable": false, "updateable": false, "fields": fields })
}

pub(super) fn collectxpert() -> (Mapping, EventMapping) {
    with_event(Profile::CollectXpert)
}

fn with_event(profile: Profile) -> (Mapping, EventMapping) {
    let mapping = profile.mapping(None).unwrap();
    let event = mapping.event().unwrap().clone();
    (mapping, event)
}

/// What is found where one field of the event is described otherwise.
fn spoiled(field: EventField, changes: &Value) -> Vec<Finding> {
    spoiled_in(Profile::CollectXpert, field, changes)
}

fn spoiled_in(profile: Profile, field: EventField, changes: &Value) -> Vec<Finding> {
    let (mapping, event) = with_event(profile);
    let mut org = org(&mapping);
    let fields = org.get_mut(event.api().as_str()).unwrap()["fields"].as_array_mut().unwrap();
    let name = event.field(field).unwrap().as_str();
    let described = fields.iter_mut().find(|described| described["name"] == name).unwrap();
    described.as_object_mut().unwrap().extend(changes.as_object().cloned().unwrap_or_else(Map::new));
    findings(&mapping, &org)
}

#[test]
fn an_event_that_is_not_there_or_not_granted_stops_assignments_and_no_calls() {
    let (mapping, event) = collectxpert();
    let mut org = org(&mapping);
    org.remove(event.api().as_str());
    assert_eq!(read(&org).missing(&mapping), BTreeSet::from([event.api().to_string()]));
    let found = findings(&mapping, &org);
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "stops assignments: assignment_event: the org has no event cxp__AI_Queue_Assignment__e, or the gateway's user \
          may not see it; create cxp__AI_Queue_Assignment__e, grant Read on cxp__AI_Queue_Assignment__e in the user's \
          permission set, or correct the mapping"
        ]
    );
    assert_eq!((found[0].weight, found[0].subject), (Weight::StopsAssignments, Subject::AssignmentEvent));
    let unsubscribed = mapping.without_event();
    assert!(read(&org).missing(&unsubscribed).is_empty() && findings(&unsubscribed, &org).is_empty());
}

#[test]
fn each_field_of_the_event_that_is_not_there_is_named_with_how_it_is_made() {
    for profile in Profile::ALL {
        let (_, event) = with_event(profile);
        for field in EventField::ALL {
            let name = event.field(field).unwrap();
            let found = spoiled_in(profile, field, &json!({ "name": "Something_Else__c" }));
            let [finding] = found.as_slice() else { panic!("{found:?}") };
            assert_eq!(finding.weight == Weight::StopsAssignments, field.is_required(), "{finding}");
            assert_eq!(finding.field, Some(field.name()));
            assert_eq!(finding.what, format!("{} has no field {name}", event.api()));
        }
    }
    for (field, made) in [
        (EventField::Account, "in the event as text of 64 characters, or correct the mapping"),
        (EventField::MinPayment, "in the event as number, or"),
        (EventField::NotAfter, "in the event as date/time, or"),
    ] {
        let found = spoiled(field, &json!({ "name": "Something_Else__c" }));
        assert!(found[0].remedy.contains(made), "{}", found[0]);
    }
}

#[test]
fn each_field_of_the_event_that_is_of_another_type_stops_assignments() {
    for field in EventField::ALL {
        let found = spoiled(field, &json!({ "type": "boolean" }));
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((finding.weight, finding.field), (Weight::StopsAssignments, Some(field.name())));
        let told = format!("is a boolean; map a {}, or change the field's type", field.kind().name());
        assert!(finding.to_string().ends_with(&told), "{finding}");
    }
    assert!(spoiled(EventField::Account, &json!({ "type": "textarea", "length": 4_000 })).is_empty());
}

#[test]
fn a_field_of_the_event_that_is_too_short_is_told() {
    use Weight::{StopsAssignments, Warns};
    for (field, length, weight, needed) in [
        (EventField::Account, 18, Some(Warns), "64"),
        (EventField::Action, 5, Some(StopsAssignments), "6"),
        (EventField::Phone, 15, Some(Warns), "16"),
        (EventField::Action, 6, None, ""),
        (EventField::Strategy, 15, None, ""),
        (EventField::TimeZone, 30, None, ""),
    ] {
        let found = spoiled(field, &json!({ "length": length }));
        assert_eq!(found.iter().map(|finding| finding.weight).next(), weight, "{found:?}");
        let remedy = format!("set the length of the field to {needed}");
        assert!(found.iter().all(|finding| finding.remedy == remedy), "{found:?}");
    }
}

#[test]
fn an_event_field_that_no_mapping_names_may_be_anything() {
    let (mapping, event) = collectxpert();
    let mut org = org(&mapping);
    let own = org.get_mut(event.api().as_str()).unwrap();
    push(own, "fields", json!({ "name": "Reason__c", "type": "boolean", "createable": true, "nillable": false }));
    assert!(findings(&mapping, &org).is_empty());
}
