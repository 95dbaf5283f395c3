//! Everything that an org knows, and how it answers: no socket and no task, only what is handed in and what comes out.

use std::{borrow::Cow, sync::Mutex};

use axum::http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::{
    App,
    bus::Bus,
    call::{Call, Reply},
    counters::Counters,
    failure::Failure,
    fault::Faults,
    ingest::Jobs,
    oauth::{self, Sessions},
    rest::{self, Cursors},
    store::Store,
};

/// The org's own id, in its long form.
pub const ORG: &str = "00DTg0000000001MAA";
/// The id of the integration user.
pub const USER: &str = "005Tg0000000001IAA";

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) sessions: Sessions,
    pub(crate) cursors: Cursors,
    pub(crate) jobs: Jobs,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) bus: Bus,
    /// Tells streams that there is something new, or that it is later than they think.
    pub(crate) changed: watch::Sender<()>,
    pub(crate) apps: Vec<App>,
    pub(crate) login_url: String,
    pub(crate) instance_url: String,
    /// How far its clock is ahead of the machine's.
    pub(crate) ahead: SignedDuration,
}

pub(crate) type Shared = Mutex<World>;

impl World {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now().checked_add(self.ahead).unwrap_or(Timestamp::MAX)
    }

    /// Has every stream look again.
    pub(crate) fn wake(&self) {
        self.changed.send_replace(());
    }

    /// Publishes an event, as somebody in the org would, and says its replay id; or says why not.
    pub(crate) fn publish(&mut self, event: &str, fields: &Map<String, Value>) -> Result<Vec<u8>, String> {
        let (now, id) = (self.now(), uuid::Uuid::new_v4().to_string());
        let published = self.bus.publish(&format!("/event/{event}"), id, fields, USER, now);
        self.wake();
        published
    }

    /// Publishes bytes that nobody looks at, and says their replay id.
    pub(crate) fn publish_bytes(&mut self, event: &str, bytes: Vec<u8>, schema_id: Option<&str>) -> Option<Vec<u8>> {
        let (topic, now, id) = (format!("/event/{event}"), self.now(), uuid::Uuid::new_v4().to_string());
        let schema_id = schema_id.or(self.bus.schema_id(&topic))?.to_owned();
        let replay_id = self.bus.put(&topic, id, schema_id, bytes, now);
        self.wake();
        replay_id
    }

    /// Answers one request, and leaves the store committed.
    pub(crate) fn answer(&mut self, method: &str, address: &str, headers: &HeaderMap, body: &[u8]) -> Reply {
        if address.starts_with("/services/oauth2/") {
            return oauth::token(self, method, address, headers, body);
        }
        if let Some(versions) = rest::versions(method, address) {
            return versions;
        }
        if let Err(failure) = self.admit(headers) {
            return failure.into();
        }
        let call = Call::parse(method, address, Some(headers), Cow::Borrowed(body));
        let reply = Reply::from(call.and_then(|call| rest::answer(self, &call)));
        self.store.commit();
        let usage = format!("api-usage={}/{}", self.counters.used(self.now()), self.counters.daily);
        reply.with("sforce-limit-info", usage)
    }

    /// Whether somebody is signed in, and the day's requests are not used up.
    fn admit(&mut self, headers: &HeaderMap) -> Result<(), Failure> {
        let now = self.now();
        self.sessions.check(headers, now)?;
        if self.counters.admit(now) {
            return Ok(());
        }
        Err(Failure::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
    }
}
