//! Clients of Salesforce's users, unmodified, against the org of the tests: what it answers is what they understand.
//!
//! `make salesforce-peers` puts them into `target/salesforce-peers`, pinned.

mod example;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use org::{CONSUMER_KEY, CONSUMER_SECRET, ORG, Org, OrgOptions, Schema, USERNAME, schema::COLLECTXPERT};
use tokio::{process::Command, sync::OnceCell, time::timeout};

/// How long the clients may take to be installed, and one to say what it has to say.
const INSTALLATION: Duration = Duration::from_secs(600);
const RUN: Duration = Duration::from_secs(120);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the clients are, each of them there.
async fn peers() -> PathBuf {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let install = async || {
        let mut make = Command::new("make");
        make.args(["--no-print-directory", "salesforce-peers"]).current_dir(root());
        run(make, INSTALLATION).await;
    };
    INSTALLED.get_or_init(install).await;
    root().join("target/salesforce-peers")
}

async fn org() -> (tempfile::TempDir, Org) {
    let directory = tempfile::tempdir().expect("a directory");
    let options = OrgOptions::new(Schema::parse(COLLECTXPERT).expect("the sample schema"));
    let org = Org::start(directory.path(), options).await.expect("an org");
    (directory, org)
}

/// Runs a program to its good end, or panics with its words.
async fn run(mut command: Command, patience: Duration) {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(patience, output).await.expect("an end in time").expect("the program runs");
    let words = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, words.join("\n"));
}

#[tokio::test]
async fn jsforce_understands_the_org() {
    let (peers, (_directory, org)) = (peers().await, org().await);
    let mut node = Command::new("node");
    node.arg(root().join("tests/system/salesforce/peer.mjs"));
    node.env("MODULES", peers.join("node")).env("NODE_EXTRA_CA_CERTS", org.authority());
    node.env("LOGIN_URL", org.login_url()).env("ADMIN_URL", org.admin_url()).env("KEY_FILE", org.key_file());
    node.env("CONSUMER_KEY", CONSUMER_KEY).env("CONSUMER_SECRET", CONSUMER_SECRET).env("USERNAME", USERNAME);
    run(node, RUN).await;
}

#[tokio::test]
async fn salesforce_pubsub_api_client_understands_the_org() {
    let (peers, (_directory, org)) = (peers().await, org().await);
    let mut node = Command::new("node");
    node.arg(root().join("tests/system/salesforce/events.mjs")).env("MODULES", peers.join("node"));
    node.env("CA_FILE", org.authority()).env("TOKEN", org.session()).env("ORG", ORG);
    node.env("INSTANCE_URL", org.instance_url()).env("ADMIN_URL", org.admin_url());
    node.env("PUBSUB_ADDRESS", org.pubsub_url().trim_start_matches("https://"));
    run(node, RUN).await;
}

#[tokio::test]
async fn simple_salesforce_understands_the_org() {
    let (peers, (_directory, org)) = (peers().await, org().await);
    let mut python = Command::new(peers.join("python/bin/python"));
    python.arg(root().join("tests/system/salesforce/peer.py"));
    python.env("CA_FILE", org.authority()).env("INSTANCE_URL", org.instance_url());
    python.env("ADMIN_URL", org.admin_url()).env("TOKEN", org.session());
    run(python, RUN).await;
}
