use super::*;
use crate::salesforce::mapping::Profile;

/// What is found in an org that has the objects of one mapping, lists them, and is compared with another.
fn compared(mapping: &Mapping, has: &Mapping) -> Vec<String> {
    let mut described = Described::default();
    let org = org(has);
    for api in described.missing(mapping) {
        if let Some(object) = org.get(&api) {
            described.add(object.to_string().as_bytes()).unwrap();
        }
    }
    assert!(described.lacks_most(mapping));
    let names: Value = org.keys().map(|api| json!({ "name": api })).collect();
    described.add_list(json!({ "sobjects": names }).to_string().as_bytes()).unwrap();
    compare(mapping, &described).iter().map(ToString::to_string).collect()
}

fn profile(profile: Profile, namespace: Option<&str>) -> Mapping {
    profile.mapping(namespace).unwrap()
}

#[test]
fn objects_of_another_namespace_are_one_finding_that_names_it() {
    for (used, has, remedy) in [
        (
            None,
            "acme",
            "acme__Collection_Account__c among them, would be there with book.namespace = \"acme\": set that",
        ),
        (Some("acme"), "", "Collection_Account__c among them, would be there with book.namespace = \"\": set that"),
        (
            Some(""),
            "cxp",
            "cxp__Collection_Account__c among them, would be there with book.namespace = \"cxp\": set that",
        ),
    ] {
        let mapping = profile(Profile::CollectXpert, used);
        let found = compared(&mapping, &profile(Profile::CollectXpert, Some(has)));
        let [finding] = found.as_slice() else { panic!("{found:#?}") };
        let api = mapping.api(Object::CollectionAccount);
        let begins = format!(
            "stops calls: book.profile: the org has none of the mapped objects, not {api} for one, or the gateway's user may \
             not see them; "
        );
        assert!(finding.starts_with(&begins) && finding.ends_with(remedy), "{finding}");
    }
}

#[test]
fn objects_of_the_other_profile_are_one_finding_that_names_it() {
    for (used, has, namespace) in [
        (profile(Profile::CollectionsAndRecovery, None), profile(Profile::CollectXpert, None), "cxp"),
        // One name is in both.
        (profile(Profile::CollectionsAndRecovery, None), profile(Profile::CollectXpert, Some("")), ""),
        (profile(Profile::CollectXpert, None), profile(Profile::CollectionsAndRecovery, None), ""),
    ] {
        let found = compared(&used, &has);
        let [finding] = found.as_slice() else { panic!("{found:#?}") };
        let name = has.origin().profile().unwrap().name();
        let settings = format!("would be there with book.profile = \"{name}\" and book.namespace = \"{namespace}\"");
        assert!(finding.contains(&settings), "{finding}");
    }
}

#[test]
fn where_nothing_fits_what_is_in_force_and_where_it_is_set_is_told() {
    let (nothing, namespace) = (Described::default(), Some("acme"));
    for (mapping, told) in [
        (
            profile(Profile::CollectXpert, None),
            "book.profile = \"collectxpert\" with its own namespace \"cxp\" is in force",
        ),
        (profile(Profile::CollectXpert, namespace), "\"collectxpert\" and book.namespace = \"acme\" is in force"),
        (
            Mapping::read(Profile::CollectXpert.text(), None).unwrap(),
            "stops calls: book.mapping: the org has none of the mapped",
        ),
    ] {
        let found = compare(&mapping, &nothing);
        assert_eq!(found.len(), 1, "{found:#?}");
        let said = found[0].to_string();
        assert!(said.contains(told) && said.contains("assign their permission set to the user"), "{said}");
    }
}

#[test]
fn single_objects_that_are_not_there_are_told_one_by_one() {
    for mapping in mappings() {
        let mut org = org(&mapping);
        for object in [Object::Dispute, Object::ContactAttempt] {
            org.remove(mapping.api(object).as_str());
        }
        assert!(!read(&org).lacks_most(&mapping));
        assert_eq!(findings(&mapping, &org).iter().filter(|finding| finding.field.is_none()).count(), 2);
    }
}
