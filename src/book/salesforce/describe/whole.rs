//! Where most of the objects are not there, what is wrong is which they are said to be: one thing, and not each of them.

use std::collections::BTreeSet;

use super::Described;
use super::finding::{Finding, Subject, Weight};
use super::standard::is_standard;
use crate::salesforce::mapping::{Mapping, Profile};
use crate::salesforce::object::Object;

/// What the org has in place of the mapped objects.
struct Fit {
    /// Another profile than the mapping's.
    profile: Option<Profile>,
    namespace: String,
    found: Vec<String>,
}

/// The API names of the mapped objects.
fn names(mapping: &Mapping) -> [&str; Object::ALL.len()] {
    Object::ALL.map(|object| mapping.api(object).as_str())
}

/// A name's namespace, which may be empty, and the rest.
fn apart(api: &str) -> (&str, &str) {
    match api.split_once("__") {
        Some((namespace, local)) if local.contains("__") => (namespace, local),
        Some(_) | None => ("", api),
    }
}

/// The same object under a namespace. Standard ones have none.
fn under(namespace: &str, api: &str) -> String {
    let (_, local) = apart(api);
    if namespace.is_empty() || is_standard(local) { local.to_owned() } else { format!("{namespace}__{local}") }
}

/// Whether so much is missing that something else than single objects is.
pub(super) fn lacks_most(mapping: &Mapping, org: &Described) -> bool {
    let missing = names(mapping).into_iter().filter(|api| org.get(api).is_none()).count();
    missing * 2 > Object::ALL.len()
}

/// What is wrong, where no custom object of the mapping is there, or where another profile or namespace fits whole.
pub(super) fn finding(mapping: &Mapping, org: &Described) -> Option<Finding> {
    if !lacks_most(mapping, org) {
        return None;
    }
    let names = names(mapping);
    let present = names.iter().filter(|api| org.get(api).is_some()).count();
    let has_custom = names.iter().any(|api| !is_standard(api) && org.get(api).is_some());
    let fit = fit(mapping, org).filter(|fit| fit.found.len() > present);
    if has_custom && fit.as_ref().is_none_or(|fit| fit.found.len() < names.len()) {
        return None;
    }
    let has =
        if present == 0 { "the org has none of the mapped objects" } else { "the org has few of the mapped objects" };
    let first = names.iter().find(|api| org.get(api).is_none())?;
    Some(Finding {
        weight: Weight::Stops,
        subject: Subject::Setting(mapping.origin().setting()),
        field: None,
        what: format!(
            "{has}, not {first} for one, or the gateway's user may not see them; {} is in force",
            mapping.origin()
        ),
        remedy: fit.map_or_else(usual, |fit| fit.remedy()),
    })
}

fn usual() -> String {
    "set book.profile and book.namespace as the org's objects are called; where they are right, deploy the objects and \
     assign their permission set to the user"
        .to_owned()
}

/// The profile and the namespace under which the org lists most of what is looked for, and half of it at the least: the
/// mapping's own names first.
fn fit(mapping: &Mapping, org: &Described) -> Option<Fit> {
    let namespaces: BTreeSet<&str> = org.listed.values().map(|api| apart(api).0).collect();
    let own = mapping.origin().profile();
    let others = Profile::ALL.into_iter().filter(|profile| own.is_some_and(|own| own != *profile));
    let others = others.filter_map(|profile| Some((Some(profile), profile.mapping(None).ok()?)));
    let mut best: Option<Fit> = None;
    for (profile, candidate) in std::iter::once((None, mapping.clone())).chain(others) {
        for namespace in &namespaces {
            let wanted = names(&candidate).map(|api| under(namespace, api).to_ascii_lowercase());
            let found: Vec<String> = wanted.iter().filter_map(|api| org.listed.get(api)).cloned().collect();
            let least = best.as_ref().map_or(Object::ALL.len() / 2, |best| best.found.len());
            if found.len() > least {
                best = Some(Fit { profile, namespace: (*namespace).to_owned(), found });
            }
        }
    }
    best
}

impl Fit {
    fn remedy(&self) -> String {
        let Self { profile, namespace, found } = self;
        let seen = found.iter().find(|api| !is_standard(api)).or(found.first()).map_or("", String::as_str);
        let profile = profile.map(|profile| format!("book.profile = \"{}\" and ", profile.name()));
        let settings = format!("{}book.namespace = \"{namespace}\"", profile.unwrap_or_default());
        format!("{} of them, {seen} among them, would be there with {settings}: set that", found.len())
    }
}
