//! Finds rows by a value without looking at every row. Case does not count, as in an external id of Salesforce's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Ids by field and value.
#[derive(Default)]
pub(super) struct Index {
    fields: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Index {
    pub(super) fn insert(&mut self, field: &str, value: &Value, id: &str) {
        if let Some(key) = key(value) {
            let values = self.fields.entry(field.to_owned()).or_default();
            values.entry(key).or_default().insert(id.to_owned());
        }
    }

    pub(super) fn remove(&mut self, field: &str, value: &Value, id: &str) {
        let Some((key, values)) = key(value).zip(self.fields.get_mut(field)) else { return };
        if let Some(ids) = values.get_mut(&key) {
            ids.remove(id);
            if ids.is_empty() {
                values.remove(&key);
            }
        }
    }

    pub(super) fn find(&self, field: &str, value: &Value) -> BTreeSet<String> {
        let ids = key(value).and_then(|key| self.fields.get(field)?.get(&key));
        ids.cloned().unwrap_or_default()
    }
}

/// Nothing is found by null.
fn key(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.to_lowercase()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Some(value.to_string()),
    }
}
