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
async fn an_org_without_the_objects_is_told_apart_from_one_that_does_not_answer() {
    let rig = Rig::of_profile(Profile::CollectionsAndRecovery).await;
    let mapping = Profile::CollectXpert.mapping(None).unwrap();
    let found = findings(&rig, &mapping).await;
    for object in Object::ALL {
        let api = mapping.api(object).as_str();
        assert!(found.iter().any(|finding| finding.weight == Weight::Stops && finding.what.contains(api)), "{api}");
    }
    rig.order("sobjects", None, Trouble::Html { status: 503 });
    let error = described(&rig.connections, &mapping, version(), soon()).await.unwrap_err();
    assert_eq!(error.name(), "unavailable");
}
