//! The vault's own process: reads its settings, hardens itself, serves captures on standard input.

use std::alloc::System;
use std::fs;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use ring::{rand::SystemRandom, signature::Ed25519KeyPair};
use vault::{
    hardening::{self, close_inherited, harden},
    server::Server,
    settings::{self, USAGE, Unusable},
};
use zeroizing_alloc::ZeroAlloc;

/// Overwrites all memory that is freed: the net below the vault's own wiping, for what libraries copy.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

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

fn run() -> Result<(), Unusable> {
    close_inherited()?;
    let mut given = pico_args::Arguments::from_env();
    if given.contains(["-h", "--help"]) {
        return Ok(io::stdout().write_all(USAGE.as_bytes())?);
    }
    if given.contains("--check") {
        return Ok(io::stdout().write_all(harden()?.held().as_bytes())?);
    }
    let (processor, mode) = settings::read(given)?;
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| "no randomness")?;
    let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).map_err(|_| "no key")?;
    // Of this executable, so that wipe records can be traced to what made them.
    let build = ring::digest::digest(&ring::digest::SHA256, &fs::read("/proc/self/exe")?);
    let control = io::stdin().as_fd().try_clone_to_owned()?;
    let server = Server::new(harden()?, control, processor, key, mode);
    match server.run(build.as_ref().try_into()?) {
        // The gateway left while it was told something.
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(()),
        left => Ok(left?),
    }
}
