//! The table: one row a line, the mean and the worst score of the pieces and the delay for each who heard them.

use std::{
    fs,
    io::{self, Write},
    process::Command,
};

use crate::{cell::Cell, score::Score};

/// Writes rows of `scores`, as many for each cell as there are names in `who`.
pub(crate) fn write(out: &mut impl Write, cells: &[Cell], who: &[&str], scores: &[Score]) -> io::Result<()> {
    let columns: String = who.iter().map(|who| format!(" {who}: PESQ | worst | delay, ms |")).collect();
    writeln!(out, "| Loss | Jitter, ms |{columns}")?;
    writeln!(out, "| --- | --- |{}", " --- | --- | --- |".repeat(who.len()))?;
    for (cell, scores) in cells.iter().zip(scores.chunks(who.len())) {
        let values: String = scores.iter().map(values).collect();
        writeln!(out, "| {} | {} |{values}", cell.loss(), cell.jitter())?;
    }
    writeln!(out)?;
    for (number, name) in who.iter().enumerate() {
        let all: Vec<f64> = scores.iter().skip(number).step_by(who.len()).map(Score::mean).collect();
        writeln!(out, "- {name}: {:.2} on average over all lines", all.iter().sum::<f64>() / all.len().max(1) as f64)?;
    }
    writeln!(out)
}

/// Writes what the machine is, how busy it is, and whose versions are compared.
pub(crate) fn write_machine(out: &mut impl Write) -> io::Result<()> {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let packages = ["baresip-core", "asterisk-core-sounds-en-wav"].map(|name| format!("{name} {}", version(name)));
    writeln!(out, "- date: {}", jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC"))?;
    writeln!(
        out,
        "- machine: {cores} cores of {}, Linux {}",
        model.map_or("unknown", |(_, name)| name),
        kernel.trim()
    )?;
    writeln!(out, "- load average before: {}", load.split_whitespace().take(3).collect::<Vec<_>>().join(" "))?;
    writeln!(out, "- {}, pesq 0.0.4\n", packages.join(", "))
}

/// The version of an installed package.
fn version(package: &str) -> String {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn values(score: &Score) -> String {
    let delay = score.delay.map_or_else(|| "–".to_owned(), |delay| format!("{delay:.0}"));
    format!(" {:.2} | {:.2} | {delay} |", score.mean(), score.worst())
}
