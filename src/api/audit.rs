//! Each access to `/v1`, written down.

use std::net::IpAddr;

use axum::http::Method;
use uuid::Uuid;

use super::Bearer;

/// One request and what became of it. The path's template is kept, not the path, and no part of any body.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    /// Who asked; `None` for a token nobody has.
    pub(crate) bearer: Option<&'a Bearer>,
    /// The method.
    pub(crate) method: &'a Method,
    /// The template of the path.
    pub(crate) route: &'a str,
    /// The call it was about.
    pub(crate) call: Option<Uuid>,
    /// The address it came from.
    pub(crate) origin: Option<IpAddr>,
    /// The status answered.
    pub(crate) status: u16,
}

/// Where accesses are written down. Must not block.
pub(crate) trait AuditTrail: Send + Sync + 'static {
    /// Writes one access down.
    fn record(&self, access: &Access<'_>);
}

/// The trail in the structured log, under the target `audit`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogTrail;

impl AuditTrail for LogTrail {
    fn record(&self, access: &Access<'_>) {
        tracing::info!(
            target: "audit",
            bearer = access.bearer.map_or("nobody", Bearer::name),
            role = access.bearer.map_or("none", Bearer::role),
            method = access.method.as_str(),
            route = access.route,
            call = access.call.map(tracing::field::display),
            origin = access.origin.map(tracing::field::display),
            status = access.status,
            "access"
        );
    }
}
