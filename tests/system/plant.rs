//! What the tests share: directories, programs, and gateways that start warm.

use std::{
    fs,
    path::{Path, PathBuf},
};

use testkit::gateway::{Gateway, GatewayOptions};

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
    warm(&options.prompts);
    options
}

/// Starts a gateway.
pub(crate) fn start(options: &GatewayOptions) -> Gateway {
    Gateway::start(&tonegate(), options).expect("a gateway")
}

/// Copies rendered fixed prompts, where there are some; the gateway renders the rest.
fn warm(prompts: &Path) {
    fs::create_dir_all(prompts).expect("a directory");
    let Ok(files) = fs::read_dir(PROMPTS) else { return };
    for file in files.flatten().filter(|file| file.path().is_file()) {
        fs::copy(file.path(), prompts.join(file.file_name())).expect("a copy");
    }
}
