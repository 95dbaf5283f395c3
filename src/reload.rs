//! SIGHUP: trunks, transfers, agents, what callers hear and the interface's certificate change at once, for new calls and
//! connections. Card settings never do.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Result, bail};
use arc_swap::ArcSwap;
use edge::{Routing, SignallingHandle};

use crate::{
    admin,
    api::{Renewal, Tls},
    attestation,
    config::{Config, Limits},
    controls, failure, parts,
    services::Backends,
    speech,
};

/// What a reload changes.
pub(crate) struct Reloaded {
    pub(crate) routing: Arc<ArcSwap<Routing>>,
    pub(crate) backends: Arc<Backends>,
    pub(crate) signalling: SignallingHandle,
    /// The TLS of the authenticated listener, where it has one.
    pub(crate) tls: Option<Tls>,
    /// What health is held against.
    pub(crate) limits: Arc<ArcSwap<Limits>>,
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
                let why = failure::told(&error);
                tracing::error!("the configuration is not reloaded, nothing changed: {why}");
            }
        }
        self.current.limits.drain_seconds.duration()
    }

    async fn apply(&mut self) -> Result<()> {
        let next = Config::load(&self.path)?;
        let waiting = self.current.needs_restart(&next);
        // What needs a restart stays as it was, so that the next reload names it again.
        let next = self.current.reloaded(next);
        if let Some(problem) = next.problems().first() {
            bail!("{problem}; what it contradicts waits for a restart");
        }
        controls::reload(&self.current, &next)?;
        let (routing, servers) = (parts::routing(&next)?, parts::servers(&next)?);
        let (renewal, time_zone) = (Renewal::of(&next.api)?, parts::time_zone(&next)?);
        speech::warm(&next, &self.reloaded.backends.prompts).await?;
        for section in waiting {
            tracing::warn!(section, "this section changes only at the next start");
        }
        self.tell_signalling(&next).await?;
        self.reloaded.routing.store(Arc::new(routing));
        self.reloaded.backends.agents.servers.store(Arc::new(servers));
        self.reloaded.backends.time_zone.store(Arc::new(time_zone));
        self.reloaded.backends.store.set_least_free(next.limits.disk_free_megabytes.bytes());
        self.reloaded.limits.store(Arc::new(next.limits.clone()));
        if let (Some(tls), Some(renewal)) = (&self.reloaded.tls, renewal) {
            tls.renew(renewal);
        }
        for trunk in &next.trunk {
            metrics::gauge!("tonegate_calls_limit", "trunk" => trunk.name.clone()).set(f64::from(trunk.capacity));
            admin::show_trunk(&trunk.name);
        }
        attestation::record(&self.reloaded.backends, &self.current.trunk, &next.trunk);
        self.current = next;
        admin::observe_certificates(&self.current);
        Ok(())
    }

    async fn tell_signalling(&self, next: &Config) -> Result<()> {
        self.reloaded.signalling.set_trunks(parts::trunks(next)).await?;
        Ok(self.reloaded.signalling.set_most_calls(next.limits.calls as usize).await?)
    }
}
