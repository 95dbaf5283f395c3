//! The row of a compliance record.

use serde::Serialize;

use super::body::Body;
use super::{Refused, Upsert, WriteError};
use crate::record::{ComplianceRecord, DebtorRequest, Delivery, DisclosureKind};
use crate::salesforce::field::Field;
use crate::salesforce::mapping::Mapping;
use crate::salesforce::object::{Object, compliance as fields};

/// Each notice with the fields for whether and when it was given.
const NOTICES: [(DisclosureKind, Field, Field); 5] = [
    (DisclosureKind::Opening, fields::OPENING_GIVEN, fields::OPENING_AT),
    (DisclosureKind::AutomatedAssistant, fields::AI_DISCLOSURE_GIVEN, fields::AI_DISCLOSURE_AT),
    (DisclosureKind::Recording, fields::RECORDING_NOTICE_GIVEN, fields::RECORDING_NOTICE_AT),
    (DisclosureKind::MiniMiranda, fields::MINI_MIRANDA_GIVEN, fields::MINI_MIRANDA_AT),
    (DisclosureKind::DisputeRights, fields::DISPUTE_RIGHTS_GIVEN, fields::DISPUTE_RIGHTS_AT),
];
/// Each request with its field.
const REQUESTS: [(DebtorRequest, Field); 9] = [
    (DebtorRequest::Cease, fields::CEASE_REQUEST),
    (DebtorRequest::VoiceOptOut, fields::DO_NOT_CALL_REQUEST),
    (DebtorRequest::Attorney, fields::ATTORNEY_CLAIMED),
    (DebtorRequest::Bankruptcy, fields::BANKRUPTCY_CLAIMED),
    (DebtorRequest::Dispute, fields::DISPUTE_RAISED),
    (DebtorRequest::WrongParty, fields::WRONG_PARTY_REPORTED),
    (DebtorRequest::InconvenientTime, fields::INCONVENIENT_TIME_REQUEST),
    (DebtorRequest::Human, fields::HUMAN_REQUEST),
    (DebtorRequest::NoRecording, fields::RECORDING_REFUSED),
];

pub(super) fn upsert(mapping: &Mapping, record: &ComplianceRecord, refused: Refused<'_>) -> Result<Upsert, WriteError> {
    let mut body = Body::of(mapping, Object::ComplianceRecord, refused);
    body.link(fields::ATTEMPT, Object::ContactAttempt, record.attempt.as_str());
    if let Some(account) = &record.account {
        body.link(fields::ACCOUNT, Object::CollectionAccount, account.as_str());
    }
    for (kind, given, at) in NOTICES {
        let is_whole = |delivery| delivery == Delivery::Delivered;
        let notice = record.disclosures.iter().find(|notice| notice.kind == kind && is_whole(notice.delivery));
        body.bool(given, notice.is_some());
        body.instant(at, notice.and_then(|notice| notice.at));
    }
    for (request, field) in REQUESTS {
        body.bool(field, record.requests.contains(&request));
    }
    if let Some(basis) = &record.recording {
        body.word(fields::RECORDING_BASIS, basis);
    }
    body.text(
        fields::DISCLOSURES,
        lines(record.disclosures.iter().map(|notice| {
            let at = notice.at.map(|at| at.to_string()).unwrap_or_default();
            let proof = notice.proof.as_deref().unwrap_or_default();
            format!("{} {} {at} {proof}", word(&notice.kind), word(&notice.delivery))
        }))
        .as_deref(),
    );
    body.text(
        fields::FINDINGS,
        lines(record.findings.iter().map(|finding| {
            let known = if finding.known { "set" } else { "unknown" };
            format!("{} {known} {}", finding.flag.name(), word(&finding.verdict))
        }))
        .as_deref(),
    );
    body.text(fields::EVIDENCE_SHA256, record.evidence.as_deref());
    body.end(record.external_id.as_str())
}

/// One line each; `None` where there are none.
fn lines(all: impl Iterator<Item = String>) -> Option<String> {
    let lines: Vec<String> = all.map(|line| line.trim_end().to_owned()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The word that records have for it.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
