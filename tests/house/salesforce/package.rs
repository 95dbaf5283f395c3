//! A package directory of `deploy/salesforce`: its objects, fields and permission set, as they are deployed (Metadata API Developer
//! Guide, "CustomObject", "CustomField", "PermissionSet").

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use roxmltree::{Document, Node};

/// What one `sf project deploy start` brings.
pub(super) struct Package {
    /// Its objects and events by API name.
    pub(super) objects: BTreeMap<String, Object>,
    /// Its permission set.
    pub(super) grants: Grants,
}

/// An object or event, or a standard object with fields for it.
#[derive(Default)]
pub(super) struct Object {
    /// Its own description: of an object that is in the org already there is none.
    pub(super) own: Option<Element>,
    /// Its fields by API name.
    pub(super) fields: BTreeMap<String, Element>,
}

/// An XML element with what is asked of it.
pub(super) struct Element {
    texts: Vec<(String, String)>,
    /// The values of a picklist, in their order.
    pub(super) values: Vec<String>,
}

/// What the permission set grants.
#[derive(Clone, Default)]
pub(super) struct Grants {
    /// What people call it.
    pub(super) label: String,
    /// Rights on objects, such as `allowRead`, by API name.
    pub(super) objects: BTreeMap<String, Vec<String>>,
    /// Whether a field, such as `Dispute__c.Status__c`, may be changed too.
    pub(super) fields: BTreeMap<String, bool>,
}

impl Package {
    pub(super) fn read(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/salesforce").join(name);
        let objects = entries(&root.join("objects")).map(|path| (stem(&path), Object::read(&path))).collect();
        let mut sets = entries(&root.join("permissionsets"));
        let (set, rest) = (sets.next().unwrap(), sets.next());
        assert!(rest.is_none(), "{name} has one permission set");
        Self { objects, grants: Grants::read(&set) }
    }

    /// Every field with the API name of its object.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str, &Element)> {
        self.objects.iter().flat_map(|(api, object)| {
            object.fields.iter().map(move |(name, field)| (api.as_str(), name.as_str(), field))
        })
    }
}

impl Object {
    fn read(directory: &Path) -> Self {
        let api = stem(directory);
        let own = directory.join(format!("{api}.object-meta.xml"));
        let own = own.exists().then(|| Element::read(&own, "CustomObject"));
        let fields = entries(&directory.join("fields")).map(|path| {
            let field = Element::read(&path, "CustomField");
            let name = field.text("fullName").to_owned();
            assert_eq!(stem(&path), name, "{api}: a file has the name of its field");
            (name, field)
        });
        Self { own, fields: fields.collect() }
    }

    pub(super) fn is_event(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.find("eventType").is_some())
    }
}

impl Element {
    fn read(path: &Path, root: &str) -> Self {
        with_root(path, root, |element| {
            let texts = element.children().filter(Node::is_element).map(|child| (name(child), text(child))).collect();
            let values = element.descendants().filter(|node| name(*node) == "value");
            Self { texts, values: values.map(|value| child(value, "fullName")).collect() }
        })
    }

    /// The text of a child, which must be there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.texts))
    }

    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.find(name) == Some("true")
    }

    pub(super) fn number(&self, name: &str) -> usize {
        self.find(name).map_or(0, |text| text.parse().unwrap())
    }
}

impl Grants {
    fn read(path: &Path) -> Self {
        with_root(path, "PermissionSet", |set| {
            let mut grants = Self { label: child(set, "label"), ..Self::default() };
            for granted in set.children().filter(|node| name(*node) == "objectPermissions") {
                let rights = granted.children().filter(|right| text(*right) == "true").map(name).collect();
                grants.objects.insert(child(granted, "object"), rights);
            }
            for granted in set.children().filter(|node| name(*node) == "fieldPermissions") {
                let field = child(granted, "field");
                assert_eq!(child(granted, "readable"), "true", "{field}");
                grants.fields.insert(field, child(granted, "editable") == "true");
            }
            let other = set.children().find(|node| name(*node).ends_with("Permissions") && !is_known(*node));
            assert!(other.is_none(), "a right of another kind: {other:?}");
            grants
        })
    }

    pub(super) fn has(&self, object: &str, right: &str) -> bool {
        self.objects.get(object).is_some_and(|rights| rights.iter().any(|granted| granted == right))
    }
}

fn is_known(node: Node<'_, '_>) -> bool {
    ["objectPermissions", "fieldPermissions"].contains(&node.tag_name().name())
}

fn with_root<T>(path: &Path, root: &str, read: impl FnOnce(Node<'_, '_>) -> T) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let element = document.root_element();
    assert_eq!(element.tag_name().name(), root, "{}", path.display());
    assert_eq!(element.tag_name().namespace(), Some("http://soap.sforce.com/2006/04/metadata"), "{}", path.display());
    read(element)
}

fn name(node: Node<'_, '_>) -> String {
    node.tag_name().name().to_owned()
}

fn text(node: Node<'_, '_>) -> String {
    node.text().unwrap_or_default().to_owned()
}

fn child(node: Node<'_, '_>, wanted: &str) -> String {
    node.children().find(|child| name(*child) == wanted).map(text).unwrap_or_default()
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let read = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    read.map(|entry| entry.unwrap().path())
}

/// The name of a file before its first dot.
fn stem(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned()
}
