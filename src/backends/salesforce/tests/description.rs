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
    let objects = Object::ALL.map(|object| (mapping.api(object), Weight::Stops));
    let event = mapping.event().map(|event| (event.api(), Weight::StopsAssignments));
    for (api, weight) in objects.into_iter().chain(event) {
        let is_it =
            |finding: &::book::salesforce::Finding| finding.weight == weight && finding.what.contains(api.as_str());
        assert!(found.iter().any(is_it), "{api}");
    }
    rig.order("sobjects", None, Trouble::Html { status: 503 });
    let error = described(&rig.connections, &mapping, version(), soon()).await.unwrap_err();
    assert_eq!(error.name(), "unavailable");
}
