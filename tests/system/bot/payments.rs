//! A payment that an agent takes with Twilio's own library, in a process of its own.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use testkit::{bot::BotServer, softphone::Keying};

use super::{
    AUTH_TOKEN, HEARD_OUT,
    capture::{CANARY, Capture, FIELDS},
};
use crate::{
    client::{eventually, metrics, noted, sum, timeline, when},
    leaks::needle::Needle,
    plant,
};

/// What the agent's program needs.
const REQUIREMENTS: &str = "tests/system/bot/requirements.txt";
/// The agent's program.
const AGENT: &str = "tests/system/bot/agent.py";
/// Looks at the agent before it is given up, each after 200 ms of audio.
const LOOKS: usize = 100;

/// A Python with Twilio's library, installed where it is not there yet.
fn python() -> PathBuf {
    let directory = std::env::current_dir().expect("a directory").join("target/twilio");
    let (python, stamp) = (directory.join("bin/python"), directory.join("requirements.txt"));
    let wanted = std::fs::read_to_string(REQUIREMENTS).expect("a list of packages");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return python;
    }
    let run = |program: &Path, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).status();
        assert!(status.is_ok_and(|status| status.success()), "{} {arguments:?} failed", program.display());
    };
    run(Path::new("/usr/bin/python3"), &["-m", "venv", "--clear", directory.to_str().expect("a path")]);
    let options = ["--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", REQUIREMENTS];
    run(&python, &[["-m", "pip", "install"].as_slice(), options.as_slice()].concat());
    std::fs::write(stamp, wanted).expect("a stamp");
    python
}

/// The agent at work. Dropping it kills it.
struct Agent {
    child: Child,
    output: PathBuf,
}

impl Agent {
    fn start(python: &Path, capture: &Capture) -> Self {
        let gateway = &capture.scene.gateway;
        let start = &capture.scene.bot.start["start"];
        let [account, call] = ["accountSid", "callSid"].map(|name| start[name].as_str().expect("a SID").to_owned());
        let output = gateway.directory().join("../bot-twilio-agent.jsonl");
        let file = std::fs::File::create(&output).expect("a file");
        let child = Command::new(python)
            .arg(AGENT)
            .args([format!("http://{}", gateway.addresses().api), account, call, AUTH_TOKEN.to_owned()])
            .stdin(Stdio::null())
            .stderr(file.try_clone().expect("a second handle"))
            .stdout(file)
            .spawn()
            .expect("a Python");
        Self { child, output }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.output).expect("what it said")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_with_twilio_s_own_library_takes_a_payment_and_sees_no_digit() {
    // Before the call: a bot that is not read meanwhile would be given up.
    let python = python();
    let mut capture = Capture::verified("bot-twilio", Keying::TelephoneEvent).await;
    let mut agent = Agent::start(&python, &capture);
    for (step, keys) in FIELDS {
        capture.until_step(step).await;
        capture.scene.line.press(keys).await;
    }
    let is_over = |state: &Value| matches!(state["state"].as_str(), Some("approved" | "declined" | "failed"));
    let settled = capture.until("an answer of the processor", is_over).await;
    assert_eq!(settled["state"], "approved", "{settled}\n{}", agent.said());
    let mut left = None;
    for _ in 0..LOOKS {
        left = agent.child.try_wait().expect("a status");
        if left.is_some() {
            break;
        }
        capture.listen(10).await;
    }
    let said = agent.said();
    assert!(left.is_some_and(|status| status.success()), "the agent left with {left:?} and said:\n{said}");

    assert!(!Needle::new(CANARY).is_in(said.as_bytes()), "the card is in what the agent was told");
    let lines: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(lines[0], json!({"stranger": 401, "code": 20_003}), "of another call it is nobody");
    let callbacks = &lines[2..];
    assert!(callbacks.len() > 8 && callbacks.iter().all(|told| told["signed"] == true), "{said}");
    assert!(callbacks.iter().all(|told| told["Sid"] == lines[1]["payment"]), "{said}");
    let keyed = |told: &&Value| told["PartialResult"] == "false";
    let order: Vec<_> =
        callbacks.iter().filter(keyed).map(|told| told["Capture"].as_str().unwrap_or_default()).collect();
    assert_eq!(order, ["payment-card-number", "expiration-date", "security-code", "postal-code"]);
    let last = &callbacks[callbacks.len() - 1];
    assert_eq!(last["PaymentCardNumber"], format!("xxxxxxxxxxxx{}", &CANARY[12..]));
    assert!(last["PaymentToken"].is_string(), "{last}");
    eventually(HEARD_OUT, "all callbacks counted", async || {
        let exposed = metrics(&capture.scene.gateway).await;
        let delivered = sum(&exposed, "tonegate_callback_seconds_count", &["result=\"delivered\""]);
        (delivered as usize == callbacks.len()).then_some(())
    })
    .await;
    noted(&capture.scene.gateway, HEARD_OUT, "capture.released", "").await;
    capture.search().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_stops_reading_ends_the_capture_and_that_is_told() {
    let server = BotServer::narrow().expect("a port");
    let mut capture = Capture::verified_by("bot-card-stalled", Keying::TelephoneEvent, server).await;
    capture.ask().await;
    // Nobody reads the stream from here on: sooner or later its writer cannot prove its silence.
    let settled = eventually(HEARD_OUT, "the end of the capture", async || {
        let state = capture.client.get(&capture.address).await;
        (state.json()["state"] == "failed").then(|| state.json())
    })
    .await;
    let reason = settled["reason"].as_str().unwrap_or_default().to_owned();
    assert!(["mute_lapsed", "mute_not_acknowledged"].contains(&reason.as_str()), "{settled}");
    let gateway = &capture.scene.gateway;
    assert!(when(&timeline(gateway).await, "control.failed", "Mute").is_some());
    let exposed = metrics(gateway).await;
    for name in ["tonegate_control_failures_total", "tonegate_captures_total"] {
        assert_eq!(sum(&exposed, name, &[&format!("=\"{reason}\"")]), 1.0, "{name}");
    }
    eventually(HEARD_OUT, "a record of it", async || {
        plant::audit_holds(gateway, &format!("\"control\":\"{reason}\"")).then_some(())
    })
    .await;
}
