//! A real `tonegate serve` in a process of its own, on free ports, in a directory of its own.

use std::{
    ffi::OsString,
    fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::ports::PortRange;

/// Longest the gateway may take until it is ready: the first start renders every fixed prompt.
const START_DEADLINE: Duration = Duration::from_secs(90);
/// Longest it may take to leave once told to.
const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// A line for [`GatewayOptions::store`]: a disk that is busy with other things, such as what was built just now, refuses no call.
pub const PATIENT_STORE: &str = "commit_deadline_milliseconds = 10000\n";
/// The secret of the operator's token in every configuration made here.
pub const OPERATOR_TOKEN: &str = "operator-token-of-this-machine-only";

/// Which agent serves the calls.
#[derive(Clone, Debug)]
pub enum Agent {
    /// The embedded collector.
    Collector,
    /// Nobody: the caller hears themselves.
    Echo,
    /// A bot at this WebSocket address.
    Bot(String),
    /// A bot at this address that expects handshakes to be signed with a token.
    SignedBot {
        /// The WebSocket address.
        url: String,
        /// The file with the token.
        auth_token_file: PathBuf,
    },
}

/// How the gateway is set up.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// Where its files go: `tonegate.toml`, `store.db`, `book.db`, `recordings/`, `gateway.log`.
    pub directory: PathBuf,
    /// Who talks.
    pub agent: Agent,
    /// Most calls of the trunk at once.
    pub capacity: u32,
    /// Who may call, as a range of addresses.
    pub peers: String,
    /// Whether the trunk's audio is protected: `off`, `optional` or `required`.
    pub srtp: String,
    /// Rendered prompts; shared between gateways, because they are named by their content.
    pub prompts: PathBuf,
    /// The better local voices, instead of the Debian engines.
    pub models: Option<PathBuf>,
    /// How long live calls may go on after SIGTERM.
    pub drain_seconds: u32,
    /// The port of the interface; any, where it is 0.
    pub api_port: u16,
    /// More lines for the section `[api]`.
    pub api: String,
    /// More lines for the section `[capture]`.
    pub capture: String,
    /// The lines of the section `[processor]`, where cards go elsewhere than to the sandbox.
    pub processor: Option<String>,
    /// More lines for the section `[book]`.
    pub book: String,
    /// More lines for the section `[store]`.
    pub store: String,
    /// More lines for the section `[recording]`.
    pub recording: String,
    /// More lines for the end of the configuration.
    pub more: String,
    /// The log filter.
    pub log: String,
    /// More variables of its environment.
    pub environment: Vec<(String, OsString)>,
}

impl GatewayOptions {
    /// A gateway in `directory` that takes calls from this machine for the collector.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            agent: Agent::Collector,
            capacity: 50,
            peers: "127.0.0.0/8".to_owned(),
            srtp: "optional".to_owned(),
            prompts: "target/prompts".into(),
            models: None,
            drain_seconds: 5,
            api_port: 0,
            api: String::new(),
            capture: String::new(),
            processor: None,
            book: String::new(),
            store: String::new(),
            recording: String::new(),
            more: String::new(),
            log: "info".to_owned(),
            environment: Vec::new(),
        }
    }
}

/// Where the gateway listens, as it says itself in its log.
#[derive(Clone, Debug, Deserialize)]
pub struct Addresses {
    /// SIP over UDP.
    pub sip_udp: SocketAddr,
    /// SIP over TCP.
    pub sip_tcp: SocketAddr,
    /// Metrics, health and readiness.
    pub operations: SocketAddr,
    /// The authenticated interface.
    pub api: SocketAddr,
}

/// A gateway that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    directory: PathBuf,
    addresses: Addresses,
    /// Held for as long as the gateway runs.
    _ports: Option<PortRange>,
}

impl Gateway {
    /// Starts `binary` (the path of `tonegate`) and waits until it takes calls.
    ///
    /// # Errors
    /// Whatever kept it from starting, with the end of its log.
    pub fn start(binary: &Path, options: &GatewayOptions) -> io::Result<Self> {
        fs::create_dir_all(&options.directory)?;
        let config = options.directory.join("tonegate.toml");
        let ports = PortRange::claim()?;
        fs::write(&config, configuration(options, &ports))?;
        Self::run(binary, &options.directory, &options.environment, Some(ports))
    }

    /// Starts `binary` again with what an earlier one left in `directory`.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn resume(binary: &Path, directory: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(directory.join("tonegate.toml"))?;
        let first = text.lines().find_map(|line| line.strip_prefix("first_port = ")?.parse().ok());
        // A configuration that was not made here may name any ports.
        let ports = first.and_then(|first| PortRange::hold(first).ok());
        Self::run(binary, directory, &[], ports)
    }

    fn run(
        binary: &Path,
        directory: &Path,
        environment: &[(String, OsString)],
        ports: Option<PortRange>,
    ) -> io::Result<Self> {
        let log_path = directory.join("gateway.log");
        let began = fs::metadata(&log_path).map_or(0, |metadata| metadata.len());
        let output = fs::OpenOptions::new().create(true).append(true).open(&log_path)?;
        let mut child = Command::new(binary)
            .args(["serve", "--config"])
            .arg(directory.join("tonegate.toml"))
            .env("TONEGATE_OPERATOR_TOKEN", OPERATOR_TOKEN)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::from(output.try_clone()?))
            .stderr(Stdio::from(output))
            .spawn()?;
        match wait_until_ready(&mut child, &log_path, began) {
            Ok(addresses) => Ok(Self { child, directory: directory.to_owned(), addresses, _ports: ports }),
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                Err(error)
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Where its files are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has logged.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub fn log(&self) -> io::Result<String> {
        fs::read_to_string(self.directory.join("gateway.log"))
    }

    /// Sends a signal by its name (`TERM`, `HUP`, `KILL`).
    ///
    /// # Errors
    /// Where the process is gone.
    pub fn signal(&self, signal: rustix::process::Signal) -> io::Result<()> {
        let process = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let process = process.ok_or_else(|| io::Error::other("no such process"))?;
        rustix::process::kill_process(process, signal).map_err(io::Error::from)
    }

    /// Kills it as a crash would, and waits for its end.
    ///
    /// # Errors
    /// Where it cannot be killed.
    pub fn kill(mut self) -> io::Result<PathBuf> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.directory.clone())
    }

    /// Tells it to drain, and waits for its end.
    ///
    /// # Errors
    /// Where it does not leave in time.
    pub fn stop(mut self) -> io::Result<std::process::ExitStatus> {
        self.signal(rustix::process::Signal::TERM)?;
        let deadline = Instant::now() + STOP_DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the gateway did not leave after SIGTERM"));
            }
            pause();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn wait_until_ready(child: &mut Child, log: &Path, began: u64) -> io::Result<Addresses> {
    let deadline = Instant::now() + START_DEADLINE;
    loop {
        if let Some(addresses) = listening(log, began)? {
            return Ok(addresses);
        }
        let left = child.try_wait()?;
        if left.is_some() || Instant::now() > deadline {
            let reason =
                left.map_or_else(|| "was not ready in time".to_owned(), |status| format!("left with {status}"));
            return Err(io::Error::other(format!("the gateway {reason}; its log ends with:\n{}", tail(log))));
        }
        pause();
    }
}

/// The addresses of the line `ready`, which the gateway logs last of its start.
fn listening(log: &Path, began: u64) -> io::Result<Option<Addresses>> {
    let mut file = fs::File::open(log)?;
    io::Seek::seek(&mut file, io::SeekFrom::Start(began))?;
    for line in BufReader::new(file).lines() {
        let Ok(value) = serde_json::from_str::<serde_json::Value>(&line?) else { continue };
        let fields = value.get("fields").unwrap_or(&value);
        if fields.get("message").and_then(serde_json::Value::as_str) == Some("ready") {
            return Ok(serde_json::from_value(fields.clone()).ok());
        }
    }
    Ok(None)
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().rev().take(12).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

fn pause() {
    // Waiting for another process that tells nothing but by its log: a bounded look every few milliseconds.
    std::thread::park_timeout(Duration::from_millis(20));
}

fn configuration(options: &GatewayOptions, ports: &PortRange) -> String {
    let directory = options.directory.display();
    let (agent, table) = match &options.agent {
        Agent::Collector => ("collector", String::new()),
        Agent::Echo => ("echo", "[agent.echo]\nkind = \"echo\"\n\n".to_owned()),
        Agent::Bot(url) => ("bot", format!("[agent.bot]\nkind = \"twilio-stream\"\nurl = \"{url}\"\n\n")),
        Agent::SignedBot { url, auth_token_file } => {
            let file = auth_token_file.display();
            let table =
                format!("[agent.bot]\nkind = \"twilio-stream\"\nurl = \"{url}\"\nauth_token_file = \"{file}\"\n\n");
            ("bot", table)
        }
    };
    let capture = &options.capture;
    let processor = options.processor.as_ref().map_or_else(
        || {
            let port = free_port();
            format!(
                "[capture]\ncanary = true\n{capture}\n[processor]\naddress = \"127.0.0.1:{port}\"\nca = \"{directory}/processor/ca.pem\"\n"
            )
        },
        |lines| format!("[capture]\n{capture}\n[processor]\n{lines}\n"),
    );
    format!(
        r#"# Made for one run on this machine.
[sip]
udp = ["127.0.0.1:0"]
tcp = ["127.0.0.1:0"]
retry_after_seconds = 1

[[trunk]]
name = "local"
peers = ["{peers}"]
capacity = {capacity}
agent = "{agent}"
srtp = "{srtp}"

{table}[media]
first_port = {first_port}
last_port = {last_port}
quarantine_seconds = 2

[speech]
{models}cache = "{prompts}"
answer_deadline_milliseconds = 8000

[recording]
directory = "{directory}/recordings"
{recording}
[book]
database = "{directory}/book.db"
{book}
[store]
database = "{directory}/store.db"
{store}
{processor}
[operations]
listen = "127.0.0.1:0"

[api]
listen = "127.0.0.1:{api_port}"
{api}
[[api.token]]
name = "operator"
role = "operator"
secret = {{ env = "TONEGATE_OPERATOR_TOKEN" }}

[limits]
drain_seconds = {drain_seconds}

[log]
format = "json"
level = "{log}"
{more}"#,
        peers = options.peers,
        capacity = options.capacity,
        srtp = options.srtp,
        models = options.models.as_ref().map(|path| format!("models = \"{}\"\n", path.display())).unwrap_or_default(),
        prompts = options.prompts.display(),
        first_port = ports.first(),
        last_port = ports.last(),
        drain_seconds = options.drain_seconds,
        log = options.log,
        api_port = options.api_port,
        api = options.api,
        book = options.book,
        store = options.store,
        recording = options.recording,
        more = options.more,
    )
}

/// A port of loopback that was free a moment ago.
#[must_use]
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_or(9_443, |address| address.port())
}
