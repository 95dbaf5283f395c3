//! The strategy of a row.

use rules::arrangement::{Bounds, Frequency, SettlementBounds};
use rules::calendar::BusinessDayRule;
use rules::money::BasisPoints;

use super::AnswerError;
use super::row::Row;
use crate::account::{Strategy, StrategyId};
use crate::salesforce::field::Field;
use crate::salesforce::object::strategy as fields;

pub(super) fn read(row: &Row<'_>) -> Result<Strategy, AnswerError> {
    let id = id(row)?;
    if !row.bool(fields::ACTIVE)? {
        return Err(AnswerError::Inactive);
    }
    let bounds = bounds(row)?;
    bounds.check()?;
    Ok(Strategy { id, name: row.text(fields::NAME)?, bounds })
}

pub(super) fn id(row: &Row<'_>) -> Result<StrategyId, AnswerError> {
    row.parsed(fields::EXTERNAL_ID, "id of a strategy", StrategyId::parse)
}

fn bounds(row: &Row<'_>) -> Result<Bounds, AnswerError> {
    let currency = row.currency(fields::CURRENCY)?;
    Ok(Bounds {
        min_payment: row.money(fields::MIN_PAYMENT, currency)?,
        min_first_payment: row.money(fields::MIN_FIRST_PAYMENT, currency)?,
        max_instalments: row.count(fields::MAX_INSTALMENTS)?,
        frequencies: frequencies(row)?,
        max_days_to_first: row.count(fields::MAX_DAYS_TO_FIRST)?,
        max_total_days: row.count(fields::MAX_TOTAL_DAYS)?,
        business_days: business_days(row)?,
        approval_over: row.optional_money(fields::APPROVAL_OVER, currency)?,
        settlement: settlement(row)?,
    })
}

fn frequencies(row: &Row<'_>) -> Result<Vec<Frequency>, AnswerError> {
    let field = fields::FREQUENCIES_ON_OFFER;
    let frequencies = row.words(field)?.into_iter().map(Frequency::named).collect::<Option<_>>();
    frequencies.ok_or(AnswerError::Malformed { field, expected: "list of frequencies" })
}

fn business_days(row: &Row<'_>) -> Result<BusinessDayRule, AnswerError> {
    match row.word(fields::BUSINESS_DAYS)? {
        "following" => Ok(BusinessDayRule::Following),
        "modified_following" => Ok(BusinessDayRule::ModifiedFollowing),
        "preceding" => Ok(BusinessDayRule::Preceding),
        _ => Err(AnswerError::Malformed { field: fields::BUSINESS_DAYS, expected: "business-day rule" }),
    }
}

/// `None` where none of the three fields holds anything; some of them without the others are a mistake.
fn settlement(row: &Row<'_>) -> Result<Option<SettlementBounds>, AnswerError> {
    let floor = share(row, fields::SETTLEMENT_FLOOR)?;
    let approval_under = share(row, fields::SETTLEMENT_APPROVAL_UNDER)?;
    let valid_days = row.optional_count(fields::SETTLEMENT_VALID_DAYS)?;
    if floor.is_none() && approval_under.is_none() && valid_days.is_none() {
        return Ok(None);
    }
    Ok(Some(SettlementBounds {
        floor: floor.ok_or(AnswerError::Unknown(fields::SETTLEMENT_FLOOR))?,
        approval_under: approval_under.ok_or(AnswerError::Unknown(fields::SETTLEMENT_APPROVAL_UNDER))?,
        valid_days: valid_days.ok_or(AnswerError::Unknown(fields::SETTLEMENT_VALID_DAYS))?,
    }))
}

/// Per cents with at most two decimals: 12.5 is 1,250 basis points.
fn share(row: &Row<'_>, field: Field) -> Result<Option<BasisPoints>, AnswerError> {
    const EXPECTED: &str = "per cents with at most two decimals";
    let malformed = AnswerError::Malformed { field, expected: EXPECTED };
    let points = row.scaled(field, 2, EXPECTED)?;
    points.map(|points| u32::try_from(points).map(BasisPoints).map_err(|_| malformed)).transpose()
}
