//! Everything that an org knows, and how it answers: no socket and no task, only what is handed in and what comes out.

use std::{borrow::Cow, sync::Mutex};

use axum::http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

use crate::{
    App,
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
