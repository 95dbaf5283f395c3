//! A table of the file, and what every table has in common.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Reader;

/// Likeness from which a key is taken for another that was mistyped (Jaro and Winkler).
const ALIKE: f64 = 0.8;

/// A table and the way to it.
pub(super) struct Section<'a> {
    table: &'a DeTable<'a>,
    path: String,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) const fn of(table: &'a DeTable<'a>) -> Self {
        Self { table, path: String::new() }
    }

    /// A table in it.
    pub(super) fn inner(&self, name: &str, table: &'a DeTable<'a>) -> Self {
        Self { table, path: self.key(name) }
    }

    /// The whole key of a name in it.
    pub(super) fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a DeValue<'a>> {
        self.table.get(name).map(Spanned::get_ref)
    }

    /// Each name with its value.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a DeValue<'a>)> {
        self.table.iter().map(|(name, value)| (name.get_ref().as_ref(), value.get_ref()))
    }

    /// The line of a name, counted from 1.
    pub(super) fn line(&self, text: &str, name: &str) -> Option<usize> {
        self.table.get_key_value(name).map(|(key, _)| line(text, key.span().start))
    }
}

/// The line of a byte, counted from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

impl Reader<'_> {
    /// The table of this name, which must be there.
    pub(super) fn section<'a>(&mut self, parent: &Section<'a>, name: &str) -> Option<Section<'a>> {
        let Some(value) = parent.get(name) else {
            let remedy = "add the table; config/salesforce/collectxpert.toml has every one";
            self.problem(None, &parent.key(name), "the table is missing", remedy);
            return None;
        };
        let Some(table) = value.as_table() else {
            self.problem(parent.line(self.text, name), &parent.key(name), "not a table", "write it as a table");
            return None;
        };
        Some(parent.inner(name, table))
    }

    /// The text of this name, which must be there, and its line.
    pub(super) fn text<'a>(&mut self, section: &Section<'a>, name: &str) -> Option<(&'a str, Option<usize>)> {
        if section.get(name).is_none() {
            self.problem(None, &section.key(name), "the key is missing", "add it");
            return None;
        }
        self.optional_text(section, name)
    }

    /// The text of this name, where there is one, and its line.
    pub(super) fn optional_text<'a>(&mut self, section: &Section<'a>, name: &str) -> Option<(&'a str, Option<usize>)> {
        let value = section.get(name)?;
        let line = section.line(self.text, name);
        if value.as_str().is_none() {
            self.problem(line, &section.key(name), "not a text", "write it in quotes");
        }
        value.as_str().map(|text| (text, line))
    }

    /// Tells of every key that means nothing, and which one it may have been meant for.
    pub(super) fn known_keys(&mut self, section: &Section<'_>, known: &[&str]) {
        for (name, _) in section.entries().filter(|(name, _)| !known.contains(name)) {
            let remedy = nearest(name, known).map_or_else(
                || format!("use one of {}", known.join(", ")),
                |nearest| format!("did you mean {nearest}?"),
            );
            self.problem(section.line(self.text, name), &section.key(name), "the key means nothing", remedy);
        }
    }
}

fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::jaro_winkler(candidate, name);
    let best = known.iter().copied().max_by(|left, right| likeness(left).total_cmp(&likeness(right)))?;
    (likeness(best) >= ALIKE).then_some(best)
}
