//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::sandbox;

/// Real-time telephony media gateway for AI voice agents that collect debts.
#[derive(Debug, Parser)]
#[command(name = "tonegate", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take calls until told to stop.
    Serve {
        /// The configuration file.
        #[arg(long, default_value = "config/tonegate.toml")]
        config: PathBuf,
    },
    /// Check everything that would stop a call, without taking one.
    Check {
        /// The configuration file.
        #[arg(long, default_value = "config/tonegate.toml")]
        config: PathBuf,
    },
    /// Work with the audit chain.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Play a card processor for trials: takes published test numbers and a reserved canary range only. Started by `serve`.
    SandboxProcessor(sandbox::Options),
}

/// What to do with the audit chain.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Recompute the chain and name the first record that does not fit.
    Verify {
        /// The configuration file that names the store.
        #[arg(long, default_value = "config/tonegate.toml")]
        config: PathBuf,
    },
}
