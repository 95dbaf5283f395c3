//! What a call changes on its account: flags, which are only ever set, and what came of the call.

use std::collections::BTreeSet;

use rules::contact::{Flag, Flags, decide};
use serde_json::Value;

use super::body::Body;
use super::{Refused, Upsert, WriteError};
use crate::account::AccountId;
use crate::record::{AccountUpdate, ContactAttempt, Disposition};
use crate::salesforce::field::Field;
use crate::salesforce::mapping::Mapping;
use crate::salesforce::object::{Object, account as fields};

/// What the last call of an account says of it.
const OUTCOME: [Field; 3] = [fields::LAST_CONTACT_AT, fields::LAST_OUTCOME, fields::ESCALATION_REASON];

/// `None` where nothing changes.
pub(super) fn upsert(
    mapping: &Mapping,
    account: &AccountId,
    attempt: Option<&ContactAttempt>,
    updates: &[&AccountUpdate],
    refused: Refused<'_>,
) -> Result<Option<Upsert>, WriteError> {
    let mut body = Body::of(mapping, Object::CollectionAccount, refused);
    let set: BTreeSet<Flag> = updates.iter().flat_map(|update| update.set.iter().copied()).collect();
    for flag in &set {
        body.bool(fields::flag(*flag), true);
    }
    if let Some(attempt) = attempt {
        outcome(&mut body, attempt);
    }
    let is_escalated = attempt.is_some_and(|attempt| attempt.disposition == Some(Disposition::Escalated));
    let is_for_people = !decide(&Flags { set, unknown: BTreeSet::new() }).is_permitted();
    if is_escalated || is_for_people {
        body.word(fields::QUEUE, &"human");
    }
    if body.is_empty() { Ok(None) } else { body.end(account.as_str()).map(Some) }
}

/// Takes out what came of a call.
pub(super) fn without_outcome(mapping: &Mapping, row: &mut Upsert) {
    let names = OUTCOME.map(|field| mapping.field(field).map(|mapped| mapped.path.as_str()));
    if let Value::Object(values) = &mut row.body {
        values.retain(|name, _| !names.contains(&Some(name)));
    }
}

/// What came of a call, once it was answered and is over.
fn outcome(body: &mut Body<'_>, attempt: &ContactAttempt) {
    let (Some(answered_at), Some(_)) = (attempt.answered_at, attempt.ended_at) else { return };
    body.instant(fields::LAST_CONTACT_AT, Some(answered_at));
    body.word(fields::LAST_OUTCOME, &attempt.outcome);
    body.text(fields::ESCALATION_REASON, attempt.escalation_reason.as_deref());
}
