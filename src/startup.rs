//! Puts the gateway together and runs it until it is told to leave.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use edge::{ConnectionLimits, ShardConfig, ShardPool, SignallingConfig, Switchboard};
use metrics::gauge;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{self, Check, Readiness},
    api::{self, Bearers, Interface},
    config::Config,
    directory::Directory,
    health, parts, recovery,
    reload::{Reloaded, Reloader},
    services::{Behind, StoreTrail},
    shutdown::{self, Asked, Signals},
    telemetry,
};

/// How long tasks may take to end once the calls are over.
const LEAVE: Duration = Duration::from_secs(3);

/// `tonegate serve`.
pub(crate) fn serve(path: &Path) -> Result<()> {
    let config = Config::load(path)?;
    telemetry::start(&config.log)?;
    install_tls();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("control").build()?;
    runtime.block_on(run(path, config))
}

/// One TLS provider for the whole process.
pub(crate) fn install_tls() {
    // A second installation changes nothing.
    rustls::crypto::ring::default_provider().install_default().ok();
}

async fn run(path: &Path, config: Config) -> Result<()> {
    let mut signals = Signals::listen()?;
    let metrics = admin::install()?;
    let readiness = Arc::new(Readiness::new());
    let (children, sockets) = (CancellationToken::new(), CancellationToken::new());
    let operations = bind(config.operations.listen, "operations.listen").await?;
    let interface = bind(config.api.listen, "api.listen").await?;
    let (operations_address, interface_address) = (operations.local_addr()?, interface.local_addr()?);
    let tidying = tokio::spawn(admin::tidy(metrics.clone(), sockets.clone()));
    let routes = admin::routes(metrics, Arc::clone(&readiness));
    let mut tasks = vec![tidying, tokio::spawn(report(api::serve(operations, None, routes, sockets.clone())))];

    let bearers = Arc::new(Bearers::read(&config.api.token).map_err(|problems| listed(&problems))?);
    let public = api::base_url(&config.api, interface_address);
    let parts = parts::open(&config, Arc::clone(&bearers), public, Arc::clone(&readiness), children.clone()).await?;
    tasks.extend(parts.tasks);
    admin::observe_certificates(&config);
    readiness.pass(Check::Prompts);

    let shards = ShardPool::start(shard_config(&config)).context("the media threads cannot start")?;
    let ticks = shards.ticks();
    readiness.pass(Check::Media);
    let signalling = edge::signalling::start(signalling_config(&config)?, sockets.clone())?;
    recovery::hang_up(&parts.recovery, &signalling.handle, &parts.store).await;
    if let Some(processor) = parts.processor.clone() {
        let resolving = recovery::resolve_payments(parts.store.clone(), processor, children.clone());
        tasks.push(tokio::spawn(resolving));
    }
    show_limits(&config);
    let limits = Arc::new(ArcSwap::from_pointee(config.limits.clone()));

    let routing = Arc::new(ArcSwap::from_pointee(parts::routing(&config)?));
    let (switchboard, registry) = Switchboard::new(
        Arc::new(Behind(Arc::clone(&parts.backends))),
        signalling.handle.clone(),
        shards,
        Arc::clone(&routing),
        edge::make_identity()?,
        media_address(&config),
        config.sip.retry_after_seconds.0,
    );
    let switching = tokio::spawn(switchboard.run(signalling.events));
    let routes = api::routes(Interface {
        calls: Arc::new(Directory(Arc::clone(&registry))),
        bearers,
        audit: Arc::new(StoreTrail(Arc::clone(&parts.backends))),
        deadline: config.api.request_deadline_milliseconds.duration(),
    });
    let tls = api::Tls::of(&config.api)?;
    tasks.push(tokio::spawn(report(api::serve(interface, tls.clone(), routes, sockets.clone()))));
    let ports = config.media.first_port..=config.media.last_port;
    tasks.push(tokio::spawn(health::overflow::watch(ports, sockets.clone())));
    tasks.push(tokio::spawn(health::watch(
        Arc::clone(&readiness),
        parts.store.clone(),
        signalling.handle.clone(),
        ticks,
        Arc::clone(&limits),
        config.sip.retry_after_seconds.0,
        sockets.clone(),
    )));
    tokio::time::timeout(LEAVE, ready(&readiness)).await.ok();
    tracing::info!(
        sip_udp = signalling.udp.first().map(ToString::to_string),
        sip_tcp = signalling.tcp.first().map(ToString::to_string),
        operations = %operations_address,
        api = %interface_address,
        "ready"
    );

    let mut drain = config.limits.drain_seconds.duration();
    let retry_after = config.sip.retry_after_seconds.0;
    let reloaded =
        Reloaded { routing, backends: Arc::clone(&parts.backends), signalling: signalling.handle.clone(), tls, limits };
    let mut reloader = Reloader::new(path, config, reloaded);
    while let Asked::ToReload = signals.next().await {
        drain = reloader.reload().await;
    }
    shutdown::drain(&readiness, &signalling.handle, &registry, drain, retry_after).await;
    sockets.cancel();
    switching.await.ok();
    children.cancel();
    drop(reloader);
    drop(parts.backends);
    let leaving = futures_util::future::join_all(tasks);
    if tokio::time::timeout(LEAVE, leaving).await.is_err() {
        tracing::warn!("some tasks did not end in time");
    }
    tracing::info!("gone");
    Ok(())
}

async fn ready(readiness: &Readiness) {
    while !readiness.is_ready() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
