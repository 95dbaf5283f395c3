//! Accesses by the authenticated interface, in the log and, where they change something or are refused, in the audit chain.

use std::sync::Arc;

use axum::http::Method;
use backends::audit::{Details, Entry, Kind};
use jiff::Timestamp;
use uuid::Uuid;

use super::Backends;
use crate::api::{Access, AuditTrail, Bearer, LogTrail};

/// [`AuditTrail`] over the store.
pub(crate) struct StoreTrail(pub(crate) Arc<Backends>);

impl AuditTrail for StoreTrail {
    fn record(&self, access: &Access<'_>) {
        LogTrail.record(access);
        if access.method == Method::GET && access.status < 400 {
            return;
        }
        let details = Details::new()
            .text("bearer", access.bearer.map_or("nobody", Bearer::name))
            .text("role", access.bearer.map_or("none", Bearer::role))
            .text("method", access.method.as_str())
            .text("route", access.route)
            .count("status", u64::from(access.status));
        let call = access.call.unwrap_or(Uuid::nil());
        self.0.journal.access(Entry { call, at: Timestamp::now(), kind: Kind::Access, details });
    }
}
