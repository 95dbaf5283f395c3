//! The event bus: what was published, for 72 hours, under which schema, and where each event is in its topic.

mod avro;
mod refusal;
mod subscription;
mod topic;

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::topic::Topic;
use crate::schema::{Event, Field};

pub(crate) use refusal::Refusal;
pub(crate) use subscription::{Asked, Start, Step, Subscription};
pub(crate) use topic::Told;

/// What goes wrong with streams, until it is cleared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamTroubles {
    /// Each stream ends as unavailable after so many events.
    pub drop_every: Option<u32>,
    /// The next so many events that are published come twice: the same event, under another replay id.
    pub duplicates: u32,
    /// How many events may still be delivered: the allowance of 24 hours.
    pub deliveries_left: Option<u64>,
    /// The next so many calls are refused with this gRPC status and error code.
    pub refused: Option<RefusedCalls>,
    /// The integration user may subscribe to no topic.
    pub closed: bool,
}

/// Calls that are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedCalls {
    /// The number of the gRPC status: 14 is unavailable.
    pub status: i32,
    /// The trailer `error-code`.
    pub error_code: String,
    /// How many.
    pub times: u32,
}

/// Every topic, and every schema that there was.
pub(crate) struct Bus {
    topics: BTreeMap<String, Topic>,
    schemas: BTreeMap<String, String>,
    pub(crate) troubles: StreamTroubles,
    /// How long replay ids are, in bytes.
    pub(crate) replay_length: usize,
    calls: u64,
}

impl Bus {
    pub(crate) fn new<'a>(events: impl Iterator<Item = &'a Event>) -> Self {
        let (topics, schemas) = (BTreeMap::new(), BTreeMap::new());
        let mut bus = Self { topics, schemas, troubles: StreamTroubles::default(), replay_length: 8, calls: 0 };
        for event in events {
            let schema_id = bus.keep_schema(event.avro());
            bus.topics.insert(event.topic(), Topic::new(event.clone(), schema_id));
        }
        bus
    }

    /// The id of a topic's schema.
    pub(crate) fn schema_id(&self, topic: &str) -> Option<&str> {
        self.topics.get(topic).map(|topic| topic.schema_id.as_str())
    }

    /// The same, where the integration user may read the event.
    pub(crate) fn seen_schema_id(&self, topic: &str) -> Option<&str> {
        let seen = self.topics.get(topic).filter(|topic| !topic.event.hidden);
        seen.map(|topic| topic.schema_id.as_str())
    }

    /// A schema by its id, whether a topic still has it or not.
    pub(crate) fn schema(&self, id: &str) -> Option<&str> {
        self.schemas.get(id).map(String::as_str)
    }

    /// Every event that the integration user may read.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.topics.values().map(|topic| &topic.event).filter(|event| !event.hidden)
    }

    /// An event by its name, where the integration user may read it.
    pub(crate) fn event(&self, name: &str) -> Option<&Event> {
        self.events().find(|event| event.name.eq_ignore_ascii_case(name))
    }

    /// Takes the right to read an event, or gives it back. Streams that are open go on.
    pub(crate) fn hide(&mut self, topic: &str, is_hidden: bool) -> bool {
        self.topics.get_mut(topic).map(|topic| topic.event.hidden = is_hidden).is_some()
    }

    /// Gives an event one more field of text.
    pub(crate) fn evolve(&mut self, topic: &str, field: &str) -> bool {
        self.change(topic, |event| {
            event.fields.push(Field { name: field.to_owned(), ..Field::default() }.completed());
            true
        })
    }

    /// Deletes a field of an event.
    pub(crate) fn forget(&mut self, topic: &str, field: &str) -> bool {
        self.change(topic, |event| {
            let before = event.fields.len();
            event.fields.retain(|own| !own.name.eq_ignore_ascii_case(field));
            event.fields.len() < before
        })
    }

    /// Changes an event, if it is one that can be changed so: from now on it is published under another schema.
    fn change(&mut self, topic: &str, change: impl FnOnce(&mut Event) -> bool) -> bool {
        let event = self.topics.get_mut(topic).map(|topic| &mut topic.event);
        let Some(json) = event.and_then(|event| change(event).then(|| event.avro())) else { return false };
        let id = self.keep_schema(json);
        if let Some(found) = self.topics.get_mut(topic) {
            found.schema_id = id;
        }
        true
    }

    /// Publishes an event from its fields, and says its replay id; or says why not.
    pub(crate) fn publish(
        &mut self,
        topic: &str,
        id: String,
        fields: &Map<String, Value>,
        user: &str,
        now: Timestamp,
    ) -> Result<Vec<u8>, String> {
        let schema_id = self.schema_id(topic).ok_or("no such topic")?.to_owned();
        let payload = avro::encode(self.schema(&schema_id).unwrap_or_default(), fields, user, now)?;
        self.put(topic, id, schema_id, payload, now).ok_or_else(|| "no such topic".to_owned())
    }

    /// Publishes a payload that a peer has made, which must be a datum of its schema and nothing else.
    pub(crate) fn publish_datum(
        &mut self,
        topic: &str,
        id: String,
        schema_id: &str,
        payload: Vec<u8>,
        now: Timestamp,
    ) -> Result<Vec<u8>, String> {
        let schema = self.schema(schema_id).ok_or("the schema is not known")?;
        avro::check(schema, &payload)?;
        self.put(topic, id, schema_id.to_owned(), payload, now).ok_or_else(|| "no such topic".to_owned())
    }

    /// Publishes whatever it is given: nobody looks at it.
    pub(crate) fn put(
        &mut self,
        topic: &str,
        id: String,
        schema_id: String,
        payload: Vec<u8>,
        now: Timestamp,
    ) -> Option<Vec<u8>> {
        let is_twice = self.troubles.duplicates > 0;
        let found = self.topics.get_mut(topic)?;
        let told = Told { id, schema_id, payload };
        let number = found.keep(Some(told.clone()), now);
        if is_twice {
            self.troubles.duplicates -= 1;
            found.keep(Some(told), now);
        }
        Some(self.replay_id(number))
    }

    /// A number for one call of a peer.
    pub(crate) fn rpc_id(&mut self) -> String {
        self.calls += 1;
        format!("rpc-{:08}", self.calls)
    }

    /// Whether a call is refused, which uses one of its times up.
    pub(crate) fn check_call(&mut self) -> Result<(), Refusal> {
        let Some(refused) = self.troubles.refused.as_mut().filter(|refused| refused.times > 0) else { return Ok(()) };
        refused.times -= 1;
        Err(Refusal::ordered(refused.status, &refused.error_code))
    }

    /// A replay id: in a longer one, bytes that mean nothing stand before the number.
    fn replay_id(&self, number: u64) -> Vec<u8> {
        let before = self.replay_length.saturating_sub(8);
        std::iter::repeat_n(0xA7, before).chain(number.to_be_bytes()).collect()
    }

    fn number(&self, replay_id: &[u8]) -> Option<u64> {
        let (_, number) = replay_id.split_last_chunk().filter(|_| replay_id.len() == self.replay_length)?;
        Some(u64::from_be_bytes(*number))
    }

    /// Its id is made of the schema, so the same schema has the same one.
    fn keep_schema(&mut self, json: String) -> String {
        let mut hasher = DefaultHasher::new();
        json.hash(&mut hasher);
        let id = URL_SAFE_NO_PAD.encode([hasher.finish().to_be_bytes(), (json.len() as u64).to_be_bytes()].concat());
        self.schemas.insert(id.clone(), json);
        id
    }
}

#[cfg(test)]
mod tests;
