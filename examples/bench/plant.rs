//! The gateway under load: `tonegate serve` with recording off, a bot as its agent, and room for the calls.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use testkit::gateway::Gateway;

use crate::{Arguments, process};

/// Priorities under SCHED_FIFO: the generator above the gateway, so that its own delay is in no figure.
const GENERATOR_PRIORITY: &str = "20";
const GATEWAY_PRIORITY: &str = "10";

/// Starts the gateway with a bot at `url`.
pub(crate) fn start(arguments: &Arguments, url: &str) -> Result<Gateway> {
    let directory = &arguments.directory;
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("cannot clear {}", directory.display()))?;
    }
    fs::create_dir_all(directory)?;
    fs::write(directory.join("tonegate.toml"), configuration(arguments, url)?)?;
    let program = match &arguments.gateway {
        Some(program) => program.clone(),
        None => sibling("tonegate")?,
    };
    Ok(Gateway::resume(&program, directory)?)
}

/// Puts this program and the gateway's under SCHED_FIFO. Returns whether the machine allowed it.
pub(crate) fn make_realtime(gateway: &Gateway) -> bool {
    let set = |priority: &str, process: u32| {
        let mut command = Command::new("chrt");
        command.args(["--all-tasks", "--fifo", "--pid", priority, &process.to_string()]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let gateway = process::tree(gateway.id()).into_iter().all(|process| set(GATEWAY_PRIORITY, process));
    gateway && set(GENERATOR_PRIORITY, std::process::id())
}

fn configuration(arguments: &Arguments, url: &str) -> Result<String> {
    let directory = arguments.directory.display();
    let processor = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    Ok(format!(
        r#"# Made for one measurement on this machine.
[sip]
udp = ["127.0.0.1:0"]
tcp = ["127.0.0.1:0"]

[[trunk]]
name = "local"
peers = ["127.0.0.0/8"]
capacity = {calls}
agent = "bot"

[agent.bot]
kind = "twilio-stream"
url = "{url}"

[media]
first_port = 20000
last_port = 31999
quarantine_seconds = 1

[speech]
cache = "target/prompts"

[recording]
enabled = false

[book]
database = "{directory}/book.db"

[store]
database = "{directory}/store.db"

[capture]
processor_address = "{processor}"
processor_ca = "{directory}/processor/ca.pem"

[operations]
listen = "127.0.0.1:0"

[api]
listen = "127.0.0.1:0"

[limits]
calls = {calls}
drain_seconds = 1

[log]
level = "warn,tonegate=info"
"#,
        calls = arguments.calls + 500,
    ))
}

/// A program that was built beside this one.
fn sibling(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let target = here.parent().and_then(Path::parent).context("the build directory")?;
    let program = target.join(name);
    ensure!(program.exists(), "{} is missing; `make bench` builds it", program.display());
    Ok(program)
}
