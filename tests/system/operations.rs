//! What those who run the gateway see and do: metrics, health, readiness, signals, `tonegate check`, and children that die.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::net::UnixStream,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    process::{Pid, Signal, kill_process},
};
use testkit::{
    gateway::{Gateway, GatewayOptions, OPERATOR_TOKEN},
    softphone::{CallRequest, Softphone},
};

use crate::{
    client::{Client, eventually, interface, metrics, noted, operations, sum, within},
    plant,
};

/// How long the gateway may take to follow a signal or to start a child again.
const SETTLE: Duration = Duration::from_secs(20);
/// The documentation of the metrics.
const DOCUMENTED: &str = "deploy/prometheus/README.md";
/// Documented metrics that one short call need not leave behind, with the event that each waits for. Every other
/// documented metric must be scraped.
const ONLY_ON_EVENT: &[(&str, &str)] = &[
    ("tonegate_calls_refused_total", "a call was refused"),
    ("tonegate_sip_retransmissions_total", "no answer to a SIP message came in time"),
    ("tonegate_child_restarts_total", "a child process died"),
    ("tonegate_control_failures_total", "a protective control failed"),
    ("tonegate_captures_total", "a card capture ended"),
    ("tonegate_transfers_total", "a transfer ended"),
    ("tonegate_processor_charge_seconds", "a card was charged by its token"),
    ("tonegate_processor_refund_seconds", "a payment was refunded"),
    ("tonegate_callback_seconds", "a bot took a payment by Twilio's routes"),
    ("tonegate_carrier_seconds", "a carrier took a payment"),
    ("tonegate_processor_read_seconds", "a payment was read at the processor"),
    ("tonegate_recordings_total", "a recording ended"),
    ("tonegate_recognition_seconds", "the caller spoke where an answer was listened for"),
    ("tonegate_utterances_total", "the caller spoke where an answer was listened for"),
    ("tonegate_utterances_cut_total", "the caller spoke without end"),
    ("tonegate_spoken_numbers_total", "a caller said many digits"),
    ("tonegate_spoken_spans_total", "a caller said many digits"),
    ("tonegate_bot_warnings_total", "a bot broke the rules of its stream"),
    ("tonegate_speech_fallbacks_total", "a worker of `speech.models` failed"),
    ("tonegate_salesforce_api_usage_ratio", "Salesforce answered"),
    ("tonegate_salesforce_event_last_timestamp_seconds", "Salesforce published an event"),
    ("tonegate_salesforce_event_polling_active", "the gateway subscribed at Salesforce"),
    ("tonegate_salesforce_event_subscriber_active", "the gateway subscribed at Salesforce"),
    ("tonegate_salesforce_hedges_total", "a look-up in Salesforce was asked again"),
    ("tonegate_salesforce_mapping_findings", "an org was compared with its mapping"),
    ("tonegate_salesforce_request_seconds", "Salesforce was asked"),
    ("tonegate_salesforce_requests_total", "Salesforce was asked"),
    ("tonegate_salesforce_strategy_readings_total", "strategies were read from Salesforce"),
    ("tonegate_salesforce_sign_ins_total", "the gateway signed in at Salesforce"),
    ("tonegate_salesforce_sweeps_total", "accounts of Salesforce's queue were asked for"),
    ("tonegate_reconciliation_timestamp_seconds", "a day was held against the org"),
    ("tonegate_reconciliation_difference", "a day was held against the org"),
    ("tonegate_salesforce_rows_refused_total", "an org refused a row of a call"),
    ("tonegate_bulk_rows_total", "a backlog was sent in bulk"),
    ("tonegate_outbox_verified_total", "the answer to a delivery was lost"),
];
/// The secret of the auditor in these tests.
const AUDITOR_TOKEN: &str = "auditor-token-of-this-machine-only";

/// Every documented metric with its kind.
fn documented() -> BTreeMap<String, String> {
    let text = fs::read_to_string(DOCUMENTED).expect("the documentation");
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `tonegate_")?.split(" | ");
        let name = cells.next()?.trim_end_matches('`');
        Some((format!("tonegate_{name}"), cells.next()?.trim().to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// Every queue that the documentation names.
fn documented_queues() -> Vec<String> {
    let text = fs::read_to_string(DOCUMENTED).expect("the documentation");
    let row = text.lines().find(|line| line.starts_with("| `tonegate_queue_depth`")).expect("a row");
    let meaning = row.split(" | ").last().expect("a meaning");
    let names: Vec<String> = meaning.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(names.len() > 5, "the row is read: {names:?}");
    names.into_iter().filter(|name| name != "shard").collect()
}

/// Every exposed metric of the gateway's own with its kind.
fn exposed(text: &str) -> BTreeMap<String, String> {
    let declared = |line: &str| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        name.starts_with("tonegate_").then(|| (name.to_owned(), kind.to_owned()))
    };
    text.lines().filter_map(declared).collect()
}

/// Runs `tonegate check` on a configuration.
fn check(config: &Path) -> Output {
    Command::new(plant::tonegate())
        .args(["check", "--config"])
        .arg(config)
        .env("TONEGATE_OPERATOR_TOKEN", OPERATOR_TOKEN)
        .output()
        .expect("tonegate runs")
}

/// Rewrites a gateway's configuration.
pub(crate) fn rewrite(gateway: &Gateway, from: &str, to: &str) {
    let path = gateway.directory().join("tonegate.toml");
    let text = fs::read_to_string(&path).expect("a configuration");
    assert!(text.contains(from), "{from} is not in the configuration");
    fs::write(&path, text.replace(from, to)).expect("a configuration");
}

/// The hash of the text of a rendered prompt that says something.
fn hash_of_a_prompt(gateway: &Gateway, words: &str) -> String {
    let list = fs::read_to_string(gateway.directory().join("prompts/manifest.jsonl")).expect("a list of prompts");
    let entries = list.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut said = entries.filter(|entry| entry["text"].as_str().is_some_and(|text| text.contains(words)));
    let entry = said.next().expect("a prompt that says it");
    entry["text_hash"].as_str().expect("a hash").to_owned()
}

/// Waits until the log has said something as often.
pub(crate) async fn logged(gateway: &Gateway, words: &str, times: usize) {
    eventually(SETTLE, words, async || (gateway.log().ok()?.matches(words).count() >= times).then_some(())).await;
}

/// The vault's process, a child of the gateway's.
pub(crate) fn vault_of(gateway: &Gateway) -> Option<Pid> {
    let children = format!("/proc/{0}/task", gateway.id());
    let tasks = fs::read_dir(children).ok()?.flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let ids: Vec<i32> =
        lists.flat_map(|list| list.split_whitespace().flat_map(str::parse).collect::<Vec<_>>()).collect();
    let is_vault = |id: &i32| {
        fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| {
            let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
            String::from_utf8_lossy(program).ends_with("tonegate-vault")
        })
    };
    ids.into_iter().find(is_vault).and_then(Pid::from_raw)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vault_of_a_running_gateway_holds_its_own_descriptors_alone() {
    // Whatever starts the gateway may leave something open.
    let (_left_open, inherited) = UnixStream::pair().expect("a socket pair");
    fcntl_setfd(&inherited, FdFlags::empty()).expect("a descriptor that is inherited");
    let gateway = plant::start(&plant::options("operations-descriptors"));
    drop(inherited);
    let vault = eventually(SETTLE, "the vault", async || vault_of(&gateway)).await;
    let its_own = async || match fs::read_dir(format!("/proc/{}/fd", vault.as_raw_nonzero())) {
        Ok(listed) => {
            let mut open: Vec<_> = listed.flatten().map(|entry| entry.file_name()).collect();
            open.sort();
            // Its control socket twice: as standard input, and as it is served.
            (open == ["0", "1", "2", "3"]).then_some(())
        }
        // Nobody without privilege looks into it.
        Err(error) => (error.kind() == std::io::ErrorKind::PermissionDenied).then_some(()),
    };
    eventually(SETTLE, "its own descriptors alone", its_own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_measured_is_what_is_documented() {
    let gateway = plant::start(&plant::options("operations-metrics"));
    let request = CallRequest::new(gateway.addresses().sip_udp, "+12025550143", "collections");
    let phone = Softphone::call(&request).await.expect("an answer");
    noted(&gateway, SETTLE, "media.source_locked", "").await;
    noted(&gateway, SETTLE, "prompt.finished", "").await;
    phone.hang_up().await.expect("a BYE that is answered");
    noted(&gateway, SETTLE, "ended", "caller_hung_up").await;

    let documented = documented();
    assert!(documented.len() > 20, "the table is read");
    for (name, event) in ONLY_ON_EVENT {
        assert!(documented.contains_key(*name), "{name} waits for this: {event}; but it is documented nowhere");
    }
    let must_be_there = |name: &String| !ONLY_ON_EVENT.iter().any(|(only, _)| name == only);
    let missing = |exposed: &BTreeMap<String, String>| -> Vec<String> {
        documented.keys().filter(|name| must_be_there(name) && !exposed.contains_key(*name)).cloned().collect()
    };
    let mut exposed_now = BTreeMap::new();
    let complete = async || {
        exposed_now = exposed(&metrics(&gateway).await);
        missing(&exposed_now).is_empty().then_some(())
    };
    if within(SETTLE, complete).await.is_none() {
        panic!("documented in {DOCUMENTED} and not scraped: {:?}", missing(&exposed_now));
    }
    let exposed = exposed_now;
    for (name, kind) in &exposed {
        assert_eq!(documented.get(name), Some(kind), "{name} as documented in {DOCUMENTED}");
    }
    let text = metrics(&gateway).await;
    assert!(!text.contains("2025550143"), "no number in a metric");
    assert_eq!(sum(&text, "tonegate_call_setup_seconds_count", &[]), 1.0);
    assert_eq!(sum(&text, "tonegate_calls_limit", &["trunk=\"local\""]), 50.0);
    for queue in documented_queues() {
        let series = format!("tonegate_queue_depth{{queue=\"{queue}\"");
        assert!(text.contains(&series), "{queue} is a documented queue and not scraped");
    }
    let expiry = sum(&text, "tonegate_certificate_expiry_timestamp_seconds", &["name=\"processor.ca\""]);
    assert!(expiry > jiff::Timestamp::now().as_second() as f64, "{expiry}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listeners_say_how_it_is_and_to_whom() {
    let secret = plant::directory("operations-secret").join("auditor");
    fs::write(&secret, AUDITOR_TOKEN).expect("a secret");
    let auditor = format!(
        "\n[[api.token]]\nname = \"auditor\"\nrole = \"auditor\"\nsecret = {{ file = \"{}\" }}\n",
        secret.display()
    );
    let gateway = plant::start(&GatewayOptions { more: auditor, ..plant::options("operations-listeners") });
    let nobody = Client::anonymous();
    assert_eq!(nobody.get(&operations(&gateway, "/healthz")).await.status, 200);
    let ready = nobody.get(&operations(&gateway, "/readyz")).await;
    assert_eq!(ready.status, 200, "{}", ready.text);
    assert!(ready.text.lines().all(|line| line.starts_with("ok ")), "{}", ready.text);

    let calls = interface(&gateway, "/calls");
    for client in [nobody, Client::bearing("a-token-that-nobody-was-given")] {
        let refused = client.get(&calls).await;
        assert_eq!((refused.status, refused.kind.as_str()), (401, "application/problem+json"));
        assert_eq!(refused.json()["status"], 401);
    }
    assert_eq!(Client::bearing(OPERATOR_TOKEN).get(&calls).await.status, 200);
    let auditor = Client::bearing(AUDITOR_TOKEN);
    assert_eq!(auditor.get(&calls).await.status, 200);
    let call = interface(&gateway, "/calls/00000000-0000-7000-8000-000000000000");
    for refused in [auditor.delete(&call).await, auditor.get(&format!("{call}/facts")).await] {
        assert_eq!((refused.status, refused.kind.as_str()), (403, "application/problem+json"), "{}", refused.text);
    }
    assert_eq!(Client::bearing(OPERATOR_TOKEN).delete(&call).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_configuration_changes_nothing_and_a_good_one_does() {
    let gateway = plant::start(&plant::options("operations-reload"));
    rewrite(&gateway, "capacity = 50", "capacity = 51\ncapacitie = 52");
    gateway.signal(Signal::HUP).expect("a signal");
    logged(&gateway, "the configuration is not reloaded", 1).await;
    assert!(gateway.log().expect("a log").contains("capacitie"), "the log names the key");
    assert_eq!(sum(&metrics(&gateway).await, "tonegate_calls_limit", &[]), 50.0);

    rewrite(&gateway, "capacity = 51\ncapacitie = 52", "capacity = 7");
    rewrite(&gateway, "[media]", "[business]\nname = \"Eastgate Services\"\n\n[media]");
    gateway.signal(Signal::HUP).expect("a signal");
    logged(&gateway, "the configuration is reloaded", 1).await;
    assert_eq!(sum(&metrics(&gateway).await, "tonegate_calls_limit", &[]), 7.0);
    let request = CallRequest::new(gateway.addresses().sip_udp, "+12025550143", "collections");
    let phone = Softphone::call(&request).await.expect("an answer");
    noted(&gateway, SETTLE, "prompt.finished", "").await;
    phone.hang_up().await.expect("a BYE that is answered");
    noted(&gateway, SETTLE, "ended", "caller_hung_up").await;
    assert!(
        plant::audit_holds(&gateway, &hash_of_a_prompt(&gateway, "Eastgate Services")),
        "the call heard the new name"
    );

    let config = gateway.directory().join("tonegate.toml");
    let status = gateway.stop().expect("an end after SIGTERM");
    assert_eq!(status.code(), Some(0));
    let passed = check(&config);
    assert!(passed.status.success(), "{}", String::from_utf8_lossy(&passed.stdout));

    // A documentation address (RFC 5737), which no machine has.
    let text = fs::read_to_string(&config).expect("a configuration");
    fs::write(&config, text.replace("[media]", "[media]\naddress = \"192.0.2.10\"")).expect("a configuration");
    let failed = check(&config);
    let words = String::from_utf8_lossy(&failed.stdout);
    assert!(!failed.status.success() && words.contains("failing  media address: media.address 192.0.2.10"), "{words}");
}

#[test]
fn a_key_that_nobody_knows_is_named_with_its_line_and_the_nearest_real_one() {
    let config = plant::directory("operations-check").join("tonegate.toml");
    fs::write(&config, "[sip]\nudp = [\"127.0.0.1:0\"]\nadvertized_address = \"203.0.113.10\"\n").expect("a file");
    let refused = check(&config);
    assert!(!refused.status.success());
    let words = String::from_utf8_lossy(&refused.stderr) + String::from_utf8_lossy(&refused.stdout);
    for word in ["line 3", "sip.advertized_address", "sip.advertised_address"] {
        assert!(words.contains(word), "{word} is missing: {words}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_that_dies_is_started_again() {
    let gateway = plant::start(&plant::options("operations-vault"));
    let is_up = async |restarts: f64| {
        let text = metrics(&gateway).await;
        let restarted = sum(&text, "tonegate_child_restarts_total", &["child=\"vault\""]);
        (sum(&text, "tonegate_child_up", &["child=\"vault\""]) == 1.0 && restarted >= restarts).then_some(())
    };
    eventually(SETTLE, "the vault", async || is_up(0.0).await).await;
    let killed = vault_of(&gateway).expect("a vault");
    kill_process(killed, Signal::KILL).expect("a signal");
    eventually(SETTLE, "the vault again", async || is_up(1.0).await).await;
    let again = vault_of(&gateway).expect("a vault");
    assert_ne!(again, killed);
    assert_eq!(Client::anonymous().get(&operations(&gateway, "/readyz")).await.status, 200);
}
