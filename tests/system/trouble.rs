//! A gateway in trouble: new calls are refused, the one that is up goes on, and once the trouble is over calls are taken
//! again.

mod flood;
mod garbage;
mod speech;

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::{Value, json};
use testkit::{
    gateway::{Gateway, GatewayOptions, OPERATOR_TOKEN},
    softphone::{CallRequest, Keying, PhoneError, Softphone},
};
use tokio::{net::UdpSocket, time::timeout};

use crate::{
    bot::{HEARD_OUT, capture::Capture, line::Line},
    caller::STRANGER,
    client::{Client, eventually, interface, metrics, operations, sum, when},
    crash::{assert_audit_holds, record},
    operations::rewrite,
    plant,
    signalling::scenario,
};

/// How long the gateway may take to notice that trouble began or is over.
const SETTLE: Duration = Duration::from_secs(20);
/// How long a datagram may take to be answered.
const ANSWER: Duration = Duration::from_secs(2);
/// Packets with sound that show that a caller is still served: a second of words.
const WORDS: usize = 50;
/// The free space, in megabytes, that no volume has.
const NEVER_FREE: &str = "4000000000";
/// A line of every configuration made for a test.
const LIMITS: &str = "[limits]\n";

/// A call that is up, of a caller who says nothing, and its name.
async fn call(gateway: &Gateway) -> (Line, String) {
    let phone = Softphone::call(&request(gateway)).await.expect("an answer");
    (Line::of(phone), newest(gateway).await)
}

fn request(gateway: &Gateway) -> CallRequest {
    CallRequest::new(gateway.addresses().sip_udp, STRANGER, "collections")
}

async fn newest(gateway: &Gateway) -> String {
    let calls = Client::bearing(OPERATOR_TOKEN).get(&interface(gateway, "/calls")).await.json();
    calls["calls"][0]["id"].as_str().expect("a call").to_owned()
}

async fn timeline(gateway: &Gateway, call: &str) -> Vec<Value> {
    let timeline = interface(gateway, &format!("/calls/{call}/timeline"));
    let timeline = Client::bearing(OPERATOR_TOKEN).get(&timeline).await.json();
    timeline["entries"].as_array().cloned().unwrap_or_default()
}

/// Waits until a call has an entry in its timeline.
async fn noted(gateway: &Gateway, call: &str, kind: &str, detail: &str) -> Vec<Value> {
    eventually(HEARD_OUT, kind, async || {
        let timeline = timeline(gateway, call).await;
        when(&timeline, kind, detail).map(|_| timeline)
    })
    .await
}

/// The status that OPTIONS is answered with; `None` where no answer comes.
async fn options(server: SocketAddr) -> Option<u16> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let (local, random) = (socket.local_addr().expect("an address"), rand::random::<u64>());
    let request = format!(
        "OPTIONS sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{random:x};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:probe@{local}>;tag={random:x}\r\nTo: <sip:{server}>\r\nCall-ID: {random:x}\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    );
    socket.send_to(request.as_bytes(), server).await.expect("a datagram");
    let mut answer = vec![0; 2_048];
    let (length, _) = timeout(ANSWER, socket.recv_from(&mut answer)).await.ok()?.ok()?;
    String::from_utf8_lossy(&answer[..length]).split(' ').nth(1)?.parse().ok()
}

/// The gateway says what is wrong, and refuses calls for it.
async fn refuses(gateway: &Gateway, check: &str, reason: &str) {
    let failing = format!("failing {check}: {reason}");
    eventually(SETTLE, &failing, async || {
        let ready = Client::anonymous().get(&operations(gateway, "/readyz")).await;
        (ready.status == 503 && ready.text.contains(&failing)).then_some(())
    })
    .await;
    let server = gateway.addresses().sip_udp;
    eventually(SETTLE, "OPTIONS answered 503", async || (options(server).await == Some(503)).then_some(())).await;
    scenario("refused_while_draining", "u1", 1, server).await;
    scenario("refused_while_draining", "t1", 1, gateway.addresses().sip_tcp).await;
    let exposed = metrics(gateway).await;
    assert_eq!(sum(&exposed, "tonegate_ready", &[&format!("check=\"{check}\"")]), 0.0);
    assert_eq!(sum(&exposed, "tonegate_calls_refused_total", &[&format!("reason=\"{check}\"")]), 2.0);
}

/// The gateway is ready, and answers a call.
async fn takes_calls_again(gateway: &Gateway) {
    eventually(SETTLE, "readiness", async || {
        let ready = Client::anonymous().get(&operations(gateway, "/readyz")).await;
        (ready.status == 200).then_some(())
    })
    .await;
    let server = gateway.addresses().sip_udp;
    eventually(SETTLE, "OPTIONS answered 200", async || (options(server).await == Some(200)).then_some(())).await;
    scenario("answer_and_bye", "u1", 1, server).await;
}

/// The caller hears more words.
async fn is_served(line: &Line) {
    let before = line.sounding();
    line.until("more words", HEARD_OUT, |heard| heard.sounding() >= before + WORDS).await;
}

/// The caller hangs up, and the call ends as any other.
async fn ends(gateway: &Gateway, line: &Line, call: &str) {
    line.hang_up().await;
    let timeline = noted(gateway, call, "ended", "caller_hung_up").await;
    assert!(when(&timeline, "record.written", "contact_attempt").is_some(), "{timeline:#?}");
}

fn reload(gateway: &Gateway, from: &str, to: &str) {
    rewrite(gateway, from, to);
    gateway.signal(Signal::HUP).expect("a signal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_calls_and_cards_and_keeps_the_call_that_is_up() {
    let mut capture = Capture::start("trouble-disk", Keying::TelephoneEvent).await;
    let id = newest(&capture.scene.gateway).await;
    capture.until_step("number").await;
    let wanting = format!("{LIMITS}disk_free_megabytes = {NEVER_FREE}\n");
    reload(&capture.scene.gateway, LIMITS, &wanting);
    refuses(&capture.scene.gateway, "disk", "low_space").await;

    capture.key().await;
    let stopped = capture.until("the end of the capture", |state| state["state"] == "failed").await;
    assert!(stopped["reason"].is_string(), "{stopped}");
    noted(&capture.scene.gateway, &id, "capture.released", "").await;
    let submitted: i64 = Connection::open(capture.scene.gateway.directory().join("store.db"))
        .and_then(|store| store.query_row("SELECT count(*) FROM payments", [], |row| row.get(0)))
        .expect("a count");
    assert_eq!(submitted, 0, "nothing was submitted");
    capture.ask_in_vain().await;
    capture.scene.caller_is_heard().await;

    reload(&capture.scene.gateway, &wanting, LIMITS);
    takes_calls_again(&capture.scene.gateway).await;
    capture.scene.bot_is_heard().await;
    capture.ask().await;
    capture.until_step("number").await;
    ends(&capture.scene.gateway, &capture.scene.line, &id).await;
}

/// A gateway with a call, and a store that commits nothing until the lock that comes last is given up.
async fn stalled(options: &GatewayOptions) -> (Gateway, Line, String, Connection) {
    let gateway = plant::start(options);
    let (line, id) = call(&gateway).await;
    is_served(&line).await;
    let stall = Connection::open(options.directory.join("store.db")).expect("a database");
    stall.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    (gateway, line, id, stall)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_stalls_refuses_calls_and_loses_nothing() {
    let options = GatewayOptions { store: String::new(), ..plant::options("trouble-stall") };
    let store = options.directory.join("store.db");
    let (gateway, line, id, stall) = stalled(&options).await;
    // Nobody knows yet: the first call to come finds out.
    let refused = Softphone::call(&request(&gateway)).await.err();
    assert!(matches!(refused, Some(PhoneError::Refused(503))), "{refused:?}");
    refuses(&gateway, "store", "commit_").await;
    is_served(&line).await;
    stall.execute_batch("ROLLBACK").expect("the lock's end");

    takes_calls_again(&gateway).await;
    noted(&gateway, &id, "opened", "").await;
    ends(&gateway, &line, &id).await;
    let exposed = metrics(&gateway).await;
    assert_eq!(sum(&exposed, "tonegate_control_failures_total", &[]), 0.0, "a record is lost");
    assert!(gateway.stop().expect("an end").success());
    assert_audit_holds(&options.directory);
    assert_told_once(&store, &id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_that_outlasts_the_call_loses_none_of_its_records() {
    let options = GatewayOptions { store: String::new(), ..plant::options("trouble-long-stall") };
    let store = options.directory.join("store.db");
    let (gateway, line, id, stall) = stalled(&options).await;
    ends(&gateway, &line, &id).await;
    let book = options.directory.join("book.db");
    assert!(record(&book, "contact_attempts", &id).is_none(), "written past the lock");
    stall.execute_batch("ROLLBACK").expect("the lock's end");

    let attempt = eventually(SETTLE, "the attempt", async || record(&book, "contact_attempts", &id)).await;
    assert_eq!((&attempt["status"], &attempt["end_reason"]), (&json!("completed"), &json!("caller_hung_up")));
    takes_calls_again(&gateway).await;
    assert!(gateway.stop().expect("an end").success());
    assert_audit_holds(&options.directory);
    assert_told_once(&store, &id);
}

/// The call's row has its end, and the audit chain tells each thing once.
fn assert_told_once(store: &Path, call: &str) {
    let store = Connection::open(store).expect("a database");
    let row = store.query_row("SELECT state, reason FROM calls WHERE call = ?1", [call], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    });
    assert_eq!(row.expect("a row"), ("ended".to_owned(), "caller_hung_up".to_owned()));
    let mut told = store.prepare("SELECT record FROM audit WHERE call = ?1").expect("a question");
    let told: Vec<Value> = told
        .query_map([call], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .expect("records")
        .iter()
        .map(|record| serde_json::from_str(record).expect("JSON"))
        .collect();
    let content = |record: &Value| (record["kind"].clone(), record["at"].clone(), record["details"].clone());
    for kind in ["call_started", "call_ended"] {
        assert_eq!(told.iter().filter(|record| record["kind"] == kind).count(), 1, "{kind}: {told:#?}");
    }
    for (index, record) in told.iter().enumerate() {
        assert!(told[..index].iter().all(|before| content(before) != content(record)), "told twice: {record:#}");
    }
}

/// Debian's library that shows a program another time of day.
fn fake_time() -> String {
    let library = format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
    assert!(Path::new(&library).exists(), "{library} is missing (Debian package faketime)");
    library
}

/// Sets the clock of a gateway by an offset from the real one.
fn set_clock(file: &Path, offset: &str) {
    let next = file.with_extension("next");
    fs::write(&next, offset).expect("a file");
    fs::rename(&next, file).expect("a file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_refuses_calls_until_it_is_set_back() {
    let options = plant::options("trouble-clock");
    let offset = std::path::absolute(options.directory.join("clock")).expect("a path");
    set_clock(&offset, "+0");
    let environment = vec![
        ("LD_PRELOAD".to_owned(), fake_time().into()),
        ("FAKETIME_TIMESTAMP_FILE".to_owned(), offset.clone().into()),
        ("FAKETIME_NO_CACHE".to_owned(), "1".into()),
        // Both names: the older one of Debian 12, and the newer one.
        ("DONT_FAKE_MONOTONIC".to_owned(), "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".into()),
    ];
    let gateway = plant::start(&GatewayOptions { environment, ..options });
    let (line, id) = call(&gateway).await;
    is_served(&line).await;
    set_clock(&offset, "+90");
    refuses(&gateway, "clock", "the wall clock was set while running").await;
    is_served(&line).await;
    let shown = sum(&metrics(&gateway).await, "tonegate_clock_offset_seconds", &[]);
    assert!((shown - 90.0).abs() < 1.0, "{shown}");

    set_clock(&offset, "+0");
    takes_calls_again(&gateway).await;
    is_served(&line).await;
    ends(&gateway, &line, &id).await;
}
