//! SIGHUP: trunks, agents and what callers hear change at once, for new calls. Card settings never do.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use arc_swap::ArcSwap;
use edge::{Routing, SignallingHandle};

use crate::{config::Config, parts, services::Backends};

/// Reads the configuration again.
pub(crate) struct Reloader {
    path: PathBuf,
    current: Config,
    routing: Arc<ArcSwap<Routing>>,
    backends: Arc<Backends>,
    signalling: SignallingHandle,
}

impl Reloader {
    pub(crate) fn new(
        path: &Path,
        current: Config,
        routing: Arc<ArcSwap<Routing>>,
        backends: Arc<Backends>,
        signalling: SignallingHandle,
    ) -> Self {
        Self { path: path.to_owned(), current, routing, backends, signalling }
    }

    /// Reloads, all or nothing: a file with a problem changes nothing. Returns the drain deadline in force.
    pub(crate) async fn reload(&mut self) -> Duration {
        match self.apply().await {
            Ok(()) => tracing::info!("the configuration is reloaded"),
            Err(error) => tracing::error!("the configuration is not reloaded, nothing changed: {error:#}"),
        }
        self.current.limits.drain_seconds.duration()
    }

    async fn apply(&mut self) -> Result<()> {
        let next = Config::load(&self.path)?;
        let (routing, servers) = (parts::routing(&next)?, parts::servers(&next)?);
        for section in self.current.needs_restart(&next) {
            tracing::warn!(section, "this section changes only at the next start");
        }
        self.signalling.set_trunks(parts::trunks(&next)).await?;
        self.routing.store(Arc::new(routing));
        self.backends.agents.servers.store(Arc::new(servers));
        crate::admin::observe_certificates(&next);
        for trunk in &next.trunk {
            metrics::gauge!("tonegate_calls_limit", "trunk" => trunk.name.clone()).set(f64::from(trunk.capacity));
        }
        // What needs a restart stays as it was, so that the next reload names it again.
        self.current = Config {
            trunk: next.trunk,
            agent: next.agent,
            business: next.business,
            limits: next.limits,
            ..self.current.clone()
        };
        Ok(())
    }
}
