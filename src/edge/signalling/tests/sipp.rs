//! The SIPp scenarios of `tests/sipp` against signalling with an application that answers every call.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::*;

/// How long a scenario may take; the longest waits out 64·T1.
const SCENARIO_PATIENCE: Duration = Duration::from_secs(60);

/// Rings and answers every call.
async fn answer_every_call(handle: SignallingHandle, mut events: mpsc::Receiver<Event>) {
    while let Some(event) = events.recv().await {
        let Event::Incoming(incoming) = event else { continue };
        handle.ring(incoming.call).await.unwrap();
        if handle.prepare_answer(incoming.call).await.is_ok() {
            // The caller may have given up meanwhile.
            let _ = handle.answer(incoming.call, LOCAL).await;
        }
    }
}

/// Rings every call and leaves it ringing.
async fn let_every_call_ring(handle: SignallingHandle, mut events: mpsc::Receiver<Event>) {
    while let Some(event) = events.recv().await {
        if let Event::Incoming(incoming) = event {
            handle.ring(incoming.call).await.unwrap();
        }
    }
}

/// Runs one scenario over a transport (SIPp's `u1` or `t1`) and panics with its words unless it succeeds.
async fn run(scenario: &str, transport: &str, calls: u32, to: SocketAddr) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/sipp");
    let run = Command::new("sipp")
        .args(["-sf", &format!("{scenario}.xml"), "-s", "+15555550199", "-i", "127.0.0.1", "-t", transport])
        .args(["-m", &calls.to_string(), "-r", "50", "-nostdin", "-timeout", "50s", "-timeout_error"])
        .arg(to.to_string())
        .current_dir(folder)
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(SCENARIO_PATIENCE, run).await.unwrap_or_else(|_| panic!("{scenario} does not end"));
    let output = output.expect("SIPp runs (Debian package sip-tester)");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scenario} over {transport}: {}\n{words}", output.status);
}

async fn run_over_both(scenario: &str, calls: u32, (udp, tcp): (SocketAddr, SocketAddr)) {
    run(scenario, "u1", calls, udp).await;
    run(scenario, "t1", calls, tcp).await;
}

#[tokio::test]
async fn answered_calls() {
    let (signalling, _cancel) = signalling("127.0.0.1").await;
    let addresses = (signalling.udp[0], signalling.tcp[0]);
    tokio::spawn(answer_every_call(signalling.handle, signalling.events));
    run_over_both("answer_and_bye", 5, addresses).await;
    run_over_both("hold_and_resume", 5, addresses).await;
    run_over_both("options", 5, addresses).await;
    run("retransmitted_invite", "u1", 2, addresses.0).await;
}

#[tokio::test]
async fn a_lost_ack() {
    let (signalling, _cancel) = signalling("127.0.0.1").await;
    let to = signalling.udp[0];
    tokio::spawn(answer_every_call(signalling.handle, signalling.events));
    run("lost_ack", "u1", 1, to).await;
}

#[tokio::test]
async fn cancelled_calls() {
    let (signalling, _cancel) = signalling("127.0.0.1").await;
    let addresses = (signalling.udp[0], signalling.tcp[0]);
    tokio::spawn(let_every_call_ring(signalling.handle, signalling.events));
    run_over_both("cancel_before_answer", 5, addresses).await;
}

#[tokio::test]
async fn a_wrong_trunk() {
    let (signalling, _cancel) = signalling("192.0.2.1").await;
    run_over_both("wrong_trunk", 1, (signalling.udp[0], signalling.tcp[0])).await;
}

#[tokio::test]
async fn draining() {
    let (signalling, _cancel) = signalling("127.0.0.1").await;
    let drain = sip::Availability::Unavailable { reason: "drain", retry_after_seconds: 30 };
    signalling.handle.set_availability(drain).await.unwrap();
    let addresses = (signalling.udp[0], signalling.tcp[0]);
    run_over_both("refused_while_draining", 3, addresses).await;
    run_over_both("options_while_draining", 3, addresses).await;
}
