//! The gateway under load: `tonegate serve` with recording off, a bot or an echo as its agent, and room for the calls.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use testkit::gateway::Gateway;

use crate::{
    Plan,
    callers::Line,
    captures::keyed,
    peer::Peer,
    signalling::{Phase, Signaller},
};

/// Priorities under SCHED_FIFO: the generator above the gateway, so that its own delay is in no figure.
const GENERATOR_PRIORITY: &str = "20";
pub(crate) const GATEWAY_PRIORITY: &str = "10";
/// The gateway's ports for audio.
pub(crate) const MEDIA_PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Calls placed a second to fill the gateway.
const FILL_RATE: f64 = 40.0;
/// How long calls may take to be answered or ended.
pub(crate) const SIGNALLING_PATIENCE: Duration = Duration::from_secs(20);

/// Who serves the calls.
#[derive(Clone, Debug)]
pub(crate) enum Agent {
    /// A bot at this WebSocket address.
    Bot(String),
    /// The gateway itself says back what it hears.
    Echo,
    /// Callers who key cards have a bot of their own each, at these WebSocket addresses; the gateway itself says back what the
    /// others say.
    Keyed(Vec<String>),
}

impl Agent {
    const fn name(&self) -> &'static str {
        match self {
            Self::Bot(_) => "bridge",
            Self::Echo => "echo",
            Self::Keyed(_) => "captures",
        }
    }
}

/// A gateway that runs, and the calls it holds.
pub(crate) struct Plant {
    pub(crate) gateway: Gateway,
    agent: Agent,
    is_secure: bool,
    signaller: Option<Signaller>,
}

impl Plant {
    /// Starts the gateway.
    ///
    /// # Errors
    /// Where it does not start.
    pub(crate) fn start(plan: &Plan, agent: Agent) -> Result<Self> {
        let prefix = if plan.realtime { format!("chrt --fifo {GATEWAY_PRIORITY} ") } else { String::new() };
        Self::under(plan, agent, &prefix)
    }

    /// Starts the gateway under another program, which runs its child itself.
    ///
    /// # Errors
    /// Where it does not start.
    pub(crate) fn under(plan: &Plan, agent: Agent, prefix: &str) -> Result<Self> {
        let directory = &plan.directory.with_extension(agent.name());
        if directory.exists() {
            fs::remove_dir_all(directory).with_context(|| format!("cannot clear {}", directory.display()))?;
        }
        fs::create_dir_all(directory)?;
        fs::write(directory.join("tonegate.toml"), configuration(directory, &agent)?)?;
        let script = directory.join("start");
        fs::write(&script, format!("#!/bin/sh\nexec {prefix}'{}' \"$@\"\n", plan.gateway.display()))?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        let gateway = Gateway::resume(&script, directory)?;
        Ok(Self { gateway, agent, is_secure: false, signaller: None })
    }

    /// Whether its callers want SRTP from now on.
    pub(crate) fn secure(&mut self, is_secure: bool) {
        self.is_secure = is_secure;
    }
}

impl Peer for Plant {
    fn name(&self) -> String {
        format!("Tonegate, {}{}", self.agent.name(), if self.is_secure { " with SRTP" } else { "" })
    }

    fn open(&mut self, calls: usize, media: SocketAddr) -> Result<Vec<Line>> {
        let mut signaller = Signaller::new(self.gateway.addresses().sip_udp, media)?;
        if self.is_secure {
            signaller = signaller.secure();
        }
        signaller.place(calls, FILL_RATE, SIGNALLING_PATIENCE)?;
        let lines = signaller.lines();
        self.signaller = Some(signaller);
        ensure!(lines.len() == calls, "only {} of {calls} calls were answered", lines.len());
        Ok(lines)
    }

    fn attend(&mut self, until: Instant) -> Result<()> {
        match &mut self.signaller {
            Some(signaller) => signaller.attend(until)?,
            None => crate::callers::wait_until(until),
        }
        Ok(())
    }

    fn process(&self) -> u32 {
        self.gateway.id()
    }

    fn metrics(&self) -> Option<SocketAddr> {
        Some(self.gateway.addresses().operations)
    }

    fn kept(&self, _opened: usize) -> usize {
        self.signaller.as_ref().map_or(0, |signaller| signaller.count(Phase::Up))
    }

    fn close(&mut self) -> Result<()> {
        if let Some(mut signaller) = self.signaller.take() {
            signaller.hang_up(SIGNALLING_PATIENCE)?;
        }
        Ok(())
    }
}

/// Puts this program under SCHED_FIFO. Returns whether the machine allowed it.
pub(crate) fn make_realtime() -> bool {
    let mut command = Command::new("chrt");
    command.args(["--all-tasks", "--fifo", "--pid", GENERATOR_PRIORITY, &std::process::id().to_string()]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn configuration(directory: &Path, agent: &Agent) -> Result<String> {
    let processor = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let keyed = if let Agent::Keyed(urls) = agent { urls.len() } else { 0 };
    let accounts = directory.join("accounts.csv");
    if keyed > 0 {
        fs::write(&accounts, keyed::accounts(keyed))?;
    }
    let accounts = if keyed > 0 { format!("accounts = \"{}\"\n", accounts.display()) } else { String::new() };
    let (trunks, directory) = (trunks(agent), directory.display());
    Ok(format!(
        r#"# Made for one measurement on this machine.
[sip]
udp = ["127.0.0.1:0"]
tcp = ["127.0.0.1:0"]

{trunks}[media]
first_port = {first}
last_port = {last}
quarantine_seconds = 1

[speech]
cache = "target/prompts"

[recording]
enabled = {is_recorded}
directory = "{directory}/recordings"

[book]
database = "{directory}/book.db"
{accounts}
[store]
database = "{directory}/store.db"

[capture]
canary = {is_keyed}

[processor]
address = "{processor}"
ca = "{directory}/processor/ca.pem"

[operations]
listen = "127.0.0.1:0"

[api]
listen = "127.0.0.1:0"

[limits]
calls = 2000
drain_seconds = 1

[log]
level = "warn,tonegate=info"
"#,
        first = MEDIA_PORTS.start,
        last = MEDIA_PORTS.end - 1,
        is_recorded = keyed > 0,
        is_keyed = keyed > 0,
    ))
}

/// The trunks, each with an agent of its name.
fn trunks(agent: &Agent) -> String {
    let trunk = |name: &str, peers: &str, agent: &str| {
        format!(
            "[[trunk]]\nname = \"{name}\"\npeers = [\"{peers}\"]\ncapacity = 2000\nagent = \"{name}\"\n\n[agent.{name}]\n{agent}\n\n"
        )
    };
    let bot = |url: &str| format!("kind = \"twilio-stream\"\nurl = \"{url}\"");
    let echo = "kind = \"echo\"";
    match agent {
        Agent::Bot(url) => trunk("measured", "127.0.0.0/8", &bot(url)),
        Agent::Echo => trunk("measured", "127.0.0.0/8", echo),
        Agent::Keyed(urls) => {
            let keyed = |(number, url): (usize, &String)| {
                trunk(&format!("keyed-{number}"), &format!("{}/32", keyed::address(number)), &bot(url))
            };
            let others = trunk("measured", "127.0.0.1/32", echo);
            urls.iter().enumerate().map(keyed).fold(others, |text, trunk| text + &trunk)
        }
    }
}

/// A program that was built beside this one: the gateway beside `examples/`, an example in it.
pub(crate) fn sibling(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let target = here.parent().and_then(Path::parent).context("the build directory")?;
    let program = std::path::absolute(target.join(name))?;
    ensure!(program.exists(), "{} is missing; `make bench` builds it", program.display());
    Ok(program)
}
