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
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::OnceCell,
    time::timeout,
};

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

/// `make salesforce-org` on free ports: the program, which ends with this, and what it says of itself.
async fn started(directory: &Path, options: &[&str]) -> (Child, String) {
    let mut program = Command::new(root().join("target/debug/examples/salesforce_org"));
    program.args(["--port", "0", "--directory"]).arg(directory).args(options);
    let mut child = program.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the program runs");
    let mut lines = BufReader::new(child.stdout.take().expect("its words")).lines();
    let mut told = String::new();
    while let Some(line) = timeout(RUN, lines.next_line()).await.expect("words in time").expect("words") {
        told.extend([line.as_str(), "\n"]);
        if line.contains("SERVER_UNAVAILABLE") {
            return (child, told);
        }
    }
    panic!("it ends with {:?}: {told}", child.wait().await);
}

/// The word behind another.
fn behind<'a>(told: &'a str, word: &str) -> &'a str {
    let rest = told.split_once(word).unwrap_or_else(|| panic!("no {word} in {told}")).1;
    rest.split_whitespace().next().expect("a word").trim_end_matches(',')
}

async fn rows(told: &str, object: &str) -> Vec<Value> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = client.get(format!("{}/rows/{object}", behind(told, "\nadmin"))).send().await.expect("an answer");
    answer.json().await.expect("rows")
}

#[tokio::test]
async fn an_org_to_try_has_the_sample_accounts_and_says_how_to_find_one() {
    for (options, object, prefix) in [
        (&[][..], "cxp__Collection_Account__c", "cxp__"),
        (&["--profile", "collections-and-recovery"], "CollectionPlan", ""),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let (_org, told) = started(directory.path(), options).await;
        let rows = rows(&told, object).await;
        assert_eq!(behind(&told, "It has "), rows.len().to_string());
        let (number, reference) = (behind(&told, "look up: number "), behind(&told, "reference "));
        let has = |row: &Value, value: &str| row.as_object().expect("a row").values().any(|known| known == value);
        assert!(rows.iter().any(|row| has(row, number) && has(row, reference)), "{told}");
        assert!(told.contains(&format!("WHERE {prefix}Phone_E164__c = '{number}'")), "{told}");
    }
}

#[tokio::test]
async fn an_org_to_try_may_begin_empty_or_with_objects_of_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let schema = directory.path().join("objects.toml");
    std::fs::write(
        &schema,
        "[objects.Debt__c]\nprefix = \"a90\"\n[objects.Debt__c.fields]\nSum__c = { type = \"currency\" }\n",
    )
    .expect("a schema");
    let schema = schema.display().to_string();
    for (options, object) in [(&["--empty"][..], "cxp__Collection_Account__c"), (&["--schema", &schema], "Debt__c")] {
        let (_org, told) = started(directory.path(), options).await;
        assert!(told.contains("It has no rows") && rows(&told, object).await.is_empty(), "{told}");
    }
}
