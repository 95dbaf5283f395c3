//! What a debtor tells of its call: one JSON object a line. Keys are counted and never told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{DebtorError, DebtorVoice, Person};
use crate::matcher::PromptHeard;

/// Writes lines.
pub struct Report<Write> {
    write: Write,
    began: Instant,
}

impl<Write: FnMut(&str)> Report<Write> {
    /// A report that begins now.
    pub fn new(write: Write) -> Self {
        Self { write, began: Instant::now() }
    }

    pub(super) fn calling(&mut self, person: &Person, voice: &DebtorVoice) {
        let name = format!("{} {}", person.given_name, person.family_name);
        self.line("calling", json!({ "name": name, "from": person.phone, "voice": voice.name() }));
    }

    pub(super) fn answered(&mut self) {
        self.line("answered", json!({}));
    }

    pub(super) fn heard(&mut self, heard: &PromptHeard) {
        let detail = json!({
            "name": heard.name,
            "began_ms": millis(heard.started_at),
            "ended_ms": millis(heard.ended_at),
            "complete": (heard.complete * 1_000.0).round() / 1_000.0,
        });
        self.line("heard", detail);
    }

    /// Something is said from now on, whose first sound comes after `onset`.
    pub(super) fn said(&mut self, text: &str, onset: Duration) {
        self.line("said", json!({ "text": text, "onset_ms": millis(onset) }));
    }

    pub(super) fn keyed(&mut self, purpose: &str, count: usize) {
        self.line("keyed", json!({ "purpose": purpose, "count": count }));
    }

    pub(super) fn hung_up(&mut self) {
        self.line("hung_up", json!({ "by": "gateway" }));
    }

    pub(super) fn failed(&mut self, error: &DebtorError) {
        self.line("failed", json!({ "reason": error.to_string() }));
    }

    pub(super) fn done(&mut self) {
        self.line("done", json!({}));
    }

    fn line(&mut self, event: &str, mut detail: Value) {
        detail["at_ms"] = json!(millis(self.began.elapsed()));
        detail["event"] = json!(event);
        (self.write)(&detail.to_string());
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
