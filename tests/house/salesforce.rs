//! What customers deploy (`deploy/salesforce`), what the gateway maps (`config/salesforce`) and the org that it is tested against are
//! the same, and nothing is granted that is not used.

mod description;
mod guide;
mod package;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use book::salesforce::card::is_forbidden;
use book::salesforce::{EventField, Finding, Kind, Mapping, Object, Profile, compare};
use org::schema::{Field, Schema, sample};

use description::{described, kind};
use package::{Element, Grants, Package};

/// Granted though no call needs it: Salesforce grants no reading of contacts without reading of accounts.
const NEEDED_BY_SALESFORCE: &str = "Account";

/// A profile as it is deployed. A customer's own fields have no namespace: a prefix belongs to the package of its owner.
struct Deployed {
    package: Package,
    mapping: Mapping,
    /// The org of the tests, and what its names begin with.
    org: Schema,
    namespace: &'static str,
}

fn all() -> [Deployed; 2] {
    Profile::ALL.map(|profile| {
        let namespace = match profile {
            Profile::CollectXpert => "cxp__",
            Profile::CollectionsAndRecovery => "",
        };
        let (package, mapping) = (Package::read(profile.name()), profile.mapping(Some("")).unwrap());
        assert!(package.fields().count() > 100, "{} is read", profile.name());
        Deployed { package, mapping, org: Schema::parse(sample(profile)).unwrap(), namespace }
    })
}

impl Deployed {
    fn findings(&self, grants: &Grants) -> Vec<Finding> {
        compare(&self.mapping, &described(&self.package, grants, &self.org))
    }

    /// The custom fields that the mapping names, the event's and the lookups on the way to others among them.
    fn mapped(&self) -> BTreeSet<(String, String)> {
        let mapped = Object::ALL.into_iter().flat_map(|object| self.mapping.fields(object));
        let own = mapped.map(|mapped| {
            let first = mapped.path.names().next().unwrap();
            (self.mapping.api(mapped.field.object).to_string(), first.replace("__r", "__c"))
        });
        own.filter(|(_, field)| field.ends_with("__c")).chain(self.mapped_of_event()).collect()
    }

    fn mapped_of_event(&self) -> impl Iterator<Item = (String, String)> {
        let event = self.mapping.event().into_iter();
        event.flat_map(|event| {
            let names = EventField::ALL.into_iter().filter_map(|field| event.field(field));
            names.map(|name| (event.api().to_string(), name.to_string()))
        })
    }

    fn in_org(&self, object: &str, field: &str) -> Option<&Field> {
        let object = if object.ends_with("__c") { format!("{}{object}", self.namespace) } else { object.to_owned() };
        self.org.object(&object)?.field(&format!("{}{field}", self.namespace))
    }
}

#[test]
fn an_org_with_what_is_deployed_fits_the_mapping() {
    for deployed in all() {
        let findings = deployed.findings(&deployed.package.grants);
        assert!(findings.is_empty(), "{}", findings.iter().map(|finding| format!("{finding}\n")).collect::<String>());
    }
}

#[test]
fn no_field_is_deployed_that_is_not_mapped() {
    for deployed in all() {
        let fields = deployed.package.fields();
        let fields: BTreeSet<_> = fields.map(|(object, name, _)| (object.to_owned(), name.to_owned())).collect();
        assert_eq!(fields, deployed.mapped(), "deployed on the left, mapped on the right");
    }
}

#[test]
fn whatever_is_granted_is_needed() {
    for deployed in all() {
        let granted = &deployed.package.grants;
        for (api, rights) in granted.objects.iter().filter(|(api, _)| *api != NEEDED_BY_SALESFORCE) {
            for right in rights {
                let mut less = granted.clone();
                less.objects.get_mut(api).unwrap().retain(|kept| kept != right);
                assert!(!deployed.findings(&less).is_empty(), "{right} on {api} is granted for nothing");
            }
        }
        for (field, is_editable) in &granted.fields {
            let mut less = granted.clone();
            less.fields.remove(field);
            assert!(!deployed.findings(&less).is_empty(), "{field} is granted for nothing");
            if *is_editable {
                less.fields.insert(field.clone(), false);
                assert!(!deployed.findings(&less).is_empty(), "{field} need not be edited");
            }
        }
        assert!(granted.objects.get(NEEDED_BY_SALESFORCE).is_none_or(|rights| rights == &["allowRead"]));
    }
}

#[test]
fn nothing_is_deployed_for_account_data_of_a_card() {
    for deployed in all() {
        for (object, name, field) in deployed.package.fields() {
            let label = field.text("label").replace(' ', "_");
            assert!(!is_forbidden(name) && !is_forbidden(&label), "{object}.{name} is made for a card number");
        }
    }
}

#[test]
fn the_event_is_deployed_as_check_says_that_it_is_made() {
    for deployed in all() {
        let event = deployed.mapping.event().expect("each profile has its event");
        let events =
            deployed.package.objects.iter().filter(|(_, object)| object.is_event()).map(|(api, _)| api.as_str());
        assert_eq!(events.collect::<Vec<_>>(), [event.api().as_str()]);
        let fields = &deployed.package.objects[event.api().as_str()].fields;
        for mapped in EventField::ALL {
            let field = &fields[event.field(mapped).unwrap().as_str()];
            let made = match (mapped.kind(), mapped.kind().length()) {
                (_, Some(length)) => ("string", usize::try_from(length).unwrap()),
                (Kind::Instant, None) => ("datetime", 0),
                (_, None) => ("double", 0),
            };
            assert_eq!((kind(field), field.number("length")), made, "{}", mapped.name());
        }
    }
}

/// Type, length, digits, whether it is a key, required, its values and where it leads.
type Shape = (String, usize, usize, usize, [bool; 3], Vec<String>, String, String);

fn deployed_shape(field: &Element, namespace: &str) -> Shape {
    let with = |name: &str| if name.ends_with("__c") { format!("{namespace}{name}") } else { name.to_owned() };
    let flags = [field.is("externalId"), field.is("unique"), field.is("required")];
    let to = field.find("referenceTo").map(with).unwrap_or_default();
    let children = field.find("relationshipName").map(|name| format!("{namespace}{name}__r")).unwrap_or_default();
    let [length, precision, scale] = ["length", "precision", "scale"].map(|name| field.number(name));
    (kind(field).to_owned(), length, precision, scale, flags, field.values.clone(), to, children)
}

fn org_shape(field: &Field) -> Shape {
    // An org has a length for more than texts, and metadata for texts alone.
    let length = if matches!(field.kind.name(), "string" | "textarea") { field.length } else { 0 };
    let (precision, scale) = (usize::try_from(field.precision).unwrap(), usize::try_from(field.scale).unwrap());
    let flags = [field.external_id, field.unique, field.required];
    let (values, to, children) = (field.values.clone(), field.to.clone(), field.children.clone());
    (field.kind.name().to_owned(), length, precision, scale, flags, values, to, children)
}

#[test]
fn the_org_of_the_tests_is_the_org_that_customers_get() {
    for deployed in all() {
        for (object, name, field) in deployed.package.fields().filter(|(object, _, _)| !object.ends_with("__e")) {
            let known = deployed.in_org(object, name).unwrap_or_else(|| panic!("the org has no {object}.{name}"));
            assert_eq!(org_shape(known), deployed_shape(field, deployed.namespace), "{object}.{name}");
        }
        assert_eq!(deployed.org.events().count(), 1);
        for event in deployed.org.events() {
            let own = event.name.strip_prefix(deployed.namespace).unwrap();
            let fields = &deployed.package.objects[own].fields;
            let theirs: BTreeMap<_, _> =
                fields.iter().map(|(name, field)| (name.as_str(), deployed_shape(field, ""))).collect();
            let ours = event
                .fields
                .iter()
                .map(|field| (field.name.strip_prefix(deployed.namespace).unwrap(), org_shape(field)));
            assert_eq!(ours.collect::<BTreeMap<_, _>>(), theirs, "{own}");
        }
    }
}

/// Whether an org takes it: what the Metadata API refuses (help, "Custom Field Attributes"; Platform Events Developer Guide,
/// "Platform Event Fields").
#[test]
fn what_an_org_would_refuse_is_not_deployed() {
    for deployed in all() {
        let mut relationships = BTreeSet::new();
        for (object, name, field) in deployed.package.fields() {
            let (kind, place) = (field.text("type"), format!("{object}.{name}"));
            assert!(field.text("label").chars().count() <= 40, "{place} has a long label");
            assert!(!field.text("description").is_empty(), "{place} is explained");
            assert!(!field.is("externalId") || kind == "Text", "no {kind} can be an external id: {place}");
            assert!(
                !field.is("required") || !deployed.package.grants.fields.contains_key(&place),
                "{place} is required"
            );
            if object.ends_with("__e") {
                let kinds = ["Checkbox", "Date", "DateTime", "Number", "Text", "LongTextArea"];
                assert!(kinds.contains(&kind), "no event has a {kind}: {place}");
            }
            if let Some(parent) = field.find("referenceTo") {
                assert_eq!(field.find("deleteConstraint"), Some("SetNull"), "{place} locks its parent less");
                let is_new = relationships.insert((parent, field.text("relationshipName")));
                assert!(is_new, "{parent} has two relationships of the name of {place}");
            }
        }
        for (api, object) in &deployed.package.objects {
            let Some(own) = &object.own else { continue };
            assert!(!own.text("description").is_empty() && !own.text("pluralLabel").is_empty(), "{api}");
            if object.is_event() {
                assert_eq!((own.text("eventType"), own.text("publishBehavior")), ("HighVolume", "PublishAfterCommit"));
            }
        }
    }
}

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_guide_names_settings_files_and_errors_that_are_there() {
    let (guide, keys) = (text("deploy/salesforce/README.md"), text("src/config/keys.rs"));
    let example = guide.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let example: toml::Table = toml::from_str(example).unwrap();
    let set = example["book"].as_table().unwrap().keys().map(|key| format!("book.{key}"));
    let words: Vec<&str> = guide.split('`').skip(1).step_by(2).collect();
    let named = words.iter().filter_map(|word| word.strip_prefix("book.")?.split(' ').next());
    for key in set.chain(named.map(|key| format!("book.{key}"))) {
        assert!(keys.contains(&format!("\"{key}\"")), "no setting is called {key}");
    }
    for link in guide.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/salesforce").join(link);
        assert!(link.starts_with("https://") || path.exists(), "{link} is not there");
    }
    let describe = ["compare", "standard", "topic", "versions", "whole"];
    let describe = describe.map(|file| text(&format!("src/book/salesforce/describe/{file}.rs"))).concat();
    let sources = ["backends/salesforce/authority.rs", "backends/salesforce.rs"];
    let errors = sources.map(|source| text(&format!("src/{source}"))).concat() + &describe;
    let rows = guide.split_once("Where it cannot sign in, or much does not fit:").unwrap().1.lines();
    let told: Vec<&str> = rows.filter_map(|line| line.strip_prefix("| `")?.split(['`', ':']).next()).collect();
    assert!(told.len() > 8 && told.iter().all(|error| errors.contains(error)), "{told:#?}");
    for deployed in all() {
        assert!(guide.contains(&format!("*{}*", deployed.package.grants.label)), "{}", deployed.package.grants.label);
    }
}

#[test]
fn the_guide_tells_what_each_event_must_have() {
    let guide = text("deploy/salesforce/README.md");
    for deployed in all() {
        let event = deployed.mapping.event().unwrap();
        let required = EventField::ALL.into_iter().filter(|field| field.is_required());
        for name in required.map(|field| event.field(field).unwrap()).chain([event.api()]) {
            assert!(guide.contains(&format!("`{name}`")), "the guide does not tell of {name}");
        }
    }
}
