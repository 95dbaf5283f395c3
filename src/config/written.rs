//! The values of some sections as the file writes them: what was not written is not here, so that a new key with a default
//! changes nothing.

use std::collections::BTreeMap;

/// The sections whose values are kept.
const SECTIONS: &[&str] = &["audit", "capture", "carrier", "processor"];

/// Keys with their values, both as text. Secrets are never in the file, and so not here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written(BTreeMap<String, String>);

impl Written {
    /// The values of a file's text, which was read before.
    pub(super) fn of(text: &str) -> Self {
        let document: toml::Table = text.parse().unwrap_or_default();
        let tables = SECTIONS.iter().filter_map(|name| Some((name, document.get(*name)?.as_table()?)));
        let values = tables.flat_map(|(name, table)| {
            table.iter().map(move |(key, value)| (format!("{name}.{key}"), value.to_string()))
        });
        Self(values.collect())
    }

    /// The value of a key, without its quotes.
    #[must_use]
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.trim_matches('"'))
    }

    /// Those keys that are wanted, in the order of the alphabet: `KEY = VALUE; KEY = VALUE`.
    #[must_use]
    pub(crate) fn described(&self, is_wanted: impl Fn(&str) -> bool) -> String {
        let wanted = self.0.iter().filter(|(key, _)| is_wanted(key));
        let pairs: Vec<String> = wanted.map(|(key, value)| format!("{key} = {}", value.replace('\n', " "))).collect();
        pairs.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_described_in_one_order_and_what_is_not_is_left_out() {
        let one = Written::of("[capture]\nprocessor_name = \"a\"\ncanary = true\n[log]\nlevel = \"debug\"\n");
        let other = Written::of("[log]\n[capture]\ncanary=true\nprocessor_name=\"a\"");
        assert_eq!(one, other);
        assert_eq!(one.described(|_| true), "capture.canary = true; capture.processor_name = \"a\"");
        assert_eq!(one.described(|key| key == "audit.node"), "");
        assert_eq!(one.value("capture.processor_name"), Some("a"));
    }
}
