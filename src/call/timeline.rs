//! What happened in a call, in order, in words that name no person and no number.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Most entries one call keeps; the rest is counted.
pub(crate) const MAX_ENTRIES: usize = 2_000;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Milliseconds since the INVITE arrived.
    pub at_ms: u64,
    /// What happened, as a stable name (`answered`, `prompt.finished`, `capture.armed`).
    pub kind: &'static str,
    /// The particulars: prompt names, counts, milliseconds. Never a digit, a name or a number of a person.
    pub detail: String,
    /// How long it took, in milliseconds, where that means something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

/// The entries of one call.
#[derive(Debug)]
pub struct Timeline {
    began: Instant,
    entries: Vec<Entry>,
    dropped: u64,
}

impl Timeline {
    /// An empty timeline that counts from `began`.
    #[must_use]
    pub fn new(began: Instant) -> Self {
        Self { began, entries: Vec::new(), dropped: 0 }
    }

    /// Adds an entry and returns it, so that it can be shown live.
    pub fn note(
        &mut self,
        now: Instant,
        kind: &'static str,
        detail: impl Into<String>,
        took: Option<Duration>,
    ) -> Entry {
        let entry = Entry {
            at_ms: millis(now.saturating_duration_since(self.began)),
            kind,
            detail: detail.into(),
            took_ms: took.map(millis),
        };
        if self.entries.len() < MAX_ENTRIES {
            self.entries.push(entry.clone());
        } else {
            self.dropped += 1;
        }
        entry
    }

    /// All entries so far, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many entries found no room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_order_and_their_offset() {
        let began = Instant::now();
        let mut timeline = Timeline::new(began);
        timeline.note(began, "invited", "", None);
        timeline.note(began + Duration::from_millis(40), "answered", "PCMU", Some(Duration::from_millis(40)));
        let kinds: Vec<_> = timeline.entries().iter().map(|entry| (entry.at_ms, entry.kind)).collect();
        assert_eq!(kinds, [(0, "invited"), (40, "answered")]);
    }

    #[test]
    fn entries_beyond_the_bound_are_counted() {
        let began = Instant::now();
        let mut timeline = Timeline::new(began);
        for _ in 0..MAX_ENTRIES + 3 {
            timeline.note(began, "tick", "", None);
        }
        assert_eq!((timeline.entries().len(), timeline.dropped()), (MAX_ENTRIES, 3));
    }
}
