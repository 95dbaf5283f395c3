//! Puts the gateway together and runs it until it is told to leave.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use backends::store::{Recovery, Store};
use edge::{
    ConnectionLimits, Registry, Routing, ShardConfig, ShardPool, SignallingConfig, SignallingHandle, Switchboard,
    TickReader,
    signalling::{self, Signalling},
};
use futures_util::future::join_all;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{self, Check, Readiness},
    api::{self, Bearers, CarrierDoor, Interface, Tls},
    attestation,
    config::{Config, Limits},
    controls::Controls,
    directory::{Accounts, Directory, Reception},
    health,
    parts::{self, Parts},
    recovery,
    reload::{Reloaded, Reloader},
    secrets,
    services::{Backends, Behind, Desk, StoreTrail, Undelivered},
    shutdown::{self, Asked, Signals},
    telemetry::{self, Levels},
};

/// How long tasks may take to end once the calls are over.
const LEAVE: Duration = Duration::from_secs(3);

/// `tonegate serve`.
pub(crate) fn serve(path: &Path) -> Result<()> {
    let config = Config::load(path)?;
    let levels = telemetry::start(&config.log)?;
    install_tls();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("control").build()?;
    runtime.block_on(run(path, config, levels))
}

/// One TLS provider for the whole process.
pub(crate) fn install_tls() {
    // A second installation changes nothing.
    rustls::crypto::ring::default_provider().install_default().ok();
}

async fn run(path: &Path, config: Config, levels: Levels) -> Result<()> {
    let mut signals = Signals::listen()?;
    if config.capture.enabled {
        health::host::harden();
    }
    for remark in secrets::exposed(&config) {
        tracing::warn!("{remark}");
    }
    let metrics = admin::install()?;
    let mut start = Start::new(config.clone());
    let operations = bind(config.operations.listen, "operations.listen").await?;
    let interface = bind(config.api.listen, "api.listen").await?;
    let addresses = (operations.local_addr()?, interface.local_addr()?);
    start.operations(operations, metrics);

    let bearers = Arc::new(Bearers::read(&config.api.token).map_err(|problems| listed(&problems))?);
    let parts = start.parts(&bearers, addresses.1).await?;
    start.tasks.extend(parts.tasks);
    start.controls(parts.controls, levels, &parts.store);
    let calls = start.calls(&parts.backends, &parts.recovery).await?;
    start.payments(&parts.backends, &parts.recovery);
    let tls = start.interface(interface, bearers, &parts.backends, &calls)?;
    let limits = start.health(&parts.store, &calls);
    start.outbound(&parts.backends);
    start.announce(&calls, addresses).await;

    let retry_after = config.sip.retry_after_seconds.0;
    let (backends, signalling) = (Arc::clone(&parts.backends), calls.signalling.clone());
    let reloaded = Reloaded { routing: calls.routing, backends, signalling, tls, limits };
    let drain = serve_until_told(&mut signals, path, config, reloaded).await;
    shutdown::drain(&start.readiness, &calls.signalling, &calls.registry, drain, retry_after).await;
    start.leave(calls.switching, parts.backends).await;
    parts.shipping.close().await;
    tracing::info!("gone");
    Ok(())
}

/// A start under way: with what it starts, and what ends that.
struct Start {
    config: Config,
    readiness: Arc<Readiness>,
    tasks: Vec<JoinHandle<()>>,
    /// Ends the children, whom the last calls still need.
    children: CancellationToken,
    /// Ends what listens and what watches.
    sockets: CancellationToken,
}

/// What takes the calls.
struct Calls {
    signalling: SignallingHandle,
    /// Where signalling listens.
    udp: Option<SocketAddr>,
    tcp: Option<SocketAddr>,
    routing: Arc<ArcSwap<Routing>>,
    registry: Arc<Registry>,
    /// How punctual the media threads are.
    ticks: TickReader,
    /// Ends with the last call.
    switching: JoinHandle<()>,
}

impl Start {
    fn new(config: Config) -> Self {
        let (children, sockets) = (CancellationToken::new(), CancellationToken::new());
        Self { config, readiness: Arc::new(Readiness::new()), tasks: Vec::new(), children, sockets }
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(tokio::spawn(task));
    }

    /// The operations listener, which answers from the first moment on.
    fn operations(&mut self, listener: TcpListener, metrics: PrometheusHandle) {
        self.spawn(admin::tidy(metrics.clone(), self.sockets.clone()));
        let routes = admin::routes(metrics, Arc::clone(&self.readiness));
        self.spawn(report(api::serve(listener, None, routes, self.sockets.clone())));
    }

    /// What is behind the calls.
    async fn parts(&self, bearers: &Arc<Bearers>, interface: SocketAddr) -> Result<Parts> {
        let public = api::base_url(&self.config.api, interface);
        let (bearers, readiness, stop) = (Arc::clone(bearers), Arc::clone(&self.readiness), self.children.clone());
        let parts = parts::open(&self.config, bearers, public, readiness, "serve", stop).await?;
        admin::observe_certificates(&self.config);
        attestation::record(&parts.backends, &[], &self.config.trunk);
        self.readiness.pass(Check::Prompts);
        Ok(parts)
    }

    /// The watch over what only two operators may change.
    fn controls(&mut self, controls: Controls, levels: Levels, store: &Store) {
        self.spawn(controls.watch(store.clone(), levels, Arc::clone(&self.readiness), self.sockets.clone()));
    }

    /// Media threads, signalling, and what ties a call to both. The calls of an earlier run are hung up before any comes.
    async fn calls(&self, backends: &Arc<Backends>, recovery: &Recovery) -> Result<Calls> {
        let config = &self.config;
        let shards = ShardPool::start(shard_config(config)).context("the media threads cannot start")?;
        let ticks = shards.ticks();
        self.readiness.pass(Check::Media);
        let Signalling { handle: signalling, events, udp, tcp, task: _ } =
            signalling::start(signalling_config(config)?, self.sockets.clone())?;
        recovery::hang_up(recovery, &signalling, &backends.store).await;
        show_limits(config);
        let routing = Arc::new(ArcSwap::from_pointee(parts::routing(config)?));
        let (switchboard, registry) = Switchboard::new(
            Arc::new(Behind(Arc::clone(backends))),
            signalling.clone(),
            shards,
            Arc::clone(&routing),
            edge::make_identity()?,
            media_address(config),
            config.sip.retry_after_seconds.0,
        );
        let switching = tokio::spawn(switchboard.run(events));
        let (udp, tcp) = (udp.first().copied(), tcp.first().copied());
        Ok(Calls { signalling, udp, tcp, routing, registry, ticks, switching })
    }

    /// The reading of payments and refunds whose outcome is not known.
    fn payments(&mut self, backends: &Backends, recovery: &Recovery) {
        let (store, cashier, earlier) = (backends.store.clone(), backends.cashier.clone(), recovery.payments.clone());
        self.spawn(recovery::resolve_payments(store, cashier, earlier, self.children.clone()));
    }

    /// The authenticated listener.
    fn interface(
        &mut self,
        listener: TcpListener,
        bearers: Arc<Bearers>,
        backends: &Arc<Backends>,
        calls: &Calls,
    ) -> Result<Option<Tls>> {
        let registry = &calls.registry;
        let mut routes = api::routes(Interface {
            calls: Arc::new(Directory(Arc::clone(registry))),
            bearers,
            accounts: Arc::new(Accounts { registry: Arc::clone(registry), backends: Arc::clone(backends) }),
            audit: Arc::new(StoreTrail::new(Arc::clone(backends))),
            refunds: Arc::new(Desk(Arc::clone(backends))),
            dead_letters: Arc::new(Undelivered { store: backends.store.clone(), mapping: backends.mapping.clone() }),
            deadline: self.config.api.request_deadline_milliseconds.duration(),
            bank_accounts: self.config.capture.bank_accounts,
        });
        if let Some(link) = backends.carrier.clone() {
            let desk = Reception { registry: Arc::clone(registry), backends: Arc::clone(backends) };
            let desk = Arc::new(desk);
            routes = routes.merge(api::carrier_routes(CarrierDoor { link, desk }));
        }
        let tls = Tls::of(&self.config.api)?;
        self.spawn(report(api::serve(listener, tls.clone(), routes, self.sockets.clone())));
        Ok(tls)
    }

    /// The watch over sockets, store, clock and ticks. Returns the limits that it holds them against.
    fn health(&mut self, store: &Store, calls: &Calls) -> Arc<ArcSwap<Limits>> {
        let ports = self.config.media.first_port..=self.config.media.last_port;
        self.spawn(health::overflow::watch(ports, self.sockets.clone()));
        let limits = Arc::new(ArcSwap::from_pointee(self.config.limits.clone()));
        self.spawn(health::watch(
            Arc::clone(&self.readiness),
            store.clone(),
            calls.signalling.clone(),
            calls.ticks.clone(),
            Arc::clone(&limits),
            self.config.sip.retry_after_seconds.0,
            self.sockets.clone(),
        ));
        limits
    }

    /// The watch over whether outbound calls may be placed.
    fn outbound(&mut self, backends: &Backends) {
        let (readiness, outbound) = (Arc::clone(&self.readiness), backends.outbound.clone());
        self.spawn(health::outbound::watch(readiness, outbound, self.sockets.clone()));
    }

    /// Says where everything listens, as soon as a call would be taken; after a while also where none would.
    async fn announce(&self, calls: &Calls, (operations, interface): (SocketAddr, SocketAddr)) {
        tokio::time::timeout(LEAVE, self.readiness.ready()).await.ok();
        tracing::info!(
            sip_udp = calls.udp.as_ref().map(ToString::to_string),
            sip_tcp = calls.tcp.as_ref().map(ToString::to_string),
            operations = %operations,
            api = %interface,
            "ready"
        );
    }

    /// Ends what was started, once the calls are over: what listens, then the calls' last words, then what they needed.
    async fn leave(self, switching: JoinHandle<()>, backends: Arc<Backends>) {
        self.sockets.cancel();
        switching.await.ok();
        self.children.cancel();
        drop(backends);
        if tokio::time::timeout(LEAVE, join_all(self.tasks)).await.is_err() {
            tracing::warn!("some tasks did not end in time");
        }
    }
}

/// Reloads as often as it is told to, until it is told to leave. Returns how long calls then have.
async fn serve_until_told(signals: &mut Signals, path: &Path, config: Config, reloaded: Reloaded) -> Duration {
    let mut drain = config.limits.drain_seconds.duration();
    let mut reloader = Reloader::new(path, config, reloaded);
    while let Asked::ToReload = signals.next().await {
        drain = reloader.reload().await;
    }
    drain
}

async fn report(serving: impl Future<Output = std::io::Result<()>>) {
    if let Err(error) = serving.await {
        tracing::error!(%error, "a listener failed");
    }
}

async fn bind(address: SocketAddr, key: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key}: cannot listen on {address}"))
}

fn listed(problems: &[crate::config::Problem]) -> anyhow::Error {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!(lines.join("; "))
}

fn show_limits(config: &Config) {
    for trunk in &config.trunk {
        gauge!("tonegate_calls_limit", "trunk" => trunk.name.clone()).set(f64::from(trunk.capacity));
        gauge!("tonegate_calls_active", "trunk" => trunk.name.clone()).set(0.0);
        admin::show_trunk(&trunk.name);
    }
}

fn shard_config(config: &Config) -> ShardConfig {
    let media = &config.media;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ShardConfig {
        threads: if media.threads == 0 { cores } else { usize::from(media.threads) },
        address: media.address,
        ports: media.first_port..=media.last_port,
        quarantine: media.quarantine_seconds.duration(),
    }
}

/// Where callers send RTP.
fn media_address(config: &Config) -> IpAddr {
    config.sip.advertised_address.unwrap_or(config.media.address)
}

fn signalling_config(config: &Config) -> Result<SignallingConfig> {
    let sip = &config.sip;
    let host = sip.advertised_address.or_else(|| sip.udp.first().or(sip.tcp.first()).map(SocketAddr::ip));
    Ok(SignallingConfig {
        udp: sip.udp.clone(),
        tcp: sip.tcp.clone(),
        advertised_host: host.context("sip.udp and sip.tcp are both empty")?.to_string(),
        media_address: media_address(config),
        trunks: parts::trunks(config),
        limits: sip::Limits {
            calls: config.limits.calls as usize,
            retry_after_seconds: sip.retry_after_seconds.0,
            ..sip::Limits::default()
        },
        connections: ConnectionLimits::default(),
    })
}
