//! SIGHUP: trunks, agents, what callers hear and the interface's certificate change at once, for new calls and
//! connections. Card settings never do.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use arc_swap::ArcSwap;
use edge::{Routing, SignallingHandle};

use crate::{
    admin,
    api::{Renewal, Tls},
    config::Config,
    parts,
    services::Backends,
};

/// What a reload changes.
pub(crate) struct Reloaded {
    pub(crate) routing: Arc<ArcSwap<Routing>>,
    pub(crate) backends: Arc<Backends>,
    pub(crate) signalling: SignallingHandle,
    /// The TLS of the authenticated listener, where it has one.
    pub(crate) tls: Option<Tls>,
}

/// Reads the configuration again.
pub(crate) struct Reloader {
    path: PathBuf,
    current: Config,
    reloaded: Reloaded,
}

impl Reloader {
    pub(crate) fn new(path: &Path, current: Config, reloaded: Reloaded) -> Self {
        Self { path: path.to_owned(), current, reloaded }
    }

    /// Reloads, all or nothing: a file with a problem changes nothing. Returns the drain deadline in force.
    pub(crate) async fn reload(&mut self) -> Duration {
        match self.apply().await {
            Ok(()) => tracing::info!("the configuration is reloaded"),
            Err(error) => {
                metrics::counter!("tonegate_control_failures_total", "control" => "reload").increment(1);
                tracing::error!("the configuration is not reloaded, nothing changed: {error:#}");
            }
        }
        self.current.limits.drain_seconds.duration()
    }

    async fn apply(&mut self) -> Result<()> {
        let next = Config::load(&self.path)?;
        let (routing, servers) = (parts::routing(&next)?, parts::servers(&next)?);
        let api = self.current.api.with_files_of(&next.api);
        let renewal = Renewal::of(&api)?;
        for section in self.current.needs_restart(&next) {
            tracing::warn!(section, "this section changes only at the next start");
        }
        self.reloaded.signalling.set_trunks(parts::trunks(&next)).await?;
        self.reloaded.routing.store(Arc::new(routing));
        self.reloaded.backends.agents.servers.store(Arc::new(servers));
        if let (Some(tls), Some(renewal)) = (&self.reloaded.tls, renewal) {
            tls.renew(renewal);
        }
        for trunk in &next.trunk {
            metrics::gauge!("tonegate_calls_limit", "trunk" => trunk.name.clone()).set(f64::from(trunk.capacity));
        }
        // What needs a restart stays as it was, so that the next reload names it again.
        self.current = Config {
            trunk: next.trunk,
            agent: next.agent,
            business: next.business,
            limits: next.limits,
            api,
            ..self.current.clone()
        };
        admin::observe_certificates(&self.current);
        Ok(())
    }
}
