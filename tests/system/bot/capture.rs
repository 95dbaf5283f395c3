//! A card payment that a bot asks for: nothing of the card reaches the bot, and a vault that dies ends it.

use std::time::Duration;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use testkit::{
    bot::{BotServer, BotSession},
    debtor::DebtorVoice,
    gateway::GatewayOptions,
    softphone::{CallRequest, Keying},
};

use super::{HEARD_OUT, Scene, decoded, listen, told};
use crate::{
    client::{Client, eventually, metrics, noted, sum, timeline, when},
    leaks::{needle::Needle, search_files},
    operations::vault_of,
    plant,
};

/// A canary that the sandbox takes and no network can issue.
pub(crate) const CANARY: &str = "9999271828459041";
/// What is keyed at each step of a capture.
pub(crate) const FIELDS: [(&str, &str); 4] =
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
        let mut this = Self::verified(name, keying).await;
        this.ask().await;
        this
    }

    /// The same with a gateway that is set up in this way.
    pub(crate) async fn of(options: GatewayOptions, keying: Keying) -> Self {
        let mut this = Self::verified_in(options, keying).await;
        this.ask().await;
        this
    }

    /// The same with a caller who calls in this way.
    pub(crate) async fn called(options: GatewayOptions, how: impl FnOnce(CallRequest) -> CallRequest) -> Self {
        let mut this = Self::verify(Scene::called(options, how).await).await;
        this.ask().await;
        this
    }

    /// The same with a gateway that is set up in this way, before the bot asks.
    pub(crate) async fn verified_in(options: GatewayOptions, keying: Keying) -> Self {
        Self::verify(Scene::of(options, keying).await).await
    }

    /// The same before the bot asks.
    pub(crate) async fn verified(name: &str, keying: Keying) -> Self {
        Self::verify(Scene::keyed(name, keying).await).await
    }

    /// The same with this server as the bot's.
    pub(crate) async fn verified_by(name: &str, keying: Keying, server: BotServer) -> Self {
        Self::verify(Scene::served(plant::options(name), server, |request| CallRequest { keying, ..request }).await)
            .await
    }

    /// The same in a scene that is set.
    pub(crate) async fn in_scene(scene: Scene) -> Self {
        Self::verify(scene).await
    }

    async fn verify(mut scene: Scene) -> Self {
        let (base, client) = scene.interface();
        for (factor, value) in [("name", "yes"), ("date_of_birth", "1984-03-17"), ("postal_code", "20009")] {
            let answer = client.post(&format!("{base}/verify"), &json!({"factor": factor, "value": value})).await;
            assert_eq!(answer.json()["result"], "match", "{factor}");
        }
        assert_eq!(told(&client, &format!("{base}/facts"), &mut scene.bot).await.status, 200);
        Self { scene, client, address: format!("{base}/captures"), received: Received::default() }
    }

    /// Reads so many messages of the stream.
    pub(crate) async fn listen(&mut self, messages: usize) {
        self.received.take(&mut self.scene.bot, messages).await;
    }

    /// Reads the stream until a message of an event is as wanted.
    pub(crate) async fn listen_until(&mut self, event: &'static str, is_wanted: impl Fn(&Value) -> bool) {
        while !is_wanted(&self.scene.bot.expect(event).await.expect("a stream that is up")) {}
    }

    pub(crate) async fn ask(&mut self) {
        self.ask_for(&json!({"amount_minor": 5_000})).await;
    }

    pub(crate) async fn ask_for(&mut self, what: &Value) {
        let asked = self.client.post(&self.address, what).await;
        assert_eq!((asked.status, &asked.json()["state"]), (201, &json!("arming")), "{}", asked.text);
    }

    /// The bot asks while no card can be taken.
    pub(crate) async fn ask_in_vain(&mut self) {
        let asked = self.client.post(&self.address, &json!({"amount_minor": 5_000})).await;
        assert_eq!(asked.status, 503, "{}", asked.text);
    }

    /// The caller keys the whole card.
    pub(crate) async fn key(&mut self) {
        self.key_number(CANARY).await;
    }

    /// The caller keys the whole of another card.
    pub(crate) async fn key_number(&mut self, number: &'static str) {
        self.until_step("number").await;
        for keys in [number, "#"] {
            self.scene.line.press(keys).await;
        }
        for (step, keys) in &FIELDS[1..] {
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
        panic!("{what}: not within a minute of audio: {:#?}", timeline(&self.scene.gateway).await);
    }

    pub(crate) async fn until_step(&mut self, step: &str) {
        self.until(step, |state| state["state"] == "keying" && state["step"] == step).await;
    }

    /// Reads the stream until the caller has heard a prompt.
    pub(crate) async fn until_told(&mut self, prompt: &str) {
        for _ in 0..LOOKS {
            if when(&timeline(&self.scene.gateway).await, "prompt.finished", prompt).is_some() {
                return;
            }
            self.received.take(&mut self.scene.bot, BETWEEN).await;
        }
        panic!("{prompt}: not within a minute of audio");
    }

    /// So far the bot has heard nothing at all.
    pub(crate) fn is_unheard(&self) -> bool {
        self.received.samples.iter().all(|sample| *sample == 0)
    }

    /// Everything is searched for the card, and nothing of it is found.
    pub(crate) async fn search(self) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_hangs_up_while_keying_leaves_nothing_within_a_second() {
    let mut capture = Capture::start("bot-card-hang-up", Keying::TelephoneEvent).await;
    capture.until_step("number").await;
    capture.scene.line.press("99992718").await;
    noted(&capture.scene.gateway, HEARD_OUT, "capture.progress", "Number 8").await;
    let Scene { gateway, line, .. } = &capture.scene;
    line.hang_up().await;
    let timeline = noted(gateway, HEARD_OUT, "ended", "caller_hung_up").await;
    assert!(when(&timeline, "capture.settled", "hung_up").is_some(), "{timeline:#?}");
    // The call may be over before the vault has said so; the chain has it all the same. After a second it would not.
    eventually(HEARD_OUT, "a record of the wipe", async || {
        plant::audit_holds(gateway, "\"kind\":\"card_wiped\"").then_some(())
    })
    .await;
    if let Some((gone, wiped)) = when(&timeline, "lost", "").zip(when(&timeline, "capture.wiped", "")) {
        assert!(wiped.saturating_sub(gone) <= 1_000, "gone at {gone} ms, wiped at {wiped} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_killed_takes_the_vault_and_its_card_with_it() {
    let mut capture = Capture::start("bot-card-killed", Keying::TelephoneEvent).await;
    capture.until_step("number").await;
    capture.scene.line.press("99992718").await;
    noted(&capture.scene.gateway, HEARD_OUT, "capture.progress", "Number 8").await;
    let vault = vault_of(&capture.scene.gateway).expect("a vault").as_raw_nonzero();
    let directory = capture.scene.gateway.kill().expect("a killed gateway");
    eventually(Duration::from_secs(1), "the end of the vault", async || {
        // Who inherits it may be slow to bury it.
        let state = std::fs::read_to_string(format!("/proc/{vault}/stat")).unwrap_or_default();
        let state = state.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
        matches!(state, None | Some('Z' | 'X')).then_some(())
    })
    .await;
    search_files(&directory, &Needle::new(CANARY));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_dies_while_a_card_is_keyed_ends_the_capture_and_the_call_with_words() {
    let mut capture = Capture::start("bot-card-broken", Keying::TelephoneEvent).await;
    capture.until_step("number").await;
    let Scene { gateway, line, bot, .. } = capture.scene;
    let before = line.sounding();
    bot.break_off();
    line.until("an apology and BYE", HEARD_OUT, |heard| heard.is_over).await;
    assert!(line.sounding() > before + 25, "the caller is told");
    let timeline = noted(&gateway, HEARD_OUT, "ended", "agent_failed").await;
    assert!(when(&timeline, "capture.settled", "cancelled").is_some(), "{timeline:#?}");
    assert!(when(&timeline, "capture.wiped", "").is_some(), "{timeline:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_speaks_while_a_card_is_keyed_is_told_to_use_the_keypad() {
    let mut capture = Capture::start("bot-card-spoken", Keying::TelephoneEvent).await;
    capture.until_step("number").await;
    let speech = DebtorVoice::of_seed(0).say("my card number is four one one one").await.expect("a voice");
    capture.scene.line.say(speech).await;
    capture.until_told("card_keypad").await;
    assert!(capture.received.samples.iter().all(|sample| *sample == 0), "and the bot hears nothing of it");
    capture.scene.line.hang_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_follows_its_capture_on_its_stream() {
    let mut capture = Capture::start("bot-card-followed", Keying::TelephoneEvent).await;
    capture.key().await;
    capture.until("an approval", |state| state["state"] == "approved").await;
    noted(&capture.scene.gateway, HEARD_OUT, "capture.released", "").await;
    capture.received.take(&mut capture.scene.bot, 50).await;
    let told = String::from_utf8_lossy(&capture.received.text).into_owned();
    let messages = serde_json::Deserializer::from_str(&told).into_iter::<Value>().map(|message| message.expect("JSON"));
    let told: Vec<Value> = messages.filter(|message| message["event"] == "capture").collect();
    let states: Vec<_> = told.iter().map(|told| told["capture"]["state"].as_str().unwrap_or_default()).collect();
    for expected in ["arming", "keying", "submitted", "approved"] {
        assert!(states.contains(&expected), "{expected} is missing: {states:?}");
    }
    let last = &told[told.len() - 1]["capture"];
    assert_eq!((&last["state"], &last["muted"]), (&json!("approved"), &json!(false)));
    assert_eq!((&last["brand"], &last["last_four"]), (&json!("canary"), &json!(CANARY[12..])));
    capture.search().await;
}
