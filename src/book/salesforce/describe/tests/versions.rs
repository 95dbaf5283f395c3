use super::*;

fn asked(version: &str, has: &[&str]) -> Vec<Finding> {
    let (mapping, _) = event::collectxpert();
    let mut described = Described::default();
    let list: Value = has
        .iter()
        .map(|version| json!({ "label": "…", "url": format!("/services/data/v{version}"), "version": version }))
        .collect();
    let version = version.parse().unwrap();
    let is_known = described.add_versions(version, list.to_string().as_bytes()).unwrap();
    let found = compare(&mapping, &described);
    assert_eq!(is_known, found.iter().all(|finding| finding.subject != Subject::Setting("book.api_version")));
    found
}

#[test]
fn a_version_that_the_org_does_not_know_is_the_only_thing_told() {
    let found = asked("v99.0", &["31.0", "68.0", "67.0"]);
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    let expected = "stops calls: book.api_version: the org does not know version v99.0 of the API; set book.api_version to \
                    one that it has, v31.0 to v68.0";
    assert_eq!(told, [expected]);
    assert_eq!(asked("v30.0", &["31.0", "68.0"]).len(), 1);
}

#[test]
fn a_version_that_is_listed_or_a_list_of_none_is_no_finding() {
    for has in [&["31.0", "68.0"][..], &[], &["next"]] {
        let found = asked("v68.0", has);
        assert!(found.iter().all(|finding| finding.subject != Subject::Setting("book.api_version")), "{found:?}");
    }
    assert!(Described::default().add_versions("v68.0".parse().unwrap(), b"{}").is_err());
}
