//! Events as they are on the wire: bare Avro data (Apache Avro 1.12 specification), whose schema is known by its id alone.

use ::book::salesforce::{EventRecord, Scalar};
use apache_avro::{Schema, from_avro_datum, types::Value, util::max_allocation_bytes};
use thiserror::Error;

/// Most bytes of one event (Pub/Sub API, "Allocations").
pub(crate) const MOST_EVENT: usize = 1 << 20;
/// Most bytes of a schema: an event has at most a few hundred fields.
const MOST_SCHEMA: usize = 1 << 20;
/// What stands behind a datum while it is read. `apache-avro` takes one that is cut short for one whose last fields are nothing:
/// then it reads on into this.
const GUARD: u8 = 0xFF;

/// Why an event cannot be decoded. It repeats nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum AvroError {
    /// The org does not know the schema.
    #[error("its schema is not known")]
    Unknown,
    /// The schema is none, or of something that no event is: a record of texts, numbers, booleans and nothing.
    #[error("its schema is not one of an event")]
    Schema,
    /// More than [`MOST_EVENT`] bytes.
    #[error("it is too long")]
    TooLong,
    /// The bytes are no datum of the schema.
    #[error("it is no datum of its schema")]
    Malformed,
    /// Bytes are missing or left.
    #[error("it does not end where its schema says")]
    Length,
}

/// The schema of an event.
pub(crate) struct EventSchema(Schema);

impl EventSchema {
    /// Reads a schema. Only flat ones are taken: then no length in an event says how much memory it takes.
    ///
    /// # Errors
    /// [`AvroError::Schema`].
    pub(crate) fn parse(text: &str) -> Result<Self, AvroError> {
        // For the process, and only the first time: no text of an event is longer than the event.
        max_allocation_bytes(MOST_EVENT);
        if text.len() > MOST_SCHEMA {
            return Err(AvroError::Schema);
        }
        let schema = Schema::parse_str(text).map_err(|_| AvroError::Schema)?;
        let is_event =
            matches!(&schema, Schema::Record(record) if record.fields.iter().all(|field| is_flat(&field.schema)));
        if is_event { Ok(Self(schema)) } else { Err(AvroError::Schema) }
    }

    /// Decodes an event, to its last byte.
    ///
    /// # Errors
    /// [`AvroError`].
    pub(crate) fn decode(&self, payload: &[u8]) -> Result<EventRecord, AvroError> {
        if payload.len() > MOST_EVENT {
            return Err(AvroError::TooLong);
        }
        let guarded = [payload, &[GUARD]].concat();
        let mut rest = guarded.as_slice();
        let datum = from_avro_datum(&self.0, &mut rest, None).map_err(|_| AvroError::Malformed)?;
        if rest != [GUARD] {
            return Err(AvroError::Length);
        }
        let Value::Record(fields) = datum else { return Err(AvroError::Malformed) };
        let fields = fields.into_iter().map(|(name, value)| Ok((name, scalar(value)?)));
        Ok(EventRecord(fields.collect::<Result<_, AvroError>>()?))
    }
}

/// Whether a field is a scalar, or nothing and a scalar.
fn is_flat(schema: &Schema) -> bool {
    if let Schema::Union(union) = schema { union.variants().iter().all(is_scalar) } else { is_scalar(schema) }
}

const fn is_scalar(schema: &Schema) -> bool {
    matches!(
        schema,
        Schema::Null | Schema::Boolean | Schema::Int | Schema::Long | Schema::Float | Schema::Double | Schema::String
    )
}

#[expect(clippy::wildcard_enum_match_arm, reason = "no other kind is in a schema that is taken")]
fn scalar(value: Value) -> Result<Scalar, AvroError> {
    match value {
        Value::Union(_, inner) => scalar(*inner),
        Value::Null => Ok(Scalar::Null),
        Value::Boolean(value) => Ok(Scalar::Bool(value)),
        Value::Int(value) => Ok(Scalar::Long(value.into())),
        Value::Long(value) => Ok(Scalar::Long(value)),
        Value::Float(value) => Ok(Scalar::Double(value.into())),
        Value::Double(value) => Ok(Scalar::Double(value)),
        Value::String(value) => Ok(Scalar::Text(value)),
        _ => Err(AvroError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use apache_avro::to_avro_datum;
    use proptest::prelude::*;

    use super::*;

    const SCHEMA: &str = r#"{"type": "record", "name": "Event__e", "namespace": "com.sforce.eventbus", "fields": [
        {"name": "CreatedDate", "type": "long"},
        {"name": "Name__c", "type": ["null", "string"], "default": null},
        {"name": "Is__c", "type": ["null", "boolean"], "default": null},
        {"name": "Number__c", "type": ["null", "double"], "default": null}
    ]}"#;

    fn schema() -> EventSchema {
        EventSchema::parse(SCHEMA).unwrap_or_else(|error| panic!("{error}"))
    }

    fn datum(name: Option<&str>, number: Option<f64>) -> Vec<u8> {
        let optional = |value: Option<Value>| match value {
            Some(value) => Value::Union(1, Box::new(value)),
            None => Value::Union(0, Box::new(Value::Null)),
        };
        let fields = [
            ("CreatedDate", Value::Long(7)),
            ("Name__c", optional(name.map(|name| Value::String(name.to_owned())))),
            ("Is__c", optional(Some(Value::Boolean(true)))),
            ("Number__c", optional(number.map(Value::Double))),
        ];
        let record = Value::Record(fields.map(|(name, value)| (name.to_owned(), value)).to_vec());
        to_avro_datum(&schema().0, record).unwrap()
    }

    #[test]
    fn an_event_is_decoded_to_the_last_byte_and_no_other_is() {
        let payload = datum(Some("a"), Some(1.5));
        let record = schema().decode(&payload).unwrap_or_else(|error| panic!("{error}"));
        assert!(record.0["CreatedDate"] == Scalar::Long(7) && record.0["Name__c"] == Scalar::Text("a".to_owned()));
        assert!(record.0["Is__c"] == Scalar::Bool(true) && record.0["Number__c"] == Scalar::Double(1.5));
        for payload in [payload, datum(None, None), datum(Some(""), None)] {
            for length in 0..payload.len() {
                assert!(schema().decode(&payload[..length]).is_err(), "{length} of {} bytes", payload.len());
            }
            assert!(schema().decode(&[&payload[..], &[0]].concat()) == Err(AvroError::Length));
        }
        assert!(schema().decode(&vec![0; MOST_EVENT + 1]) == Err(AvroError::TooLong));
    }

    #[test]
    fn a_text_that_says_it_is_huge_takes_no_memory() {
        // Seven, then a text of 2^62 bytes.
        let huge = [&[14, 2][..], &[0xFE; 8], &[0x7F]].concat();
        assert!(schema().decode(&huge) == Err(AvroError::Malformed));
    }

    #[test]
    fn only_flat_records_are_events() {
        for kind in [
            r#"{"type": "array", "items": "null"}"#,
            r#"{"type": "map", "values": "null"}"#,
            r#"{"type": "fixed", "name": "F", "size": 1000000000}"#,
            r#"["null", {"type": "array", "items": "string"}]"#,
            r#"{"type": "record", "name": "R", "fields": []}"#,
        ] {
            let text = SCHEMA.replace(r#""type": "long""#, &format!("\"type\": {kind}"));
            assert_eq!(EventSchema::parse(&text).err(), Some(AvroError::Schema), "{kind}");
        }
        for text in ["", "{}", "\"string\"", &" ".repeat(MOST_SCHEMA + 1)] {
            assert_eq!(EventSchema::parse(text).err(), Some(AvroError::Schema));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(record) = schema().decode(&bytes) {
                prop_assert_eq!(record.0.len(), 4);
            }
        }
    }
}
