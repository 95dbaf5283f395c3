//! The row of a dispute. No record is made of one: it follows from the flags that a call set.

use rules::contact::Flag;

use super::body::Body;
use super::{Refused, Upsert, WriteError};
use crate::record::{AccountUpdate, ExternalId};
use crate::salesforce::mapping::Mapping;
use crate::salesforce::object::{Object, dispute as fields};

/// `None` where the update is of something else. Without an `attempt` the row is made, linked to no call yet. With one it was made
/// before, and is linked to it: what people did with the dispute meanwhile stays.
pub(super) fn upsert(
    mapping: &Mapping,
    update: &AccountUpdate,
    attempt: Option<&ExternalId>,
    refused: Refused<'_>,
) -> Result<Option<Upsert>, WriteError> {
    let Some(category) = category(update) else { return Ok(None) };
    let mut body = Body::of(mapping, Object::Dispute, refused);
    let key = ExternalId::dispute(update);
    if let Some(attempt) = attempt {
        body.link(fields::ATTEMPT, Object::ContactAttempt, attempt.as_str());
        return if body.is_empty() { Ok(None) } else { body.change(key.as_str()).map(Some) };
    }
    body.link(fields::ACCOUNT, Object::CollectionAccount, update.account.as_str());
    body.word(fields::CATEGORY, &category);
    body.word(fields::STATUS, &"open");
    body.instant(fields::RAISED_AT, Some(update.at));
    body.end(key.as_str()).map(Some)
}

/// What is disputed, as far as a flag tells.
fn category(update: &AccountUpdate) -> Option<&'static str> {
    let has = |flag| update.set.contains(&flag);
    if has(Flag::IdentityTheft) {
        return Some("identity_theft");
    }
    (has(Flag::Dispute) || has(Flag::WrittenDispute)).then_some("other")
}
