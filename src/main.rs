//! The Tonegate binary: reads the command line and hands over.

mod admin;
mod api;
mod arguments;
mod attestation;
mod audit;
mod check;
mod config;
mod controls;
mod directory;
mod failure;
mod health;
mod parts;
mod processor;
mod proof;
mod recording;
mod recovery;
mod reload;
mod sandbox;
mod secrets;
mod services;
mod shutdown;
mod speech;
mod startup;
mod telemetry;

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use clap::Parser;

use arguments::{Arguments, AuditCommand, Command, ControlCommand, RecordingCommand};

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve { config } => startup::serve(&config),
        Command::Check { config } => check::check(&config),
        Command::Audit { command: AuditCommand::Verify(options) } => audit::verify(&options),
        Command::Audit { command: AuditCommand::Key { config } } => audit::print_key(&config),
        Command::Control { command: ControlCommand::Keygen { name, output } } => controls::generate(&name, &output),
        Command::Control { command: ControlCommand::Propose(options) } => controls::propose(&options),
        Command::Control { command: ControlCommand::Sign { file, key } } => controls::sign(&file, &key),
        Command::Control { command: ControlCommand::Check { file, config } } => controls::check(&file, &config),
        Command::Recording { command: RecordingCommand::Keygen { output } } => recording::generate(&output),
        Command::Recording { command: RecordingCommand::Open { file, key, output, salvage } } => {
            recording::open(&file, &key, &output, salvage)
        }
        Command::Prove { config, evidence, accept, only, keep } => proof::run(config, evidence, accept, only, keep),
        Command::SandboxProcessor(options) => run_sandbox(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(std::io::stderr().lock(), "tonegate: {}", failure::told(&error)).ok();
            audit::status(&error).into()
        }
    }
}

/// Serves as the sandbox processor, in a process of its own.
fn run_sandbox(options: sandbox::Options) -> Result<()> {
    telemetry::start(&config::Log::default())?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(sandbox::serve(options))
}
