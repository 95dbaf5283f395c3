//! The org to try things on: what it prints is how it is used.

use std::{os::unix::process::ExitStatusExt, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

use crate::plant::{directory, example};

/// How long the org may take to start, to answer, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running org, and what it said.
struct Shown {
    child: Child,
    lines: Vec<String>,
}

impl Shown {
    /// Starts it on free ports.
    async fn start() -> Self {
        let mut command = Command::new(example("salesforce_org"));
        command.args(["--port", "0", "--directory"]).arg(directory("salesforce-org"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("an org");
        let mut words = BufReader::new(child.stdout.take().expect("its words")).lines();
        let mut lines = Vec::new();
        // The question is the first command in one line.
        while !lines.last().is_some_and(|line: &String| line.starts_with("curl ")) {
            let line = timeout(PATIENCE, words.next_line()).await.expect("a line in time").expect("a line");
            lines.push(line.expect("the org says how it is used"));
        }
        Self { child, lines }
    }

    /// The word behind a label.
    fn named(&self, label: &str) -> &str {
        let line = self.lines.iter().find_map(|line| line.strip_prefix(label)).unwrap_or_else(|| panic!("no {label}"));
        line.split_whitespace().next().expect("a word")
    }

    /// The commands that sign in and ask, as they are printed.
    fn how_to(&self) -> String {
        let first = self.lines.iter().position(|line| line.starts_with("TOKEN=")).expect("a sign-in");
        self.lines[first..].join("\n")
    }
}

#[tokio::test]
async fn the_org_to_try_things_on_is_used_as_it_says_and_ends_when_it_is_told() {
    let mut org = Shown::start().await;
    for label in ["login host", "instance", "events"] {
        assert!(org.named(label).starts_with("https://127.0.0.1:"), "{label}: {}", org.named(label));
    }
    assert!(Path::new(org.named("authority")).exists() && Path::new(org.named("signing key")).exists());

    let settings = org.lines.iter().skip_while(|line| line.as_str() != "[book.events]").skip(1).take(2);
    let settings: Vec<&str> = settings.map(String::as_str).collect();
    let [enabled, endpoint] = settings.as_slice() else {
        panic!("what [book.events] is, is not said: {:?}", org.lines)
    };
    assert_eq!(*enabled, "enabled = true");
    assert_eq!(*endpoint, format!("endpoint = \"{}\"", org.named("events")));

    let asked = format!("set -e\n{} -w '\\n%{{http_code}}'", org.how_to());
    let asked = Command::new("sh").args(["-c", &asked]).stdin(Stdio::null()).kill_on_drop(true).output();
    let asked = timeout(PATIENCE, asked).await.expect("an answer in time").expect("a shell");
    let answer = String::from_utf8_lossy(&asked.stdout);
    let (body, status) = answer.rsplit_once('\n').expect("a status");
    assert_eq!(status, "200", "{answer} {}", String::from_utf8_lossy(&asked.stderr));
    let body: serde_json::Value = serde_json::from_str(body).expect("rows");
    assert!(body["done"] == true && body["records"].is_array(), "{body}");

    let admin = org.named("admin").trim_start_matches("http://").to_owned();
    TcpStream::connect(&admin).await.expect("the admin interface");
    let process = org.child.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("it runs");
    kill_process(process, Signal::TERM).expect("a signal");
    let status = timeout(PATIENCE, org.child.wait()).await.expect("an end in time").expect("an end");
    assert!(status.success() || status.signal() == Some(Signal::TERM.as_raw()), "{status}");
    TcpStream::connect(&admin).await.expect_err("nothing is left of it");
}
