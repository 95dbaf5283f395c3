//! The contact attempt: one call, from its first moment to its end.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::external::ExternalId;
use crate::account::AccountId;

/// Who called whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The person called.
    Inbound,
    /// The gateway called.
    Outbound,
}

/// How far the attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptStatus {
    /// The number is being dialled.
    Dialing,
    /// The call is up.
    InProgress,
    /// The call ended and all is known.
    Completed,
    /// The gateway stopped in the middle of the call.
    Interrupted,
}

/// Who was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The debtor, verified.
    RightParty,
    /// Somebody who said not to be the debtor.
    WrongParty,
    /// Somebody who answered for the debtor.
    ThirdParty,
    /// Somebody who could not be verified.
    Unverified,
    /// No account was found for the caller.
    NotIdentified,
    /// A flag forbade the talk.
    BlockedByCompliance,
    /// The person left before the talk began.
    Abandoned,
    /// Nobody answered.
    NoAnswer,
    /// The call failed.
    Failed,
    /// It cannot be known.
    Unknown,
}

/// What came of the talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// An arrangement was agreed.
    Arrangement,
    /// A payment was promised.
    PromiseToPay,
    /// A payment was made.
    Paid,
    /// The person refused.
    Refusal,
    /// The debt was disputed.
    Dispute,
    /// No more contact is wished.
    Cease,
    /// An attorney was named.
    Attorney,
    /// A bankruptcy was named.
    Bankruptcy,
    /// Hardship was reported.
    Hardship,
    /// A later call was asked for.
    Callback,
    /// The account could not be read, so that nothing was talked about.
    Unavailable,
    /// A person takes over.
    Escalated,
    /// The call dropped.
    Dropped,
}

/// What the caller said to being recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingConsent {
    /// Heard the notice and stayed.
    Granted,
    /// Refused.
    Refused,
    /// The notice was not played to its end.
    NotAsked,
    /// Nothing is recorded.
    NotRequired,
}

/// One call as the account book keeps it (Contact Attempt).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactAttempt {
    /// [`ExternalId::attempt`] of the call.
    pub external_id: ExternalId,
    /// The call.
    pub call: Uuid,
    /// The account, once identified.
    pub account: Option<AccountId>,
    /// Who called whom.
    pub direction: Direction,
    /// How far it has come.
    pub status: AttemptStatus,
    /// The trunk that carried it.
    pub trunk: String,
    /// When the call began to ring.
    pub started_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who was reached.
    pub outcome: Outcome,
    /// What came of it.
    pub disposition: Option<Disposition>,
    /// Whether the right party was verified.
    pub identity_verified: bool,
    /// What was said to being recorded.
    pub recording_consent: RecordingConsent,
    /// Where the recording is, by name.
    pub recording: Option<String>,
    /// Why a person must take over, where one must.
    pub escalation_reason: Option<String>,
    /// Why the call ended, by the gateway's name for it.
    pub end_reason: Option<String>,
    /// The agent and its version.
    pub agent: String,
}

impl ContactAttempt {
    /// The attempt of an inbound call as it starts: in progress, with nothing known yet.
    #[must_use]
    pub fn inbound(call: Uuid, trunk: &str, started_at: Timestamp, agent: &str) -> Self {
        Self {
            external_id: ExternalId::attempt(call),
            call,
            account: None,
            direction: Direction::Inbound,
            status: AttemptStatus::InProgress,
            trunk: trunk.to_owned(),
            started_at,
            answered_at: None,
            ended_at: None,
            outcome: Outcome::Unknown,
            disposition: None,
            identity_verified: false,
            recording_consent: RecordingConsent::NotAsked,
            recording: None,
            escalation_reason: None,
            end_reason: None,
            agent: agent.to_owned(),
        }
    }

    /// The attempt of an outbound call before anything was sent: the intent to dial, which counts as a call from then on.
    #[must_use]
    pub fn outbound(call: Uuid, account: AccountId, trunk: &str, started_at: Timestamp, agent: &str) -> Self {
        Self {
            account: Some(account),
            direction: Direction::Outbound,
            status: AttemptStatus::Dialing,
            ..Self::inbound(call, trunk, started_at, agent)
        }
    }
}
