//! Tells a person at the terminal what happens.

use std::{
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    path::Path,
};

use serde_json::Value;

use crate::{Call, evidence::Evidence};

/// Writes to the terminal, in colour where it is one.
pub(crate) struct Narrator {
    colour: bool,
}

impl Narrator {
    pub(crate) fn begin(seed: u64) -> Self {
        let narrator = Self { colour: io::stdout().is_terminal() };
        narrator.line(&narrator.bold("Tonegate: one whole call"));
        narrator.line(&format!("  the caller is person {seed}; another one: SEED={} make demo", seed.wrapping_add(1)));
        narrator.line("  starting the gateway, its vault and the sandbox processor ...");
        narrator
    }

    pub(crate) fn gateway_ready(&self, sip: SocketAddr) {
        self.line(&format!("  the gateway takes calls at sip:collections@{sip}"));
        self.line("");
        self.line(&self.bold("    time   gateway                                             caller"));
    }

    /// One entry of the gateway's timeline.
    pub(crate) fn gateway(&self, entry: &Value) {
        let Some(words) = words(entry) else { return };
        let at = entry["at_ms"].as_u64().unwrap_or_default();
        let took = entry["took_ms"].as_u64().map(|took| format!(" ({took} ms)")).unwrap_or_default();
        self.line(&format!("{} {words}{}", self.dim(&stamp(at)), self.dim(&took)));
    }

    /// One line of the debtor's report.
    pub(crate) fn debtor(&self, line: &str) {
        let Ok(event) = serde_json::from_str::<Value>(line) else { return };
        let words = match event["event"].as_str().unwrap_or_default() {
            "said" => format!("\"{}\"", event["text"].as_str().unwrap_or("...")),
            "keyed" => format!("presses {} keys", event["count"].as_u64().unwrap_or_default()),
            "failed" => format!("FAILED: {}", event["reason"].as_str().unwrap_or_default()),
            _ => return,
        };
        self.line(&format!("{:>62} {}", "", self.cyan(&words)));
    }

    pub(crate) fn failed(error: &anyhow::Error, directory: &Path) {
        let mut output = io::stdout().lock();
        writeln!(output, "\nThe call did not come off: {error:#}\nLook at {}", directory.display()).ok();
    }

    pub(crate) fn summary(&self, directory: &Path, call: &Call, evidence: &Evidence, (book, audit): (&str, &str)) {
        let at = directory.display();
        let last = call.timeline.last().and_then(|entry| entry["at_ms"].as_f64());
        let seconds = last.unwrap_or_default() / 1_000.0;
        self.line("");
        self.line(&self.bold("What happened, and where to look"));
        self.line(&format!("  timeline     {at}/timeline.json: {} steps in {seconds:.1} s", call.timeline.len()));
        self.line(&format!(
            "  recording    {at}/recordings/{}.wav: {:.1} s, the caller's side exactly silent for all {:.1} s of card entry",
            call.id, evidence.recording_seconds, evidence.silent_seconds
        ));
        self.line(&format!("  audit chain  {audit}"));
        self.line(&format!("               again: target/debug/tonegate audit verify --config {at}/tonegate.toml"));
        self.line(&format!("  account book {book}:"));
        for record in evidence.outcome.lines() {
            self.line(&format!("               {record}"));
        }
        if let Some(latencies) = &evidence.latencies {
            self.line(&format!("  answers      {latencies}"));
        }
        if let Some(cut_in) = evidence.cut_in {
            self.line(&format!("  cutting in   the agent fell silent {cut_in} ms after the caller's first sound"));
        }
        self.line(&self.bold("Every step really happened."));
    }

    fn line(&self, text: &str) {
        writeln!(io::stdout().lock(), "{text}").ok();
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn cyan(&self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn stamp(at_ms: u64) -> String {
    format!("{:>4}.{:03}", at_ms / 1_000, at_ms % 1_000)
}

/// "DateOfBirth: Match" as "date of birth: match"
fn spaced(detail: &str) -> String {
    let mut words = String::new();
    for character in detail.chars() {
        if character.is_uppercase() && words.ends_with(char::is_alphanumeric) {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    words
}

/// What a timeline entry means, to a person; `None` where it is too fine to show.
fn words(entry: &Value) -> Option<String> {
    let detail = entry["detail"].as_str().unwrap_or_default();
    Some(match entry["kind"].as_str()? {
        "invited" => format!("a call arrives from trunk {detail}"),
        "account.read_again" => format!("reads the account again, as it is now: {detail}"),
        "account.looked_up" => format!("account look-up by the caller's number: {detail}"),
        "answered" => "answers: call row and dialog journal are durable".to_owned(),
        "prompt.started" => format!("says {}", detail.replace('_', " ")),
        "prompt.interrupted" => format!("falls silent: {}", detail.replace('_', " ")),
        "opened" => "notices proven played: caller audio may flow to recogniser and recorder".to_owned(),
        "caller.heard" => format!("hears {detail}"),
        "caller.keyed" => format!("takes {detail}"),
        "verification" => format!("compares {}", spaced(detail)),
        "verified" => "the right party is verified".to_owned(),
        "offer" => "computes an offer inside the strategy's bounds".to_owned(),
        "arrangement.agreed" => format!("plan read back and agreed: {detail}"),
        "capture.armed" => "card capture armed: every sink has proven its silence".to_owned(),
        "capture.keyed" => "all fields keyed into the vault".to_owned(),
        "capture.connected" => "payment row durable: the vault gets its connection".to_owned(),
        "capture.settled" => format!("the processor's answer: {detail}"),
        "capture.wiped" => "the vault has wiped the card, and signed that".to_owned(),
        "capture.released" => "caller audio flows again".to_owned(),
        "control.failed" => format!("CONTROL FAILED: {detail}"),
        "keys.suppressed" => format!("drops keys that nobody asked for: {detail}"),
        "number.said" => format!("takes out what the caller said aloud: {detail}"),
        "number.recorded" => format!("the recording of it: {detail}"),
        "record.written" => format!("writes {}", detail.replace('_', " ")),
        "guard.blocked" => format!("the guard holds back a line: {detail}"),
        "hung_up" => "hangs up".to_owned(),
        "ended" => format!("the call is over: {detail}"),
        _ => return None,
    })
}
