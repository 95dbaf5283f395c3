use ::book::salesforce::EventField;

use super::*;

async fn findings(rig: &Rig, mapping: &Mapping) -> Vec<::book::salesforce::Finding> {
    let described = described(&rig.connections, mapping, version(), soon()).await.unwrap();
    compare(mapping, &described)
}

#[tokio::test]
async fn each_org_has_what_its_profile_maps() {
    for profile in Profile::ALL {
        let (rig, mapping) = (Rig::of_profile(profile).await, profile.mapping(None).unwrap());
        let found: Vec<String> = findings(&rig, &mapping).await.iter().map(ToString::to_string).collect();
        assert_eq!(found, [""; 0], "{}", profile.name());
    }
}

#[tokio::test]
async fn a_field_that_is_hidden_is_named_with_what_to_do() {
    for profile in Profile::ALL {
        let (rig, mapping) = (Rig::of_profile(profile).await, profile.mapping(None).unwrap());
        let account = mapping.api(Object::CollectionAccount).as_str().to_owned();
        let path = mapping.field(::book::salesforce::object::account::CEASE).unwrap().path.as_str().to_owned();
        assert!(rig.org.hide(&account, &path, true));
        let found = findings(&rig, &mapping).await;
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((finding.weight, finding.field), (Weight::Stops, Some("cease")));
        assert!(finding.to_string().contains(&path), "{finding}");
    }
}

#[tokio::test]
async fn an_event_that_is_hidden_or_lacks_a_field_stops_assignments() {
    for profile in Profile::ALL {
        let (rig, mapping) = (Rig::of_profile(profile).await, profile.mapping(None).unwrap());
        let event = mapping.event().unwrap();
        let (api, account) = (event.api().as_str(), event.field(EventField::Account).unwrap().as_str());
        assert!(rig.org.hide_event(api, true));
        let found = findings(&rig, &mapping).await;
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((finding.weight, finding.field), (Weight::StopsAssignments, None));
        assert!(finding.remedy.contains(&format!("grant Read on {api} in the user's permission set")), "{finding}");
        assert!(findings(&rig, &mapping.clone().without_event()).await.is_empty(), "nothing subscribes");

        assert!(rig.org.hide_event(api, false) && rig.org.forget(api, account));
        let found = findings(&rig, &mapping).await;
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((finding.weight, finding.field), (Weight::StopsAssignments, Some("account")));
        assert!(finding.what.contains(&format!("{api} has no field {account}")), "{finding}");
    }
}

#[tokio::test]
async fn an_org_without_the_objects_is_told_apart_from_one_that_does_not_answer() {
    let rig = Rig::of_profile(Profile::CollectionsAndRecovery).await;
    let mapping = Profile::CollectXpert.mapping(None).unwrap();
    let found = findings(&rig, &mapping).await;
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(finding.weight, Weight::Stops);
    assert!(finding.remedy.contains("book.profile = \"collections-and-recovery\""), "{finding}");
    rig.order("sobjects", None, Trouble::Html { status: 503 });
    let error = described(&rig.connections, &mapping, version(), soon()).await.unwrap_err();
    assert_eq!(error.name(), "unavailable");
}

#[tokio::test]
async fn the_namespace_that_the_org_has_its_objects_under_is_named() {
    let schema = Schema::parse(&org::schema::sample(Profile::CollectXpert).replace("cxp__", "acme__")).unwrap();
    let rig = Rig::of_schema(schema, |key| SignIn::Assertion { username: USERNAME.to_owned(), key }).await;
    let found = findings(&rig, &Profile::CollectXpert.mapping(None).unwrap()).await;
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert!(finding.what.contains("none of the mapped objects"), "{finding}");
    assert!(finding.remedy.ends_with("would be there with book.namespace = \"acme\": set that"), "{finding}");
    assert!(findings(&rig, &Profile::CollectXpert.mapping(Some("acme")).unwrap()).await.is_empty());
}

#[tokio::test]
async fn a_version_that_the_org_does_not_know_is_told_and_nothing_is_described() {
    let (rig, mapping) = (Rig::start().await, Profile::CollectXpert.mapping(None).unwrap());
    let described = described(&rig.connections, &mapping, "v99.0".parse().unwrap(), soon()).await.unwrap();
    let found = compare(&mapping, &described);
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(finding.remedy, "set book.api_version to one that it has, v31.0 to v68.0");
    assert!(!described.has(mapping.api(Object::Dispute).as_str()));
}

#[tokio::test]
async fn a_standard_field_that_is_hidden_is_not_to_be_made() {
    let rig = Rig::of_profile(Profile::CollectionsAndRecovery).await;
    let mapping = Profile::CollectionsAndRecovery.mapping(None).unwrap();
    assert!(rig.org.hide("Contact", "MailingPostalCode", true));
    let found = findings(&rig, &mapping).await;
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert!(finding.what.starts_with("Contact.MailingPostalCode is a standard field"), "{finding}");
    assert!(finding.remedy.starts_with("grant Read on the field Contact.MailingAddress"), "{finding}");
}
