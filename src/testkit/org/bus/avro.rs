//! Payloads: bare Avro data, with nothing around them that names their schema.

use apache_avro::{Schema, from_avro_datum, to_avro_datum, types::Value as Avro};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value};

use crate::store::{parse_date, parse_instant};

/// A datum of these fields; what is not given is null.
pub(super) fn encode(schema: &str, fields: &Map<String, Value>, user: &str, now: Timestamp) -> Result<Vec<u8>, String> {
    let schema = Schema::parse_str(schema).map_err(|error| error.to_string())?;
    let Schema::Record(record) = &schema else { return Err("the schema is no record".to_owned()) };
    if let Some(unknown) = fields.keys().find(|name| !record.lookup.contains_key(*name)) {
        return Err(format!("{unknown} is no field of the event"));
    }
    let one = |name: &str, is_long: bool| -> Result<Avro, String> {
        match (name, fields.get(name)) {
            ("CreatedDate", _) => Ok(Avro::Long(now.as_millisecond())),
            ("CreatedById", _) => Ok(Avro::String(user.to_owned())),
            (_, None | Some(Value::Null)) => Ok(Avro::Union(0, Box::new(Avro::Null))),
            (_, Some(given)) => Ok(Avro::Union(1, Box::new(value(given, is_long)?))),
        }
    };
    let values: Result<Vec<(String, Avro)>, String> =
        record.fields.iter().map(|field| Ok((field.name.clone(), one(&field.name, is_long(&field.schema))?))).collect();
    to_avro_datum(&schema, Avro::Record(values?)).map_err(|error| error.to_string())
}

/// Whether bytes are a datum of a schema, to the last one. `apache-avro` takes a datum that ends before a field that may be null,
/// so what was read is written again and compared.
pub(super) fn check(schema: &str, payload: &[u8]) -> Result<(), String> {
    let schema = Schema::parse_str(schema).map_err(|error| error.to_string())?;
    let mut rest = payload;
    let datum = from_avro_datum(&schema, &mut rest, None).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err("bytes follow the datum".to_owned());
    }
    let again = to_avro_datum(&schema, datum).map_err(|error| error.to_string())?;
    if again == payload { Ok(()) } else { Err("the datum is cut short".to_owned()) }
}

/// Whether a field is nothing or milliseconds.
fn is_long(schema: &Schema) -> bool {
    matches!(schema, Schema::Union(union) if matches!(union.variants().get(1), Some(Schema::Long)))
}

/// An instant or a day in ISO 8601 is its milliseconds.
fn value(given: &Value, is_long: bool) -> Result<Avro, String> {
    match given {
        Value::Null => Ok(Avro::Null),
        Value::Bool(value) => Ok(Avro::Boolean(*value)),
        Value::Number(number) if is_long => Ok(Avro::Long(number.as_i64().unwrap_or_default())),
        Value::Number(number) => Ok(Avro::Double(number.as_f64().unwrap_or_default())),
        Value::String(text) if is_long => {
            instant(text).map(Avro::Long).ok_or_else(|| format!("{text} is neither an instant nor a day"))
        }
        Value::String(text) => Ok(Avro::String(text.clone())),
        Value::Array(_) | Value::Object(_) => Err("an event holds neither lists nor objects".to_owned()),
    }
}

fn instant(text: &str) -> Option<i64> {
    let of_day = |text| parse_date(text)?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let is_day = text.len() == 10;
    let found = if is_day { of_day(text) } else { parse_instant(text) };
    found.map(Timestamp::as_millisecond)
}
