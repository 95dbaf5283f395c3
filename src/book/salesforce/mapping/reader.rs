//! Reads a mapping from TOML.

mod entry;
mod event;
mod section;

use std::fmt;
use std::str::FromStr;

use rules::money::{Currency, MoneyError};
use toml::de::DeTable;

use self::section::Section;
use super::{EventField, EventMapping, MappedField, MappedObject, Mapping, Origin, Problem, Problems};
use crate::salesforce::card::is_forbidden;
use crate::salesforce::name::ApiName;
use crate::salesforce::object::{Object, dispute};

/// The keys beside the objects.
const SETTINGS: [&str; 3] = ["least_api_version", "namespace", "currency"];
/// Longest namespace (Salesforce help, "Create and Register Your Namespace").
const MOST_NAMESPACE: usize = 15;
/// Longest action of an event, in bytes: a picklist's value.
const MOST_ACTION: usize = 255;
/// What stands for the namespace in a name.
const NAMESPACE: &str = "{ns}";
/// How a name is written.
const NAMES: &str = "use the API name, with {ns} for the namespace";

pub(super) fn read(text: &str, namespace: Option<&str>) -> Result<Mapping, Problems> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(Problems(errors.iter().map(|error| in_text(text, error)).collect()));
    }
    let mut reader = Reader { text, prefix: String::new(), problems: Vec::new() };
    let mapping = reader.mapping(&Section::of(document.get_ref()), namespace);
    reader.end(mapping)
}

fn in_text(text: &str, error: &toml::de::Error) -> Problem {
    let line = error.span().map(|span| section::line(text, span.start));
    let what = error.message().trim().replace('\n', ", ");
    Problem { line, key: String::new(), what, remedy: "correct the TOML".into() }
}

/// What is known while a file is read.
struct Reader<'text> {
    text: &'text str,
    /// What stands in the place of [`NAMESPACE`]: `cxp__` or nothing.
    prefix: String,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn mapping(&mut self, document: &Section<'_>, namespace: Option<&str>) -> Option<Mapping> {
        let objects = Object::ALL.map(Object::name);
        self.known_keys(document, &[&SETTINGS[..], &objects[..], &[EventMapping::TABLE]].concat());
        let least_version = self.text(document, "least_api_version");
        let least_version =
            least_version.and_then(|(text, line)| self.parsed("least_api_version", line, text, "write it so"));
        let currency = self.text(document, "currency").and_then(|(text, line)| {
            let problem = |error: MoneyError| self.problem(line, "currency", error.to_string(), "write it so");
            Currency::parse(text).map_err(problem).ok()
        });
        self.namespace(document, namespace);
        let objects = Object::ALL.map(|object| self.object(document, object));
        let event = self.event(document);
        let [a, b, c, d, e, f, g] = objects;
        let objects = [a?, b?, c?, d?, e?, f?, g?];
        let is_given = namespace.is_some();
        let origin = Origin { profile: None, namespace: self.prefix.trim_end_matches('_').to_owned(), is_given };
        let mapping = Mapping { origin, least_version: least_version?, currency: currency?, objects, event: event? };
        self.check_depth(&mapping);
        Some(mapping)
    }

    /// What is given from outside goes before what the file says.
    fn namespace(&mut self, document: &Section<'_>, given: Option<&str>) {
        let (namespace, line) = match given {
            Some(given) => (given, None),
            None => match self.text(document, "namespace") {
                Some((text, line)) => (text, line),
                None => return,
            },
        };
        if namespace.is_empty() {
            return;
        }
        let is_namespace = namespace.len() <= MOST_NAMESPACE
            && namespace.parse::<ApiName>().is_ok()
            && !namespace.contains("__")
            && !namespace.ends_with('_');
        if is_namespace {
            self.prefix = format!("{namespace}__");
        } else {
            let what = "not a namespace: it has at most 15 letters, digits and single underscores";
            self.problem(line, "namespace", what, "write it without the two underscores, or \"\" for none");
        }
    }

    fn object(&mut self, document: &Section<'_>, object: Object) -> Option<MappedObject> {
        let section = self.section(document, object.name())?;
        self.known_keys(&section, &["api", "fields"]);
        let api = self.text(&section, "api").and_then(|(text, line)| self.name(&section.key("api"), line, text));
        let fields = self.section(&section, "fields").map(|fields| self.fields(&fields, object));
        Some(MappedObject { api: api?, fields: fields? })
    }

    fn fields(&mut self, section: &Section<'_>, object: Object) -> Vec<MappedField> {
        let names: Vec<&str> = object.fields().iter().map(|field| field.name).collect();
        self.known_keys(section, &names);
        let mut fields: Vec<MappedField> = Vec::new();
        for field in object.fields() {
            let Some(mapped) = self.field(section, *field) else { continue };
            let twin = fields.iter().find(|other| is_same(other, &mapped));
            if let Some(twin) = twin.filter(|twin| twin.field.is_written || field.is_written) {
                let what =
                    format!("{} is the field of {} too, and one of them is written", mapped.path, twin.field.name);
                self.problem(section.line(self.text, field.name), &section.key(field.name), what, "give each its own");
            }
            fields.push(mapped);
        }
        let accounts = fields.iter().find(|mapped| mapped.field == dispute::ACCOUNT);
        if accounts.is_some_and(|account| account.children.is_none()) {
            let name = dispute::ACCOUNT.name;
            let what = "the relationship from an account to its disputes is missing, by which open ones are found";
            let remedy = "add children = \"…__r\", the child relationship name of the lookup";
            self.problem(section.line(self.text, name), &section.key(name), what, remedy);
        }
        fields
    }

    /// Strategies are read with their accounts, in one statement.
    fn check_depth(&mut self, mapping: &Mapping) {
        for field in mapping.fields(Object::CollectionStrategy) {
            if let Err(error) = mapping.from_account(field) {
                let key = format!("{}.fields.{}", Object::CollectionStrategy.name(), field.field.name);
                self.problem(None, &key, error.to_string(), "name a field that is nearer to the account's strategy");
            }
        }
    }

    /// A name of the org with the namespace filled in.
    fn name(&mut self, key: &str, line: Option<usize>, text: &str) -> Option<ApiName> {
        let name = text.replace(NAMESPACE, &self.prefix);
        self.no_card(key, line, [name.as_str()].into_iter())?;
        self.parsed(key, line, &name, NAMES)
    }

    /// What a text means, where it can mean something.
    fn parsed<T: FromStr<Err: fmt::Display>>(
        &mut self,
        key: &str,
        line: Option<usize>,
        text: &str,
        remedy: &str,
    ) -> Option<T> {
        text.parse().map_err(|error: T::Err| self.problem(line, key, error.to_string(), remedy)).ok()
    }

    /// `None`, and a problem, where one of the names is made for account data of a card.
    fn no_card<'name>(
        &mut self,
        key: &str,
        line: Option<usize>,
        mut names: impl Iterator<Item = &'name str>,
    ) -> Option<()> {
        let Some(name) = names.find(|name| is_forbidden(name)) else { return Some(()) };
        let shown: String = name.chars().take(80).collect();
        let what = format!("{shown} is made for account data of a card, which no book takes");
        self.problem(line, key, what, "leave it out: the brand and the last four digits may be mapped, and no more");
        None
    }

    fn problem(&mut self, line: Option<usize>, key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem { line, key: key.into(), what: what.into(), remedy: remedy.into() });
    }

    fn end(mut self, mapping: Option<Mapping>) -> Result<Mapping, Problems> {
        self.problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        match mapping {
            Some(mapping) if self.problems.is_empty() => Ok(mapping),
            Some(_) | None => Err(Problems(self.problems)),
        }
    }
}

fn is_same(one: &MappedField, other: &MappedField) -> bool {
    one.path.as_str().eq_ignore_ascii_case(other.path.as_str())
}
