//! The compliance record: one for every call, whatever came of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::external::ExternalId;
use crate::account::AccountId;

/// A notice that the gateway plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisclosureKind {
    /// Who is calling or being called.
    Opening,
    /// That an automated assistant speaks.
    AutomatedAssistant,
    /// That the call is recorded.
    Recording,
    /// That this is an attempt to collect a debt (12 CFR 1006.18(e)).
    MiniMiranda,
    /// That the debt may be disputed.
    DisputeRights,
}

impl DisclosureKind {
    /// The name of the prompt that says it, as the audit chain has it: two may be said by one prompt.
    #[must_use]
    pub fn prompt(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::AutomatedAssistant => "ai_notice",
            Self::Recording => "recording_notice",
            Self::MiniMiranda | Self::DisputeRights => "mini_miranda",
        }
    }
}

/// How much of a notice was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// All of it.
    Delivered,
    /// A part of it.
    Partial,
    /// None of it.
    NotPlayed,
}

/// One notice in one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// Which notice.
    pub kind: DisclosureKind,
    /// How much of it was played.
    pub delivery: Delivery,
    /// When it ended, or was cut.
    pub at: Option<Timestamp>,
    /// The hash of the audit record that proves it, in hexadecimal; the store fills it in when the call ends.
    pub proof: Option<String>,
}

/// Something the person asked for or stated that binds the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DebtorRequest {
    /// No more contact.
    Cease,
    /// No more calls.
    VoiceOptOut,
    /// Is represented by an attorney.
    Attorney,
    /// Is bankrupt.
    Bankruptcy,
    /// Disputes the debt.
    Dispute,
    /// Is not the debtor.
    WrongParty,
    /// Cannot talk at this time or place.
    InconvenientTime,
    /// Wants a person.
    Human,
    /// Does not want to be recorded.
    NoRecording,
}

/// What was disclosed and asked for in one call (Compliance Record).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComplianceRecord {
    /// [`ExternalId::compliance`] of the call.
    pub external_id: ExternalId,
    /// The call.
    pub call: Uuid,
    /// The contact attempt it belongs to.
    pub attempt: ExternalId,
    /// The account, once identified.
    pub account: Option<AccountId>,
    /// Every notice of the call, also those not played.
    pub disclosures: Vec<Disclosure>,
    /// The rule by which the call was recorded, or was not; records of earlier versions have none.
    #[serde(default)]
    pub recording: Option<rules::recording::Basis>,
    /// What the person asked for or stated.
    pub requests: Vec<DebtorRequest>,
    /// The name of each flag that was found set, and what followed from it.
    pub findings: Vec<rules::contact::Finding>,
    /// The hash of the call's last audit record, in hexadecimal.
    pub evidence: Option<String>,
}

impl ComplianceRecord {
    /// The record of a call before anything was disclosed.
    #[must_use]
    pub fn empty(call: Uuid) -> Self {
        Self {
            external_id: ExternalId::compliance(call),
            call,
            attempt: ExternalId::attempt(call),
            account: None,
            disclosures: Vec::new(),
            recording: None,
            requests: Vec::new(),
            findings: Vec::new(),
            evidence: None,
        }
    }
}
