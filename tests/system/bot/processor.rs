//! A card keyed in a call goes to a processor that keeps it, and is charged by its token: once, whatever is lost.

use std::{path::Path, process::Command, time::Duration};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use testkit::{
    gateway::{Gateway, GatewayOptions, OPERATOR_TOKEN},
    softphone::Keying,
    stripe::{self, Fault, RefundFate, Stripe},
    tokeniser::Tokeniser,
};

use super::capture::Capture;
use crate::{
    client::{Client, eventually, interface, metrics, sum},
    leaks::{needle::Needle, search_files},
    plant,
};

/// A published test number, and its last four digits.
const CARD: &str = "4000056655665556";
const LAST_FOUR: &str = "5556";
/// How long the gateway may take to read what an earlier one left, and the book to hear of it.
const SETTLED: Duration = Duration::from_secs(30);

/// A gateway whose cards go to a server of Stripe's shape, which answers within so many seconds.
async fn at_stripe(name: &str, seconds: u8) -> (GatewayOptions, Stripe) {
    let options = plant::options(name);
    let server = Stripe::start(options.directory.join("stripe")).await.expect("a server");
    let lines = format!(
        "kind = \"stripe\"\nname = \"{}\"\naddress = \"{}\"\nca = \"{}\"\nkey_file = \"{}\"\nanswer_deadline_seconds = {seconds}",
        stripe::NAME,
        server.address(),
        server.authority().display(),
        server.key_file().display(),
    );
    (GatewayOptions { processor: Some(lines), ..options }, server)
}

async fn settled(capture: &mut Capture) -> Value {
    let is_settled = |state: &Value| {
        matches!(state["state"].as_str(), Some("approved" | "tokenised" | "declined" | "failed" | "unknown"))
    };
    capture.until("an answer of the processor", is_settled).await
}

/// The one payment of the account book, once it is not pending.
async fn record(directory: &Path) -> Value {
    record_that(directory, |status| status != "pending").await
}

/// The same, once its status is as wanted.
async fn record_that(directory: &Path, is_wanted: impl Fn(&str) -> bool) -> Value {
    let book = directory.join("book.db");
    let look = async || {
        let book = Connection::open_with_flags(&book, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        let text = book.query_row("SELECT record FROM payment_transactions", [], |row| row.get::<_, String>(0)).ok()?;
        let record: Value = serde_json::from_str(&text).ok()?;
        is_wanted(record["status"].as_str()?).then_some(record)
    };
    eventually(SETTLED, "the payment in the book", look).await
}

/// A gateway with a payment that is made at Stripe, and where an operator asks for its refund.
async fn paid(name: &str) -> (Capture, Stripe, String) {
    let (options, server) = at_stripe(name, 10).await;
    let mut capture = Capture::of(options, Keying::TelephoneEvent).await;
    capture.key_number(CARD).await;
    let settled = settled(&mut capture).await;
    assert_eq!(settled["state"], "approved", "{settled}");
    let payment = server.intents()[0].payment.clone();
    let address = interface(&capture.scene.gateway, &format!("/payments/{payment}/refund"));
    (capture, server, address)
}

fn charges_asked_for(server: &Stripe) -> usize {
    server.seen().iter().filter(|seen| seen.what == "POST /v1/payment_intents").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_kept_at_stripe_and_charged_by_its_token() {
    let (options, server) = at_stripe("processor-stripe", 10).await;
    let directory = options.directory.clone();
    let mut capture = Capture::of(options, Keying::TelephoneEvent).await;
    capture.key_number(CARD).await;
    let settled = settled(&mut capture).await;
    assert_eq!((&settled["state"], &settled["last_four"]), (&json!("approved"), &json!(LAST_FOUR)), "{settled}");
    assert!(settled["token"].as_str().is_some_and(|token| token.starts_with("pm_")), "{settled}");

    let intents = server.intents();
    let [intent] = intents.as_slice() else { panic!("{} charges", intents.len()) };
    assert!(intent.is_moto && intent.amount == 5_000 && server.charged() == 1);
    let record = record(&directory).await;
    assert_eq!((&record["status"], &record["token"]), (&json!("succeeded"), &settled["token"]));
    assert_eq!(record["payment"], json!(intent.payment));

    let needle = Needle::new(CARD);
    let timeline = crate::client::timeline(&capture.scene.gateway).await;
    assert!(!needle.is_in(&serde_json::to_vec(&timeline).expect("JSON")), "the card is in the timeline");
    assert!(!needle.is_in(metrics(&capture.scene.gateway).await.as_bytes()), "the card is in /metrics");
    capture.scene.line.hang_up().await;
    capture.scene.gateway.stop().expect("an end");
    search_files(&directory, &needle);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_whose_answer_is_lost_is_read_back_and_made_once() {
    let (options, server) = at_stripe("processor-lost", 2).await;
    let mut capture = Capture::of(options, Keying::TelephoneEvent).await;
    server.fail_next("/v1/payment_intents", Fault::LostAnswer);
    capture.key_number(CARD).await;
    let settled = settled(&mut capture).await;
    assert_eq!(settled["state"], "approved", "{settled}");
    assert_eq!((server.charged(), server.intents().len()), (1, 1), "charged once");
    let text = metrics(&capture.scene.gateway).await;
    let count = |name: &str, result: &str| sum(&text, name, &[&format!("result=\"{result}\"")]);
    assert!(count("tonegate_processor_charge_seconds_count", "lost") >= 1.0, "the answer was lost");
    assert!(count("tonegate_processor_read_seconds_count", "read") >= 1.0, "it was read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_gives_a_payment_back_and_it_is_told_once_it_is_back() {
    let (capture, server, address) = paid("processor-refund").await;
    let (gateway, operator, nothing) = (&capture.scene.gateway, Client::bearing(OPERATOR_TOKEN), Value::Null);
    let refused = capture.client.post(&address, &nothing).await;
    assert_eq!(refused.status, 401, "the bot of a call gives nothing back: {}", refused.text);
    let nowhere = interface(gateway, "/payments/00000000-0000-7000-8000-000000000000/refund");
    assert_eq!(operator.post(&nowhere, &nothing).await.status, 404);
    assert!(server.refunds().is_empty());

    server.next_refund(RefundFate::Pends);
    let pending = operator.post(&address, &nothing).await;
    assert_eq!((pending.status, &pending.json()["state"]), (202, &json!("refunding")), "{}", pending.text);
    eventually(SETTLED, "a refund", async || (server.refunds().len() == 1).then_some(())).await;
    assert_eq!(record(gateway.directory()).await["status"], "succeeded", "it is not back yet");
    assert!(!plant::audit_holds(gateway, "payment_refunded"));
    server.finish_refunds();
    for _ in 0..2 {
        // A machine that is busy answers 202 once more.
        let refunded = eventually(SETTLED, "the money back", async || {
            let reply = operator.post(&address, &nothing).await;
            (reply.status != 202).then_some(reply)
        })
        .await;
        assert_eq!((refunded.status, &refunded.json()["state"]), (200, &json!("refunded")), "{}", refunded.text);
    }
    record_that(gateway.directory(), |status| status == "refunded").await;
    assert_eq!((server.charged(), server.refunds().len()), (0, 1), "given back once");
    for words in ["refund_asked", "payment_refunded", "\"bearer\":\"operator\""] {
        assert!(plant::audit_holds(gateway, words), "{words} is not in the chain");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_dies_while_it_gives_back_brings_it_to_its_end() {
    let (capture, server, address) = paid("processor-refund-crash").await;
    let gateway = capture.scene.gateway;
    let directory = gateway.directory().to_owned();
    assert_eq!(record(&directory).await["status"], "succeeded");
    server.fail_next("/v1/refunds", Fault::LostAnswer);
    let asked = Client::bearing(OPERATOR_TOKEN).post(&address, &Value::Null).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    eventually(SETTLED, "a refund", async || (server.charged() == 0).then_some(())).await;
    gateway.kill().expect("a crash");

    let gateway = Gateway::resume(&plant::tonegate(), &directory).expect("the gateway again");
    record_that(&directory, |status| status == "refunded").await;
    let asked = server.seen().iter().filter(|seen| seen.what == "POST /v1/refunds").count();
    assert_eq!(asked, 1, "read, and not asked for again");
    assert!(metrics(&gateway).await.contains("tonegate_payments_open{state=\"refunding\"}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_dies_while_it_charges_reads_what_came_of_it() {
    let (options, server) = at_stripe("processor-crash", 30).await;
    let directory = options.directory.clone();
    let mut capture = Capture::of(options, Keying::TelephoneEvent).await;
    server.fail_next("/v1/payment_intents", Fault::LostAnswer);
    capture.key_number(CARD).await;
    let charged = async || (server.charged() == 1).then_some(());
    eventually(SETTLED, "a charge", charged).await;
    capture.scene.gateway.kill().expect("a crash");

    let gateway = Gateway::resume(&plant::tonegate(), &directory).expect("the gateway again");
    let record = record(&directory).await;
    assert_eq!((&record["status"], &record["card"]["last_four"]), (&json!("succeeded"), &json!(LAST_FOUR)), "{record}");
    assert!(record["token"].as_str().is_some_and(|token| token.starts_with("pm_")), "{record}");
    assert_eq!((server.charged(), charges_asked_for(&server)), (1, 1), "never asked for again");
    drop(gateway);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_kept_by_a_tokeniser_that_knows_the_gateways_certificate() {
    let options = plant::options("processor-tokeniser");
    let server = Tokeniser::start(options.directory.join("tokeniser")).await.expect("a server");
    let mut capture =
        Capture::of(GatewayOptions { processor: Some(server.configuration()), ..options }, Keying::TelephoneEvent)
            .await;
    capture.key_number(CARD).await;
    let settled = settled(&mut capture).await;
    assert_eq!((&settled["state"], &settled["last_four"]), (&json!("approved"), &json!(LAST_FOUR)), "{settled}");
    assert_eq!((server.tokens(), server.charged()), (1, 1));
}

/// What `tonegate check` says with these lines in the sections of the account book and of the processor.
pub(super) fn checked(directory: &Path, book: &str, processor: &str) -> (bool, String) {
    let shown = directory.display();
    let config = directory.join("check.toml");
    let text = format!(
        "[sip]\nudp = [\"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\n[speech]\ncache = \"{shown}/prompts\"\n\
         [recording]\ndirectory = \"{shown}/recordings\"\n[book]\ndatabase = \"{shown}/book.db\"\n{book}\n\
         [store]\ndatabase = \"{shown}/store.db\"\n[operations]\nlisten = \"127.0.0.1:0\"\n[api]\nlisten = \"127.0.0.1:0\"\n\
         [processor]\n{processor}\n"
    );
    std::fs::write(&config, text).expect("a configuration");
    let output = Command::new(plant::tonegate()).args(["check", "--config"]).arg(&config).output().expect("a program");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_send_a_card_to_the_wrong_place_is_found_before_the_first() {
    let (options, server) = at_stripe("processor-check", 10).await;
    let directory = options.directory.clone();
    let lines = options.processor.expect("lines");
    let (passed, said) = checked(&directory, "", &lines);
    assert!(passed && said.contains("ok       payment processor"), "{said}");

    let live = directory.join("live");
    std::fs::write(&live, "sk_live_tonegatetestsonly").expect("a file");
    testkit::https::private(&live).expect("a private file");
    let open = directory.join("open");
    std::fs::write(&open, stripe::KEY).expect("a file");
    let unknown = directory.join("unknown");
    std::fs::write(&unknown, "sk_test_ofsomebodyelse").expect("a file");
    testkit::https::private(&unknown).expect("a private file");
    let key = server.key_file().display().to_string();
    let other = Stripe::start(directory.join("other")).await.expect("a server");
    for (lines, expected) in [
        (lines.replace(&key, &live.display().to_string()), "holds a live key, but processor.test_mode is on"),
        (lines.replace(&key, &open.display().to_string()), "others can read"),
        (lines.replace(&key, "absent"), "cannot read absent"),
        (lines.replace(&key, &unknown.display().to_string()), "the processor refuses: status 401"),
        (
            lines.replace(&server.authority().display().to_string(), &other.authority().display().to_string()),
            "the processor's certificate is not to be trusted",
        ),
    ] {
        let (passed, said) = checked(&directory, "", &lines);
        assert!(!passed && said.contains(expected), "{expected}\n{said}");
        assert!(!said.contains("tonegatetestsonly") && !said.contains("somebodyelse"), "a key is printed");
    }
    assert!(server.intents().is_empty(), "a check charges nothing");
}
