//! Typed values of a row's fields.

use std::borrow::Cow;

use jiff::civil::Date;
use rules::account_data::masked;
use rules::money::{Currency, Money};
use serde_json::{Map, Number, Value};

use super::AnswerError;
use crate::salesforce::field::Field;
use crate::salesforce::mapping::{MappedField, Mapping};
use crate::salesforce::name::FieldPath;

/// Longest text that is taken, in characters: what any list of accounts may have.
const MOST_TEXT: usize = 256;
/// JSON's numbers are doubles, which keep fifteen digits: from here on two neighbours may be the same one.
const MOST_EXACT: u64 = 1_000_000_000_000_000;

/// Whose fields are read from a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// An account's own, from its row.
    Account,
    /// Its strategy's, from the account's row.
    Strategy,
    /// A strategy's own, from its row.
    Own,
}

/// A row, of which one part is read.
pub(super) struct Row<'a> {
    pub(super) mapping: &'a Mapping,
    record: &'a Map<String, Value>,
    part: Part,
}

impl<'a> Row<'a> {
    pub(super) const fn of(mapping: &'a Mapping, record: &'a Map<String, Value>, part: Part) -> Self {
        Self { mapping, record, part }
    }

    /// What lies under one name of the row itself.
    pub(super) fn child(&self, name: &str) -> Option<&'a Value> {
        member(self.record, name)
    }

    /// A text that says something.
    pub(super) fn text(&self, field: Field) -> Result<String, AnswerError> {
        self.optional_text(field)?.ok_or(AnswerError::Unknown(field))
    }

    /// A text, with card numbers masked in it: what is not in the gateway cannot leave it.
    pub(super) fn optional_text(&self, field: Field) -> Result<Option<String>, AnswerError> {
        let malformed = AnswerError::Malformed { field, expected: "text of at most 256 characters on one line" };
        let Some(value) = self.get(field)? else { return Ok(None) };
        let text = value.as_str().ok_or(malformed)?.trim();
        if text.chars().count() > MOST_TEXT || text.chars().any(char::is_control) {
            return Err(malformed);
        }
        Ok((!text.is_empty()).then(|| masked(text).into_owned()))
    }

    /// A text that `parse` takes.
    pub(super) fn parsed<T, E>(
        &self,
        field: Field,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, AnswerError> {
        parse(&self.text(field)?).map_err(|_| AnswerError::Malformed { field, expected })
    }

    pub(super) fn bool(&self, field: Field) -> Result<bool, AnswerError> {
        let value = self.value(field)?;
        value.as_bool().ok_or(AnswerError::Malformed { field, expected: "true or false" })
    }

    pub(super) fn date(&self, field: Field) -> Result<Date, AnswerError> {
        self.parsed(field, "date", str::parse)
    }

    /// The currency that a field names, or that of the mapping where none is mapped.
    pub(super) fn currency(&self, field: Field) -> Result<Currency, AnswerError> {
        if self.mapping.field(field).is_none() {
            return Ok(self.mapping.currency());
        }
        self.parsed(field, "ISO 4217 currency", Currency::parse)
    }

    pub(super) fn money(&self, field: Field, currency: Currency) -> Result<Money, AnswerError> {
        self.optional_money(field, currency)?.ok_or(AnswerError::Unknown(field))
    }

    pub(super) fn optional_money(&self, field: Field, currency: Currency) -> Result<Option<Money>, AnswerError> {
        let units = self.scaled(field, currency.exponent(), "amount in its currency")?;
        Ok(units.map(|units| Money::new(units, currency)))
    }

    /// A whole number that fits.
    pub(super) fn count<T: TryFrom<i64>>(&self, field: Field) -> Result<T, AnswerError> {
        self.optional_count(field)?.ok_or(AnswerError::Unknown(field))
    }

    pub(super) fn optional_count<T: TryFrom<i64>>(&self, field: Field) -> Result<Option<T>, AnswerError> {
        const EXPECTED: &str = "whole number in range";
        let malformed = AnswerError::Malformed { field, expected: EXPECTED };
        let number = self.scaled(field, 0, EXPECTED)?;
        number.map(|number| T::try_from(number).map_err(|_| malformed)).transpose()
    }

    /// A number times ten to the power of `exponent`, exactly.
    pub(super) fn scaled(
        &self,
        field: Field,
        exponent: u8,
        expected: &'static str,
    ) -> Result<Option<i64>, AnswerError> {
        let Some(value) = self.get(field)? else { return Ok(None) };
        let malformed = AnswerError::Malformed { field, expected };
        value.as_number().and_then(|number| scaled(number, exponent)).ok_or(malformed).map(Some)
    }

    /// The gateway's word for a picklist's value.
    pub(super) fn word(&self, field: Field) -> Result<&'static str, AnswerError> {
        let (text, mapped) = (self.text(field)?, self.mapped(field)?);
        mapped.values.word(&text).ok_or(AnswerError::Malformed { field, expected: "value that the mapping has" })
    }

    /// The gateway's words for the values of a multi-select picklist, which come with semicolons between.
    pub(super) fn words(&self, field: Field) -> Result<Vec<&'static str>, AnswerError> {
        let (text, mapped) = (self.text(field)?, self.mapped(field)?);
        let words = text.split(';').map(|value| mapped.values.word(value.trim()));
        words
            .collect::<Option<_>>()
            .ok_or(AnswerError::Malformed { field, expected: "list of values that the mapping has" })
    }

    fn mapped(&self, field: Field) -> Result<&'a MappedField, AnswerError> {
        self.mapping.field(field).ok_or(AnswerError::Missing(field))
    }

    fn value(&self, field: Field) -> Result<&'a Value, AnswerError> {
        self.get(field)?.ok_or(AnswerError::Unknown(field))
    }

    /// What a field holds. Nothing where an optional field is not mapped, where it is null, and where a parent on the way to
    /// it is null; an error where it was asked for and is not there.
    fn get(&self, field: Field) -> Result<Option<&'a Value>, AnswerError> {
        let Some(mapped) = self.mapping.field(field) else {
            return if field.is_required { Err(AnswerError::Missing(field)) } else { Ok(None) };
        };
        let path = self.path(mapped).ok_or(AnswerError::Missing(field))?;
        let mut record = self.record;
        let mut names = path.names().peekable();
        while let Some(name) = names.next() {
            let value = member(record, name).ok_or(AnswerError::Missing(field))?;
            if value.is_null() {
                return Ok(None);
            }
            if names.peek().is_none() {
                return Ok(Some(value));
            }
            record = value.as_object().ok_or(AnswerError::Shape)?;
        }
        Err(AnswerError::Missing(field))
    }

    fn path(&self, mapped: &'a MappedField) -> Option<Cow<'a, FieldPath>> {
        match self.part {
            Part::Account | Part::Own => Some(Cow::Borrowed(&mapped.path)),
            Part::Strategy => self.mapping.from_account(mapped).ok().map(Cow::Owned),
        }
    }
}

/// A member by its name. Salesforce answers with names as they were defined, whatever case they were asked for in.
fn member<'a>(record: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let alike = || record.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    record.get(name).or_else(alike)
}

/// A number times ten to the power of `exponent`: 1234.5 and 2 are 123,450. `None` where that is no whole number, or so large
/// that the double it came as may have been another.
pub(in crate::salesforce) fn scaled(number: &Number, exponent: u8) -> Option<i64> {
    // The shortest text that means the same double: what somebody wrote with at most 15 digits comes back as it was.
    let text = number.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let decimals = decimals.trim_end_matches('0');
    let width = usize::from(exponent);
    if decimals.len() > width || text.contains(['e', 'E']) {
        return None;
    }
    let units: i64 = format!("{whole}{decimals:0<width$}").parse().ok()?;
    (units.unsigned_abs() < MOST_EXACT).then_some(units)
}
