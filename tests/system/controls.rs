//! Two operators weaken a control of a running gateway, one does not; and the chain is verified by what left the machine.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use testkit::gateway::{Gateway, GatewayOptions};

use crate::{
    client::{eventually, metrics, sum},
    plant,
};

/// How long the gateway may take to follow an approval.
const SETTLE: Duration = Duration::from_secs(20);

fn tonegate(arguments: &[&str]) -> Output {
    Command::new(plant::tonegate()).args(arguments).output().expect("tonegate runs")
}

fn done(arguments: &[&str]) -> String {
    let output = tonegate(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

async fn shows(gateway: &Gateway, name: &str, label: &str, value: f64) {
    let look = async || (sum(&metrics(gateway).await, name, &[label]) == value).then_some(());
    eventually(SETTLE, name, look).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_lower_the_log_level_for_a_time_and_one_does_not() {
    let options = plant::options("controls-log-level");
    let at = |name: &str| options.directory.join(name);
    let keys = ["ada", "grace"].map(|name| done(&["control", "keygen", "--name", name, "--output", text(&at(name))]));
    let operators = keys.each_ref().map(|key| format!("\"{}\"", key.trim())).join(", ");
    let more = format!("\n[control]\noperators = [{operators}]\n");
    let gateway = plant::start(&GatewayOptions { more, ..options.clone() });
    let config = at("tonegate.toml");
    let approvals = at("audit/approvals");
    fs::create_dir_all(&approvals).expect("a directory");
    let propose = |file: &str| {
        let proposal = at(file);
        let value = ["--value", "info,tonegate=debug", "--reason", "a trial", "--output", text(&proposal)];
        done(&[&["control", "propose", "log.level", "--config", text(&config)], value.as_slice()].concat());
        done(&["control", "sign", text(&proposal), "--key", text(&at("ada"))]);
        proposal
    };

    let alone = propose("alone");
    assert!(!tonegate(&["control", "check", text(&alone), "--config", text(&config)]).status.success());
    fs::copy(&alone, approvals.join("alone.approval")).expect("a copy");
    shows(&gateway, "tonegate_control_failures_total", "control=\"approval_refused\"", 1.0).await;
    shows(&gateway, "tonegate_control_weakened", "control=\"log.level\"", 0.0).await;
    assert!(gateway.log().expect("a log").contains("one_signature"));

    let both = propose("both");
    done(&["control", "sign", text(&both), "--key", text(&at("grace"))]);
    done(&["control", "check", text(&both), "--config", text(&config)]);
    fs::copy(&both, approvals.join("both.approval")).expect("a copy");
    shows(&gateway, "tonegate_control_weakened", "control=\"log.level\"", 1.0).await;
    fs::remove_file(approvals.join("alone.approval")).expect("a file");

    // It outlives the gateway that took it, and ends when it is taken away.
    let directory = gateway.kill().expect("a crash");
    let gateway = Gateway::resume(&plant::tonegate(), &directory).expect("the gateway again");
    shows(&gateway, "tonegate_control_weakened", "control=\"log.level\"", 1.0).await;
    fs::remove_file(approvals.join("both.approval")).expect("a file");
    shows(&gateway, "tonegate_control_weakened", "control=\"log.level\"", 0.0).await;
    shows(&gateway, "tonegate_audit_unshipped_seconds", "destination=\"directory\"", 0.0).await;
    assert!(gateway.stop().expect("an end").success());

    let key = at("key.pub");
    fs::write(&key, done(&["audit", "key", "--config", text(&config)])).expect("a key");
    let (store, checkpoints) = (at("store.db"), at("audit/checkpoints"));
    let evidence =
        ["audit", "verify", "--store", text(&store), "--checkpoints", text(&checkpoints), "--key", text(&key)];
    let told = done(&evidence);
    assert!(told.contains("in 2 runs of the gateway") && !told.contains("NOT VERIFIED"), "{told}");
    let records = rusqlite::Connection::open(&store).expect("a store");
    for kind in ["approval_refused", "control_weakened", "control_restored"] {
        let count = "SELECT count(*) FROM audit WHERE record ->> '$.kind' = ?1";
        assert_eq!(records.query_row(count, [kind], |row| row.get::<_, i64>(0)).expect("a count"), 1, "{kind}");
    }
    records
        .execute_batch("UPDATE audit SET record = replace(record, 'one_signature', 'two_signature')")
        .expect("a change");
    drop(records);
    let broken = tonegate(&evidence);
    assert_eq!(broken.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("its hash does not follow"), "{broken:?}");
}
