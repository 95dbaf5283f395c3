//! The machine of a run: what it is, what else it does, and which versions measured.

use std::{fs, process::Command};

/// What a run must say of the machine, as lines of a list.
pub(crate) fn description(load_before: &str, realtime: bool, command: &str) -> String {
    let scheduling = if realtime { "SCHED_FIFO (generator 20, what is measured 10)" } else { "ordinary" };
    let lines = [
        format!("command: `{command}`"),
        format!("date: {}", jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC")),
        format!("machine: {}", hardware()),
        format!("load average before: {load_before}; after: {}", load_average()),
        format!("scheduling: {scheduling}"),
        format!("compilers: {}; {}", first_line("rustc", "--version"), first_line("cc", "--version")),
    ];
    lines.map(|line| format!("- {line}\n")).concat()
}

/// The load of the machine over 1, 5 and 15 minutes.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The first line of what a program says of itself.
pub(crate) fn first_line(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("none").to_owned()
}

/// The version of a Debian package, or none.
pub(crate) fn package(name: &str) -> String {
    let output = Command::new("dpkg-query").args(["-W", "-f=${Version}", name]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if text.is_empty() { "none".to_owned() } else { text }
}

/// Ticks of all cores, and those that the host gave to others: from `/proc/stat`.
#[derive(Clone, Copy)]
pub(crate) struct Ticks {
    all: u64,
    idle: u64,
    stolen: u64,
}

impl Ticks {
    pub(crate) fn now() -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = line.split_whitespace().skip(1).take(8).filter_map(|tick| tick.parse().ok()).collect();
        // The fourth is idle, the fifth waits for a disk.
        let idle = ticks.iter().skip(3).take(2).sum();
        Self { all: ticks.iter().sum(), idle, stolen: ticks.get(7).copied().unwrap_or(0) }
    }

    /// The stolen share since then, in percent.
    pub(crate) fn stolen_since(self, before: Self) -> f64 {
        (self.stolen - before.stolen) as f64 * 100.0 / (self.all - before.all).max(1) as f64
    }

    /// The share since then in which a core was used, in percent.
    pub(crate) fn used_since(self, before: Self) -> f64 {
        100.0 - (self.idle - before.idle) as f64 * 100.0 / (self.all - before.all).max(1) as f64
    }
}

fn hardware() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("CPU", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores of {model}, Linux {}", kernel.trim())
}
