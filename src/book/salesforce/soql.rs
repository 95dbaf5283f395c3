//! SOQL, written from typed values.
//!
//! REST knows no bind parameters, so a statement is text. Every name in it was checked by [`ApiName`] or [`FieldPath`], and every
//! value is written here: text as one literal whose quotes and backslashes are escaped (SOQL and SOSL Reference, "Quoted
//! String Escape Sequences"), everything else as digits. A caller's words can be nothing but that literal.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rules::money::Money;

use super::{
    id::RecordId,
    name::{ApiName, FieldPath},
};
use crate::redact::redacted_debug;

/// Longest text literal (SOQL and SOSL Reference, "SOQL and SOSL Limits").
const MOST_LITERAL: usize = 4_000;
/// Longest statement.
const MOST_STATEMENT: usize = 100_000;
/// Most sub-queries of one statement.
const MOST_CHILDREN: usize = 20;
/// The years that a date may have (the same, "Date Formats").
const YEARS: std::ops::RangeInclusive<i16> = 1700..=4000;

/// No statement can be written from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoqlError {
    /// A control character that no escape stands for.
    #[error("a value holds a control character")]
    Control,
    /// A text of more than 4,000 characters.
    #[error("a value has more than {MOST_LITERAL} characters")]
    Literal,
    /// A date before 1700 or after 4000.
    #[error("a date lies outside the years 1700 to 4000")]
    Year,
    /// A list or group of conditions without any.
    #[error("a list of values or conditions is empty")]
    Empty,
    /// No field is asked for.
    #[error("no field is asked for")]
    NoField,
    /// More than 20 sub-queries, or one in a sub-query.
    #[error("a statement has at most {MOST_CHILDREN} sub-queries, and they have none")]
    Children,
    /// More than 100,000 characters in all.
    #[error("the statement has more than {MOST_STATEMENT} characters")]
    Statement,
}

/// A value. It may be a person's, so it does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Value(Literal);

redacted_debug!(Value);

#[derive(Clone, PartialEq, Eq)]
enum Literal {
    Text(String),
    Id(RecordId),
    Bool(bool),
    Integer(i64),
    Amount(Money),
    Instant(Timestamp),
    Date(Date),
    Null,
}

impl Value {
    /// Nothing.
    pub const NULL: Self = Self(Literal::Null);

    /// A text of at most 4,000 characters, without control characters but tab, newline, return, form feed and backspace.
    ///
    /// # Errors
    /// [`SoqlError::Literal`] and [`SoqlError::Control`].
    pub fn text(text: &str) -> Result<Self, SoqlError> {
        if text.chars().count() > MOST_LITERAL {
            return Err(SoqlError::Literal);
        }
        if text.chars().any(|character| character.is_control() && escape(character).is_none()) {
            return Err(SoqlError::Control);
        }
        Ok(Self(Literal::Text(text.to_owned())))
    }

    /// An instant, to the second.
    ///
    /// # Errors
    /// [`SoqlError::Year`].
    pub fn instant(instant: Timestamp) -> Result<Self, SoqlError> {
        check_year(instant.to_zoned(TimeZone::UTC).year())?;
        Ok(Self(Literal::Instant(instant)))
    }

    /// A day.
    ///
    /// # Errors
    /// [`SoqlError::Year`].
    pub fn date(date: Date) -> Result<Self, SoqlError> {
        check_year(date.year())?;
        Ok(Self(Literal::Date(date)))
    }
}

impl From<RecordId> for Value {
    fn from(id: RecordId) -> Self {
        Self(Literal::Id(id))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self(Literal::Bool(value))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self(Literal::Integer(value))
    }
}

impl From<Money> for Value {
    fn from(amount: Money) -> Self {
        Self(Literal::Amount(amount))
    }
}

fn check_year(year: i16) -> Result<(), SoqlError> {
    if YEARS.contains(&year) { Ok(()) } else { Err(SoqlError::Year) }
}

/// How a character is written within quotes where it does not stand for itself.
const fn escape(character: char) -> Option<&'static str> {
    match character {
        '\\' => Some(r"\\"),
        '\'' => Some(r"\'"),
        '"' => Some("\\\""),
        '\n' => Some(r"\n"),
        '\r' => Some(r"\r"),
        '\t' => Some(r"\t"),
        '\u{8}' => Some(r"\b"),
        '\u{c}' => Some(r"\f"),
        _ => None,
    }
}

impl Literal {
    fn write(&self, out: &mut String) {
        match self {
            Self::Text(text) => {
                out.push('\'');
                for character in text.chars() {
                    match escape(character) {
                        Some(escaped) => out.push_str(escaped),
                        None => out.push(character),
                    }
                }
                out.push('\'');
            }
            Self::Id(id) => out.extend(["'", id.as_str(), "'"]),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Integer(value) => out.push_str(&value.to_string()),
            Self::Amount(amount) => out.push_str(&amount.to_decimal()),
            Self::Instant(instant) => out.push_str(&instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            Self::Date(date) => out.push_str(&date.to_string()),
            Self::Null => out.push_str("null"),
        }
    }
}

/// What a row must fulfil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The field has this value.
    Is(FieldPath, Value),
    /// It has another one.
    IsNot(FieldPath, Value),
    /// It is this or greater, or later.
    AtLeast(FieldPath, Value),
    /// It is greater, or later.
    Above(FieldPath, Value),
    /// It is one of these.
    In(FieldPath, Vec<Value>),
    /// All hold.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
}

impl Condition {
    fn check(&self) -> Result<(), SoqlError> {
        match self {
            Self::Is(..) | Self::IsNot(..) | Self::AtLeast(..) | Self::Above(..) => Ok(()),
            Self::In(_, values) if values.is_empty() => Err(SoqlError::Empty),
            Self::In(..) => Ok(()),
            Self::All(conditions) | Self::Any(conditions) if conditions.is_empty() => Err(SoqlError::Empty),
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().try_for_each(Self::check),
        }
    }
}

impl Condition {
    fn write(&self, out: &mut String) {
        match self {
            Self::Is(field, value) => compare(out, field, " = ", value),
            Self::IsNot(field, value) => compare(out, field, " != ", value),
            Self::AtLeast(field, value) => compare(out, field, " >= ", value),
            Self::Above(field, value) => compare(out, field, " > ", value),
            Self::In(field, values) => {
                out.extend([field.as_str(), " IN ("]);
                join(out, ", ", values, |out, value| value.0.write(out));
                out.push(')');
            }
            Self::All(conditions) => group(out, " AND ", conditions),
            Self::Any(conditions) => group(out, " OR ", conditions),
        }
    }
}

fn compare(out: &mut String, field: &FieldPath, operator: &str, value: &Value) {
    out.extend([field.as_str(), operator]);
    value.0.write(out);
}

/// Always in parentheses: SOQL takes no `AND` beside an `OR` without them.
fn group(out: &mut String, between: &str, conditions: &[Condition]) {
    out.push('(');
    join(out, between, conditions, |out, condition| condition.write(out));
    out.push(')');
}

fn join<T>(out: &mut String, between: &str, all: &[T], write: impl Fn(&mut String, &T)) {
    for (place, one) in all.iter().enumerate() {
        if place > 0 {
            out.push_str(between);
        }
        write(out, one);
    }
}

/// Which rows come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The least.
    Ascending,
    /// The greatest.
    Descending,
}

/// One statement, or a sub-query over the children of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    from: ApiName,
    fields: Vec<FieldPath>,
    children: Vec<Query>,
    condition: Option<Condition>,
    order: Option<(FieldPath, Direction)>,
    limit: u16,
}

impl Query {
    /// At most `limit` rows of an object, or of a relationship to children.
    #[must_use]
    pub const fn of(from: ApiName, limit: u16) -> Self {
        Self { from, fields: Vec::new(), children: Vec::new(), condition: None, order: None, limit }
    }

    /// Asks for a field.
    #[must_use]
    pub fn field(mut self, field: FieldPath) -> Self {
        if !self.fields.contains(&field) {
            self.fields.push(field);
        }
        self
    }

    /// Asks for children of each row: `children` is of the relationship's name.
    #[must_use]
    pub fn with(mut self, children: Self) -> Self {
        self.children.push(children);
        self
    }

    /// Asks for rows that fulfil this alone.
    #[must_use]
    pub fn matching(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Puts rows in an order; those without the field come last.
    #[must_use]
    pub fn ordered_by(mut self, field: FieldPath, direction: Direction) -> Self {
        self.order = Some((field, direction));
        self
    }

    /// The statement's text, not yet encoded for an address.
    ///
    /// # Errors
    /// [`SoqlError`] where Salesforce could not take it.
    pub fn text(&self) -> Result<String, SoqlError> {
        self.check()?;
        if self.children.len() > MOST_CHILDREN || self.children.iter().any(|child| !child.children.is_empty()) {
            return Err(SoqlError::Children);
        }
        self.children.iter().try_for_each(Self::check)?;
        let mut text = String::new();
        self.write(&mut text);
        if text.chars().count() > MOST_STATEMENT { Err(SoqlError::Statement) } else { Ok(text) }
    }

    fn check(&self) -> Result<(), SoqlError> {
        if self.fields.is_empty() {
            return Err(SoqlError::NoField);
        }
        self.condition.as_ref().map_or(Ok(()), Condition::check)
    }

    fn write(&self, out: &mut String) {
        out.push_str("SELECT ");
        join(out, ", ", &self.fields, |out, field| out.push_str(field.as_str()));
        for child in &self.children {
            out.push_str(", (");
            child.write(out);
            out.push(')');
        }
        out.extend([" FROM ", self.from.as_str()]);
        if let Some(condition) = &self.condition {
            out.push_str(" WHERE ");
            condition.write(out);
        }
        if let Some((field, direction)) = &self.order {
            let way = match direction {
                Direction::Ascending => " ASC NULLS LAST",
                Direction::Descending => " DESC NULLS LAST",
            };
            out.extend([" ORDER BY ", field.as_str(), way]);
        }
        out.extend([" LIMIT ", &self.limit.to_string()]);
    }
}

#[cfg(test)]
mod tests;
