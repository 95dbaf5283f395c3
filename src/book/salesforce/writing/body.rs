//! The fields of one row as they are written.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use rules::account_data::masked;
use rules::money::Money;
use serde::Serialize;
use serde_json::{Map, Number, Value};

use super::{Link, Refused, Upsert, WriteError};
use crate::salesforce::fault::Refusal;
use crate::salesforce::field::Field;
use crate::salesforce::mapping::{MappedField, Mapping};
use crate::salesforce::object::Object;
use crate::vetting::vet_tree;

/// JSON's numbers are doubles, which keep fifteen digits: from here on two neighbours may be the same one.
const MOST_EXACT: u64 = 1_000_000_000_000_000;

/// A row that is being filled. Fields that are not mapped are left out, and the first error is kept until the end.
pub(super) struct Body<'a> {
    mapping: &'a Mapping,
    object: Object,
    refusal: Option<&'a Refusal>,
    fields: Map<String, Value>,
    links: Vec<Link>,
    notes: Vec<String>,
    error: Option<WriteError>,
}

impl<'a> Body<'a> {
    pub(super) fn of(mapping: &'a Mapping, object: Object, refused: Refused<'a>) -> Self {
        let refusal = refused.iter().rev().find(|(of, _)| *of == object).map(|(_, refusal)| refusal);
        let (fields, links, notes) = (Map::new(), Vec::new(), Vec::new());
        Self { mapping, object, refusal, fields, links, notes, error: None }
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.error.is_none()
    }

    pub(super) fn bool(&mut self, field: Field, value: bool) {
        self.put(field, |_| Some(Value::Bool(value)));
    }

    pub(super) fn number(&mut self, field: Field, value: i64) {
        self.put(field, |_| Some(value.into()));
    }

    pub(super) fn date(&mut self, field: Field, date: Option<Date>) {
        self.put(field, |_| Some(date?.to_string().into()));
    }

    /// A moment, to the millisecond; Salesforce keeps the second.
    pub(super) fn instant(&mut self, field: Field, instant: Option<Timestamp>) {
        self.put(field, |_| Some(instant?.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into()));
    }

    /// An amount of at most fifteen digits.
    pub(super) fn money(&mut self, field: Field, amount: Money) {
        let has_currency = self
            .object
            .fields()
            .iter()
            .any(|other| other.name == "currency" && other.is_written && self.mapping.field(*other).is_some());
        if !has_currency && amount.currency() != self.mapping.currency() {
            return self.fail(WriteError::Currency(field));
        }
        let double = amount.to_decimal().parse().ok().and_then(Number::from_f64);
        let Some(number) = double.filter(|_| amount.minor().unsigned_abs() < MOST_EXACT) else {
            return self.fail(WriteError::Amount(field));
        };
        self.put(field, |_| Some(Value::Number(number)));
    }

    /// A text. It is masked first and cut afterwards: what is left of a card number would not be known for one.
    pub(super) fn text(&mut self, field: Field, text: Option<&str>) {
        let (Some(text), Some(mapped)) = (text, self.mapping.field(field)) else { return };
        let masked = masked(text);
        let text = match (self.refusal, mapped.length) {
            (Some(_), Some(length)) => cut(&masked, length),
            (Some(_) | None, _) => &masked,
        };
        self.put(field, |_| Some(text.into()));
    }

    /// A value of a picklist, by the word that records have for it.
    pub(super) fn word(&mut self, field: Field, word: &impl Serialize) {
        let Some(mapped) = self.mapping.field(field) else { return };
        let word = serde_json::to_value(word).unwrap_or_default();
        let Some(word) = word.as_str() else { return self.fail(WriteError::Word(field)) };
        let is_refused = self.refusal.is_some_and(|refusal| names(refusal, mapped));
        let value = if is_refused { mapped.values.other() } else { mapped.values.value(word) };
        if is_refused {
            self.notes.push(format!("{}: {word}", field.name));
        } else if value.is_none() {
            return self.fail(WriteError::Word(field));
        }
        self.put(field, |_| value.map(Value::from));
    }

    /// A row of another object, by its external id (REST API Developer Guide, "Upsert Records with Relationships").
    pub(super) fn link(&mut self, field: Field, object: Object, key: &str) {
        let Some(mapped) = self.mapping.field(field) else { return };
        let parent = self.mapping.field(object.external_id());
        let (Some(relationship), Some(parent)) = (&mapped.relationship, parent) else { return };
        if is_like_a_card(key) {
            return self.fail(WriteError::Key(object));
        }
        let link = Map::from_iter([(parent.path.to_string(), Value::from(key))]);
        self.fields.insert(relationship.to_string(), Value::Object(link));
        let (relationship, field) = (relationship.to_string(), mapped.path.to_string());
        self.links.push(Link { relationship, field, parent: object, key: key.to_owned() });
    }

    /// The row with this external id, which is made where it is not there if calls make such.
    pub(super) fn end(self, key: &str) -> Result<Upsert, WriteError> {
        let is_made = self.object.is_created();
        Ok(Upsert { is_made, ..self.change(key)? })
    }

    /// The row with this external id, which is changed where it is there.
    pub(super) fn change(mut self, key: &str) -> Result<Upsert, WriteError> {
        self.write_notes();
        if let Some(error) = self.error {
            return Err(error);
        }
        if is_like_a_card(key) {
            return Err(WriteError::Key(self.object));
        }
        let external_id = self.mapping.field(self.object.external_id()).ok_or(WriteError::Key(self.object))?;
        // `key` has letters, digits, hyphens and underscores only, which stand for themselves in a path.
        let path = format!("{}/{}/{key}", self.mapping.api(self.object), external_id.path);
        let mut body = Value::Object(self.fields);
        vet_tree(&mut body)?;
        Ok(Upsert { object: self.object, path, body, links: self.links, is_made: false })
    }

    /// What was replaced, where the org has a field for it.
    fn write_notes(&mut self) {
        let field = self.object.fields().iter().find(|field| field.name == "notes" && field.is_written);
        if let Some(field) = field.filter(|_| !self.notes.is_empty()) {
            let notes = self.notes.join("\n");
            self.text(*field, Some(&notes));
        }
    }

    fn put(&mut self, field: Field, value: impl FnOnce(&MappedField) -> Option<Value>) {
        let Some(mapped) = self.mapping.field(field) else { return };
        if let Some(value) = value(mapped) {
            self.fields.insert(mapped.path.to_string(), value);
        }
    }

    fn fail(&mut self, error: WriteError) {
        self.error.get_or_insert(error);
    }
}

fn is_like_a_card(key: &str) -> bool {
    matches!(masked(key), Cow::Owned(_))
}

/// Whether a refusal is of the value of this picklist. One of a picklist that names none may be of any; another one is of a rule.
fn names(refusal: &Refusal, mapped: &MappedField) -> bool {
    let is_of_any = refusal.fields.is_empty() && refusal.code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST";
    is_of_any || refusal.fields.iter().any(|field| field.eq_ignore_ascii_case(mapped.path.as_str()))
}

/// At most so many characters, counted as Salesforce counts them: one beyond the basic plane is two.
fn cut(text: &str, length: u32) -> &str {
    let mut left = usize::try_from(length).unwrap_or(usize::MAX);
    for (at, character) in text.char_indices() {
        match left.checked_sub(character.len_utf16()) {
            Some(rest) => left = rest,
            None => return text.get(..at).unwrap_or(text),
        }
    }
    text
}
