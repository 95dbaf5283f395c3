//! What the tests share: directories, programs, and gateways that start warm.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::{
    gateway::{Gateway, GatewayOptions, PATIENT_STORE},
    interface::Interface,
};

/// Prompts that every gateway here starts with: fixed lines rendered once, by whichever test comes first.
const PROMPTS: &str = "target/prompts";

/// A fresh directory below `target/system`.
pub(crate) fn directory(name: &str) -> PathBuf {
    let directory = Path::new("target/system").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).expect("an old directory");
    }
    fs::create_dir_all(&directory).expect("a directory");
    directory
}

/// A program that cargo built for these tests.
pub(crate) fn tonegate() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_tonegate"))
}

/// An example program, built by `cargo build --workspace --bins --examples` before the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let program = tonegate().with_file_name("examples").join(name);
    assert!(program.exists(), "{} is missing: cargo build --workspace --bins --examples", program.display());
    program
}

/// Options for a gateway in a directory of its own, with prompts of its own that start warm.
pub(crate) fn options(name: &str) -> GatewayOptions {
    let mut options = GatewayOptions::new(directory(name));
    options.prompts = options.directory.join("prompts");
    options.store = PATIENT_STORE.to_owned();
    warm(&options.prompts);
    options
}

/// Starts a gateway.
pub(crate) fn start(options: &GatewayOptions) -> Gateway {
    Gateway::start(&tonegate(), options).expect("a gateway")
}

/// Whether a record of the audit chain holds some words.
pub(crate) fn audit_holds(gateway: &Gateway, words: &str) -> bool {
    let store = rusqlite::Connection::open(gateway.directory().join("store.db")).expect("a store");
    let count = "SELECT count(*) FROM audit WHERE instr(record, ?1) > 0";
    store.query_row(count, [words], |row| row.get::<_, i64>(0)).expect("a count") > 0
}

/// Copies rendered fixed prompts, where there are some; the gateway renders the rest.
fn warm(prompts: &Path) {
    fs::create_dir_all(prompts).expect("a directory");
    let Ok(files) = fs::read_dir(PROMPTS) else { return };
    for file in files.flatten().filter(|file| file.path().is_file()) {
        fs::copy(file.path(), prompts.join(file.file_name())).expect("a copy");
    }
}

/// Lets one call that needs the machine's whole attention run at a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static HEAVY: Mutex<()> = Mutex::new(());
    // A test that failed has left nothing behind that matters to the next.
    HEAVY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks again and again until there is something, or panics once it has taken too long.
pub(crate) fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} within {} seconds", limit.as_secs());
        // Other processes tell nothing but by what they leave: a look every few milliseconds, up to the limit.
        thread::park_timeout(Duration::from_millis(50));
    }
}

/// Runs a program to its end, both outputs to one file; `None` where it had to be killed at the limit.
pub(crate) fn run(command: &mut Command, output: &Path, limit: Duration) -> Option<ExitStatus> {
    let file = fs::File::create(output).expect("an output file");
    let copy = file.try_clone().expect("a second handle");
    let mut child = command.stdin(Stdio::null()).stdout(file).stderr(copy).spawn().expect("a program");
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("a status") {
            return Some(status);
        }
        if Instant::now() > deadline {
            child.kill().ok();
            child.wait().ok();
            return None;
        }
        thread::park_timeout(Duration::from_millis(50));
    }
}

/// Waits until the timeline of the gateway's newest call holds a step, and returns the call and the timeline.
pub(crate) fn step(interface: &Interface, kind: &str, limit: Duration) -> (String, Vec<Value>) {
    eventually(kind, limit, || {
        let call = interface.newest_call().ok()??;
        let timeline = interface.timeline(&call).ok()?;
        timeline.iter().any(|entry| entry["kind"] == kind).then_some((call, timeline))
    })
}
