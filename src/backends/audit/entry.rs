//! What is put into the audit chain.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Hash, to_hex};

/// Longest text in a detail, in characters; the rest is cut.
const MOST_CHARACTERS: usize = 96;
/// Longest hexadecimal text in a detail: a signature of 128 bytes.
const MOST_HEX: usize = 256;
/// Longest setting, in characters: with the rest of an approval it fits into a signed note.
pub const MOST_SETTING: usize = 12 << 10;
/// From this many digits in a row on, the digits of a text are masked.
const DIGITS_MASKED: usize = 4;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A call was accepted.
    CallStarted,
    /// A required prompt was played, or a part of it: which, how much, and in which packets.
    Proof,
    /// The recorder was opened after its notice.
    RecordingStarted,
    /// The recording ended before the call did.
    RecordingStopped,
    /// The caller said what is or may be the number of a card, outside a capture (PCI DSS 12.10.7).
    NumberSaid,
    /// Whether the sound of it is silent in the recording.
    SpanSilenced,
    /// The right party was verified.
    Verified,
    /// Verification failed.
    VerificationFailed,
    /// The agent was given facts of the account.
    FactsDisclosed,
    /// An arrangement was agreed.
    ArrangementAgreed,
    /// The person asked for something that binds the collector.
    Request,
    /// Keys were held back from an agent.
    KeysSuppressed,
    /// A card capture was armed: every sink had acknowledged its mute.
    CaptureArmed,
    /// A card capture ended.
    CaptureEnded,
    /// A vault is ready: what it is, and by which key it signs.
    VaultStarted,
    /// The vault signed that a card was wiped.
    CardWiped,
    /// A payment may be submitted.
    PaymentOpened,
    /// The answer to a payment was lost; the processor is asked by the payment's id.
    PaymentUnknown,
    /// The outcome of a payment became known.
    PaymentResolved,
    /// Somebody asked for a refund; written before the processor is asked.
    RefundAsked,
    /// What came of a refund: whether the processor makes it.
    PaymentRefunded,
    /// A protective control failed and its call or capture was stopped.
    ControlFailed,
    /// Somebody attests that a trunk's line is private, or does so no longer.
    LineAttested,
    /// Somebody used the authenticated interface.
    Access,
    /// A transfer that was asked for ended.
    TransferEnded,
    /// A call ended.
    CallEnded,
    /// The gateway stopped during the call; written at the next start.
    CallInterrupted,
    /// A run of the gateway began to write the chain: after which head, and with which key.
    LogStarted,
    /// A run of the gateway ended in order.
    LogStopped,
    /// What a control is held against was accepted: at the first start, or by two operators.
    ControlAdopted,
    /// A control was weakened by two operators, for a time.
    ControlWeakened,
    /// A weakened control is in force again.
    ControlRestored,
    /// An approval was presented that is none.
    ApprovalRefused,
}

/// Named values, of types that cannot hold a keyed digit or a person's name by accident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Details(BTreeMap<String, Detail>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Detail {
    Flag(bool),
    Count(u64),
    Text(String),
}

impl Details {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a count, a size or a position.
    #[must_use]
    pub fn count(self, name: &'static str, value: u64) -> Self {
        self.with(name, Detail::Count(value))
    }

    /// Adds yes or no.
    #[must_use]
    pub fn flag(self, name: &'static str, value: bool) -> Self {
        self.with(name, Detail::Flag(value))
    }

    /// Adds a name from a fixed list or from the configuration. Runs of four digits and more are masked.
    #[must_use]
    pub fn text(self, name: &'static str, value: &str) -> Self {
        self.with(name, Detail::Text(masked(value)))
    }

    /// Adds a hash.
    #[must_use]
    pub fn hash(self, name: &'static str, value: &Hash) -> Self {
        self.with(name, Detail::Text(to_hex(value)))
    }

    /// Adds a hash or a signature that is given in hexadecimal. Anything else is left out but its length.
    #[must_use]
    pub fn hex(self, name: &'static str, value: &str) -> Self {
        let is_hex = value.len() <= MOST_HEX && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex { self.with(name, Detail::Text(value.to_owned())) } else { self.count(name, value.len() as u64) }
    }

    /// Adds a random id.
    #[must_use]
    pub fn id(self, name: &'static str, value: Uuid) -> Self {
        self.with(name, Detail::Text(value.to_string()))
    }

    /// Adds a moment.
    #[must_use]
    pub fn time(self, name: &'static str, value: Timestamp) -> Self {
        self.with(name, Detail::Text(value.to_string()))
    }

    /// Adds a setting of the configuration as it is written there, which the gateway has understood: an address, a path, a
    /// public key. Not for what a person says.
    #[must_use]
    pub fn setting(self, name: &'static str, value: &str) -> Self {
        self.with(name, Detail::Text(value.chars().take(MOST_SETTING).collect()))
    }

    /// The text of this name, where it is one.
    #[must_use]
    pub fn text_of(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Detail::Text(text) => Some(text),
            Detail::Flag(_) | Detail::Count(_) => None,
        }
    }

    /// The count of this name, where it is one.
    #[must_use]
    pub fn count_of(&self, name: &str) -> Option<u64> {
        match self.0.get(name)? {
            Detail::Count(count) => Some(*count),
            Detail::Flag(_) | Detail::Text(_) => None,
        }
    }

    /// The id of this name, where it is one.
    #[must_use]
    pub fn uuid(&self, name: &str) -> Option<Uuid> {
        self.text_of(name)?.parse().ok()
    }

    /// The moment of this name, where it is one.
    #[must_use]
    pub fn moment(&self, name: &str) -> Option<Timestamp> {
        self.text_of(name)?.parse().ok()
    }

    fn with(mut self, name: &'static str, detail: Detail) -> Self {
        self.0.insert(name.to_owned(), detail);
        self
    }
}

fn masked(text: &str) -> String {
    let text: Vec<char> = text.chars().take(MOST_CHARACTERS).collect();
    let runs = text.chunk_by(|one, other| one.is_numeric() == other.is_numeric());
    let mask = |run: &[char]| run.len() >= DIGITS_MASKED && run.iter().all(|character| character.is_numeric());
    runs.flat_map(|run| run.iter().map(move |&character| if mask(run) { '#' } else { character })).collect()
}

/// One thing for the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The call.
    pub call: Uuid,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
    /// With what.
    pub details: Details,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_a_row_are_masked_in_texts() {
        let details = Details::new().text("prompt", "en/opening/12").text("note", "call +12025550143 now ٤٢٤٢");
        let text = serde_json::to_string(&details).unwrap();
        assert_eq!(text, r#"{"note":"call +########### now ####","prompt":"en/opening/12"}"#);
    }

    #[test]
    fn long_texts_are_cut() {
        let text = serde_json::to_string(&Details::new().text("note", &"a".repeat(500))).unwrap();
        assert_eq!(text.len(), MOST_CHARACTERS + r#"{"note":""}"#.len());
    }
}
