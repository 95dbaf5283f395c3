//! What an answer to a look-up says: the account and its strategy, or why neither can be known.
//!
//! Nothing is invented. A flag without a value, an amount that is no amount, a strategy that contradicts itself: each is an
//! error that names the field and never its value, and the call goes on as with a book that does not answer.

mod account;
mod row;
mod strategy;
#[cfg(test)]
mod tests;

use rules::arrangement::BoundsError;
use serde_json::Value;

pub(super) use self::row::scaled;
use self::row::{Part, Row};
use super::field::Field;
use super::mapping::Mapping;
use crate::account::{Found, LookUp, Strategy, StrategyId};

/// Why an answer cannot be used. It repeats no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It is no answer to a query, or not all of it.
    #[error("this is no whole answer to a query")]
    Shape,
    /// The answer has not the field, although it was asked for.
    #[error("{}.{} is unknown: the answer does not have the field", .0.object.name(), .0.name)]
    Missing(Field),
    /// The field has nothing in it.
    #[error("{}.{} is unknown: there is nothing in the field", .0.object.name(), .0.name)]
    Unknown(Field),
    /// The field has something else in it.
    #[error("{}.{} holds no {expected}", .field.object.name(), .field.name)]
    Malformed {
        /// The field.
        field: Field,
        /// What it should hold.
        expected: &'static str,
    },
    /// The strategy is not to be used.
    #[error("the account's strategy is not active")]
    Inactive,
    /// Account and strategy are in different currencies.
    #[error("the account's strategy is in another currency than its balance")]
    Currency,
    /// The strategy contradicts itself.
    #[error("the account's strategy cannot be used: {0}")]
    Bounds(#[from] BoundsError),
}

/// Reads the answer to a [`statement`](super::lookup::statement).
///
/// # Errors
/// [`AnswerError`] where there is one row and something of it is unknown or malformed, or where it is no answer.
pub fn read(mapping: &Mapping, answer: &Value) -> Result<LookUp, AnswerError> {
    let records = rows(answer)?;
    match records {
        [] => Ok(LookUp::Nothing),
        [record] => found(mapping, record).map(|found| LookUp::Found(Box::new(found))),
        _ => Ok(LookUp::Several),
    }
}

/// Reads the answer to a statement that asks for the strategy's id alone. `None` where that is not `known`: then the account
/// is to be asked for with its strategy.
///
/// # Errors
/// As [`read`].
pub fn read_with(
    mapping: &Mapping,
    answer: &Value,
    known: impl FnOnce(&StrategyId) -> Option<Strategy>,
) -> Result<Option<LookUp>, AnswerError> {
    let record = match rows(answer)? {
        [] => return Ok(Some(LookUp::Nothing)),
        [record] => record.as_object().ok_or(AnswerError::Shape)?,
        _ => return Ok(Some(LookUp::Several)),
    };
    let id = strategy::id(&Row::of(mapping, record, Part::Strategy))?;
    let Some(strategy) = known(&id) else { return Ok(None) };
    let account = account::read(&Row::of(mapping, record, Part::Account), &strategy)?;
    Ok(Some(LookUp::Found(Box::new(Found { account, strategy }))))
}

/// Reads the answer to a [`strategies`](super::lookup::strategies) statement. A strategy that cannot be used is left out: whose
/// account follows it learns why when it is asked for with the account.
///
/// # Errors
/// [`AnswerError::Shape`] where it is no answer.
pub fn read_strategies(mapping: &Mapping, answer: &Value) -> Result<Vec<Strategy>, AnswerError> {
    let records = rows(answer)?.iter().filter_map(Value::as_object);
    Ok(records.filter_map(|record| strategy::read(&Row::of(mapping, record, Part::Own)).ok()).collect())
}

fn found(mapping: &Mapping, record: &Value) -> Result<Found, AnswerError> {
    let record = record.as_object().ok_or(AnswerError::Shape)?;
    let strategy = strategy::read(&Row::of(mapping, record, Part::Strategy))?;
    let account = account::read(&Row::of(mapping, record, Part::Account), &strategy)?;
    Ok(Found { account, strategy })
}

/// The rows of an answer or of a sub-query, all of them: a page of more would hide some.
fn rows(answer: &Value) -> Result<&[Value], AnswerError> {
    let records = answer.get("records").and_then(Value::as_array).ok_or(AnswerError::Shape)?;
    let is_done = answer.get("done").and_then(Value::as_bool) == Some(true);
    let total = answer.get("totalSize").and_then(Value::as_u64);
    if is_done && total == Some(records.len() as u64) { Ok(records) } else { Err(AnswerError::Shape) }
}
