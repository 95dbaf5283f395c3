//! A bank account that is keyed in a call, to be debited by ACH: its routing number, and its own number twice.

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use testkit::{gateway::GatewayOptions, softphone::Keying};

use super::{
    HEARD_OUT,
    capture::{CANARY, Capture},
};
use crate::{
    client::{eventually, noted},
    plant,
};

/// The routing number that Stripe publishes for tests. The account's is a canary: the published ones could be anywhere.
const ROUTING: &str = "110000000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bank_account_is_keyed_twice_and_pays_and_its_number_is_nowhere() {
    let options = GatewayOptions { capture: "bank_accounts = true\n".to_owned(), ..plant::options("bot-bank") };
    let directory = options.directory.clone();
    let mut capture = Capture::verified_in(options, Keying::TelephoneEvent).await;
    let ask = json!({"amount_minor": 5_000, "method": "bank_account", "account_type": "consumer-savings"});
    capture.ask_for(&ask).await;

    capture.until_step("routing").await;
    // One digit is wrong, and with it the check digit.
    capture.scene.line.press("110000001").await;
    capture.until("a refusal", |state| state["error"] == "invalid_routing").await;
    capture.until_told("bank_routing_invalid").await;
    capture.scene.line.press(ROUTING).await;
    capture.until_step("account").await;
    for keys in [CANARY, "#"] {
        capture.scene.line.press(keys).await;
    }
    capture.until_told("bank_account_again").await;
    capture.scene.line.press("9999271828459040#").await;
    capture.until("a refusal", |state| state["error"] == "mismatch").await;
    capture.until_told("bank_account_mismatch").await;
    // The second time it may be keyed ahead of its prompt.
    for keys in [CANARY, "#", CANARY, "#"] {
        capture.scene.line.press(keys).await;
    }
    let is_settled = |state: &Value| matches!(state["state"].as_str(), Some("approved" | "declined" | "failed"));
    let settled = capture.until("an answer of the processor", is_settled).await;
    assert_eq!(
        (&settled["state"], &settled["brand"], &settled["last_four"]),
        (&json!("approved"), &json!("bank_account"), &json!(CANARY[12..])),
        "{settled}"
    );
    noted(&capture.scene.gateway, HEARD_OUT, "capture.released", "").await;
    assert!(capture.is_unheard(), "the bot hears something of a key");

    let record = eventually(HEARD_OUT, "the payment in the book", async || {
        let book = Connection::open_with_flags(directory.join("book.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        let text = book.query_row("SELECT record FROM payment_transactions", [], |row| row.get::<_, String>(0)).ok()?;
        serde_json::from_str::<Value>(&text).ok()
    })
    .await;
    assert_eq!((&record["method"], &record["status"]), (&json!("bank_keyed"), &json!("succeeded")), "{record}");
    assert_eq!((&record["card"]["last_four"], &record["token"]), (&json!(CANARY[12..]), &settled["token"]), "{record}");
    capture.search().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bank_account_is_refused_where_none_is_taken() {
    let mut capture = Capture::verified("bot-bank-refused", Keying::TelephoneEvent).await;
    let ask = json!({"amount_minor": 5_000, "method": "bank_account"});
    let refused = capture.client.post(&capture.address, &ask).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert_eq!(refused.json()["type"], "urn:tonegate:problem:bank-accounts");
    // A card is taken all the same.
    capture.ask().await;
    capture.until_step("number").await;
}
