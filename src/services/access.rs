//! Accesses by the authenticated interface, in the log and, where they change something or are refused, in the audit chain.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::Method;
use backends::audit::{Details, Entry, Kind};
use jiff::Timestamp;
use uuid::Uuid;

use super::Backends;
use crate::api::{Access, AuditTrail, Bearer, LogTrail};

/// Refusals of strangers that enter the chain in each [`WINDOW`]. Anybody who reaches the port can make more, and nothing is
/// ever deleted from the chain.
const MOST_STRANGERS: u32 = 20;
const WINDOW: Duration = Duration::from_secs(60);

/// [`AuditTrail`] over the store.
pub(crate) struct StoreTrail {
    backends: Arc<Backends>,
    strangers: Mutex<Strangers>,
}

impl StoreTrail {
    pub(crate) fn new(backends: Arc<Backends>) -> Self {
        Self { backends, strangers: Mutex::default() }
    }
}

/// How many requests without a bearer were refused of late.
#[derive(Default)]
struct Strangers {
    window: Option<Instant>,
    written: u32,
    /// Those since the last one that was written.
    unwritten: u64,
}

impl Strangers {
    /// One more: whether it is to be written, and how many before it were not.
    fn refused(&mut self, now: Instant) -> Option<u64> {
        if self.window.is_none_or(|began| now >= began + WINDOW) {
            (self.window, self.written) = (Some(now), 0);
        }
        if self.written == MOST_STRANGERS {
            self.unwritten += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.unwritten))
    }
}

impl AuditTrail for StoreTrail {
    fn record(&self, access: &Access<'_>) {
        LogTrail.record(access);
        // A timeline is a part of the audit trail, so who has read it is kept (PCI DSS 10.2.1.3); and so is who took records away.
        let is_kept = access.route.ends_with("/timeline") || access.route.ends_with(".csv");
        let reads = access.method == Method::GET && !is_kept;
        if reads && access.status < 400 {
            return;
        }
        let unwritten = match access.bearer {
            Some(_) => Some(0),
            None => self.strangers.lock().unwrap_or_else(PoisonError::into_inner).refused(Instant::now()),
        };
        let Some(unwritten) = unwritten else { return };
        let details = Details::new()
            .text("bearer", access.bearer.map_or("nobody", Bearer::name))
            .text("role", access.bearer.map_or("none", Bearer::role))
            .text("method", access.method.as_str())
            .text("route", access.route)
            .count("status", u64::from(access.status));
        let details = access.origin.map_or(details.clone(), |origin| details.setting("origin", &origin.to_string()));
        let details = if unwritten > 0 { details.count("unwritten", unwritten) } else { details };
        let call = access.call.unwrap_or(Uuid::nil());
        self.backends.journal.access(Entry { call, at: Timestamp::now(), kind: Kind::Access, details });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_flood_of_strangers_some_are_written_and_the_rest_are_counted() {
        let (mut strangers, start) = (Strangers::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        let written = (0..1_000).filter(|&millis| strangers.refused(at(millis)).is_some()).count();
        assert_eq!(written, MOST_STRANGERS as usize);
        assert_eq!(
            strangers.refused(at(60_000)),
            Some(1_000 - u64::from(MOST_STRANGERS)),
            "the next one tells of the rest"
        );
        assert_eq!(strangers.refused(at(60_001)), Some(0));
    }
}
