//! A card payment that a bot asks for: nothing of the card reaches the bot, and a vault that dies ends it.

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use testkit::{bot::BotSession, softphone::Keying};

use super::{HEARD_OUT, Scene, decoded, listen, told};
use crate::{
    client::{Client, metrics, noted, sum, timeline, when},
    leaks::{needle::Needle, search_files},
    operations::vault_of,
};

/// A canary that the sandbox takes and no network can issue.
const CANARY: &str = "9999271828459041";
/// What is keyed at each step of a capture.
const FIELDS: [(&str, &str); 4] =
    [("number", "9999271828459041#"), ("expiry", "1230"), ("code", "123#"), ("postal", "20009")];
/// Messages of audio between two looks at a capture: 200 ms.
const BETWEEN: usize = 10;
/// Looks at a capture before it is given up: a minute.
const LOOKS: usize = 300;

/// Everything that a bot was sent.
#[derive(Default)]
struct Received {
    text: Vec<u8>,
    samples: Vec<i16>,
}

impl Received {
    async fn take(&mut self, bot: &mut BotSession, messages: usize) {
        for _ in 0..messages {
            let message = bot.next("a message").await.expect("a stream that is up");
            if message["event"] == "media" {
                self.samples.extend(decoded(&message));
            }
            self.text.extend(message.to_string().bytes());
        }
    }
}

/// A verified call whose bot has asked for a payment.
pub(crate) struct Capture {
    pub(crate) scene: Scene,
    pub(crate) client: Client,
    pub(crate) address: String,
    received: Received,
}

impl Capture {
    pub(crate) async fn start(name: &str, keying: Keying) -> Self {
        let mut scene = Scene::keyed(name, keying).await;
        let (base, client) = scene.interface();
        for (factor, value) in [("name", "yes"), ("date_of_birth", "1984-03-17"), ("postal_code", "20009")] {
            let answer = client.post(&format!("{base}/verify"), &json!({"factor": factor, "value": value})).await;
            assert_eq!(answer.json()["result"], "match", "{factor}");
        }
        assert_eq!(told(&client, &format!("{base}/facts"), &mut scene.bot).await.status, 200);
        let mut this = Self { scene, client, address: format!("{base}/captures"), received: Received::default() };
        this.ask().await;
        this
    }

    pub(crate) async fn ask(&mut self) {
        let asked = self.client.post(&self.address, &json!({"amount_minor": 5_000})).await;
        assert_eq!((asked.status, &asked.json()["state"]), (202, &json!("arming")), "{}", asked.text);
    }

    /// The caller keys the whole card.
    pub(crate) async fn key(&mut self) {
        for (step, keys) in FIELDS {
            self.until_step(step).await;
            self.scene.line.press(keys).await;
        }
    }

    /// Reads the stream until the capture is as wanted.
    pub(crate) async fn until(&mut self, what: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..LOOKS {
            let state = self.client.get(&self.address).await.json();
            if is_wanted(&state) {
                return state;
            }
            self.received.take(&mut self.scene.bot, BETWEEN).await;
        }
        panic!("{what}: not within a minute of audio");
    }

    pub(crate) async fn until_step(&mut self, step: &str) {
        self.until(step, |state| state["state"] == "keying" && state["step"] == step).await;
    }

    /// Reads the stream until the caller has heard a prompt.
    async fn until_told(&mut self, prompt: &str) {
        for _ in 0..LOOKS {
            if when(&timeline(&self.scene.gateway).await, "prompt.finished", prompt).is_some() {
                return;
            }
            self.received.take(&mut self.scene.bot, BETWEEN).await;
        }
        panic!("{prompt}: not within a minute of audio");
    }

    /// Everything is searched for the card, and nothing of it is found.
    async fn search(self) {
        let needle = Needle::new(CANARY);
        assert!(!needle.is_in(&self.received.text), "the card is in a message to the bot");
        let Scene { gateway, line, .. } = self.scene;
        assert!(!needle.is_in(metrics(&gateway).await.as_bytes()), "the card is in /metrics");
        line.hang_up().await;
        let timeline = noted(&gateway, HEARD_OUT, "ended", "").await;
        assert!(!needle.is_in(&serde_json::to_vec(&timeline).expect("JSON")), "the card is in the timeline");
        let directory = gateway.directory().to_owned();
        gateway.stop().expect("an end");
        search_files(&directory, &needle);
    }
}

async fn pay(name: &str, keying: Keying) {
    let mut capture = Capture::start(name, keying).await;
    capture.key().await;
    let is_settled = |state: &Value| matches!(state["state"].as_str(), Some("approved" | "declined" | "failed"));
    let settled = capture.until("an answer of the processor", is_settled).await;
    assert_eq!((&settled["state"], &settled["last_four"]), (&json!("approved"), &json!(CANARY[12..])), "{settled}");
    let timeline = noted(&capture.scene.gateway, HEARD_OUT, "capture.released", "").await;
    capture.received.take(&mut capture.scene.bot, 50).await;
    // This caller says nothing: whatever the bot hears of them comes from a key.
    let keyed = when(&timeline, "capture.released", "").zip(when(&timeline, "capture.armed", ""));
    let span = keyed.map_or(u64::MAX, |(released, armed)| released - armed);
    assert!(capture.received.samples.len() as u64 / 8 >= span, "the bot's stream went on throughout");
    assert!(capture.received.samples.iter().all(|sample| *sample == 0), "the bot hears something of a key");
    capture.search().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_keyed_as_events_reaches_no_bot() {
    pay("bot-card-events", Keying::TelephoneEvent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_keyed_as_tones_reaches_no_bot() {
    pay("bot-card-tones", Keying::Tones).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_that_dies_ends_the_capture_and_not_the_call() {
    let mut capture = Capture::start("bot-card-crash", Keying::TelephoneEvent).await;
    capture.until_step("number").await;
    capture.scene.line.press("99992718").await;
    noted(&capture.scene.gateway, HEARD_OUT, "capture.progress", "Number 8").await;
    let vault = vault_of(&capture.scene.gateway).expect("a vault");
    kill_process(vault, Signal::KILL).expect("a signal");

    let failed = capture.until("the end of the capture", |state| state["state"] == "failed").await;
    assert!(failed["reason"].is_string(), "{failed}");
    noted(&capture.scene.gateway, HEARD_OUT, "capture.released", "").await;
    let scrape = metrics(&capture.scene.gateway).await;
    let counted = |labels: &[&str]| sum(&scrape, "tonegate_captures_total", labels);
    assert_eq!((counted(&[]), counted(&["outcome=\"approved\""])), (1.0, 0.0), "the failure is counted as one");
    capture.until_told("card_cancelled").await;

    capture.scene.caller_is_heard().await;
    listen(&mut capture.scene.bot, 1_000).await;
    // The vault is there again, and takes the next card.
    capture.ask().await;
    capture.until_step("number").await;
    capture.search().await;
}
