//! A gateway that dies in the middle of a call: what it had accepted is kept, and nobody is left on the line.

use std::{fs, path::Path, process::Command, time::Duration};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use testkit::{gateway::Gateway, interface::Interface, softphone::Keying};

use crate::{
    caller::Caller,
    leaks::metrics,
    plant::{alone, eventually, options, run, start, step, tonegate},
};

/// From the answer to the end of the opening.
const OPENING: Duration = Duration::from_secs(90);
/// From the restart to the BYE, and to the records in the book.
const RECOVERY: Duration = Duration::from_secs(30);

#[test]
fn a_call_that_a_crash_interrupts_is_ended_and_written_down() {
    let _alone = alone();
    let options = options("crash");
    let gateway = start(&options);
    let server = gateway.addresses().sip_udp;
    let caller = Caller::call(server, Keying::TelephoneEvent);
    let (call, _) = step(&Interface::of(&gateway), "opened", OPENING);
    let directory = gateway.kill().expect("a crash");

    listen_at(&directory.join("tonegate.toml"), &server.to_string());
    let gateway = Gateway::resume(&tonegate(), &directory).expect("the gateway again");
    assert!(caller.ends_within(RECOVERY), "the caller was left on the line: no BYE came");

    for table in ["contact_attempts", "compliance_records"] {
        let book = directory.join("book.db");
        let record = eventually(table, RECOVERY, || record(&book, table, &call));
        if table == "contact_attempts" {
            assert_eq!(record["status"], "interrupted", "the attempt is not interrupted");
            assert_eq!(record["recording"], format!("{call}.wav"), "what was recorded cannot be found");
        } else {
            assert_eq!(proven(&directory.join("store.db"), &record), 3, "opening, AI notice and recording notice");
        }
    }
    let metrics = metrics(gateway.addresses().operations);
    let ended = "tonegate_calls_ended_total{trunk=\"local\",reason=\"interrupted\"} 1";
    assert!(metrics.contains(ended), "the interrupted call is not counted");
    assert!(gateway.stop().expect("an end").success(), "the gateway did not leave cleanly");
    let ended = row(&directory.join("store.db"), &call);
    assert_eq!(ended, Some((true, Some("interrupted".to_owned()))), "the call's row is lost or open");
    assert_eq!(open_work(&directory.join("store.db")), 0, "a dialog or a record is left behind");
    assert_audit_holds(&directory);
    let told = fs::read_to_string(directory.join("audit.txt")).expect("what the verifier says");
    assert!(told.contains("in 2 runs of the gateway"), "{told}");
    assert_eq!(told.matches("the run before it has no last record").count(), 1, "{told}");
}

/// Has the gateway listen where its callers know it, as a gateway with a fixed port does.
fn listen_at(config: &Path, server: &str) {
    let text = fs::read_to_string(config).expect("a configuration");
    let fixed = text.replace(r#"udp = ["127.0.0.1:0"]"#, &format!(r#"udp = ["{server}"]"#));
    assert_ne!(text, fixed, "the configuration names no address for SIP");
    fs::write(config, fixed).expect("a configuration");
}

/// A call's record in the account book.
pub(crate) fn record(book: &Path, table: &str, call: &str) -> Option<Value> {
    let text = read(book)
        .query_row(&format!("SELECT record FROM {table} WHERE call = ?1"), [call], |row| row.get::<_, String>(0));
    serde_json::from_str(&text.ok()?).ok()
}

/// How many of a compliance record's disclosures were played to their end, with that in the audit record they name.
fn proven(store: &Path, record: &Value) -> usize {
    let store = read(store);
    let is_proven = |disclosure: &Value| {
        let Some(proof) = disclosure["proof"].as_str() else { return false };
        let query = "SELECT record FROM audit WHERE lower(hex(hash)) = ?1";
        let record: String = store.query_row(query, [proof], |row| row.get(0)).expect("the record that a proof names");
        record.contains(r#""complete":true"#) && disclosure["delivery"] == "delivered"
    };
    record["disclosures"].as_array().expect("disclosures").iter().filter(|disclosure| is_proven(disclosure)).count()
}

/// Whether the call's row has an end, and its reason.
fn row(store: &Path, call: &str) -> Option<(bool, Option<String>)> {
    let query = "SELECT ended_at IS NOT NULL, reason FROM calls WHERE call = ?1";
    read(store).query_row(query, [call], |row| Ok((row.get(0)?, row.get(1)?))).ok()
}

fn open_work(store: &Path) -> i64 {
    let query = "SELECT (SELECT count(*) FROM dialogs) + (SELECT count(*) FROM outbox WHERE parked < 2)";
    read(store).query_row(query, [], |row| row.get(0)).expect("a count")
}

fn read(database: &Path) -> Connection {
    Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database")
}

pub(crate) fn assert_audit_holds(directory: &Path) {
    let output = directory.join("audit.txt");
    let mut verify = Command::new(tonegate());
    verify.args(["audit", "verify", "--config"]).arg(directory.join("tonegate.toml"));
    let status = run(&mut verify, &output, RECOVERY);
    let text = fs::read_to_string(&output).unwrap_or_default();
    assert!(status.is_some_and(|status| status.success()), "the audit chain does not hold: {text}");
}
