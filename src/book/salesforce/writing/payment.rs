//! The row of a payment transaction.

use super::body::Body;
use super::{Refused, Upsert, WriteError};
use crate::record::{Card, PaymentTransaction};
use crate::salesforce::mapping::Mapping;
use crate::salesforce::object::{Object, payment as fields};

pub(super) fn upsert(
    mapping: &Mapping,
    record: &PaymentTransaction,
    refused: Refused<'_>,
) -> Result<Upsert, WriteError> {
    let mut body = Body::of(mapping, Object::PaymentTransaction, refused);
    body.link(fields::ACCOUNT, Object::CollectionAccount, record.account.as_str());
    if let Some(arrangement) = &record.arrangement {
        body.link(fields::ARRANGEMENT, Object::PaymentArrangement, arrangement.as_str());
    }
    body.link(fields::ATTEMPT, Object::ContactAttempt, record.attempt.as_str());
    body.money(fields::AMOUNT, record.amount);
    body.text(fields::CURRENCY, Some(record.amount.currency().code()));
    body.word(fields::METHOD, &record.method);
    body.word(fields::STATUS, &record.status);
    body.text(fields::PROCESSOR_REFERENCE, Some(&record.payment.to_string()));
    body.text(fields::FAILURE, record.failure.as_deref());
    body.text(fields::CARD_BRAND, record.card.as_ref().map(Card::brand));
    body.text(fields::CARD_LAST_FOUR, record.card.as_ref().map(Card::last_four));
    body.text(fields::TOKEN, record.token.as_deref());
    body.instant(fields::PROCESSED_AT, record.processed_at);
    body.end(record.external_id.as_str())
}
