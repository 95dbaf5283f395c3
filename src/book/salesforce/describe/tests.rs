mod event;
mod standard;
mod topic;
mod versions;
mod whole;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::salesforce::field::{Field, Kind};
use crate::salesforce::mapping::{MappedField, Profile};
use crate::salesforce::name::ApiName;
use crate::salesforce::object::{account, arrangement, attempt, compliance, dispute, payment, strategy};
use crate::salesforce::sample::mappings;

/// Describe results by API name.
type Org = BTreeMap<String, Value>;

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text(length) if length > 255 => "textarea",
        Kind::Text(_) | Kind::ExternalId | Kind::Phone => "string",
        Kind::Bool => "boolean",
        Kind::Money => "currency",
        Kind::Number => "double",
        Kind::Date => "date",
        Kind::Instant => "datetime",
        Kind::Time => "time",
        Kind::Picklist(_) => "picklist",
        Kind::Picklists(_) => "multipicklist",
        Kind::Reference(_) => "reference",
    }
}

/// How an org describes a field that is as the mapping says.
fn described(mapping: &Mapping, mapped: &MappedField, name: &str) -> Value {
    let kind = mapped.field.kind;
    let is_found_by = matches!(kind, Kind::ExternalId | Kind::Phone) || mapped.field == account::REFERENCE;
    let values: Vec<Value> = mapped.values.all().map(|value| json!({ "value": value, "active": true })).collect();
    json!({
        "name": name,
        "type": type_of(kind),
        "length": mapped.length.unwrap_or(0),
        "createable": true,
        "updateable": true,
        "filterable": true,
        "nillable": true,
        "defaultedOnCreate": false,
        "externalId": is_found_by,
        "unique": kind == Kind::ExternalId,
        "restrictedPicklist": true,
        "picklistValues": values,
        "referenceTo": if let Kind::Reference(parent) = kind { vec![mapping.api(parent).as_str()] } else { vec![] },
        "relationshipName": mapped.relationship.as_ref().map(ApiName::as_str),
    })
}

fn object(api: &str) -> Value {
    json!({
        "name": api, "queryable": true, "createable": true, "updateable": true, "label": "…",
        "fields": [{ "name": "Id", "type": "id", "length": 18, "nillable": false, "defaultedOnCreate": true }],
        "childRelationships": [],
    })
}

/// An org that is as the mapping says.
fn org(mapping: &Mapping) -> Org {
    let mut org = Org::new();
    for own in Object::ALL {
        let api = mapping.api(own).to_string();
        org.entry(api.clone()).or_insert_with(|| object(&api));
        for mapped in mapping.fields(own) {
            let names: Vec<&str> = mapped.path.names().collect();
            let (last, parents) = names.split_last().unwrap();
            let mut holder = api.clone();
            for relationship in parents {
                let parent = format!("Parent_{relationship}");
                let lookup = json!({
                    "name": format!("{relationship}Id"), "type": "reference", "nillable": true,
                    "referenceTo": [parent], "relationshipName": relationship,
                });
                push(org.get_mut(&holder).unwrap(), "fields", lookup);
                org.entry(parent.clone()).or_insert_with(|| object(&parent));
                holder = parent;
            }
            push(org.get_mut(&holder).unwrap(), "fields", described(mapping, mapped, last));
            if let (Some(children), Kind::Reference(parent)) = (&mapped.children, mapped.field.kind) {
                let back = json!({ "childSObject": api, "field": last, "relationshipName": children.as_str() });
                push(org.get_mut(mapping.api(parent).as_str()).unwrap(), "childRelationships", back);
            }
        }
    }
    if let Some(mapped) = mapping.event() {
        org.insert(mapped.api().to_string(), event::described(mapped));
    }
    org
}

fn push(object: &mut Value, list: &str, value: Value) {
    object[list].as_array_mut().unwrap().push(value);
}

fn read(org: &Org) -> Described {
    let mut described = Described::default();
    org.values().for_each(|object| described.add(object.to_string().as_bytes()).unwrap());
    described
}

fn findings(mapping: &Mapping, org: &Org) -> Vec<Finding> {
    compare(mapping, &read(org))
}

/// What is found where one field of the object itself is described otherwise.
fn spoiled(mapping: &Mapping, field: Field, changes: &Value) -> Vec<Finding> {
    let mut org = org(mapping);
    let path = mapping.field(field).unwrap().path.as_str();
    let fields = org.get_mut(mapping.api(field.object).as_str()).unwrap()["fields"].as_array_mut().unwrap();
    let described = fields.iter_mut().find(|described| described["name"] == path).unwrap();
    described.as_object_mut().unwrap().extend(changes.as_object().cloned().unwrap_or_else(Map::new));
    findings(mapping, &org)
}

#[test]
fn an_amount_that_loses_its_smallest_part_is_told() {
    for mapping in mappings() {
        for field in [account::BALANCE, payment::AMOUNT] {
            for (scale, is_told) in [(0, true), (1, true), (2, false), (4, false)] {
                let found = spoiled(&mapping, field, &json!({ "type": "double", "precision": 9, "scale": scale }));
                let told: Vec<String> = found.iter().map(ToString::to_string).collect();
                let is_cents =
                    told.len() == 1 && told[0].contains("of the 2 decimal places of USD: the smallest parts");
                assert!(if is_told { is_cents } else { told.is_empty() }, "{scale}: {told:?}");
                assert!(found.iter().all(|finding| finding.weight == Weight::Warns));
            }
        }
    }
}

#[test]
fn the_decimal_places_of_amounts_are_the_currency_s() {
    for (currency, least) in [("JPY", 0), ("KWD", 3)] {
        for profile in Profile::ALL {
            let text = profile.text().replace("currency = \"USD\"", &format!("currency = \"{currency}\""));
            let mapping = Mapping::read(&text, Some("")).unwrap();
            for scale in 0..=4 {
                let changes = json!({ "type": "double", "precision": 9, "scale": scale });
                let found = spoiled(&mapping, account::BALANCE, &changes);
                let told: Vec<String> = found.iter().map(ToString::to_string).collect();
                let is_told =
                    told.len() == 1 && told[0].contains(&format!("of the {least} decimal places of {currency}"));
                assert!(if scale < least { is_told } else { told.is_empty() }, "{currency} {scale}: {told:?}");
            }
        }
    }
}

#[test]
fn an_org_that_fits_has_no_findings() {
    for mapping in mappings() {
        let org = org(&mapping);
        assert!(read(&org).missing(&mapping).is_empty());
        let findings = findings(&mapping, &org);
        assert!(findings.is_empty(), "{findings:#?}");
    }
}

#[test]
fn what_has_to_be_described_is_found_step_by_step() {
    for mapping in mappings() {
        let org = org(&mapping);
        let mut described = Described::default();
        let mut rounds = 0;
        while let missing = described.missing(&mapping)
            && !missing.is_empty()
        {
            rounds += 1;
            for api in missing {
                described.add(org[&api].to_string().as_bytes()).unwrap();
            }
        }
        assert_eq!(rounds, 2, "the seven objects and the event, then the debtor");
        assert!(compare(&mapping, &described).is_empty());
    }
}

#[test]
fn each_thing_that_does_not_fit_is_one_finding_that_says_what_to_change() {
    use Weight::{Stops, Warns};
    for mapping in mappings() {
        for (field, changes, weight, what) in [
            (
                account::CEASE,
                json!({ "type": "string" }),
                Stops,
                "is a string; map a checkbox, or change the field's type",
            ),
            (account::CEASE, json!({ "updateable": false }), Stops, "cannot be written by the gateway's user"),
            (account::PHONE, json!({ "filterable": false }), Stops, "rows cannot be found by"),
            (account::PHONE, json!({ "externalId": false }), Warns, "mark the field as External ID, not unique"),
            (account::EXTERNAL_ID, json!({ "unique": false }), Stops, "mark the field as External ID and as Unique"),
            (account::BALANCE, json!({ "type": "string" }), Stops, "is a string; map a currency"),
            (account::STRATEGY, json!({ "referenceTo": ["Campaign"] }), Stops, "does not lead to"),
            (
                account::STRATEGY,
                json!({ "relationshipName": "Plan__r" }),
                Stops,
                "set relationship = \"Plan__r\" in the mapping",
            ),
            (strategy::MAX_INSTALMENTS, json!({ "type": "string" }), Stops, "map a number"),
            (
                attempt::EXTERNAL_ID,
                json!({ "length": 18 }),
                Stops,
                "and 54 may be written; set the length of the field to 54",
            ),
            (attempt::ESCALATION_REASON, json!({ "length": 80 }), Warns, "or set length = 80 in the mapping"),
            (attempt::STARTED_AT, json!({ "type": "date" }), Stops, "is a date; map a date/time"),
            (attempt::STARTED_AT, json!({ "createable": false }), Stops, "cannot be written"),
            (
                attempt::STATUS,
                json!({ "picklistValues": [
                    { "value": "Dialing", "active": true },
                    { "value": "In Progress", "active": true },
                    { "value": "Completed", "active": false },
                ] }),
                Stops,
                "has no value Completed, Interrupted; add them as active values, or change them in the mapping",
            ),
            (attempt::STATUS, json!({ "picklistValues": [], "restrictedPicklist": false }), Warns, "has no value"),
            (dispute::STATUS, json!({ "picklistValues": [], "restrictedPicklist": false }), Stops, "has no value Open"),
            (arrangement::TOTAL, json!({ "type": "percent" }), Stops, "map a currency"),
            (payment::CARD_LAST_FOUR, json!({ "length": 3 }), Warns, "takes 3 characters, and 4 may be written"),
            (
                account::PHONE,
                json!({ "type": "phone", "externalId": false }),
                Warns,
                "map a text field that is External ID and not unique",
            ),
            (
                attempt::ACCOUNT,
                json!({ "nillable": false }),
                Stops,
                "must have a value in the org, and the gateway has one for some rows only: rows are refused; make ",
            ),
            (compliance::NOTES, json!({ "nillable": false }), Stops, "not required, or give it a default value"),
        ] {
            let findings = spoiled(&mapping, field, &changes);
            assert_eq!(findings.len(), 1, "{}: {findings:#?}", field.name);
            let finding = &findings[0];
            assert_eq!((finding.weight, finding.subject), (weight, field.object.into()), "{finding}");
            assert_eq!(finding.field, Some(field.name));
            assert!(finding.to_string().contains(what), "{finding}");
        }
    }
}

#[test]
fn a_field_that_is_not_there_is_named_with_its_object() {
    for mapping in mappings() {
        for field in [account::DECEASED, strategy::BUSINESS_DAYS, compliance::MINI_MIRANDA_GIVEN] {
            let findings = spoiled(&mapping, field, &json!({ "name": "Something_Else__c" }));
            let (api, path) = (mapping.api(field.object), &mapping.field(field).unwrap().path);
            let what = format!("{api} has no field {path}, or the gateway's user may not see it");
            assert!(findings.iter().any(|finding| finding.what == what && finding.weight == Weight::Stops));
        }
    }
}

#[test]
fn an_object_that_is_not_there_or_not_permitted_stops_calls() {
    for mapping in mappings() {
        let api = mapping.api(Object::ComplianceRecord).to_string();
        let mut gone = org(&mapping);
        gone.remove(&api);
        let found = findings(&mapping, &gone);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].to_string().starts_with(&format!("stops calls: compliance_record: the org has no object {api}"))
        );
        for right in ["queryable", "createable", "updateable"] {
            let mut org = org(&mapping);
            org.get_mut(&api).unwrap()[right] = json!(false);
            let found = findings(&mapping, &org);
            assert_eq!((found.len(), found[0].field), (1, None), "{right}");
        }
        let mut org = org(&mapping);
        org.get_mut(mapping.api(Object::CollectionAccount).as_str()).unwrap()["createable"] = json!(false);
        assert!(findings(&mapping, &org).is_empty(), "calls make no accounts");
    }
}

#[test]
fn the_debtor_and_the_way_to_disputes_are_looked_at_too() {
    for mapping in mappings() {
        let account = mapping.api(Object::CollectionAccount).to_string();
        let mut no_debtor = org(&mapping);
        let relationship = mapping.field(account::GIVEN_NAME).unwrap().path.names().next().unwrap().to_owned();
        no_debtor.remove(&format!("Parent_{relationship}"));
        let found = findings(&mapping, &no_debtor);
        assert!(found.iter().any(|finding| finding.field == Some("given_name")), "{found:#?}");
        let mut no_way = org(&mapping);
        no_way.get_mut(&account).unwrap()["childRelationships"] = json!([]);
        let found = findings(&mapping, &no_way);
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().contains("give the lookup the child relationship name"), "{}", found[0]);
        let mut other = org(&mapping);
        other.get_mut(&account).unwrap()["childRelationships"][0]["relationshipName"] = json!("Objections__r");
        assert!(findings(&mapping, &other)[0].remedy.contains("set children = \"Objections__r\""));
    }
}

#[test]
fn an_org_without_the_value_for_an_outage_is_told_to_add_it() {
    for mapping in mappings() {
        let disposition = mapping.field(attempt::DISPOSITION).unwrap();
        let value = disposition.values.value("unavailable").unwrap();
        let others = disposition.values.all().filter(|known| *known != value);
        let others: Vec<Value> = others.map(|value| json!({ "value": value, "active": true })).collect();
        let found = spoiled(&mapping, attempt::DISPOSITION, &json!({ "picklistValues": others }));
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert!(finding.what.ends_with(&format!("has no value {value}")), "{finding}");
        assert!(
            finding.remedy.starts_with("add ") && finding.remedy.contains("as active value")
                || finding.remedy.starts_with("add it as an active value"),
            "{finding}"
        );
    }
}

#[test]
fn what_the_org_demands_beyond_the_mapping_stops_calls() {
    for mapping in mappings() {
        let mut org = org(&mapping);
        let demanded = json!({ "name": "Region__c", "type": "picklist", "createable": true, "nillable": false });
        push(org.get_mut(mapping.api(Object::Dispute).as_str()).unwrap(), "fields", demanded.clone());
        push(org.get_mut(mapping.api(Object::CollectionAccount).as_str()).unwrap(), "fields", demanded);
        let found = findings(&mapping, &org);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(
            found[0].to_string().contains("Region__c must have a value in the org, and the mapping does not name it")
        );
    }
}

#[test]
fn an_org_may_demand_what_every_row_has_and_nothing_else() {
    for mapping in mappings() {
        let made = Object::ALL.into_iter().filter(|object| object.is_created());
        for mapped in made.flat_map(|object| mapping.fields(object)).filter(|mapped| mapped.field.kind != Kind::Bool) {
            let found = spoiled(&mapping, mapped.field, &json!({ "nillable": false }));
            let told: Vec<_> = found.iter().map(|finding| (finding.weight, finding.field)).collect();
            let expected = (!mapped.field.is_filled).then_some((Weight::Stops, Some(mapped.field.name)));
            assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{}", mapped.path);
            let has_default = json!({ "nillable": false, "defaultedOnCreate": true });
            assert!(spoiled(&mapping, mapped.field, &has_default).is_empty(), "{}", mapped.path);
        }
    }
}

#[test]
fn a_field_that_is_not_there_is_told_as_it_is_made() {
    for mapping in mappings() {
        for (field, remedy) in [
            (attempt::EXTERNAL_ID, "as text of 64 characters, External ID and Unique, or give"),
            (attempt::NOTES, "as long text area of 32768 characters, or give"),
            (attempt::DIRECTION, "as picklist with the values Inbound, Outbound, or give"),
            (account::PHONE, "as text of 16 characters, External ID and not Unique, or give"),
            (account::CEASE, "as checkbox, or give"),
            (payment::CARD_LAST_FOUR, "as text of 4 characters, or give"),
            (payment::ARRANGEMENT, &format!("as lookup to {}, or give", mapping.api(Object::PaymentArrangement))),
        ] {
            let found = spoiled(&mapping, field, &json!({ "name": "Something_Else__c" }));
            assert!(found.iter().any(|finding| finding.remedy.contains(remedy)), "{found:#?}");
        }
    }
}

#[test]
fn what_stops_calls_comes_first() {
    use Weight::{Stops, StopsAssignments, Warns};
    let (mapping, _) = event::collectxpert();
    let mut org = org(&mapping);
    for api in [mapping.event().unwrap().api(), mapping.api(Object::ComplianceRecord)] {
        org.remove(api.as_str());
    }
    let weights = |findings: &[Finding]| findings.iter().map(|finding| finding.weight).collect::<Vec<_>>();
    assert_eq!(weights(&findings(&mapping, &org)), [Stops, StopsAssignments]);
    for mapping in mappings() {
        let both = spoiled(&mapping, account::PHONE, &json!({ "externalId": false, "filterable": false }));
        assert_eq!(weights(&both), [Stops, Warns]);
    }
}

#[test]
fn names_are_compared_without_case() {
    for mapping in mappings() {
        let org: Org = org(&mapping)
            .into_iter()
            .map(|(api, mut object)| {
                object["name"] = json!(api.to_uppercase());
                for field in object["fields"].as_array_mut().unwrap() {
                    field["name"] = json!(field["name"].as_str().unwrap().to_lowercase());
                }
                (api, object)
            })
            .collect();
        assert!(findings(&mapping, &org).is_empty());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_description_or_none(body: Vec<u8>) {
        let _ = Described::default().add(&body);
    }

    #[test]
    fn parts_of_a_description_are_compared(object in any::<prop::sample::Index>(), key in any::<prop::sample::Index>(), second in any::<bool>()) {
        let mapping = &mappings()[usize::from(second)];
        let mut org = org(mapping);
        let api = org.keys().nth(object.index(org.len())).unwrap().clone();
        let described = org.get_mut(&api).unwrap()["fields"].as_array_mut().unwrap();
        let place = key.index(described.len());
        let field = described[place].as_object_mut().unwrap();
        let names: Vec<String> = field.keys().filter(|name| !matches!(name.as_str(), "name" | "type")).cloned().collect();
        field.remove(&names[key.index(names.len())]);
        let _ = findings(mapping, &org);
    }
}
