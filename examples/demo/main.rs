//! Holds one whole call through the real gateway and shows it: `make demo`.
//!
//! Starts `tonegate serve` and a debtor, each a process of its own, prints the call as it happens, then checks that every step
//! left its trace: in the timeline, the recording, the audit chain and the account book. Exit status 0 only if all did.
//!
//! The account book is the embedded one or, with `--book salesforce`, a Salesforce org on loopback.

mod evidence;
mod narrator;
mod org;
mod outcome;

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use jiff::{Timestamp, tz::TimeZone};
use testkit::gateway::{Gateway, GatewayOptions, PATIENT_STORE};

use narrator::Narrator;
use org::DemoOrg;
use outcome::Outcome;

/// Longest the call may take.
const CALL_DEADLINE: Duration = Duration::from_secs(240);
/// How often the timeline is asked for: each time is an access that the audit chain keeps.
const LOOK: Duration = Duration::from_millis(400);

/// Longest from the call's end until its records are in the account book.
const RECORDS_DEADLINE: Duration = Duration::from_secs(10);

/// Most requests to an org's API that one call may take.
const MOST_REQUESTS: u64 = 6;

/// The file that tells whose demo a directory holds.
const MARK: &str = "seed";

/// Who the debtors of the demo are.
const ACCOUNTS: &str = "config/sample-accounts.csv";

/// One whole call, shown step by step.
#[derive(Debug, Parser)]
struct Arguments {
    /// Another number is another person, with another voice and other words.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where everything goes.
    #[arg(long, default_value = "target/demo")]
    directory: PathBuf,
    /// Where accounts are found and records go.
    #[arg(long, value_enum, default_value = "sqlite")]
    book: Kind,
    /// Directory of the better local voices (`make voices`), instead of the Debian engines.
    #[arg(long)]
    models: Option<PathBuf>,
}

/// Which account book.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// The embedded one.
    Sqlite,
    /// A Salesforce org on loopback, over HTTPS.
    Salesforce,
}

/// The account book of the call.
pub(crate) enum Book {
    Embedded,
    Salesforce(Box<DemoOrg>),
}

impl Book {
    fn open(kind: Kind, directory: &Path) -> Result<Self> {
        match kind {
            Kind::Sqlite => Ok(Self::Embedded),
            Kind::Salesforce => {
                let accounts = fs::read(ACCOUNTS).with_context(|| format!("cannot read {ACCOUNTS}"))?;
                let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
                Ok(Self::Salesforce(Box::new(DemoOrg::start(&directory.join("org"), &accounts, today)?)))
            }
        }
    }

    fn settings(&self) -> String {
        match self {
            Self::Embedded => String::new(),
            Self::Salesforce(org) => org.settings(),
        }
    }

    /// What the one call left in it.
    pub(crate) fn outcome(&self, directory: &Path) -> Result<Outcome> {
        match self {
            Self::Embedded => Outcome::embedded(&directory.join("book.db")),
            Self::Salesforce(org) => {
                let requests = org.requests();
                ensure!(requests <= MOST_REQUESTS, "the call took {requests} requests of the org's API");
                org.outcome()
            }
        }
    }

    /// Where it is, for a person.
    pub(crate) fn place(&self, directory: &Path) -> String {
        match self {
            Self::Embedded => format!("{}/book.db", directory.display()),
            Self::Salesforce(org) => {
                format!("a Salesforce org, in {} requests of its API", org.requests())
            }
        }
    }
}

impl Arguments {
    /// Where rendered prompts are: each kind of voice has its own, because the debtor knows them by their sound.
    fn prompts(&self) -> PathBuf {
        if self.models.is_some() { "target/prompts-of-voices" } else { "target/prompts" }.into()
    }

    fn gateway(&self, book: &Book) -> GatewayOptions {
        let (models, prompts) = (self.models.clone(), self.prompts());
        let (book, store) = (book.settings(), PATIENT_STORE.to_owned());
        GatewayOptions { models, prompts, book, store, ..GatewayOptions::new(&self.directory) }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match hold(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            Narrator::failed(&error, &arguments.directory);
            ExitCode::FAILURE
        }
    }
}

fn hold(arguments: &Arguments) -> Result<()> {
    let directory = &arguments.directory;
    prepare(directory, arguments.seed)?;
    let narrator = Narrator::begin(arguments.seed);
    let book = Book::open(arguments.book, directory)?;
    let gateway = Gateway::start(&sibling("tonegate")?, &arguments.gateway(&book))?;
    narrator.gateway_ready(gateway.addresses().sip_udp);

    let (heard, mut debtor) = start_debtor(arguments, &gateway)?;
    let finished = watch(&narrator, &gateway, &mut debtor, &heard);
    debtor.kill().ok();
    let status = debtor.wait().context("the debtor's process")?;
    let call = finished?;
    ensure!(
        status.success(),
        "the debtor did not get through its call ({status}); debtor.jsonl and debtor.log have its side"
    );

    fs::write(directory.join("timeline.json"), serde_json::to_vec_pretty(&call.timeline)?)?;
    let config = directory.join("tonegate.toml");
    evidence::await_records(directory, &book, RECORDS_DEADLINE)?;
    let left = gateway.stop()?;
    ensure!(left.success(), "the gateway did not leave cleanly: {left}");
    let audit = Command::new(sibling("tonegate")?).args(["audit", "verify", "--config"]).arg(&config).output()?;
    ensure!(audit.status.success(), "the audit chain does not hold: {}", String::from_utf8_lossy(&audit.stderr));

    let evidence = evidence::gather(directory, &call, &book)?;
    fs::write(directory.join("outcome.json"), serde_json::to_vec_pretty(&evidence.outcome)?)?;
    let told = String::from_utf8_lossy(&audit.stdout).trim().replace('\n', "\n               ");
    narrator.summary(directory, &call, &evidence, (&book.place(directory), &told));
    Ok(())
}

/// Makes the directory, and clears what an earlier demo left there, but nothing else.
fn prepare(directory: &Path, seed: u64) -> Result<()> {
    let is_empty = || fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    if directory.exists() && !is_empty() {
        let is_of_a_demo = [MARK, "debtor.jsonl"].iter().any(|file| directory.join(file).exists());
        ensure!(is_of_a_demo, "{} holds something else than a demo; name another directory", directory.display());
        fs::remove_dir_all(directory).with_context(|| format!("cannot clear {}", directory.display()))?;
    }
    fs::create_dir_all(directory)?;
    fs::write(directory.join(MARK), format!("{seed}\n"))
        .with_context(|| format!("cannot write to {}", directory.display()))
}

/// The call as the gateway tells it.
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) timeline: Vec<serde_json::Value>,
}

fn start_debtor(arguments: &Arguments, gateway: &Gateway) -> Result<(mpsc::Receiver<String>, Child)> {
    let mut debtor = Command::new(sibling("examples/debtor")?)
        .args(["--server", &gateway.addresses().sip_udp.to_string(), "--seed", &arguments.seed.to_string()])
        .arg("--prompts")
        .arg(arguments.prompts())
        .args(["--accounts", ACCOUNTS])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(fs::File::create(arguments.directory.join("debtor.log"))?))
        .spawn()
        .context("cannot start the debtor")?;
    let output = debtor.stdout.take().context("the debtor's output")?;
    let mut copy = fs::File::create(arguments.directory.join("debtor.jsonl"))?;
    let (lines, heard) = mpsc::sync_channel(1_000);
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(io::Result::ok) {
            io::Write::write_all(&mut copy, format!("{line}\n").as_bytes()).ok();
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    Ok((heard, debtor))
}

/// Shows both sides until the debtor has hung up and the gateway has written everything down.
fn watch(narrator: &Narrator, gateway: &Gateway, debtor: &mut Child, heard: &mpsc::Receiver<String>) -> Result<Call> {
    let interface = testkit::interface::Interface::of(gateway);
    let deadline = Instant::now() + CALL_DEADLINE;
    let (mut id, mut shown): (Option<String>, usize) = (None, 0);
    let (mut timeline, mut asked) = (Vec::new(), None::<Instant>);
    loop {
        if let Ok(line) = heard.recv_timeout(Duration::from_millis(50)) {
            narrator.debtor(&line);
        }
        if id.is_none() {
            id = interface.newest_call()?;
        }
        let is_due = asked.is_none_or(|asked| asked.elapsed() >= LOOK);
        if let Some(id) = id.as_ref().filter(|_| is_due) {
            asked = Some(Instant::now());
            timeline = interface.timeline(id)?;
            for entry in timeline.iter().skip(shown) {
                narrator.gateway(entry);
            }
            shown = timeline.len();
        }
        let ended = timeline.last().and_then(|entry| entry["kind"].as_str()) == Some("ended");
        if let (true, Some(id), Some(_)) = (ended, &id, debtor.try_wait()?) {
            for line in heard.try_iter() {
                narrator.debtor(&line);
            }
            return Ok(Call { id: id.clone(), timeline });
        }
        if Instant::now() > deadline {
            bail!("the call did not end within {} seconds", CALL_DEADLINE.as_secs());
        }
    }
}

/// A program that was built beside this one.
fn sibling(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let target = here.parent().and_then(Path::parent).context("the build directory")?;
    let program = target.join(name);
    ensure!(
        program.exists(),
        "{} is missing; build it with: cargo build --workspace --bins --examples",
        program.display()
    );
    Ok(program)
}
