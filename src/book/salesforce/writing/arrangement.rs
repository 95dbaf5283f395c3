//! The row of a payment arrangement.

use super::body::Body;
use super::{Refused, Upsert, WriteError};
use crate::record::{ArrangementStatus, PaymentArrangement};
use crate::salesforce::mapping::Mapping;
use crate::salesforce::object::{Object, arrangement as fields};

pub(super) fn upsert(
    mapping: &Mapping,
    record: &PaymentArrangement,
    refused: Refused<'_>,
) -> Result<Upsert, WriteError> {
    let mut body = Body::of(mapping, Object::PaymentArrangement, refused);
    body.link(fields::ACCOUNT, Object::CollectionAccount, record.account.as_str());
    body.link(fields::STRATEGY, Object::CollectionStrategy, record.strategy.as_str());
    body.link(fields::ATTEMPT, Object::ContactAttempt, record.attempt.as_str());
    body.word(fields::TYPE, &record.kind);
    body.word(fields::STATUS, &record.status);
    body.money(fields::TOTAL, record.total);
    body.text(fields::CURRENCY, Some(record.total.currency().code()));
    instalments(&mut body, record);
    if let Some(frequency) = &record.frequency {
        body.word(fields::FREQUENCY, frequency);
    }
    body.bool(fields::APPROVAL_REQUIRED, record.status == ArrangementStatus::PendingApproval);
    body.bool(fields::READ_BACK_CONFIRMED, record.read_back_confirmed);
    body.money(fields::BALANCE_AT_CREATION, record.balance_at_creation);
    body.instant(fields::AGREED_AT, Some(record.agreed_at));
    body.end(record.external_id.as_str())
}

/// First, last and number of them are fields of their own; every one is in the schedule.
fn instalments(body: &mut Body<'_>, record: &PaymentArrangement) {
    body.number(fields::INSTALLMENT_COUNT, i64::try_from(record.instalments.len()).unwrap_or(i64::MAX));
    if let Some((first, last)) = record.instalments.first().zip(record.instalments.last()) {
        body.money(fields::INSTALLMENT_AMOUNT, first.amount);
        body.money(fields::FINAL_INSTALLMENT_AMOUNT, last.amount);
        body.date(fields::FIRST_PAYMENT_DATE, Some(first.due));
        body.date(fields::LAST_PAYMENT_DATE, Some(last.due));
    }
    let lines = record.instalments.iter().map(|instalment| format!("{} {}", instalment.due, instalment.amount));
    let schedule = lines.collect::<Vec<_>>().join("\n");
    body.text(fields::SCHEDULE, Some(schedule.as_str()).filter(|schedule| !schedule.is_empty()));
}
