//! The run: an instance, a call on every way in, a search of every sink, a folder of evidence.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use backends::recorder::PrivateKey;
use rand::Rng;
use tokio::{
    sync::{Mutex, Semaphore},
    task::JoinSet,
};
use toml::{Table, Value};

use crate::{
    bot::Bot,
    canary::{self, Canary},
    descriptors::{self, Open, Register},
    encoding::Depth,
    evidence::{Evidence, make_room},
    http::ask,
    instance::{Instance, Place},
    memory::Codes,
    metrics,
    plan::{self, Agent, Card, Trunk, Way},
    report::{INPUT, Report, Row, SINK, Verdict},
    search::{SearchError, Searcher},
    sinks::Sinks,
    talk::{Held, Scene, Turns, hold},
    watch::{self, Watch},
};

/// Calls at once.
const MOST_CALLS: usize = 32;
/// How often the instance is looked at for speech children while it works; what is open is every so many looks, and the memory of
/// those that last.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS_A_LISTING: u32 = 4;
const LOOKS_A_READING: u32 = 80;
/// From the last call to the last look: the vault wipes within a second.
const SETTLE: Duration = Duration::from_secs(2);
/// A chance below this is none.
const CHANCE: f64 = 2e-3;
/// Seconds of an average year.
const YEAR: u64 = 31_556_952;

/// What to prove.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration.
    pub config: PathBuf,
    /// The folder for the evidence, empty or absent.
    pub evidence: PathBuf,
    /// The gateway's program.
    pub program: PathBuf,
    /// Names of rows that may be not searched.
    pub accept: Vec<String>,
    /// Only ways in whose name has this in it. Such a run never passes.
    pub only: Option<String>,
    /// Whether the instance's directory stays, in the folder of evidence.
    pub keep: bool,
}

/// Why nothing could be proven.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The configuration cannot be read.
    #[error("{}: {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No way in has that in its name.
    #[error("no way in has {0:?} in its name")]
    NoWay(String),
    /// The instance does not start, or the evidence cannot be written.
    #[error(transparent)]
    World(#[from] io::Error),
    /// The search cannot be set up.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// No key for recordings.
    #[error("no key for recordings can be made: {0}")]
    Key(String),
}

/// Proves a configuration, writes the evidence, and says what was found.
///
/// # Errors
/// Where the run itself cannot be made; that a row fails is no error but in the report.
pub fn prove(options: &Options) -> Result<Report, ProveError> {
    let unusable = |problem: String| ProveError::Config { path: options.config.clone(), problem };
    let text = fs::read_to_string(&options.config).map_err(|error| unusable(error.to_string()))?;
    let config: Table = text.parse().map_err(|error: toml::de::Error| unusable(error.message().to_owned()))?;
    make_room(&options.evidence)?;
    let inherited = descriptors::own()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run(options, &config, inherited))
}

/// Removes a directory when dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

async fn run(options: &Options, config: &Table, inherited: Vec<Open>) -> Result<Report, ProveError> {
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let trunks = plan::trunks(config);
    let captures = config.get("capture").and_then(|capture| capture.get("enabled")?.as_bool()) != Some(false);
    let is_carried = plan::is_carried(config);
    let all = plan::ways(&trunks, captures);
    let ways = chosen(&all, options.only.as_deref())?;
    let year = u16::try_from(1970 + began / YEAR).unwrap_or(u16::MAX);
    let canaries = canary::draw(ways.len(), &mut rand::rng(), year);

    let scratch = Scratch(std::env::temp_dir().join(format!("tonegate-prove-{}", std::process::id())));
    let bot = Bot::bind()?;
    let key = is_sealed(config).then(PrivateKey::generate);
    let seal_to = key.as_ref().map(|key| key.public().to_string());
    let place = Place::find(&scratch.0, bot.address(), seal_to)?;
    let (instance, settings) = Instance::start(&options.program, config, &place)?;
    let mut report = Report { rows: settings, accepted: options.accept.clone() };
    report.rows.extend(plan::untried(config, captures));
    report.rows.extend(left_out(&all, ways.len(), options.only.as_deref()));

    if !inherited.is_empty() {
        let what = format!("{} descriptors of whoever started this are handed on, and left out", inherited.len());
        report.rows.push(Row::new(SINK, "inherited descriptors", Verdict::Note, what));
    }
    let register = Register { inherited, ..register(&place, &instance, &bot) };
    let scene = Arc::new(Scene {
        addresses: instance.addresses.clone(),
        token: instance.token.clone(),
        bot,
        canaries,
        placing: Mutex::new(()),
        is_carried,
        carrier_token: instance.carrier_token.clone(),
        keying: Turns::default(),
    });
    let written = Searcher::new(&scene.canaries, Depth::Written, rand::rng().random())?;
    let in_memory = Searcher::new(&scene.canaries, Depth::Memory, rand::rng().random())?;
    let mut watch = Watch::default();
    let codes = watch::vault(instance.id()).map(|vault| Codes::of(&vault));
    let held = hold_all(&scene, ways, |look| {
        watch.read_children(instance.id(), &in_memory);
        if look % LOOKS_A_LISTING == 0 {
            watch.look_at_descriptors(instance.id(), &register, &written);
        }
        if look % LOOKS_A_READING == 0 {
            watch.read_memory(instance.id(), &in_memory, true);
        }
    })
    .await;
    report.rows.extend(inputs(&held));
    tokio::time::sleep(SETTLE).await;
    watch.read_memory(instance.id(), &in_memory, false);
    watch.look_at_descriptors(instance.id(), &register, &written);
    report.rows.extend((captures && !is_carried).then(|| code_row(codes, &instance, &held, &scene.canaries)));
    report.rows.extend(watch.rows(is_carried));
    report.rows.push(watch::cores(instance.id(), is_carried));

    let sinks = Sinks { canaries: &scene.canaries, searcher: &written };
    let (rows, recordings) = served(&sinks, &instance, &held).await;
    report.rows.extend(rows);
    report.rows.extend(sinks.bots(&scene.bot, &held));
    report.rows.push(sinks.callers(&held));
    let utterances = watch.utterances();
    if has_collector(&trunks) || !utterances.is_empty() {
        report.rows.push(sinks.utterances(&utterances, watch.unkept()));
    }
    let early = sinks.files(&place.directory);
    if let Err(error) = instance.stop() {
        report.rows.push(Row::not_searched(SINK, "the instance's end", error.to_string()));
    }
    report.rows.extend(worse(early, sinks.files(&place.directory)));
    if config.get("recording").and_then(|recording| recording.get("enabled")?.as_bool()) != Some(false) {
        report.rows.extend(sinks.recordings(&place.directory.join("recordings"), key.as_ref(), &held, recordings));
    }
    let (audit, row) = audit(&options.program, &place);
    report.rows.push(row);

    let programs = programs(config, &options.program);
    let evidence = Evidence {
        report: &report,
        config,
        trunks: &trunks,
        instance: &place.config(),
        audit: &audit,
        programs: &programs,
        began,
    };
    evidence.write(&options.evidence)?;
    if options.keep {
        copy_all(&place.directory, &options.evidence.join("instance"))?;
    }
    Ok(report)
}

fn chosen(all: &[Way], only: Option<&str>) -> Result<Vec<Way>, ProveError> {
    let is_wanted = |way: &&Way| only.is_none_or(|part| way.name.contains(part));
    let ways: Vec<Way> = all.iter().filter(is_wanted).cloned().collect();
    match only {
        Some(part) if ways.is_empty() => Err(ProveError::NoWay(part.to_owned())),
        Some(_) | None => Ok(ways),
    }
}

/// Ways in that are left out because others were asked for.
fn left_out(all: &[Way], tried: usize, only: Option<&str>) -> Option<Row> {
    let only = only.filter(|_| tried < all.len())?;
    let why = format!("{tried} of {} ways in have {only:?} in their names", all.len());
    Some(Row::not_searched(INPUT, "all other ways in", why))
}

fn is_sealed(config: &Table) -> bool {
    config.get("recording").is_some_and(|recording| recording.get("seal_to").is_some())
}

fn register(place: &Place, instance: &Instance, bot: &Bot) -> Register {
    let addresses = &instance.addresses;
    let mut known = vec![addresses.sip_udp, addresses.operations, addresses.api, place.processor, bot.address()];
    known.extend(addresses.sip_tcp);
    let searched = vec![place.directory.clone()];
    Register { searched, addresses: known, media: Some(place.ports), ..Register::default() }
}

/// Holds a call on every way in, and looks at the instance meanwhile.
async fn hold_all(scene: &Arc<Scene>, ways: Vec<Way>, mut look: impl FnMut(u32)) -> Vec<Held> {
    let room = Arc::new(Semaphore::new(MOST_CALLS));
    let mut calls = JoinSet::new();
    for (number, way) in ways.into_iter().enumerate() {
        let (scene, room) = (Arc::clone(scene), Arc::clone(&room));
        calls.spawn(async move {
            let _permit = room.acquire_owned().await;
            hold(scene, number, way).await
        });
    }
    let (mut held, mut looks) = (Vec::new(), 0);
    let mut clock = tokio::time::interval(LOOK);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            finished = calls.join_next() => match finished {
                Some(Ok(calls)) => held.extend(calls),
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                None => return held,
            },
            _ = clock.tick() => {
                looks += 1;
                tokio::task::block_in_place(|| look(looks));
            }
        }
    }
}

/// A row for each way in, which its last call decides.
fn inputs(held: &[Held]) -> Vec<Row> {
    let is_last = |place: usize| held[place + 1..].iter().all(|later| later.number != held[place].number);
    let row = |(place, call): (usize, &Held)| match is_last(place) {
        true => input(call),
        false => Row::new(
            INPUT,
            &call.way.name,
            Verdict::Note,
            format!("held once more: {}", call.problem.as_deref().unwrap_or_default()),
        ),
    };
    held.iter().enumerate().map(row).collect()
}

/// Whether a way in went as it must, up to the payment.
fn input(held: &Held) -> Row {
    let keys = held.presses.len();
    match &held.problem {
        None => {
            let what = match held.way.card {
                Card::Never => "outside captures",
                Card::Usual | Card::Payments => "before, in and after a capture that was paid",
                Card::Unread => "at a capture that could not begin, and in and after one that was paid",
            };
            Row::new(INPUT, &held.way.name, Verdict::Pass, format!("{keys} keys, {what}"))
        }
        Some(problem) => Row::new(INPUT, &held.way.name, Verdict::Fail, format!("{problem}, after {keys} keys")),
    }
}

/// Whether codes that were keyed are still in the vault.
fn code_row(before: Option<io::Result<Codes>>, instance: &Instance, held: &[Held], canaries: &[Canary]) -> Row {
    const NAME: &str = "memory: security codes in the vault";
    let after = watch::vault(instance.id()).map(|vault| Codes::of(&vault));
    let (Some(Ok(before)), Some(Ok(after))) = (before, after) else {
        return Row::not_searched(SINK, NAME, "the vault's memory cannot be read; run as root or with CAP_SYS_PTRACE");
    };
    let keyed: Vec<&Canary> = held
        .iter()
        .filter(|held| held.way.captures() && held.problem.is_none())
        .filter_map(|held| canaries.get(held.number))
        .collect();
    if keyed.is_empty() {
        return Row::not_searched(SINK, NAME, "no code was keyed");
    }
    let (found, chance) = after.kept(&before, &keyed);
    let how = format!("{} codes keyed", keyed.len());
    let kept =
        (found > 0 && chance < CHANCE).then(|| format!("{found} of them are still there, by a chance of {chance:.0e}"));
    Row::searched(NAME, &how, kept.as_slice())
}

/// Whether somebody's words are recognised here.
fn has_collector(trunks: &[Trunk]) -> bool {
    trunks.iter().any(|trunk| trunk.agent == Agent::Collector)
}

/// What the instance serves: metrics, timelines, the interface; and how many recordings it has finished.
async fn served(sinks: &Sinks<'_>, instance: &Instance, held: &[Held]) -> (Vec<Row>, usize) {
    let (addresses, token) = (&instance.addresses, Some(instance.token.as_str()));
    let mut recordings = 0;
    let mut rows = match ask(addresses.operations, "GET", "/metrics", None, None).await {
        Ok(scrape) if scrape.status == 200 => {
            recordings = metrics::recordings(&String::from_utf8_lossy(scrape.body()));
            vec![sinks.metrics(scrape.body())]
        }
        Ok(scrape) => vec![Row::not_searched(SINK, "metrics", format!("answered {}", scrape.status))],
        Err(error) => vec![Row::not_searched(SINK, "metrics", error.to_string())],
    };
    let mut answers = Vec::new();
    for path in ["/healthz", "/readyz"] {
        answers.extend(ask(addresses.operations, "GET", path, None, None).await.map(|reply| reply.bytes));
    }
    answers.extend(ask(addresses.api, "GET", "/v1/calls", token, None).await.map(|reply| reply.bytes));
    rows.extend(sinks.interface(held, &answers));
    (rows, recordings)
}

/// Files as they were while the instance ran, write-ahead logs among them, and after its end: of each part the worse.
fn worse(early: Vec<Row>, late: Vec<Row>) -> Vec<Row> {
    let mut rows = late;
    for row in early {
        match rows.iter_mut().find(|known| known.name == row.name) {
            Some(known) if gravity(row.verdict) > gravity(known.verdict) => *known = row,
            Some(_) => {}
            None => rows.push(row),
        }
    }
    rows
}

/// A find is worse than what could not be searched, and that is worse than the rest.
const fn gravity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 2,
        Verdict::NotSearched => 1,
        Verdict::Pass | Verdict::Substituted | Verdict::Note => 0,
    }
}

/// The audit chain of the run, verified by the program itself.
fn audit(program: &Path, place: &Place) -> (String, Row) {
    let output = std::process::Command::new(program).args(["audit", "verify", "--config"]).arg(place.config()).output();
    match output {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            let verdict = if output.status.success() { Verdict::Pass } else { Verdict::Fail };
            let row = Row::new(SINK, "audit chain", verdict, text.trim());
            (text, row)
        }
        Err(error) => (error.to_string(), Row::not_searched(SINK, "audit chain", error.to_string())),
    }
}

fn programs(config: &Table, gateway: &Path) -> Vec<PathBuf> {
    let named = config.get("capture").and_then(|capture| capture.get("vault").and_then(Value::as_str));
    let vault = named.map_or_else(|| gateway.with_file_name("tonegate-vault"), PathBuf::from);
    vec![gateway.to_owned(), vault]
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type()? {
            kind if kind.is_dir() => copy_all(&entry.path(), &target)?,
            kind if kind.is_file() => {
                fs::copy(entry.path(), target)?;
            }
            _ => {}
        }
    }
    Ok(())
}
