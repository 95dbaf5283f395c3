//! A payment that the carrier takes: a server of Twilio's shape hears the keys and submits them, and here everybody is mute
//! and what comes of the keys is thrown away.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use testkit::{
    gateway::{GatewayOptions, free_port},
    softphone::CallRequest,
    tokeniser::Tokeniser,
    twilio::{self, Ending, Twilio},
};

use super::{
    HEARD_OUT, Scene,
    capture::{CANARY, Capture, FIELDS},
};
use crate::{
    client::{eventually, metrics, noted, sum, timeline, when},
    plant,
};

/// Looks at the carrier before it is given up, each after 200 ms of audio.
const LOOKS: usize = 150;
/// Twilio's names of the fields, in the order in which they are asked for.
const ASKED: [&str; 4] = ["payment-card-number", "expiration-date", "security-code", "postal-code"];

/// A verified call of a carrier that takes payments, whose bot has asked for one.
struct Carried {
    capture: Capture,
    twilio: Twilio,
}

impl Carried {
    async fn start(options: GatewayOptions) -> Self {
        let twilio = Twilio::start(options.directory.join("twilio")).await.expect("a carrier");
        let port = free_port();
        let options = GatewayOptions {
            capture: "by = \"twilio\"\n".to_owned(),
            api_port: port,
            api: format!("public_url = \"http://127.0.0.1:{port}\"\n"),
            more: twilio.section(),
            ..options
        };
        let how = |request| CallRequest { carrier_call: Some(twilio::CALL.to_owned()), ..request };
        let mut capture = Capture::in_scene(Scene::called(options, how).await).await;
        capture.ask().await;
        Self { capture, twilio }
    }

    /// Reads the bot's stream until the carrier was asked for so much.
    async fn until_asked(&mut self, asked: &[&str]) {
        for _ in 0..LOOKS {
            if self.twilio.asked() == asked {
                return;
            }
            self.capture.listen(10).await;
        }
        panic!("not asked for {asked:?} but for {:?}", self.twilio.asked());
    }

    /// The caller keys every field, as both sides of the line hear it.
    async fn key(&mut self) {
        let mut asked = vec!["begin"];
        for (field, (step, keys)) in ASKED.into_iter().zip(FIELDS) {
            asked.push(field);
            self.until_asked(&asked).await;
            self.capture.until_step(step).await;
            self.capture.scene.line.press(keys).await;
            self.twilio.key(keys.trim_end_matches('#')).await;
        }
        asked.push("complete");
        self.until_asked(&asked).await;
    }

    async fn until_over(&mut self) -> Value {
        let is_over = |state: &Value| matches!(state["state"].as_str(), Some("approved" | "failed" | "unknown"));
        self.capture.until("the carrier's word", is_over).await
    }
}

/// The payment of the account book, once it has this status.
async fn record(directory: &Path, status: &str) -> Value {
    eventually(HEARD_OUT, status, async || {
        let book = Connection::open_with_flags(directory.join("book.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        let text = book.query_row("SELECT record FROM payment_transactions", [], |row| row.get::<_, String>(0)).ok()?;
        serde_json::from_str::<Value>(&text).ok().filter(|record| record["status"] == status)
    })
    .await
}

/// Keys that were thrown away in captures.
fn dropped(timeline: &[Value]) -> u32 {
    let of_captures = |entry: &&Value| entry["kind"] == "keys.suppressed";
    let count = |entry: &Value| entry["detail"].as_str()?.strip_suffix(" capture")?.parse::<u32>().ok();
    timeline.iter().filter(of_captures).filter_map(count).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_takes_a_card_while_everybody_here_is_mute_and_no_key_is_kept() {
    let options = plant::options("carried");
    let directory = options.directory.clone();
    let mut carried = Carried::start(options).await;
    assert!(carried.capture.until("a mute", |state| state["muted"] == true).await["id"].is_string());
    carried.until_asked(&["begin", ASKED[0]]).await;
    carried.capture.until_step("number").await;
    carried.capture.scene.line.press(CANARY).await;
    carried.twilio.key(CANARY).await;
    carried.until_asked(&["begin", ASKED[0], ASKED[1]]).await;
    // There is no thirteenth month: the field is asked for again.
    carried.capture.scene.line.press("1330").await;
    carried.twilio.key("1330").await;
    carried.capture.until("a refusal", |state| state["error"] == "invalid_date").await;
    let mut asked = vec!["begin", ASKED[0], ASKED[1]];
    for (field, (_, keys)) in ASKED.into_iter().zip(FIELDS).skip(1) {
        asked.push(field);
        carried.until_asked(&asked).await;
        carried.capture.scene.line.press(keys).await;
        carried.twilio.key(keys.trim_end_matches('#')).await;
    }
    let settled = carried.until_over().await;
    assert_eq!(
        (&settled["state"], &settled["token"], &settled["last_four"]),
        (&json!("approved"), &json!("ch_of_the_connector"), &json!(CANARY[12..])),
        "{settled}"
    );
    for (name, value) in [("ChargeAmount", "50.00"), ("Currency", "USD"), ("PaymentMethod", "credit-card")] {
        assert_eq!(carried.twilio.begun(name).as_deref(), Some(value), "{name}");
    }
    let record = record(&directory, "succeeded").await;
    assert_eq!((&record["card"]["last_four"], &record["method"]), (&json!(CANARY[12..]), &json!("card_keyed")));

    let Carried { capture, .. } = carried;
    let gateway = &capture.scene.gateway;
    noted(gateway, HEARD_OUT, "capture.released", "").await;
    assert!(capture.is_unheard(), "the bot hears something of a key");
    // They are told once the caller has paused, which may be after the release.
    let thrown = async || (dropped(&timeline(gateway).await) == 33).then_some(());
    eventually(HEARD_OUT, "every key that came here is thrown away", thrown).await;
    let exposed = metrics(gateway).await;
    let obeyed = sum(&exposed, "tonegate_carrier_seconds_count", &["result=\"obeyed\""]);
    assert_eq!(obeyed, 7.0, "one to begin, five for fields, one to complete");
    assert_eq!(sum(&exposed, "tonegate_captures_total", &["outcome=\"approved\""]), 1.0);
    capture.search().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_carrier_cannot_tell_is_read_behind_its_connector() {
    let options = plant::options("carried-read");
    let server = Tokeniser::start(options.directory.join("tokeniser")).await.expect("a server");
    let mut carried = Carried::start(GatewayOptions { processor: Some(server.configuration()), ..options }).await;
    carried.twilio.will_end(Ending::ConnectorError);
    carried.until_asked(&["begin", ASKED[0]]).await;
    let parameter: Value =
        serde_json::from_str(&carried.twilio.begun("Parameter").expect("a parameter")).expect("JSON");
    let payment = parameter["tonegate_payment"].as_str().expect("the payment's id");
    let token = server.take(payment, "visa", CANARY);
    carried.key().await;
    let settled = carried.until_over().await;
    assert_eq!((&settled["state"], &settled["token"]), (&json!("approved"), &json!(token)), "{settled}");
    let exposed = metrics(&carried.capture.scene.gateway).await;
    assert_eq!(sum(&exposed, "tonegate_processor_read_seconds_count", &["result=\"read\""]), 1.0);
    let timeline = timeline(&carried.capture.scene.gateway).await;
    assert!(when(&timeline, "capture.resolving", "").is_some(), "{timeline:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_that_comes_after_the_call_is_kept_and_told_to_the_book() {
    let options = plant::options("carried-late");
    let directory = options.directory.clone();
    let mut carried = Carried::start(options).await;
    carried.twilio.will_end(Ending::Silence);
    carried.key().await;
    let Carried { capture, twilio } = carried;
    capture.scene.line.hang_up().await;
    let timeline = noted(&capture.scene.gateway, HEARD_OUT, "ended", "").await;
    assert!(when(&timeline, "capture.settled", "unknown").is_some(), "{timeline:#?}");
    let open = record(&directory, "pending").await;
    twilio.paid().await;
    let settled = record(&directory, "succeeded").await;
    assert_eq!((&settled["payment"], &settled["card"]["last_four"]), (&open["payment"], &json!(CANARY[12..])));
    assert!(plant::audit_holds(&capture.scene.gateway, "payment_resolved"), "the audit chain tells it");
}
