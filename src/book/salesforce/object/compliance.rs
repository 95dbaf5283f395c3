//! The Compliance Record: one for every call, whatever came of it.

use super::Object;
use crate::salesforce::field::Class::C1;
use crate::salesforce::field::{Field, Kind, fields};

const OBJECT: Object = Object::ComplianceRecord;

/// The rule by which a call was recorded, or was not.
pub const BASES: &[&str] =
    &["notice", "one_party", "off", "trunk", "refused", "no_notice", "all_party", "unknown_place"];

const fn given(name: &'static str) -> Field {
    Field::new(OBJECT, name, Kind::Bool, C1).written()
}

const fn given_at(name: &'static str) -> Field {
    Field::new(OBJECT, name, Kind::Instant, C1).written().at_times()
}

/// What the person asked for or stated.
const fn request(name: &'static str) -> Field {
    Field::new(OBJECT, name, Kind::Bool, C1).written()
}

fields! {
    /// The record's key.
    EXTERNAL_ID = Field::new(OBJECT, "external_id", Kind::ExternalId, C1).written();
    /// The call it tells of.
    ATTEMPT = Field::new(OBJECT, "attempt", Kind::Reference(Object::ContactAttempt), C1).written();
    /// The account, once identified.
    ACCOUNT = Field::new(OBJECT, "account", Kind::Reference(Object::CollectionAccount), C1).written().at_times();
    /// Whether it was said who called or was called.
    OPENING_GIVEN = given("opening_given").optional();
    /// When that was said.
    OPENING_AT = given_at("opening_at").optional();
    /// Whether it was said that an automated assistant speaks.
    AI_DISCLOSURE_GIVEN = given("ai_disclosure_given");
    /// When that was said.
    AI_DISCLOSURE_AT = given_at("ai_disclosure_at");
    /// Whether it was said that the call is recorded.
    RECORDING_NOTICE_GIVEN = given("recording_notice_given");
    /// When that was said.
    RECORDING_NOTICE_AT = given_at("recording_notice_at");
    /// Whether it was said that this is an attempt to collect a debt (12 CFR 1006.18(e)).
    MINI_MIRANDA_GIVEN = given("mini_miranda_given");
    /// When that was said.
    MINI_MIRANDA_AT = given_at("mini_miranda_at");
    /// Whether it was said that the debt may be disputed.
    DISPUTE_RIGHTS_GIVEN = given("dispute_rights_given");
    /// When that was said.
    DISPUTE_RIGHTS_AT = given_at("dispute_rights_at");
    /// The rule by which the call was recorded, or was not.
    RECORDING_BASIS = Field::new(OBJECT, "recording_basis", Kind::Picklist(BASES), C1).written().at_times().optional();
    /// No more contact (12 CFR 1006.6(c)).
    CEASE_REQUEST = request("cease_request");
    /// No more calls (12 CFR 1006.14(h)).
    DO_NOT_CALL_REQUEST = request("do_not_call_request");
    /// Is represented by an attorney.
    ATTORNEY_CLAIMED = request("attorney_claimed");
    /// Is bankrupt.
    BANKRUPTCY_CLAIMED = request("bankruptcy_claimed");
    /// Disputes the debt.
    DISPUTE_RAISED = request("dispute_raised");
    /// Is not the debtor.
    WRONG_PARTY_REPORTED = request("wrong_party_reported");
    /// Cannot talk at this time or place (12 CFR 1006.6(b)(1)).
    INCONVENIENT_TIME_REQUEST = request("inconvenient_time_request");
    /// Wants a person.
    HUMAN_REQUEST = request("human_request").optional();
    /// Does not want to be recorded.
    RECORDING_REFUSED = request("recording_refused").optional();
    /// Every notice, a line each: how much of it was played, when it ended, and the hash of the audit record that proves it.
    DISCLOSURES = Field::long_text(OBJECT, "disclosures", C1).written().at_times().optional();
    /// Every flag that was found set or unknown, a line each, and what followed from it.
    FINDINGS = Field::long_text(OBJECT, "findings", C1).written().at_times().optional();
    /// The hash of the call's last audit record, in hexadecimal.
    EVIDENCE_SHA256 = Field::new(OBJECT, "evidence_sha256", Kind::Text(64), C1).written().at_times();
    /// What another field could not take.
    NOTES = Field::long_text(OBJECT, "notes", C1).written().at_times().optional();
}
