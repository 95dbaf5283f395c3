//! The Contact Attempt: one call.

use super::Object;
use crate::salesforce::field::Class::C1;
use crate::salesforce::field::{Field, Kind, fields};

const OBJECT: Object = Object::ContactAttempt;

/// Who called whom.
pub const DIRECTIONS: &[&str] = &["inbound", "outbound"];
/// By which channel.
pub const CHANNELS: &[&str] = &["voice"];
/// How far it has come.
pub const STATUSES: &[&str] = &["dialing", "in_progress", "completed", "interrupted"];
/// Who was reached.
pub const OUTCOMES: &[&str] = &[
    "right_party",
    "wrong_party",
    "third_party",
    "unverified",
    "not_identified",
    "blocked_by_compliance",
    "abandoned",
    "no_answer",
    "failed",
    "unknown",
];
/// What came of it.
pub const DISPOSITIONS: &[&str] = &[
    "arrangement",
    "promise_to_pay",
    "paid",
    "refusal",
    "dispute",
    "cease",
    "attorney",
    "bankruptcy",
    "hardship",
    "callback",
    "unavailable",
    "escalated",
    "dropped",
];
/// What was said to being recorded.
pub const CONSENTS: &[&str] = &["granted", "refused", "not_asked", "not_required"];

fields! {
    /// The attempt's key.
    EXTERNAL_ID = Field::new(OBJECT, "external_id", Kind::ExternalId, C1).written();
    /// The account, once identified.
    ACCOUNT = Field::new(OBJECT, "account", Kind::Reference(Object::CollectionAccount), C1).written().at_times();
    /// Who called whom.
    DIRECTION = Field::new(OBJECT, "direction", Kind::Picklist(DIRECTIONS), C1).written();
    /// By which channel.
    CHANNEL = Field::new(OBJECT, "channel", Kind::Picklist(CHANNELS), C1).written().optional();
    /// How far it has come.
    STATUS = Field::new(OBJECT, "status", Kind::Picklist(STATUSES), C1).written();
    /// When it began to ring.
    STARTED_AT = Field::new(OBJECT, "started_at", Kind::Instant, C1).written();
    /// When it was answered.
    ANSWERED_AT = Field::new(OBJECT, "answered_at", Kind::Instant, C1).written().at_times();
    /// When it ended.
    ENDED_AT = Field::new(OBJECT, "ended_at", Kind::Instant, C1).written().at_times();
    /// How long it was up, in seconds.
    DURATION_SECONDS = Field::new(OBJECT, "duration_seconds", Kind::Number, C1).written().at_times().optional();
    /// Who was reached.
    OUTCOME = Field::new(OBJECT, "outcome", Kind::Picklist(OUTCOMES), C1).written();
    /// What came of it.
    DISPOSITION = Field::new(OBJECT, "disposition", Kind::Picklist(DISPOSITIONS), C1).written().at_times();
    /// Whether the right party was reached.
    RIGHT_PARTY = Field::new(OBJECT, "right_party", Kind::Bool, C1).written().optional();
    /// Whether it was verified to be the right party.
    IDENTITY_VERIFIED = Field::new(OBJECT, "identity_verified", Kind::Bool, C1).written();
    /// What was said to being recorded.
    RECORDING_CONSENT = Field::new(OBJECT, "recording_consent", Kind::Picklist(CONSENTS), C1).written();
    /// Where the recording is, by name.
    RECORDING = Field::text(OBJECT, "recording", C1).written().at_times().optional();
    /// Why a person must take over.
    ESCALATION_REASON = Field::text(OBJECT, "escalation_reason", C1).written().at_times().optional();
    /// Why the call ended, by the gateway's name for it.
    END_REASON = Field::text(OBJECT, "end_reason", C1).written().at_times().optional();
    /// The trunk that carried it.
    TRUNK = Field::text(OBJECT, "trunk", C1).written().optional();
    /// The agent and its version.
    AGENT = Field::text(OBJECT, "agent", C1).written().optional();
    /// What another field could not take.
    NOTES = Field::long_text(OBJECT, "notes", C1).written().at_times().optional();
}
