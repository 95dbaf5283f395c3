//! A debtor who calls the gateway: speaks with a synthesised voice, presses keys, and knows what it hears by its sound.
//!
//! Prints one JSON object a line, and exits with 0 only if every step of the call was really heard.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use testkit::{
    debtor::{DebtorConfig, call},
    softphone::Keying,
};

/// Calls the gateway as a debtor.
#[derive(Parser)]
struct Arguments {
    /// The gateway's SIP address, over UDP.
    #[arg(long, default_value = "127.0.0.1:5060")]
    server: SocketAddr,
    /// Chooses the person, the voice, the wording, the pauses and which answer is mumbled.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The directory of the gateway's prompts.
    #[arg(long, default_value = "var/prompts")]
    prompts: PathBuf,
    /// The accounts that the gateway was given.
    #[arg(long, default_value = "config/sample-accounts.csv")]
    accounts: PathBuf,
    /// The number to call from, instead of the account's.
    #[arg(long)]
    from: Option<String>,
    /// The account by its reference, instead of the seed's choice.
    #[arg(long)]
    reference: Option<String>,
    /// The card to key, instead of a published test number.
    #[arg(long)]
    card: Option<String>,
    /// Send keys as tones in the audio, not as telephone-events.
    #[arg(long)]
    tones: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = DebtorConfig {
        server: arguments.server,
        seed: arguments.seed,
        prompts: arguments.prompts,
        accounts: arguments.accounts,
        from: arguments.from,
        reference: arguments.reference,
        keying: if arguments.tones { Keying::Tones } else { Keying::TelephoneEvent },
        card: arguments.card,
    };
    let result = call(&config, |line| {
        // Where nobody reads, the exit status still tells.
        writeln!(io::stdout().lock(), "{line}").ok();
    });
    if result.await.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
