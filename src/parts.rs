//! Opens what is behind the calls: store, book, speech, recorder, vault, processor. Everything that fails here stops the
//! start, with a reason.

mod accounts;
mod capture;
mod org;

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use backends::{
    audit::Shipping,
    book::AccountBook,
    bot::{BotServer, BotThreads},
    callback::{Callbacks, Caller},
    outbound::Outbound,
    outbox::Outbox,
    queue::Depth,
    reconciliation::Reconciliation,
    recorder::{Format, Recorder, RecorderOptions},
    salesforce::SalesforceBook,
    store::{Recovery, Store, StoreOptions},
    withhold::Withholds,
};
use book::{outbound::Limits, outbox::RetryPolicy};
use call::{
    AgentKind, Settings, Taking,
    api::Postal,
    conditions::{Carriage, Line},
    transfer::Destination,
};
use dialogue::BusinessName;
use edge::{Route, Routing};
use gate::wire::Brands;
use jiff::{Timestamp, tz::TimeZone};
use metrics::counter;
use rules::calendar::Calendar;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    admin::Readiness,
    api::Bearers,
    audit,
    config::{self, Config},
    controls::{self, Controls},
    services::{Agents, Backends, Journal, Server},
    speech,
};

pub(crate) use accounts::imports;
pub(crate) use capture::reachable;
pub(crate) use org::{Compared, compared};

/// What is said where recordings are not sealed.
pub(crate) const CLEAR: &str = "recordings lie in clear: whoever reads the disk can hear them; set recording.seal_to";

/// Everything behind the calls, and what an earlier run left.
pub(crate) struct Parts {
    pub(crate) backends: Arc<Backends>,
    pub(crate) recovery: Recovery,
    pub(crate) store: Store,
    /// The audit chain's way off the machine; closed last.
    pub(crate) shipping: Shipping,
    pub(crate) controls: Controls,
    pub(crate) tasks: Vec<JoinHandle<()>>,
}

/// Opens everything. `stop` ends the children.
pub(crate) async fn open(
    config: &Config,
    bearers: Arc<Bearers>,
    interface: String,
    readiness: Arc<Readiness>,
    program: &'static str,
    stop: CancellationToken,
) -> Result<Parts> {
    let (store, recovery, shipping) = open_store(config, program)?;
    let around = Around { bearers, interface, readiness, is_serving: program == "serve", stop };
    match assemble(config, &store, around).await {
        Ok(Assembled { backends, controls, tasks }) => {
            Ok(Parts { backends: Arc::new(backends), recovery, store, shipping, controls, tasks })
        }
        Err(error) => {
            // This run ends here, and its part of the audit chain says so.
            shipping.close().await;
            Err(error)
        }
    }
}

/// What the parts are told of the rest of the program.
struct Around {
    bearers: Arc<Bearers>,
    interface: String,
    readiness: Arc<Readiness>,
    /// Looking whether everything is well writes nothing into a book, and takes no event from those who serve.
    is_serving: bool,
    stop: CancellationToken,
}

/// What is opened around a store.
struct Assembled {
    backends: Backends,
    controls: Controls,
    tasks: Vec<JoinHandle<()>>,
}

async fn assemble(config: &Config, store: &Store, around: Around) -> Result<Assembled> {
    let Around { bearers, interface, readiness, is_serving, stop } = around;
    let controls = controls::begin(config, store).await?;
    let (journal, journalling) = Journal::new(store.clone());
    let mut tasks = vec![journalling];
    let accounts::Opened { book, org, events } = accounts::open(config)?;
    let book = Arc::new(book);
    if let Some(org) = org.as_ref().filter(|_| is_serving) {
        look_after(config, org, store, &stop, &mut tasks)?;
    }
    let (prompts, recognisers) = speech::open(config, &stop, &mut tasks).await?;
    let (vault, cashier) = capture::open(config, store, &stop, &mut tasks)?;
    if is_serving {
        let outbox = Outbox::new(store.clone(), Arc::clone(&book) as Arc<dyn AccountBook>, RetryPolicy::default());
        tasks.push(tokio::spawn(outbox.run(stop.clone())));
        let (asked, stop) = (Arc::clone(&book), stop.clone());
        tasks.push(tokio::spawn(async move { asked.keep_asking(stop).await }));
    }
    match events {
        Some(events) if is_serving => tasks.push(tokio::spawn(events.run(stop))),
        Some(_) | None => backends::queue::show(Depth::default()),
    }
    let shared = Arc::clone(&book) as Arc<dyn AccountBook>;
    let backends = Backends {
        store: store.clone(),
        journal,
        outbound: Outbound::new(store.clone(), shared, Limits::default()),
        mapping: org.map(|org| Arc::new(org.mapping().clone())),
        book,
        prompts,
        recognisers,
        recorder: open_recorder(&config.recording)?,
        withholds: Withholds::default(),
        withheld_seconds: config.recording.withhold_seconds.0,
        vault,
        cashier,
        carrier: capture::carrier(config, &interface)?,
        readiness,
        time_zone: ArcSwap::from_pointee(time_zone(config)?),
        agents: start_agents(config, bearers, interface)?,
    };
    Ok(Assembled { backends, controls, tasks })
}

/// Watches an org, and compares it each day with the ledger.
fn look_after(
    config: &Config,
    org: &Arc<SalesforceBook>,
    store: &Store,
    stop: &CancellationToken,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Result<()> {
    tasks.push(tokio::spawn(org::watch(Arc::clone(org), stop.clone())));
    let reconciliation = Reconciliation::new(store.clone(), Arc::clone(org));
    let at = config.book.reconcile_at.parse().context("book.reconcile_at")?;
    tasks.push(tokio::spawn(reconciliation.run(at, time_zone(config)?, stop.clone())));
    Ok(())
}

/// The store, what an earlier run left in it, and its audit chain's way off the machine.
fn open_store(config: &Config, program: &'static str) -> Result<(Store, Recovery, Shipping)> {
    let signer = audit::signer(config)?;
    let instance = audit::instance(config, &signer, program);
    let run = instance.id;
    let path = &config.store.database;
    make_room_for(path)?;
    let options = StoreOptions {
        commit_deadline: config.store.commit_deadline_milliseconds.duration(),
        least_free: config.limits.disk_free_megabytes.bytes(),
        signer: Some(signer),
        instance: Some(instance),
        ..StoreOptions::at(path)
    };
    let (store, recovery) =
        Store::open(options, Timestamp::now()).with_context(|| format!("cannot open the store {}", path.display()))?;
    if recovery.is_rolled_back {
        counter!("tonegate_control_failures_total", "control" => "audit_rolled_back").increment(1);
        tracing::error!("the audit chain is not what its checkpoints have seen: the store was rolled back or replaced");
    }
    let shipping = audit::ship(config, store.clone(), run)?;
    Ok((store, recovery, shipping))
}

/// The threads that hold bots' connections, and whom they may connect to.
fn start_agents(config: &Config, bearers: Arc<Bearers>, interface: String) -> Result<Agents> {
    Ok(Agents {
        servers: ArcSwap::from_pointee(servers(config)?),
        threads: BotThreads::start().context("the bots' threads cannot start")?,
        bearers,
        interface,
        callbacks: Callbacks::default(),
    })
}

fn open_recorder(recording: &config::Recording) -> Result<Recorder> {
    if recording.is_in_clear() {
        tracing::warn!(directory = %recording.directory.display(), "{CLEAR}");
    }
    let options = RecorderOptions {
        directory: recording.directory.clone(),
        quota_bytes: recording.quota_megabytes.bytes(),
        format: match recording.format {
            config::RecordingFormat::Wav => Format::Wave,
            config::RecordingFormat::Opus => Format::Opus,
        },
        seal_to: recording.public_key().context("recording.seal_to")?,
    };
    Ok(Recorder::new(options)?)
}

fn brands(config: &Config) -> Brands {
    let named = config.capture.brands.iter().map(|brand| match brand {
        config::Brand::Visa => gate::wire::Brand::Visa,
        config::Brand::Mastercard => gate::wire::Brand::Mastercard,
        config::Brand::AmericanExpress => gate::wire::Brand::Amex,
        config::Brand::Discover => gate::wire::Brand::Discover,
    });
    let canary = config.capture.canary.then_some(gate::wire::Brand::Canary);
    named.chain(canary).fold(Brands::none(), Brands::with)
}

fn make_room_for(path: &Path) -> Result<()> {
    match path.parent() {
        Some(directory) => {
            fs::create_dir_all(directory).with_context(|| format!("cannot make the directory {}", directory.display()))
        }
        None => Ok(()),
    }
}

/// The business as configured, where its name may be spoken.
pub(crate) fn business_name(config: &Config) -> Result<BusinessName> {
    BusinessName::new(&config.business.name).context("business.name")
}

/// The zone of today's date.
pub(crate) fn time_zone(config: &Config) -> Result<TimeZone> {
    TimeZone::get(&config.business.time_zone).context("business.time_zone")
}

/// What all calls share, as configured.
pub(crate) fn settings(config: &Config) -> Result<Settings> {
    Ok(Settings {
        business: business_name(config)?,
        time_zone: time_zone(config)?,
        calendar: Calendar::united_states(),
        recording: config.recording.rule(),
        unrecorded: config.trunk.iter().filter(|trunk| !trunk.recording).map(|trunk| trunk.name.clone()).collect(),
        capture: config.capture.enabled,
        taking: Taking {
            brands: brands(config),
            postal: if config.capture.postal { Postal::Us } else { Postal::None },
            bank_accounts: config.capture.bank_accounts,
        },
        carrier: config.capture.by.carrier(),
        destinations: destinations(config)?,
        longest: config.limits.call_seconds.duration(),
    })
}

/// Where callers may be transferred to.
fn destinations(config: &Config) -> Result<BTreeMap<String, Destination>> {
    let destination = |transfer: &config::Transfer| -> Result<(String, Destination)> {
        let target = transfer.target().with_context(|| format!("transfer {:?}", transfer.name))?;
        Ok((transfer.name.clone(), Destination { target, is_announced: transfer.announce }))
    };
    config.transfer.iter().map(destination).collect()
}

/// What holds for the calls of each trunk.
pub(crate) fn routing(config: &Config) -> Result<Routing> {
    let routes = config.trunk.iter().map(|trunk| {
        let agent = match config.agent_of(trunk).map(|agent| agent.kind) {
            Some(config::AgentKind::TwilioStream) => AgentKind::Stream,
            Some(config::AgentKind::Echo) => AgentKind::Echo,
            Some(config::AgentKind::Collector) | None => AgentKind::Collector,
        };
        let (is_local, is_attested) = (config.is_local(trunk), trunk.private_line.is_some());
        (trunk.name.clone(), Route { agent, learn_source: trunk.learn_source, is_local, is_attested })
    });
    Ok(Routing { settings: Arc::new(settings(config)?), routes: routes.collect() })
}

/// How a trunk's calls may come, at the worst.
pub(crate) fn line(config: &Config, trunk: &config::Trunk) -> Line {
    let carriage =
        Carriage::Sip { is_signalling_encrypted: false, is_media_encrypted: trunk.srtp == config::Srtp::Required };
    Line { is_local: config.is_local(trunk), carriage, is_attested: trunk.private_line.is_some() }
}

/// The bot server of each trunk that has one.
pub(crate) fn servers(config: &Config) -> Result<BTreeMap<String, Server>> {
    let mut servers = BTreeMap::new();
    for trunk in &config.trunk {
        let Some(agent) = config.agent_of(trunk).filter(|agent| agent.kind == config::AgentKind::TwilioStream) else {
            continue;
        };
        let deadline = agent.connect_deadline_milliseconds.duration();
        let url = agent.url.as_deref().unwrap_or_default();
        let whose = || format!("the agent of trunk {:?}", trunk.name);
        let server = BotServer::new(url, agent.ca.as_deref(), agent.allow_plain, deadline).with_context(whose)?;
        let token = agent.auth_token().context("auth_token_file").with_context(whose)?;
        let server = token.iter().fold(server, BotServer::signed_with);
        let caller = Caller::new(agent.ca.as_deref()).with_context(whose)?;
        let parameters = agent.parameters.clone();
        servers.insert(trunk.name.clone(), Server { server, parameters, auth_token: token, caller });
    }
    Ok(servers)
}

/// The trunks, as signalling knows them.
pub(crate) fn trunks(config: &Config) -> Vec<sip::Trunk> {
    let trunk = |trunk: &config::Trunk| sip::Trunk {
        name: trunk.name.clone(),
        peers: trunk.peers.iter().map(|peer| peer.range()).collect(),
        transports: vec![sip::Transport::Udp, sip::Transport::Tcp],
        capacity: trunk.capacity as usize,
        srtp: trunk.srtp.policy(),
        codecs: trunk.codecs.iter().map(|codec| codec.known()).collect(),
    };
    config.trunk.iter().map(trunk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_says_whether_sources_are_learnt() {
        let strict = "[[trunk]]\nname = \"strict\"\nlearn_source = false\n[[trunk]]\nname = \"usual\"\npeers = [\"192.0.2.1\"]\n";
        let routes = routing(&Config::parse(strict).unwrap()).unwrap().routes;
        assert_eq!(["strict", "usual"].map(|name| routes[name].learn_source), [false, true]);
    }
}
