//! What a bot puts into a request is in no log, metric, record or answer: a card number that it heard, or was told to send.

use serde_json::{Value, json};
use testkit::softphone::Keying;

use super::{HEARD_OUT, Scene};
use crate::{
    client::{metrics, noted},
    leaks::{needle::Needle, search_files},
    plant,
};

/// A canary that the sandbox takes and no network can issue.
const CANARY: &str = "9999271828459041";
const CANARY_NUMBER: u64 = 9_999_271_828_459_041;

/// Requests with a card number where something else belongs, by the route below the call.
fn requests() -> Vec<(&'static str, Value)> {
    vec![
        ("verify", json!({"factor": "postal_code", "value": CANARY})),
        ("verify", json!({"factor": "date_of_birth", "value": CANARY})),
        ("verify", json!({"factor": "name", "value": CANARY})),
        ("verify", json!({"factor": CANARY, "value": "yes"})),
        ("verify", json!({"factor": "name", "value": "yes", "card_number": CANARY})),
        ("offer", json!({"first_payment": CANARY})),
        ("offer", json!({CANARY: 1})),
        ("outcome", json!({"disposition": CANARY})),
        ("outcome", json!({"disposition": "arranged", "accepted_offer": CANARY})),
        ("captures", json!({"number": CANARY})),
        ("captures", json!({"amount_minor": CANARY})),
        ("captures", json!({"amount_minor": CANARY_NUMBER})),
        ("captures", json!({"amount_minor": 5_000, "digits": "9 9 9 9 2 7 1 8 2 8 4 5 9 0 4 1"})),
        (CANARY, json!({})),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_in_the_arguments_of_a_bot_is_refused_and_written_nowhere() {
    let mut options = plant::options("bot-arguments");
    options.log = "trace".to_owned();
    let mut scene = Scene::of(options, Keying::TelephoneEvent).await;
    let (base, client) = scene.interface();
    let needle = Needle::new(CANARY);
    for (nth, (route, body)) in requests().iter().enumerate() {
        let reply = client.post(&format!("{base}/{route}"), body).await;
        assert!((400..500).contains(&reply.status), "request {nth} is answered with {}", reply.status);
        assert!(!needle.is_in(reply.text.as_bytes()), "the answer to request {nth} repeats it");
    }
    let reply = client.get(&format!("{base}/facts?card={CANARY}")).await;
    assert!(reply.status >= 400 && !needle.is_in(reply.text.as_bytes()), "{}", reply.status);
    scene.bot.mark(CANARY).await.expect("a stream that is up");
    scene.bot_is_heard().await;

    let Scene { gateway, line, .. } = scene;
    assert!(!needle.is_in(metrics(&gateway).await.as_bytes()), "the card is in /metrics");
    line.hang_up().await;
    let timeline = noted(&gateway, HEARD_OUT, "ended", "").await;
    assert!(!needle.is_in(&serde_json::to_vec(&timeline).expect("JSON")), "the card is in the timeline");
    let directory = gateway.directory().to_owned();
    search_files(&directory, &needle);
    gateway.stop().expect("an end");
    search_files(&directory, &needle);
}
