//! Callers who are handed over by REFER: to a name of the configuration, and only once nothing of a card is left.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{
    gateway::{Agent, Gateway, GatewayOptions, OPERATOR_TOKEN},
    softphone::{CallRequest, Keying, Referral, Softphone},
};

use crate::{
    bot::{HEARD_OUT, capture::Capture, line::Line, tone},
    client::{Client, eventually, interface, metrics, noted, place, sum},
    plant,
};

/// Where callers may go, and what REFER then says.
const DESTINATION: &str = "\n[[transfer]]\nname = \"desk\"\nuri = \"tel:+12025550100\"\n";
const REFER_TO: &str = "<tel:+12025550100>";
/// Until a REFER that nobody answers is given up, and some more (RFC 3261 §17.1.2.2: 32 s).
const GIVEN_UP: Duration = Duration::from_secs(60);

/// A caller who hears themselves, whose telephone does this when it is to be transferred.
struct Scene {
    gateway: Gateway,
    line: Line,
    operator: Client,
    address: String,
}

impl Scene {
    async fn set(name: &str, referral: Referral) -> Self {
        let options = GatewayOptions { agent: Agent::Echo, more: DESTINATION.to_owned(), ..plant::options(name) };
        let gateway = plant::start(&options);
        let request = CallRequest { referral, ..CallRequest::new(gateway.addresses().sip_udp, "+15555550199", "echo") };
        let line = Line::of(Softphone::call(&request).await.expect("an answer"));
        noted(&gateway, HEARD_OUT, "opened", "").await;
        let operator = Client::bearing(OPERATOR_TOKEN);
        let calls = operator.get(&interface(&gateway, "/calls")).await.json();
        let call = calls["calls"][0]["id"].as_str().expect("a call").to_owned();
        let address = interface(&gateway, &format!("/calls/{call}/transfer"));
        Self { gateway, line, operator, address }
    }

    async fn transfer(&self) {
        let asked = self.operator.post(&self.address, &json!({"to": "desk"})).await;
        let announcing = json!({"to": "desk", "state": "announcing"});
        assert_eq!((asked.status, asked.json()), (202, announcing), "{}", asked.text);
    }

    /// Waits until the transfer is over, and returns it.
    async fn outcome(&self, within: Duration) -> Value {
        eventually(within, "the end of the transfer", async || {
            let reply = self.operator.get(&self.address).await;
            (reply.status == 200).then(|| reply.json())
        })
        .await
    }

    /// The caller still hears themselves.
    async fn goes_on(&self) {
        let before = self.line.sounding();
        self.line.say(tone(2_000)).await;
        self.line.until("a second of tone", HEARD_OUT, |heard| heard.sounding() >= before + 50).await;
        self.line.hang_up().await;
        noted(&self.gateway, HEARD_OUT, "ended", "caller_hung_up").await;
    }

    async fn counted(&self, outcome: &str) -> f64 {
        let label = format!("outcome=\"{outcome}\"");
        sum(&metrics(&self.gateway).await, "tonegate_transfers_total", &[&label])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_is_told_handed_over_and_hung_up() {
    let scene = Scene::set("transfer", Referral::Told(&["100 Trying", "180 Ringing", "200 OK"])).await;
    for stranger in ["tel:+19005550100", "Desk"] {
        let asked = scene.operator.post(&scene.address, &json!({"to": stranger})).await;
        assert_eq!((asked.status, &asked.json()["status"]), (422, &json!(422)), "{stranger}: {}", asked.text);
    }
    assert_eq!(scene.operator.get(&scene.address).await.json(), json!({"state": "none"}));
    let before = scene.line.sounding();
    scene.transfer().await;
    scene.line.until("a BYE", HEARD_OUT, |heard| heard.is_over).await;
    assert_eq!(scene.line.referred(), [REFER_TO]);
    assert!(scene.line.sounding() > before + 25, "the caller is told");
    let timeline = noted(&scene.gateway, HEARD_OUT, "ended", "transferred").await;
    let steps = [
        ("transfer.requested", "desk"),
        ("prompt.finished", "connecting"),
        ("transfer.asked", "desk"),
        ("transfer.trying", "100"),
        ("transfer.trying", "180"),
        ("transfer.ended", "transferred"),
        ("hung_up", "transferred"),
        ("record.written", "contact_attempt"),
    ];
    let places = steps.map(|(kind, detail)| place(&timeline, kind, detail));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} {timeline:#?}");
    assert_eq!(scene.counted("transferred").await, 1.0);
    let ended = sum(&metrics(&scene.gateway).await, "tonegate_calls_ended_total", &["reason=\"transferred\""]);
    assert_eq!(ended, 1.0);
    assert!(plant::audit_holds(&scene.gateway, "transfer_ended"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_that_is_refused_leaves_the_call_as_it_was() {
    let scene = Scene::set("transfer-refused", Referral::Refused("603 Decline")).await;
    scene.transfer().await;
    let refused = json!({"to": "desk", "state": "failed", "reason": "refused", "status": 603});
    assert_eq!(scene.outcome(HEARD_OUT).await, refused);
    noted(&scene.gateway, HEARD_OUT, "prompt.finished", "not_connected").await;
    assert_eq!(scene.counted("refused").await, 1.0);
    scene.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_does_not_answer_leaves_the_call_as_it_was() {
    let scene = Scene::set("transfer-busy", Referral::Told(&["100 Trying", "486 Busy Here"])).await;
    scene.transfer().await;
    let busy = json!({"to": "desk", "state": "failed", "reason": "target_refused", "status": 486});
    assert_eq!(scene.outcome(HEARD_OUT).await, busy);
    scene.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_telephone_that_says_nothing_is_given_up_and_the_call_goes_on() {
    let scene = Scene::set("transfer-silent", Referral::Ignored).await;
    scene.transfer().await;
    let unanswered = json!({"to": "desk", "state": "failed", "reason": "unanswered"});
    assert_eq!(scene.outcome(GIVEN_UP).await, unanswered);
    assert_eq!(scene.line.referred(), [REFER_TO], "sent again, it is the same request");
    scene.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_waits_until_a_card_is_wiped_and_its_keys_are_up() {
    let options = GatewayOptions { more: DESTINATION.to_owned(), ..plant::options("transfer-capture") };
    let told = Referral::Told(&["200 OK"]);
    let mut capture =
        Capture::called(options, |request| CallRequest { keying: Keying::TelephoneEvent, referral: told, ..request })
            .await;
    capture.until_step("number").await;
    capture.scene.line.press("99992718").await;
    noted(&capture.scene.gateway, HEARD_OUT, "capture.progress", "Number 8").await;

    let (base, client) = capture.scene.interface();
    let asked = client.post(&format!("{base}/transfer"), &json!({"to": "desk"})).await;
    assert_eq!((asked.status, asked.json()), (202, json!({"to": "desk", "state": "waiting"})), "{}", asked.text);
    capture.listen(100).await;
    assert_eq!(client.get(&format!("{base}/transfer")).await.json()["state"], "waiting", "the card is being keyed");
    assert_eq!(client.delete(&capture.address).await.status, 202);
    capture.listen_until("transfer", |message| message["transfer"]["state"] == "transferred").await;
    capture.scene.line.until("a BYE", HEARD_OUT, |heard| heard.is_over).await;
    assert_eq!(capture.scene.line.referred(), [REFER_TO]);

    let gateway = &capture.scene.gateway;
    let timeline = noted(gateway, HEARD_OUT, "ended", "transferred").await;
    let steps = [
        ("transfer.waiting", ""),
        ("capture.wiped", ""),
        ("capture.released", ""),
        ("prompt.finished", "connecting"),
        ("transfer.asked", "desk"),
        ("transfer.ended", "transferred"),
    ];
    let places = steps.map(|(kind, detail)| place(&timeline, kind, detail));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} {timeline:#?}");
}
