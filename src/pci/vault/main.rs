//! The vault's own process: reads its settings, hardens itself, serves captures on standard input.

use std::{
    fs,
    io::{self, Write},
    os::fd::AsFd,
    process::ExitCode,
};

use vault::{
    hardening::{self, Hardened, close_inherited, harden},
    options::{Command, Options, USAGE},
    request::Sender,
    server::Server,
    submission::Processor,
    witness::Witness,
};
use zeroize::Zeroizing;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    hardening::silence_panics();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "tonegate-vault: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    close_inherited()?;
    match Command::parse(std::env::args_os().skip(1)).map_err(|error| format!("{error}\n{USAGE}"))? {
        Command::Help => Ok(writeln!(io::stdout(), "{USAGE}")?),
        Command::Check => check(),
        Command::Serve(options) => serve(options),
    }
}

fn check() -> Result<(), Failure> {
    let Hardened { .. } = harden()?;
    let held = "no inherited descriptors\nnot dumpable\nno core files\nno new privileges\nmemory locked\nsystem calls on an allow-list\n";
    Ok(io::stdout().write_all(held.as_bytes())?)
}

fn serve(options: Options) -> Result<(), Failure> {
    let authority = fs::read(&options.processor_authority).map_err(|error| format!("--processor-ca: {error}"))?;
    let token = fs::read_to_string(&options.processor_token).map_err(|error| format!("--processor-token: {error}"))?;
    let token = Zeroizing::new(token);
    let token = Zeroizing::new(token.trim_end().to_owned());
    let sender = Sender { name: options.processor_name, path: options.processor_path, token };
    let processor = Processor::new(sender, &authority, options.answer_within)?;
    let witness = Witness::new().map_err(|_| "no randomness")?;
    let build = build()?;
    let control = io::stdin().as_fd().try_clone_to_owned()?;
    let proof = harden()?;
    Ok(Server::new(proof, control, processor, witness, options.canary).run(build)?)
}

/// SHA-256 of this executable, so that wipe records can be traced to what made them.
fn build() -> io::Result<[u8; 32]> {
    let digest = ring::digest::digest(&ring::digest::SHA256, &fs::read("/proc/self/exe")?);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    Ok(bytes)
}
