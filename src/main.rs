//! The Tonegate binary: reads the command line and hands over.

mod admin;
mod api;
mod arguments;
mod check;
mod config;
mod directory;
mod failure;
mod health;
mod parts;
mod recording;
mod recovery;
mod reload;
mod sandbox;
mod services;
mod shutdown;
mod speech;
mod startup;
mod telemetry;

use std::{io::Write, path::Path, process::ExitCode};

use anyhow::{Context, Result};
use clap::Parser;

use arguments::{Arguments, AuditCommand, Command, RecordingCommand};
use config::Config;

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve { config } => startup::serve(&config),
        Command::Check { config } => check::check(&config),
        Command::Audit { command: AuditCommand::Verify { config } } => verify_audit(&config),
        Command::Recording { command: RecordingCommand::Keygen { output } } => recording::generate(&output),
        Command::Recording { command: RecordingCommand::Open { file, key, output, salvage } } => {
            recording::open(&file, &key, &output, salvage)
        }
        Command::SandboxProcessor(options) => run_sandbox(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(std::io::stderr().lock(), "tonegate: {}", failure::told(&error)).ok();
            ExitCode::FAILURE
        }
    }
}

/// Serves as the sandbox processor, in a process of its own.
fn run_sandbox(options: sandbox::Options) -> Result<()> {
    telemetry::start(&config::Log::default())?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(sandbox::serve(options))
}

/// Recomputes the audit chain of the configured store.
fn verify_audit(path: &Path) -> Result<()> {
    let config = Config::load(path)?;
    let store = &config.store.database;
    let summary =
        backends::audit::verify(store, None).with_context(|| format!("the audit chain of {}", store.display()))?;
    writeln!(
        std::io::stdout().lock(),
        "{} records of {} {}, unbroken, head {}",
        summary.records,
        summary.calls,
        if summary.calls == 1 { "call" } else { "calls" },
        backends::audit::to_hex(&summary.head)
    )?;
    Ok(())
}
