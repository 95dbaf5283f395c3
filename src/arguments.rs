//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::sandbox;

/// The configuration file where none is named.
const CONFIG: &str = "config/tonegate.toml";

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
        #[arg(long, default_value = CONFIG)]
        config: PathBuf,
    },
    /// Check everything that would stop a call, without taking one.
    Check {
        /// The configuration file.
        #[arg(long, default_value = CONFIG)]
        config: PathBuf,
    },
    /// Work with the audit chain.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Weaken a protective control, which takes two operators.
    Control {
        #[command(subcommand)]
        command: ControlCommand,
    },
    /// Make the keys that recordings are sealed to, and open what is sealed.
    Recording {
        #[command(subcommand)]
        command: RecordingCommand,
    },
    /// Key cards that nobody owns through every way in of a configuration, and search everything that comes out for them.
    Prove {
        /// The configuration file. It is proven on an instance of its own, on loopback and in a directory of its own.
        #[arg(long, default_value = "config/tonegate.toml")]
        config: PathBuf,
        /// The folder for the evidence. It must not exist, or be empty.
        #[arg(long, default_value = "evidence")]
        evidence: PathBuf,
        /// The name of a row that may be NOT SEARCHED or NOT TRIED.
        #[arg(long)]
        accept: Vec<String>,
        /// Try only the ways in whose names have this in them. Such a run never passes.
        #[arg(long)]
        only: Option<String>,
        /// Keep what the instance wrote, in the folder of evidence.
        #[arg(long)]
        keep: bool,
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
    /// Recompute the chain, hold it against its checkpoints, and name the first record that does not fit. Exit status: 0, it
    /// holds; 1, something cannot be read, which says nothing; 3, something is wrong and was named.
    Verify(VerifyOptions),
    /// Print the public key that the chain is signed with.
    Key {
        /// The configuration file.
        #[arg(long, default_value = CONFIG)]
        config: PathBuf,
    },
}

/// What a chain is held against.
#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// The configuration file that names the store, its key and its checkpoints.
    #[arg(long, default_value = CONFIG)]
    pub(crate) config: PathBuf,
    /// The store, instead of the configured one: a copy, or an archive.
    #[arg(long)]
    pub(crate) store: Option<PathBuf>,
    /// A directory of checkpoints that were kept elsewhere, instead of the configured one. May be given more than once.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) checkpoints: Vec<PathBuf>,
    /// A file with public keys that were kept elsewhere, instead of the configured key. May be given more than once.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<PathBuf>,
}

impl VerifyOptions {
    /// Whether anything is taken from the configuration.
    pub(crate) fn is_configured(&self) -> bool {
        self.store.is_none() || self.key.is_empty()
    }
}

/// What to do about protective controls.
#[derive(Debug, Subcommand)]
pub(crate) enum ControlCommand {
    /// Make an operator's pair of keys: the private one goes into a file, the public one is printed for `control.operators`.
    Keygen {
        /// The operator.
        #[arg(long)]
        name: String,
        /// The file for the private key. It must not exist.
        #[arg(long)]
        output: PathBuf,
    },
    /// Write down what two operators are to sign.
    Propose(ProposeOptions),
    /// Show a proposal, and sign it.
    Sign {
        /// The proposal.
        file: PathBuf,
        /// The file with the operator's private key.
        #[arg(long)]
        key: PathBuf,
    },
    /// Say whether the gateway would take a proposal now.
    Check {
        /// The proposal.
        file: PathBuf,
        /// The configuration file of the gateway.
        #[arg(long, default_value = CONFIG)]
        config: PathBuf,
    },
}

/// What is proposed.
#[derive(Debug, Args)]
pub(crate) struct ProposeOptions {
    /// `log.level`, `processor`, `operators`, `audit` or `lines`.
    pub(crate) control: String,
    /// The configuration file of the gateway, as it is to be.
    #[arg(long, default_value = CONFIG)]
    pub(crate) config: PathBuf,
    /// The level of `log.level`.
    #[arg(long)]
    pub(crate) value: Option<String>,
    /// Accept the configured value for good, instead of for a time.
    #[arg(long)]
    pub(crate) adopt: bool,
    /// From now, for so many minutes; at most a day.
    #[arg(long, default_value_t = 60)]
    pub(crate) minutes: u32,
    /// Why.
    #[arg(long)]
    pub(crate) reason: String,
    /// The file for the proposal. It must not exist.
    #[arg(long)]
    pub(crate) output: PathBuf,
}
