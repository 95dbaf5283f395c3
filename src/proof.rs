//! `tonegate prove`: checks the configuration, proves it on an instance of this very program, and prints what was found.

use std::{io::Write, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::config::Config;

/// Proves a configuration, prints the table, and fails where a row does.
pub(crate) fn run(
    config: PathBuf,
    evidence: PathBuf,
    accept: Vec<String>,
    only: Option<String>,
    keep: bool,
) -> Result<()> {
    // What is wrong with it is told as `check` tells it.
    Config::load(&config)?;
    let program = std::env::current_exe().context("cannot find this program's own path")?;
    let options = prove::Options { config, evidence, program, accept, only, keep };
    let report = prove::prove(&options)?;
    let mut output = std::io::stdout().lock();
    write!(output, "{}", report.table())?;
    writeln!(output, "\nevidence: {}", options.evidence.display())?;
    if report.passes() {
        writeln!(output, "PASS: every one of {} rows", report.rows.len())?;
        return Ok(());
    }
    match report.failures() {
        0 => bail!("nothing was proven"),
        failures => bail!("{failures} of {} rows fail or were not searched", report.rows.len()),
    }
}
