//! What a mapping says of one field.

use super::section::Section;
use super::{NAMES, NAMESPACE, Reader};
use crate::salesforce::field::{Field, Kind};
use crate::salesforce::mapping::values::OTHER;
use crate::salesforce::mapping::{MappedField, Values};
use crate::salesforce::name::{ApiName, FieldPath};

/// The keys of a field that is written as a table.
const KEYS: [&str; 5] = ["api", "length", "values", "relationship", "children"];
/// Longest text of any field, in characters (Salesforce help, "Custom Field Types", Text Area (Long)).
const MOST_LENGTH: u32 = 131_072;
/// Longest API name of a picklist value.
const MOST_VALUE: usize = 255;

impl Reader<'_> {
    /// What a field is; `None` where it is left out, or something is wrong with it.
    pub(super) fn field(&mut self, section: &Section<'_>, field: Field) -> Option<MappedField> {
        let key = section.key(field.name);
        let Some(value) = section.get(field.name) else {
            if field.is_required {
                let remedy = format!("map it to a field of the org that is a {}", field.kind.name());
                self.problem(None, &key, "the field is not mapped, and calls need it", remedy);
            }
            return None;
        };
        let entry = value.as_table().map(|table| section.inner(field.name, table));
        let api = match &entry {
            Some(entry) => {
                self.known_keys(entry, &KEYS);
                self.text(entry, "api")
            }
            None => self.optional_text(section, field.name),
        };
        let path = api.and_then(|(text, line)| self.path(&key, line, text, field));
        let length = self.length(entry.as_ref(), field);
        let values = self.values(entry.as_ref(), &key, field);
        let relationship = self.relationship(entry.as_ref(), field, "relationship");
        let children = self.relationship(entry.as_ref(), field, "children");
        let path = path?;
        let relationship = match (relationship, field.kind) {
            (None, Kind::Reference(_)) => self.parent(&key, section.line(self.text, field.name), &path),
            (relationship, _) => relationship,
        };
        Some(MappedField { field, path, length, values: values?, relationship, children })
    }

    fn path(&mut self, key: &str, line: Option<usize>, text: &str, field: Field) -> Option<FieldPath> {
        let text = text.replace(NAMESPACE, &self.prefix);
        self.no_card(key, line, text.split('.'))?;
        let path: FieldPath = self.parsed(key, line, &text, NAMES)?;
        let must_be_own = field.is_written || matches!(field.kind, Kind::ExternalId | Kind::Reference(_));
        if must_be_own && !path.is_own() {
            let what = "the field is another object's, and this one must be the object's own";
            self.problem(line, key, what, "name a field of the object itself, without a dot");
            return None;
        }
        Some(path)
    }

    fn length(&mut self, entry: Option<&Section<'_>>, field: Field) -> Option<u32> {
        let usual = field.kind.length();
        let Some((entry, value)) = entry.and_then(|entry| Some((entry, entry.get("length")?))) else { return usual };
        let (line, key) = (entry.line(self.text, "length"), entry.key("length"));
        if !matches!(field.kind, Kind::Text(_)) {
            self.problem(line, &key, format!("a {} has no length", field.kind.name()), "leave it out");
            return usual;
        }
        let length =
            value.as_integer().filter(|value| value.radix() == 10).and_then(|value| value.as_str().parse().ok());
        let length = length.filter(|length| (1..=MOST_LENGTH).contains(length));
        if length.is_none() {
            let remedy = format!("write a whole number from 1 to {MOST_LENGTH}");
            self.problem(line, &key, "not a length", remedy);
        }
        length.or(usual)
    }

    /// `None`, and at least one problem, where values are missing or wrong.
    fn values(&mut self, entry: Option<&Section<'_>>, key: &str, field: Field) -> Option<Values> {
        let table = match entry.filter(|entry| entry.get("values").is_some()) {
            Some(entry) => Some(self.section(entry, "values")?),
            None => None,
        };
        let words = field.kind.words();
        match (table, words.is_empty()) {
            (None, true) => Some(Values::default()),
            (Some(table), true) => {
                let what = format!("a {} has no values", field.kind.name());
                self.problem(None, &table.key(""), what, "leave them out");
                None
            }
            (None, false) => {
                let remedy = format!("add values = {{ … }} with the org's value of each of {}", words.join(", "));
                self.problem(None, key, "the values of the picklist are missing", remedy);
                None
            }
            (Some(table), false) => self.words(&table, field),
        }
    }

    fn words(&mut self, table: &Section<'_>, field: Field) -> Option<Values> {
        let words = field.kind.words();
        let before = self.problems.len();
        self.known_keys(table, &[words, &[OTHER]].concat());
        let mut values = Values::default();
        for word in words {
            let Some(value) = self.picklist_value(table, word, field) else { continue };
            let twin = values.known.iter().find(|(_, other)| *other == value);
            if let Some((twin, _)) = twin.filter(|_| field.is_read || field.is_filtered) {
                let what = format!("{twin} has the same value, and it is read");
                self.problem(table.line(self.text, word), &table.key(word), what, "give each its own");
            }
            values.known.push((word, value));
        }
        values.other = self.picklist_value(table, OTHER, field);
        let missing: Vec<&str> = words.iter().copied().filter(|word| table.get(word).is_none()).collect();
        let must_be_known = field.is_read || field.is_filtered;
        if !missing.is_empty() && (must_be_known || values.other.is_none()) {
            let remedy = if must_be_known { "add them" } else { "add them, or an other for all of them" };
            self.problem(None, &table.key(missing[0]), format!("no value for {}", missing.join(", ")), remedy);
        }
        (self.problems.len() == before).then_some(values)
    }

    fn picklist_value(&mut self, table: &Section<'_>, word: &str, field: Field) -> Option<String> {
        let (text, line) = self.optional_text(table, word)?;
        let is_list = matches!(field.kind, Kind::Picklists(_));
        let is_value = (1..=MOST_VALUE).contains(&text.len())
            && !text.chars().any(char::is_control)
            && !(is_list && text.contains(';'));
        if !is_value {
            self.problem(line, &table.key(word), "not the API name of a picklist value", "copy it from the org");
            return None;
        }
        Some(text.to_owned())
    }

    fn relationship(&mut self, entry: Option<&Section<'_>>, field: Field, name: &str) -> Option<ApiName> {
        let entry = entry?;
        let (text, line) = self.optional_text(entry, name)?;
        let key = entry.key(name);
        if !matches!(field.kind, Kind::Reference(_)) {
            self.problem(line, &key, format!("a {} has no relationship", field.kind.name()), "leave it out");
            return None;
        }
        self.name(&key, line, text)
    }

    /// The relationship that a lookup has where nobody says otherwise (SOQL and SOSL Reference, "Understanding Relationship
    /// Names, Custom Objects, and Custom Fields").
    fn parent(&mut self, key: &str, line: Option<usize>, lookup: &FieldPath) -> Option<ApiName> {
        let name = lookup.as_str();
        let custom = name.strip_suffix("__c").map(|stem| format!("{stem}__r"));
        let parent = custom.or_else(|| name.strip_suffix("Id").map(str::to_owned)).and_then(|name| name.parse().ok());
        if parent.is_none() {
            let what = "the name of the relationship to the parent does not follow from the field's";
            self.problem(line, key, what, "add relationship = \"…\", the relationship name of the lookup");
        }
        parent
    }
}
