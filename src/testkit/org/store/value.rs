//! A value as a field takes it: of its type, within its bounds, in the form in which it is given back.

use jiff::{
    Timestamp,
    civil::{Date, Time},
};
use serde_json::{Number, Value};

use crate::{
    failure::Failure,
    id,
    schema::{Field, Kind},
};

/// Checks a value, and writes it as the org keeps it. An empty text is null.
pub(super) fn accept(field: &Field, given: &Value) -> Result<Value, Failure> {
    match field.kind {
        Kind::Boolean => boolean(given),
        Kind::Int | Kind::Double | Kind::Currency | Kind::Percent => number(field, given),
        Kind::Date => in_time(field, given, |text| parse_date(text).map(|date| date.to_string())),
        Kind::DateTime => in_time(field, given, |text| parse_instant(text).map(instant_text)),
        Kind::Time => in_time(field, given, |text| parse_time(text).map(time_text)),
        Kind::Id | Kind::Reference => reference(field, given),
        Kind::Picklist => picked(field, given, false),
        Kind::MultiPicklist => picked(field, given, true),
        Kind::String | Kind::TextArea | Kind::Phone | Kind::Email | Kind::Url => text(field, given),
    }
}

fn unfit(kind: &str, given: &Value) -> Failure {
    let (token, shown) = match given {
        Value::Null => ("VALUE_NULL", "null".to_owned()),
        Value::Bool(value) => (if *value { "VALUE_TRUE" } else { "VALUE_FALSE" }, value.to_string()),
        Value::Number(number) => ("VALUE_NUMBER", number.to_string()),
        Value::String(text) => ("VALUE_STRING", text.clone()),
        Value::Array(_) => ("START_ARRAY", "[".to_owned()),
        Value::Object(_) => ("START_OBJECT", "{".to_owned()),
    };
    Failure::json(format!(
        "Cannot deserialize instance of {kind} from {token} value {shown} or request may be missing a required field"
    ))
}

fn boolean(given: &Value) -> Result<Value, Failure> {
    match given {
        Value::Bool(value) => Ok(Value::Bool(*value)),
        Value::Null => Ok(Value::Bool(false)),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Err(unfit("boolean", given)),
    }
}

fn number(field: &Field, given: &Value) -> Result<Value, Failure> {
    let number = match given {
        Value::Null => return Ok(Value::Null),
        Value::String(text) if text.trim().is_empty() => return Ok(Value::Null),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let number = number.ok_or_else(|| unfit(field.kind.name(), given))?;
    let unit = 10_f64.powi(i32::try_from(field.scale).unwrap_or_default());
    let rounded = (number * unit).round() / unit;
    let most = 10_f64.powi(i32::try_from(field.precision.saturating_sub(field.scale)).unwrap_or_default());
    if rounded.abs() >= most {
        let message = format!("{}: value outside of valid range on numeric field: {number}", field.name);
        return Err(Failure::bad("NUMBER_OUTSIDE_VALID_RANGE", message).of_fields(&[&field.name]));
    }
    let is_whole = field.kind == Kind::Int && rounded.abs() < 9e15;
    let kept = if is_whole { Some(Number::from(rounded as i64)) } else { Number::from_f64(rounded) };
    Ok(kept.map_or(Value::Null, Value::Number))
}

fn in_time(field: &Field, given: &Value, read: impl Fn(&str) -> Option<String>) -> Result<Value, Failure> {
    match given {
        Value::Null => Ok(Value::Null),
        Value::String(text) if text.is_empty() => Ok(Value::Null),
        Value::String(text) => read(text).map(Value::from).ok_or_else(|| unfit(field.kind.name(), given)),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Err(unfit(field.kind.name(), given)),
    }
}

fn reference(field: &Field, given: &Value) -> Result<Value, Failure> {
    let Some(text) = plain(given)? else { return Ok(Value::Null) };
    let id = id::long(&text).map(Value::from);
    id.ok_or_else(|| {
        let message = format!("{}: id value of incorrect type: {text}", field.name);
        Failure::bad("MALFORMED_ID", message).of_fields(&[&field.name])
    })
}

fn picked(field: &Field, given: &Value, is_several: bool) -> Result<Value, Failure> {
    let Some(text) = plain(given)? else { return Ok(Value::Null) };
    let mut chosen =
        text.split(';').map(str::trim).filter(|_| is_several).chain((!is_several).then_some(text.as_str()));
    let is_listed = |value: &str| field.values.iter().any(|listed| listed.eq_ignore_ascii_case(value));
    if field.restricted
        && let Some(unknown) = chosen.find(|value| !is_listed(value))
    {
        let message = format!("{}: bad value for restricted picklist field: {unknown}", field.name);
        let failure = Failure::bad("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message);
        return Err(failure.of_fields(&[&field.name]));
    }
    bounded(field, text)
}

fn text(field: &Field, given: &Value) -> Result<Value, Failure> {
    let Some(text) = plain(given)? else { return Ok(Value::Null) };
    let is_address = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if field.kind == Kind::Email && !is_address {
        let message = format!("{}: invalid email address: {text}", field.name);
        return Err(Failure::bad("INVALID_EMAIL_ADDRESS", message).of_fields(&[&field.name]));
    }
    bounded(field, text)
}

fn bounded(field: &Field, text: String) -> Result<Value, Failure> {
    if text.chars().count() > field.length {
        let message = format!("{}: data value too large: {text} (max length={})", field.name, field.length);
        return Err(Failure::bad("STRING_TOO_LONG", message).of_fields(&[&field.name]));
    }
    Ok(Value::String(text))
}

/// A text without the spaces around it, which an org takes off; a number or a truth is its text.
fn plain(given: &Value) -> Result<Option<String>, Failure> {
    let text = match given {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) => return Err(unfit("string", given)),
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A day; of an instant, its day.
pub(crate) fn parse_date(text: &str) -> Option<Date> {
    text.get(..10).filter(|_| text.len() == 10 || text.as_bytes().get(10) == Some(&b'T'))?.parse().ok()
}

/// An instant with its offset, as ISO 8601 writes it; an offset may lack its colon.
pub(crate) fn parse_instant(text: &str) -> Option<Timestamp> {
    let formats = ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f%:z"];
    let is_instant = text.as_bytes().get(10) == Some(&b'T');
    let parsed = || formats.iter().find_map(|format| Timestamp::strptime(format, text).ok());
    text.parse().ok().filter(|_| is_instant).or_else(parsed)
}

/// A time of day, in UTC.
pub(crate) fn parse_time(text: &str) -> Option<Time> {
    text.strip_suffix('Z').unwrap_or(text).parse().ok()
}

/// As REST gives an instant back: `2026-11-30T09:00:00.000+0000`.
pub(crate) fn instant_text(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

fn time_text(time: Time) -> String {
    format!("{}.000Z", time.strftime("%H:%M:%S"))
}
