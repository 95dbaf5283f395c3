//! The values of a statement, and what their fields make of them.

use jiff::{Timestamp, civil::Time};

use super::date::Range;
use crate::{
    failure::Failure,
    id,
    schema::{Field, Kind},
    store,
};

/// A value as it stands in a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// An instant as it was written.
    Instant(Timestamp),
    /// A day, or what a date literal such as `LAST_N_DAYS:7` means.
    Range(Range),
    /// A time of day.
    Time(Time),
}

impl Literal {
    /// What stood in a statement without quotes: a number, a day, an instant or a time.
    pub(super) fn of_digits(digits: &str) -> Option<Self> {
        if let Some(instant) = store::parse_instant(digits) {
            return Some(Self::Instant(instant));
        }
        if digits.len() == 10
            && let Some(date) = store::parse_date(digits)
        {
            return Some(Self::Range(Range::Day(date)));
        }
        if digits.ends_with('Z') {
            return store::parse_time(digits).map(Self::Time);
        }
        digits.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Number)
    }

    /// Fails where a field cannot be compared with this.
    pub(super) fn check(self, field: &Field) -> Result<Self, Failure> {
        let name = &field.name;
        let wrong = |why: &str| {
            let kind = field.kind.name();
            Err(Failure::bad(
                "INVALID_FIELD",
                format!("value of filter criterion for field '{name}' must be of type {kind} and {why}"),
            ))
        };
        match self {
            Self::Null => Ok(Self::Null),
            Self::Text(text) if matches!(field.kind, Kind::Id | Kind::Reference) => {
                let id = id::long(&text).map(Self::Text);
                id.ok_or_else(|| Failure::bad("INVALID_QUERY_FILTER_OPERATOR", format!("invalid ID field: {text}")))
            }
            Self::Text(text) if field.kind.is_quoted() => Ok(Self::Text(text)),
            Self::Text(_) => wrong("should not be enclosed in quotes"),
            other if field.kind.is_quoted() => {
                drop(other);
                wrong("should be enclosed in quotes")
            }
            Self::Bool(value) if field.kind == Kind::Boolean => Ok(Self::Bool(value)),
            Self::Number(value) if field.kind.is_number() => Ok(Self::Number(value)),
            Self::Instant(value) if field.kind == Kind::DateTime => Ok(Self::Instant(value)),
            Self::Time(value) if field.kind == Kind::Time => Ok(Self::Time(value)),
            Self::Range(Range::Day(day)) if field.kind == Kind::Date => Ok(Self::Range(Range::Day(day))),
            Self::Range(range) if range.is_relative() && matches!(field.kind, Kind::Date | Kind::DateTime) => {
                Ok(Self::Range(range))
            }
            Self::Bool(_) | Self::Number(_) | Self::Instant(_) | Self::Time(_) | Self::Range(_) => {
                wrong("has another type")
            }
        }
    }
}
