//! The table of the event that assignments come as. A mapping may have none.

use super::section::Section;
use super::{EventField, EventMapping, MOST_ACTION, Reader};
use crate::salesforce::name::ApiName;

impl Reader<'_> {
    /// `Some(None)` where there is no such table.
    pub(super) fn event(&mut self, document: &Section<'_>) -> Option<Option<EventMapping>> {
        if document.get(EventMapping::TABLE).is_none() {
            return Some(None);
        }
        let section = self.section(document, EventMapping::TABLE)?;
        self.known_keys(&section, &["api", "fields", "actions"]);
        let api = self.text(&section, "api").and_then(|(text, line)| self.name(&section.key("api"), line, text));
        let fields = self.section(&section, "fields").map(|fields| self.event_fields(&fields));
        let actions = self.section(&section, "actions").map(|actions| {
            self.known_keys(&actions, &["assign", "revoke"]);
            (self.action(&actions, "assign"), self.action(&actions, "revoke"))
        });
        let (assign, revoke) = actions?;
        let event = EventMapping { api: api?, fields: fields?, assign: assign?, revoke: revoke? };
        if event.assign == event.revoke {
            let (line, key) = (section.line(self.text, "actions"), section.key("actions"));
            self.problem(line, &key, "both have the same value", "give each its own");
        }
        Some(Some(event))
    }

    fn event_fields(&mut self, section: &Section<'_>) -> Vec<(EventField, ApiName)> {
        self.known_keys(section, &EventField::ALL.map(EventField::name));
        let mut fields: Vec<(EventField, ApiName)> = Vec::new();
        for field in EventField::ALL {
            let name = field.name();
            let found = if field.is_required() { self.text(section, name) } else { self.optional_text(section, name) };
            let mapped = found.and_then(|(text, line)| self.name(&section.key(name), line, text));
            let Some(mapped) = mapped else { continue };
            if let Some((twin, _)) = fields.iter().find(|(_, other)| *other == mapped) {
                let what = format!("{mapped} is the field of {} too", twin.name());
                self.problem(section.line(self.text, name), &section.key(name), what, "give each its own");
            }
            fields.push((field, mapped));
        }
        fields
    }

    fn action(&mut self, section: &Section<'_>, name: &str) -> Option<String> {
        let (text, line) = self.text(section, name)?;
        if (1..=MOST_ACTION).contains(&text.len()) && !text.chars().any(char::is_control) {
            return Some(text.to_owned());
        }
        self.problem(line, &section.key(name), "not a value of an event's field", "copy it from the org");
        None
    }
}
