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
    /// Make the keys that recordings are sealed to, and open what is sealed.
    Recording {
        #[command(subcommand)]
        command: RecordingCommand,
    },
    /// Play a card processor for trials: takes published test numbers and a reserved canary range only. Started by `serve`.
    SandboxProcessor(sandbox::Options),
}

/// What to do with sealed recordings.
#[derive(Debug, Subcommand)]
pub(crate) enum RecordingCommand {
    /// Make a pair of keys: the private one goes into a file, the public one is printed for `recording.seal_to`.
    Keygen {
        /// The file for the private key. It must not exist.
        #[arg(long, default_value = "recording.key")]
        output: PathBuf,
    },
    /// Open a sealed recording, and say whether all of it is there.
    Open {
        /// The sealed recording.
        file: PathBuf,
        /// The file with the private key.
        #[arg(long)]
        key: PathBuf,
        /// Where the opened recording goes. It must not exist.
        #[arg(long)]
        output: PathBuf,
        /// Open what is before a part that was changed, too.
        #[arg(long)]
        salvage: bool,
    },
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
