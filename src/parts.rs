//! Opens what is behind the calls: store, book, speech, recorder, vault, processor. Everything that fails here stops the
//! start, with a reason.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use arc_swap::ArcSwap;
use backends::{
    book::{AccountBook, GuardOptions, GuardedBook, SqliteBook},
    bot::{BotServer, BotThreads},
    child,
    processor::{Processor, ProcessorOptions},
    recorder::{Format, Recorder, RecorderOptions},
    store::{Recovery, Store, StoreOptions},
    vault::{VaultLink, VaultOptions},
};
use book::import::{self, Report};
use call::{AgentKind, Settings};
use dialogue::BusinessName;
use edge::{Route, Routing};
use gate::wire::Brands;
use jiff::{Timestamp, tz::TimeZone};
use rules::calendar::Calendar;
use tokio_util::sync::CancellationToken;

use crate::{
    admin::Readiness,
    api::Bearers,
    config::{self, Config},
    sandbox::certificate::Files,
    services::{Agents, Backends, CaptureTerms, Journal, Server},
    speech,
};

/// The `child` label of the sandbox processor.
const SANDBOX: &str = "sandbox_processor";
/// How long children may take to be ready.
const CHILDREN: Duration = Duration::from_secs(5);
/// How soon a processor that does not answer yet is asked again.
const AGAIN: Duration = Duration::from_millis(100);
/// Where payments are at the processor.
const PROCESSOR_PATH: &str = "/v1/payments";
/// How long the processor may take to say what became of a payment.
const PROCESSOR: Duration = Duration::from_secs(3);

/// What is said where recordings are not sealed.
pub(crate) const CLEAR: &str = "recordings lie in clear: whoever reads the disk can hear them; set recording.seal_to";

/// Everything behind the calls, and what an earlier run left.
pub(crate) struct Parts {
    pub(crate) backends: Arc<Backends>,
    pub(crate) recovery: Recovery,
    pub(crate) store: Store,
    pub(crate) processor: Option<Arc<Processor>>,
    pub(crate) tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// Opens everything. `stop` ends the children.
pub(crate) async fn open(
    config: &Config,
    bearers: Arc<Bearers>,
    interface: String,
    readiness: Arc<Readiness>,
    stop: CancellationToken,
) -> Result<Parts> {
    let (store, recovery) = open_store(config)?;
    let (journal, journalling) = Journal::new(store.clone());
    let book = Arc::new(open_book(config)?);
    let mut tasks = vec![journalling];
    let (prompts, recognisers) = speech::open(config, &stop, &mut tasks).await?;
    let (vault, processor) = open_capture(config, &stop, &mut tasks)?;
    let outbox = backends::outbox::Outbox::new(
        store.clone(),
        Arc::clone(&book) as Arc<dyn AccountBook>,
        book::outbox::RetryPolicy::default(),
    );
    tasks.push(tokio::spawn(outbox.run(stop.clone())));
    let backends = Backends {
        store: store.clone(),
        journal,
        book,
        prompts,
        recognisers,
        recorder: open_recorder(&config.recording)?,
        vault,
        processor: processor.clone(),
        terms: CaptureTerms { brands: brands(config), postal: config.capture.postal },
        readiness,
        time_zone: ArcSwap::from_pointee(time_zone(config)?),
        agents: Agents {
            servers: ArcSwap::from_pointee(servers(config)?),
            threads: BotThreads::start().context("the bots' threads cannot start")?,
            bearers,
            interface,
        },
    };
    Ok(Parts { backends: Arc::new(backends), recovery, store, processor, tasks })
}

fn open_store(config: &Config) -> Result<(Store, Recovery)> {
    let path = &config.store.database;
    make_room_for(path)?;
    let options = StoreOptions {
        commit_deadline: config.store.commit_deadline_milliseconds.duration(),
        least_free: config.limits.disk_free_megabytes.bytes(),
        ..StoreOptions::at(path)
    };
    Store::open(options, Timestamp::now()).with_context(|| format!("cannot open the store {}", path.display()))
}

fn open_book(config: &Config) -> Result<GuardedBook> {
    let path = &config.book.database;
    make_room_for(path)?;
    let imports = imports(&config.book)?;
    for (file, report) in &imports.reports {
        self::report(file, report);
    }
    let (book, seeded) = SqliteBook::open(path, &imports.strategies, &imports.accounts)
        .with_context(|| format!("cannot open the account book {}", path.display()))?;
    tracing::info!(added = seeded.added, kept = seeded.kept, "the account book is open");
    let options =
        GuardOptions { look_up: config.book.lookup_deadline_milliseconds.duration(), ..GuardOptions::default() };
    Ok(GuardedBook::new(Arc::new(book), options))
}

/// What the account book is given at the start.
pub(crate) struct Imports {
    strategies: Vec<book::Strategy>,
    accounts: Vec<book::Account>,
    /// What was found in each file.
    pub(crate) reports: Vec<(PathBuf, Report)>,
}

/// Reads the configured strategies and accounts.
pub(crate) fn imports(book: &config::Book) -> Result<Imports> {
    let mut reports = Vec::new();
    let strategies = match &book.strategies {
        None => import::strategies(import::BUILT_IN_STRATEGIES).context("the built-in strategies")?.rows,
        Some(path) => {
            let file = read(path, "book.strategies")?;
            let import = import::strategies(&file).with_context(|| format!("in {}", path.display()))?;
            reports.push((path.clone(), import.report));
            import.rows
        }
    };
    let accounts = match &book.accounts {
        None => Vec::new(),
        Some(path) => {
            let file = read(path, "book.accounts")?;
            let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
            let import =
                import::accounts(&file, &strategies, today).with_context(|| format!("in {}", path.display()))?;
            reports.push((path.clone(), import.report));
            import.rows
        }
    };
    Ok(Imports { strategies, accounts, reports })
}

/// Reads a file of the account book that `key` names, if only by its default.
fn read(path: &Path, key: &str) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}; set {key} to a file of yours", path.display()))
}

/// Says what is wrong with a file, row by row. Rows are named by line, never by content.
fn report(path: &Path, report: &Report) {
    for problem in &report.problems {
        tracing::error!(file = %path.display(), "left out: {problem}");
    }
    for warning in &report.warnings {
        tracing::warn!(file = %path.display(), "odd: {warning}");
    }
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

type Capture = (Option<VaultLink>, Option<Arc<Processor>>);

fn open_capture(
    config: &Config,
    stop: &CancellationToken,
    tasks: &mut Vec<tokio::task::JoinHandle<()>>,
) -> Result<Capture> {
    let capture = &config.capture;
    if !capture.enabled {
        return Ok((None, None));
    }
    if capture.sandbox {
        tasks.push(start_sandbox(config, stop.clone())?);
    }
    let processor = ProcessorOptions {
        address: capture.processor_address,
        name: capture.processor_name.clone(),
        authority: capture.processor_ca.clone(),
        token: capture.token_file(),
        path: PROCESSOR_PATH.to_owned(),
        answer_within: PROCESSOR,
    };
    let reader = Processor::new(&processor)?;
    let options = VaultOptions { program: vault_program(config)?, processor, canary: capture.canary };
    let (link, mut wiped, task) = VaultLink::start(options, stop.clone());
    tasks.push(task);
    tasks.push(tokio::spawn(async move {
        while let Some(record) = wiped.recv().await {
            tracing::info!(sequence = record.sequence, cause = ?record.cause, "the vault has wiped a card, and signed that");
        }
    }));
    Ok((Some(link), Some(Arc::new(reader))))
}

/// Starts the sandbox processor as a child of its own, with a certificate and a token made at the first start.
fn start_sandbox(config: &Config, stop: CancellationToken) -> Result<tokio::task::JoinHandle<()>> {
    let capture = &config.capture;
    let directory = capture.processor_ca.parent().unwrap_or(Path::new(".")).to_owned();
    let files = Files::ensure(&directory, &capture.processor_name)?;
    let (program, listen) = (std::env::current_exe()?, capture.processor_address);
    Ok(tokio::spawn(async move {
        child::supervise(SANDBOX, stop.clone(), || {
            let mut command = tokio::process::Command::new(&program);
            command.arg("sandbox-processor").arg("--listen").arg(listen.to_string());
            command.arg("--certificate").arg(&files.certificate).arg("--key").arg(&files.key);
            command.arg("--token").arg(&files.token).arg("--state").arg(directory.join("payments"));
            let stop = stop.clone();
            async move { child::run(SANDBOX, &mut command, &stop).await }
        })
        .await;
    }))
}

/// The vault's executable: the configured one, or the one beside this program.
fn vault_program(config: &Config) -> Result<PathBuf> {
    if let Some(program) = &config.capture.vault {
        return Ok(program.clone());
    }
    let here = std::env::current_exe().context("cannot find this program's own path")?;
    let program = here.with_file_name("tonegate-vault");
    if !program.exists() {
        bail!("{} is missing; build it, or name it in capture.vault", program.display());
    }
    Ok(program)
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
        longest: config.limits.call_seconds.duration(),
    })
}

/// What holds for the calls of each trunk.
pub(crate) fn routing(config: &Config) -> Result<Routing> {
    let routes = config.trunk.iter().map(|trunk| {
        let agent = match config.agent_of(trunk).map(|agent| agent.kind) {
            Some(config::AgentKind::TwilioStream) => AgentKind::Stream,
            Some(config::AgentKind::Echo) => AgentKind::Echo,
            Some(config::AgentKind::Collector) | None => AgentKind::Collector,
        };
        (trunk.name.clone(), Route { agent, learn_source: trunk.learn_source })
    });
    Ok(Routing { settings: Arc::new(settings(config)?), routes: routes.collect() })
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
        servers.insert(trunk.name.clone(), Server { server, parameters: agent.parameters.clone() });
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

/// Whether the vault is ready and the processor answers, within a few seconds.
pub(crate) async fn reachable(parts: &Parts) -> Result<(), String> {
    let Some(mut vault) = parts.backends.vault.clone() else { return Ok(()) };
    tokio::time::timeout(CHILDREN, vault.ready()).await.map_err(|_| "the vault does not become ready".to_owned())?;
    let Some(processor) = &parts.processor else { return Ok(()) };
    let asked = async {
        // The sandbox may still be starting.
        loop {
            match processor.read(uuid::Uuid::nil()).await {
                Ok(_) => return,
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    };
    tokio::time::timeout(CHILDREN, asked).await.map_err(|_| "the processor does not answer".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_that_are_not_configured_are_the_built_in_ones() {
        let book = config::Book { accounts: None, strategies: None, ..config::Book::default() };
        let imports = imports(&book).unwrap();
        let built_in = import::strategies(import::BUILT_IN_STRATEGIES).unwrap().rows;
        assert!(!built_in.is_empty() && imports.strategies == built_in);
    }

    #[test]
    fn a_trunk_says_whether_sources_are_learnt() {
        let strict = "[[trunk]]\nname = \"strict\"\nlearn_source = false\n[[trunk]]\nname = \"usual\"\npeers = [\"192.0.2.1\"]\n";
        let routes = routing(&Config::parse(strict).unwrap()).unwrap().routes;
        assert_eq!(["strict", "usual"].map(|name| routes[name].learn_source), [false, true]);
    }

    #[test]
    fn a_file_of_the_book_that_is_not_there_is_named_with_its_key() {
        let absent = PathBuf::from("no/such.csv");
        let book = config::Book { accounts: Some(absent.clone()), ..config::Book::default() };
        let error = format!("{:#}", imports(&book).err().unwrap());
        assert!(error.starts_with("cannot read no/such.csv; set book.accounts to a file of yours: "), "{error}");
        let book = config::Book { strategies: Some(absent), ..config::Book::default() };
        assert!(format!("{:#}", imports(&book).err().unwrap()).contains("set book.strategies"));
    }
}
