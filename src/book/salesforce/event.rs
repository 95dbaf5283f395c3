//! An event of the org, as it was decoded, and the change of the call queue that it means.
//!
//! Reading is strict: whatever is mapped must be what it should be, or the event is not acted on and somebody is told. Fields
//! that are not mapped may be anything, so an event may gain some.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZoneDatabase};
use rules::account_data::masked;
use rules::money::Money;
use serde_json::Number;

use super::answer::scaled;
use super::mapping::{EventField, EventMapping, Mapping};
use crate::account::{AccountId, AssignmentId, StrategyId, is_language};
use crate::phone::Phone;
use crate::queue::{Assignment, Change, Limits, Revocation};
use crate::redact::redacted_debug;
use crate::vetting::vet;

/// When an event was published, in milliseconds since 1970: a field that each has (Platform Events Developer Guide).
const CREATED: &str = "CreatedDate";
/// Longest text of a mapped field, in bytes.
const MOST_TEXT: usize = 255;

/// What a field of an event holds.
#[derive(Clone, PartialEq)]
pub enum Scalar {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number; of a date/time, milliseconds since 1970.
    Long(i64),
    /// A number.
    Double(f64),
    /// Text.
    Text(String),
}

/// A decoded event: its fields by their names.
#[derive(Clone, Default, PartialEq)]
pub struct EventRecord(pub BTreeMap<String, Scalar>);

redacted_debug!(Scalar, EventRecord);

/// Why an event means nothing. It repeats no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The mapping has no event.
    #[error("the mapping has no assignment_event")]
    Unmapped,
    /// When it was published is not known.
    #[error("the event has no CreatedDate")]
    Created,
    /// A field that must be there is not, or has nothing in it.
    #[error("the event's {} is missing", .0.name())]
    Missing(EventField),
    /// A field has something else in it.
    #[error("the event's {} holds no {expected}", .field.name())]
    Malformed {
        /// The field.
        field: EventField,
        /// What it should hold.
        expected: &'static str,
    },
    /// Its time ends before it begins.
    #[error("the event's not_after is not later than its not_before")]
    Window,
    /// A number in it is that of a card.
    #[error("a number of the event is that of a card")]
    Forbidden,
}

/// What an event means.
///
/// # Errors
/// [`EventError`].
pub fn read(mapping: &Mapping, record: &EventRecord) -> Result<Change, EventError> {
    let event = mapping.event().ok_or(EventError::Unmapped)?;
    let fields = Fields { event, record };
    let published_at = fields.created()?;
    let id = fields.required(EventField::Assignment, "id", AssignmentId::parse)?;
    let account = fields.required(EventField::Account, "external id of an account", AccountId::parse)?;
    let is_assigned = fields.required(EventField::Action, "action that the mapping has", |text| match text {
        text if text == event.assign() => Ok(true),
        text if text == event.revoke() => Ok(false),
        _ => Err(()),
    })?;
    if !is_assigned {
        return Ok(Change::Revoke(Revocation { id, account, published_at }));
    }
    let assignment = Assignment {
        id: Some(id),
        account,
        strategy: fields.parsed(EventField::Strategy, "id of a strategy", StrategyId::parse)?,
        priority: fields.number(EventField::Priority)?.unwrap_or(0),
        not_before: fields.instant(EventField::NotBefore)?,
        not_after: fields.instant(EventField::NotAfter)?,
        phone: fields.parsed(EventField::Phone, "telephone number", Phone::parse)?,
        language: fields.checked(EventField::Language, "BCP 47 tag such as en or es-US", is_language)?,
        time_zone: fields.checked(EventField::TimeZone, "IANA time zone", is_time_zone)?,
        limits: limits(mapping, &fields)?,
        published_at,
    };
    let is_window = assignment.not_after.is_none_or(|end| assignment.not_before.is_none_or(|begin| begin < end));
    if !is_window {
        return Err(EventError::Window);
    }
    // Whatever is read can be kept: one that could not be would be received again and again.
    match vet(&assignment) {
        Ok(vetted) if vetted.masked.is_empty() => Ok(Change::Assign(Box::new(assignment))),
        Ok(_) | Err(_) => Err(EventError::Forbidden),
    }
}

fn limits(mapping: &Mapping, fields: &Fields<'_>) -> Result<Limits, EventError> {
    let currency = mapping.currency();
    let units = fields.scaled(EventField::MinPayment, currency.exponent(), "amount in the mapping's currency")?;
    if units.is_some_and(|units| units < 0) {
        return Err(EventError::Malformed { field: EventField::MinPayment, expected: "amount of nothing or more" });
    }
    Ok(Limits {
        max_instalments: fields.number(EventField::MaxInstalments)?,
        min_payment: units.map(|units| Money::new(units, currency)),
    })
}

fn is_time_zone(name: &str) -> bool {
    TimeZoneDatabase::bundled().get(name).is_ok()
}

/// The fields of an event by their logical names.
struct Fields<'a> {
    event: &'a EventMapping,
    record: &'a EventRecord,
}

impl<'a> Fields<'a> {
    fn created(&self) -> Result<Timestamp, EventError> {
        match self.record.0.get(CREATED) {
            Some(Scalar::Long(milliseconds)) => {
                Timestamp::from_millisecond(*milliseconds).map_err(|_| EventError::Created)
            }
            Some(Scalar::Null | Scalar::Bool(_) | Scalar::Double(_) | Scalar::Text(_)) | None => {
                Err(EventError::Created)
            }
        }
    }

    fn required<T, E>(
        &self,
        field: EventField,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, EventError> {
        self.parsed(field, expected, parse)?.ok_or(EventError::Missing(field))
    }

    /// A text that is one; `None` where there is none.
    fn checked(
        &self,
        field: EventField,
        expected: &'static str,
        is: fn(&str) -> bool,
    ) -> Result<Option<String>, EventError> {
        self.parsed(field, expected, |text| if is(text) { Ok(text.to_owned()) } else { Err(()) })
    }

    /// A text that `parse` takes, without a card number in it; `None` where there is none.
    fn parsed<T, E>(
        &self,
        field: EventField,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, EventError> {
        let malformed = EventError::Malformed { field, expected };
        let text = match self.get(field) {
            Scalar::Null => return Ok(None),
            Scalar::Text(text) => text.trim(),
            Scalar::Bool(_) | Scalar::Long(_) | Scalar::Double(_) => return Err(malformed),
        };
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > MOST_TEXT || masked(text) != text {
            return Err(malformed);
        }
        parse(text).map(Some).map_err(|_| malformed)
    }

    fn instant(&self, field: EventField) -> Result<Option<Timestamp>, EventError> {
        let malformed = EventError::Malformed { field, expected: "date/time" };
        match self.get(field) {
            Scalar::Null => Ok(None),
            Scalar::Long(milliseconds) => Timestamp::from_millisecond(*milliseconds).map(Some).map_err(|_| malformed),
            Scalar::Bool(_) | Scalar::Double(_) | Scalar::Text(_) => Err(malformed),
        }
    }

    /// A whole number that fits.
    fn number<T: TryFrom<i64>>(&self, field: EventField) -> Result<Option<T>, EventError> {
        const EXPECTED: &str = "whole number in range";
        let malformed = EventError::Malformed { field, expected: EXPECTED };
        let number = self.scaled(field, 0, EXPECTED)?;
        number.map(|number| T::try_from(number).map_err(|_| malformed)).transpose()
    }

    /// A number times ten to the power of `exponent`, exactly.
    fn scaled(&self, field: EventField, exponent: u8, expected: &'static str) -> Result<Option<i64>, EventError> {
        let number = match self.get(field) {
            Scalar::Null => return Ok(None),
            Scalar::Long(number) => Some(Number::from(*number)),
            Scalar::Double(number) => Number::from_f64(*number),
            Scalar::Bool(_) | Scalar::Text(_) => None,
        };
        let units = number.and_then(|number| scaled(&number, exponent));
        units.map(Some).ok_or(EventError::Malformed { field, expected })
    }

    /// What a field holds: nothing where it is not mapped, or the event does not have it.
    fn get(&self, field: EventField) -> &'a Scalar {
        let name = self.event.field(field);
        name.and_then(|name| self.record.0.get(name.as_str())).unwrap_or(&Scalar::Null)
    }
}

#[cfg(test)]
mod tests;
