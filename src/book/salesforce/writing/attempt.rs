//! The row of a contact attempt.

use super::body::Body;
use super::{Refused, Upsert, WriteError};
use crate::record::{ContactAttempt, Outcome};
use crate::salesforce::mapping::Mapping;
use crate::salesforce::object::{Object, attempt as fields};

pub(super) fn upsert(mapping: &Mapping, record: &ContactAttempt, refused: Refused<'_>) -> Result<Upsert, WriteError> {
    let mut body = Body::of(mapping, Object::ContactAttempt, refused);
    if let Some(account) = &record.account {
        body.link(fields::ACCOUNT, Object::CollectionAccount, account.as_str());
    }
    body.word(fields::DIRECTION, &record.direction);
    body.word(fields::CHANNEL, &"voice");
    body.word(fields::STATUS, &record.status);
    body.instant(fields::STARTED_AT, Some(record.started_at));
    body.instant(fields::ANSWERED_AT, record.answered_at);
    body.instant(fields::ENDED_AT, record.ended_at);
    if let Some((answered, ended)) = record.answered_at.zip(record.ended_at) {
        body.number(fields::DURATION_SECONDS, ended.duration_since(answered).as_secs().max(0));
    }
    body.word(fields::OUTCOME, &record.outcome);
    if let Some(disposition) = &record.disposition {
        body.word(fields::DISPOSITION, disposition);
    }
    body.bool(fields::RIGHT_PARTY, record.outcome == Outcome::RightParty);
    body.bool(fields::IDENTITY_VERIFIED, record.identity_verified);
    body.word(fields::RECORDING_CONSENT, &record.recording_consent);
    body.text(fields::RECORDING, record.recording.as_deref());
    body.text(fields::ESCALATION_REASON, record.escalation_reason.as_deref());
    body.text(fields::END_REASON, record.end_reason.as_deref());
    body.text(fields::TRUNK, Some(&record.trunk));
    body.text(fields::AGENT, Some(&record.agent));
    body.end(record.external_id.as_str())
}
