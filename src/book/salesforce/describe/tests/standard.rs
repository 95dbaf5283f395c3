use super::*;
use crate::salesforce::describe::standard::{is_standard, permission};
use crate::salesforce::mapping::Profile;

#[test]
fn a_standard_name_has_no_suffix() {
    for (name, is) in [("FirstName", true), ("CollectionPlan", true), ("Dispute__c", false), ("acme__Queue__e", false)]
    {
        assert_eq!(is_standard(name), is, "{name}");
    }
}

#[test]
fn parts_of_a_name_or_an_address_are_granted_with_the_whole() {
    for (field, granted) in [
        ("FirstName", "Name"),
        ("lastname", "Name"),
        ("MailingPostalCode", "MailingAddress"),
        ("BillingStateCode", "BillingAddress"),
        ("PostalCode", "Address"),
        ("Birthdate", "Birthdate"),
        ("CurrentDueAmount", "CurrentDueAmount"),
    ] {
        assert_eq!(permission(field), granted);
    }
}

#[test]
fn a_standard_field_that_is_hidden_is_granted_and_not_made() {
    let mapping = Profile::CollectionsAndRecovery.mapping(None).unwrap();
    for (field, api, granted) in [
        (account::GIVEN_NAME, "Parent_Contact.FirstName", "grant Read on the field Parent_Contact.Name in"),
        (account::POSTAL_CODE, "Parent_Contact.MailingPostalCode", "the field Parent_Contact.MailingAddress in"),
        (account::BALANCE, "CollectionPlan.CurrentDueAmount", "the field CollectionPlan.CurrentDueAmount in"),
    ] {
        let mut org = org(&mapping);
        let (object, name) = api.split_once('.').unwrap();
        let fields = org.get_mut(object).unwrap()["fields"].as_array_mut().unwrap();
        fields.retain(|described| described["name"] != name);
        let found = findings(&mapping, &org);
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(finding.field, Some(field.name));
        assert_eq!(finding.what, format!("{api} is a standard field that the gateway's user may not see"));
        assert!(finding.remedy.contains(granted) && !finding.remedy.contains("create"), "{finding}");
    }
}

#[test]
fn a_standard_object_that_is_hidden_is_granted_and_not_made() {
    let mapping = Profile::CollectionsAndRecovery.mapping(None).unwrap();
    let mut org = org(&mapping);
    org.remove("CollectionPlan");
    let found = findings(&mapping, &org);
    assert!(found[0].to_string().starts_with(
        "stops calls: collection_account: CollectionPlan is a standard object that the gateway's user may not see; grant Read \
         on CollectionPlan in the user's permission set"
    ));
    assert!(found.iter().all(|finding| !finding.remedy.contains("create CollectionPlan")), "{found:#?}");
}
