//! Schemas by their ids: each is asked for once, because no other ever has the same id.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ::book::salesforce::subscription::End;

use super::{
    avro::{AvroError, EventSchema},
    pubsub::SchemaSource,
};

/// Most schemas that are kept: an event gets a new one when its fields are changed.
const MOST: usize = 32;

/// Schemas that could not be had for one batch of events: they are not asked for again before the next.
pub(super) type Missing = HashMap<String, AvroError>;

/// What is known.
#[derive(Default)]
pub(super) struct Schemas(Mutex<HashMap<String, Arc<EventSchema>>>);

impl Schemas {
    /// The schema of this id; or why there is none, and what is to be done where that cannot be known now.
    pub(super) async fn get(
        &self,
        id: &str,
        source: &mut SchemaSource,
        missing: &mut Missing,
    ) -> Result<Result<Arc<EventSchema>, AvroError>, End> {
        if let Some(known) = self.known().get(id) {
            return Ok(Ok(Arc::clone(known)));
        }
        if let Some(why) = missing.get(id) {
            return Ok(Err(*why));
        }
        let text = source.text(id).await?.ok_or(AvroError::Unknown);
        let schema = text.and_then(|text| EventSchema::parse(&text)).map(|schema| self.keep(id, schema));
        if let Err(why) = &schema {
            missing.insert(id.to_owned(), *why);
        }
        Ok(schema)
    }

    fn keep(&self, id: &str, schema: EventSchema) -> Arc<EventSchema> {
        let (schema, mut known) = (Arc::new(schema), self.known());
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(id.to_owned(), Arc::clone(&schema));
        schema
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<EventSchema>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
