//! What is measured: the gateway, a floor in C, or another's program, all under the same callers.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};

use crate::{
    callers::{Line, wait_until},
    plant::GATEWAY_PRIORITY,
};

/// Something that takes callers' audio and gives it back.
pub(crate) trait Peer {
    /// Its name in the tables.
    fn name(&self) -> String;

    /// Takes calls whose audio is wanted at `media`.
    ///
    /// # Errors
    /// Where not all are taken.
    fn open(&mut self, calls: usize, media: SocketAddr) -> Result<Vec<Line>>;

    /// Lets time go by.
    ///
    /// # Errors
    /// Where its signalling fails.
    fn attend(&mut self, until: Instant) -> Result<()> {
        wait_until(until);
        Ok(())
    }

    /// The process whose tree is measured.
    fn process(&self) -> u32;

    /// Where its own metrics are, if it has any.
    fn metrics(&self) -> Option<SocketAddr> {
        None
    }

    /// Calls that are still up.
    fn kept(&self, opened: usize) -> usize {
        opened
    }

    /// Ends the calls.
    ///
    /// # Errors
    /// Where its signalling fails.
    fn close(&mut self) -> Result<()>;
}

/// A program of `benches/floor`, begun for each round. It ends with its standard input.
pub(crate) struct Floor {
    name: &'static str,
    program: &'static str,
    arguments: Vec<String>,
    realtime: bool,
    prefix: Vec<String>,
    child: Option<Child>,
}

impl Floor {
    /// Every datagram goes back as it came.
    pub(crate) fn echo(realtime: bool) -> Self {
        Self::new("floor (a): C, one UDP socket a stream", "echo", Vec::new(), realtime)
    }

    /// The same in one of the ways of `calls.c`.
    pub(crate) fn calls(way: &str, name: &'static str, realtime: bool) -> Self {
        Self::new(name, "calls", vec![way.to_owned()], realtime)
    }

    fn new(name: &'static str, program: &'static str, arguments: Vec<String>, realtime: bool) -> Self {
        Self { name, program, arguments, realtime, prefix: Vec::new(), child: None }
    }

    /// The same run by another program.
    pub(crate) fn under(mut self, prefix: &str) -> Self {
        self.prefix = prefix.split_whitespace().map(str::to_owned).collect();
        self
    }

    /// Every datagram goes to the bot and back.
    pub(crate) fn bridge(bot: u16, is_binary: bool, realtime: bool) -> Self {
        let name = if is_binary {
            "floor (b), binary frames: C, UDP and a WebSocket a call"
        } else {
            "floor (b): C, UDP and a WebSocket a call, JSON and base64"
        };
        let mut arguments = vec![bot.to_string()];
        arguments.extend(is_binary.then(|| "binary".to_owned()));
        Self::new(name, "bridge", arguments, realtime)
    }
}

impl Peer for Floor {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn open(&mut self, calls: usize, _media: SocketAddr) -> Result<Vec<Line>> {
        let program = Path::new(FLOORS).join(self.program);
        ensure!(program.exists(), "{} is missing; `make bench` builds it", program.display());
        let mut command = match self.prefix.as_slice() {
            [] => realtime_command(&program, self.realtime),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(&program);
                command
            }
        };
        command.arg(calls.to_string()).args(&self.arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let ports = BufReader::new(child.stdout.take().context("a pipe")?).lines().take(calls);
        let lines = ports.map(|port| Ok(Line::to(SocketAddr::from(([127, 0, 0, 1], port?.parse()?)))));
        let lines = lines.collect::<Result<Vec<_>>>();
        self.child = Some(child);
        let lines = lines?;
        ensure!(lines.len() == calls, "{} did not start", program.display());
        Ok(lines)
    }

    fn process(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    fn close(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            child.wait()?;
        }
        Ok(())
    }
}

/// Where `make bench` puts the floors.
pub(crate) const FLOORS: &str = "target/bench-floor";

impl Drop for Floor {
    fn drop(&mut self) {
        // Its end of the pipe is closed, so that it ends by itself.
        self.close().ok();
    }
}

/// A command under the gateway's priority, where the run has priorities. The process keeps its number.
pub(crate) fn realtime_command(program: &Path, realtime: bool) -> Command {
    if !realtime {
        return Command::new(program);
    }
    let mut command = Command::new("chrt");
    command.args(["--fifo", GATEWAY_PRIORITY]).arg(program);
    command
}
