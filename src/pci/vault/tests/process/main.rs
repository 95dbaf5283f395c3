//! The vault as a process: against a processor over real sockets, and against what it must not be able to do.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test fails by panicking, and exports nothing")]

mod processor;
mod vault;

use std::{
    io::Read,
    os::unix::{net::UnixStream, process::ExitStatusExt},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ::vault::hardening::harden;
use gate::wire::{ControlFromVault, ControlToVault, DeclineReason, FailReason, Outcome, Step, WipeCause};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    processor::{Authority, TOKEN},
    vault::{CAPTURE, Vault},
};

const NUMBER: &[u8] = b"4242424242424242";
const APPROVED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 75\r\n\r\n\
status=approved&token=tok_abcdefghijklmnopqrstuvwx&authorisation=A1B2C3&id=";
const DECLINED: &str = "HTTP/1.1 402 X\r\ncontent-length: 41\r\n\r\nstatus=declined&reason=insufficient_funds";
const REFUSED: &str = "HTTP/1.1 400 X\r\ncontent-length: 23\r\n\r\nnumber=4242424242424242";
const BROKEN: &str = "HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n";

/// Keys a card and submits it to a processor that answers so.
fn outcome_of(test: &str, more: &[&str], answer: Option<&'static str>) -> (Outcome, WipeCause) {
    let authority = Authority::new(test);
    let vault = Vault::start(&authority, more);
    let (address, processor) = authority.serve("localhost", answer);
    let capture = vault.open();
    capture.key_card(NUMBER);
    vault.connect(address);
    let outcome = capture.outcome();
    assert!(processor.join().unwrap().is_some());
    (outcome, vault.wiped().cause)
}

#[test]
fn an_approved_card_is_submitted_once_and_leaves_nothing_behind() {
    let authority = Authority::new("approved");
    let vault = Vault::start(&authority, &[]);
    let (address, processor) = authority.serve("localhost", Some(APPROVED));
    let capture = vault.open();
    capture.key_card(NUMBER);
    if let Some(found) = vault.find(NUMBER) {
        assert!(found == 1, "the number stands in memory {found} times before the submission");
    }
    vault.connect(address);

    let Outcome::Approved(approval) = capture.outcome() else { panic!("not approved") };
    assert!(approval.last_four.as_str().as_bytes() == &NUMBER[12..]);
    let request = processor.join().unwrap().unwrap();
    assert!(request.contains(&format!("authorization: Bearer {TOKEN}\r\n")));
    assert!(request.contains("idempotency-key: abababab-abab-abab-abab-abababababab\r\n"));
    assert!(request.ends_with("number=4242424242424242&expiry=1230&code=123&amount=4200&currency=USD"));

    let record = vault.wiped();
    assert_eq!((record.capture, record.cause, record.sequence), (CAPTURE, WipeCause::Answered, 1));
    assert!(vault.find(NUMBER).unwrap_or(0) == 0 && vault.find(b"&code=123").unwrap_or(0) == 0);
}

#[test]
fn the_card_is_gone_before_the_answer() {
    let authority = Authority::new("before");
    let vault = Vault::start(&authority, &[]);
    let (address, processor) = authority.serve("localhost", None);
    let capture = vault.open();
    capture.key_card(NUMBER);
    vault.connect(address);
    let patience = Instant::now() + Duration::from_secs(10);
    while vault.find(NUMBER).unwrap_or(0) > 0 || vault.find(b"&code=123").unwrap_or(0) > 0 {
        assert!(Instant::now() < patience, "the card outlives its submission");
    }
    let is_searched = vault.find(NUMBER).is_some();
    drop(capture);
    assert_eq!(vault.wiped().cause, WipeCause::Closed);
    assert!(processor.join().unwrap().is_some() || !is_searched);
}

#[test]
fn every_answer_has_its_outcome() {
    let declined = Outcome::Declined(DeclineReason::InsufficientFunds);
    assert_eq!(outcome_of("declined", &[], Some(DECLINED)), (declined, WipeCause::Answered));
    let refused = Outcome::Failed(FailReason::ProcessorRefused);
    assert_eq!(outcome_of("refused", &[], Some(REFUSED)), (refused, WipeCause::Answered));
    assert_eq!(outcome_of("broken", &[], Some(BROKEN)), (Outcome::Unknown, WipeCause::Failed));
    assert_eq!(outcome_of("cut", &[], Some(&APPROVED[..60])), (Outcome::Unknown, WipeCause::Failed));
    assert_eq!(outcome_of("silent", &["--answer-seconds", "1"], None), (Outcome::Unknown, WipeCause::Failed));
}

#[test]
fn an_answer_that_echoes_the_card_leaves_nothing_behind() {
    let authority = Authority::new("echo");
    let vault = Vault::start(&authority, &[]);
    let (address, processor) = authority.serve("localhost", Some(REFUSED));
    let capture = vault.open();
    capture.key_card(NUMBER);
    vault.connect(address);
    assert_eq!(capture.outcome(), Outcome::Failed(FailReason::ProcessorRefused));
    processor.join().unwrap();
    vault.wiped();
    assert!(vault.find(NUMBER).unwrap_or(0) == 0);
}

#[test]
fn a_certificate_of_another_name_or_authority_gets_no_card() {
    let (ours, other) = (Authority::new("trusted"), Authority::new("untrusted"));
    for (authority, name) in [(&other, "localhost"), (&ours, "example.org")] {
        let vault = Vault::start(&ours, &[]);
        let (address, processor) = authority.serve(name, Some(APPROVED));
        let capture = vault.open();
        capture.key_card(NUMBER);
        vault.connect(address);
        assert_eq!(capture.outcome(), Outcome::Failed(FailReason::ProcessorUntrusted));
        assert!(processor.join().unwrap().is_none());
        assert_eq!(vault.wiped().cause, WipeCause::Failed);
    }
}

#[test]
fn a_connection_that_is_no_tls_gets_no_card() {
    let vault = Vault::start(&Authority::new("plain"), &[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let capture = vault.open();
    capture.key_card(NUMBER);
    vault.connect(listener.local_addr().unwrap());
    drop(listener.accept().unwrap());
    assert_eq!(capture.outcome(), Outcome::Failed(FailReason::ProcessorUnreachable));
}

#[test]
fn a_hang_up_wipes_at_every_stage() {
    let vault = Vault::start(&Authority::new("hang-up"), &[]);
    let stages: [(&[u8], Step); 3] =
        [(b"4242", Step::Number), (b"4242424242424242#12", Step::Expiry), (b"", Step::Wait)];
    for (sequence, (keys, step)) in (1..).zip(stages) {
        let capture = vault.open();
        if step == Step::Wait {
            capture.key_card(NUMBER);
        } else {
            capture.keys(keys);
        }
        if step == Step::Expiry {
            capture.asks_for(step);
        }
        drop(capture);
        let record = vault.wiped();
        assert_eq!((record.cause, record.sequence), (WipeCause::Closed, sequence));
    }
    assert!(vault.find(NUMBER).unwrap_or(0) == 0);
}

#[test]
fn a_withdrawn_or_malformed_capture_fails_closed() {
    let vault = Vault::start(&Authority::new("withdrawn"), &[]);
    let capture = vault.open();
    capture.asks_for(Step::Number);
    capture.withdraw();
    assert_eq!(capture.outcome(), Outcome::Failed(FailReason::Withdrawn));
    assert_eq!(vault.wiped().cause, WipeCause::Cancelled);

    let capture = vault.open();
    capture.asks_for(Step::Number);
    capture.send(b"\xff\xff\xff\xff");
    assert_eq!(capture.outcome(), Outcome::Failed(FailReason::Protocol));
    assert_eq!(vault.wiped().cause, WipeCause::Failed);
}

#[test]
fn a_connection_nobody_waits_for_is_closed() {
    let vault = Vault::start(&Authority::new("unasked"), &[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    vault.connect(listener.local_addr().unwrap());
    assert_eq!(listener.accept().unwrap().0.read(&mut [0]).unwrap(), 0);
    vault.tell(&ControlToVault::Ping.encode(), None);
    assert_eq!(vault.control(), Some(ControlFromVault::Pong));
}

#[test]
fn the_vault_leaves_when_its_control_socket_closes_and_takes_every_capture_along() {
    let mut vault = Vault::start(&Authority::new("closed"), &[]);
    let capture = vault.open();
    capture.asks_for(Step::Number);
    vault.close_control();
    assert!(capture.next().is_none());
    assert!(vault.child.wait().unwrap().success());
}

#[test]
fn a_malformed_control_message_ends_the_vault() {
    let mut vault = Vault::start(&Authority::new("malformed"), &[]);
    vault.tell(&[9; 64], None);
    assert!(!vault.child.wait().unwrap().success());
    let mut said = String::new();
    vault.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "tonegate-vault: malformed control message: unknown version\n");
}

#[test]
fn the_hardening_holds_in_the_running_process() {
    let vault = Vault::start(&Authority::new("hardened"), &[]);
    let process = format!("/proc/{}", vault.child.id());
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
    assert!(status.contains("\nNoNewPrivs:\t1\n") && status.contains("\nSeccomp:\t2\n"));
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    assert_ne!(locked.trim(), "0 kB");
    let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"]);
}

#[test]
fn a_descriptor_that_was_left_open_does_not_reach_the_vault() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    fcntl_setfd(&theirs, FdFlags::empty()).unwrap();
    let vault = Vault::start(&Authority::new("inherited"), &[]);
    drop(theirs);
    ours.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!((&ours).read(&mut [0]).unwrap(), 0, "somebody still holds the other end");
    // Its control socket twice: as standard input, and as it is served.
    assert_eq!(vault.descriptors().unwrap_or_else(|| vec![0, 1, 2, 3]), [0, 1, 2, 3]);
}

#[test]
fn a_crash_during_a_capture_leaves_no_core() {
    for signal in [Signal::ABORT, Signal::FPE] {
        let mut vault = Vault::start(&Authority::new("crash"), &[]);
        let capture = vault.open();
        capture.key_card(NUMBER);
        kill_process(Pid::from_child(&vault.child), signal).unwrap();
        let status = vault.child.wait().unwrap();
        assert!(status.signal() == Some(signal.as_raw()) && !status.core_dumped());
        assert!(capture.next().is_none());
    }
}

#[test]
fn a_command_line_that_cannot_be_used_is_named() {
    for (arguments, named) in [
        (&["--verbose"][..], "unknown option --verbose"),
        (&["--processor-name"], "--processor-name needs a valid value"),
        (&["--answer-seconds", "0"], "--answer-seconds needs a valid value"),
        (&["--canary"], "--processor-name is missing"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_tonegate-vault")).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.starts_with(&format!("tonegate-vault: {named}\n")));
    }
}

#[test]
fn help_is_printed_and_is_no_failure() {
    let output = Command::new(env!("CARGO_BIN_EXE_tonegate-vault")).arg("--help").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    for option in [
        "--processor-name",
        "--processor-ca",
        "--processor-token",
        "--processor-path",
        "--answer-seconds",
        "--canary",
        "--check",
    ] {
        assert!(said.contains(option), "{option} is not explained");
    }
}

/// Names the act that this test is to commit in a process of its own.
const ACT: &str = "TONEGATE_FORBIDDEN_ACT";

#[test]
fn what_the_vault_gave_up_kills_it() {
    if let Some(act) = std::env::var_os(ACT) {
        commit(act.to_str().unwrap());
    }
    let signal_of = |act| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "what_the_vault_gave_up_kills_it"]).env(ACT, act);
        child.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().signal()
    };
    for act in ["connect", "write a file", "read a file", "start a program", "be traced"] {
        assert_eq!(signal_of(act), Some(Signal::SYS.as_raw()), "{act}");
    }
    assert_eq!(signal_of("nothing"), None);
}

fn commit(act: &str) -> ! {
    harden().unwrap();
    match act {
        "connect" => drop(std::net::TcpStream::connect("127.0.0.1:9")),
        "write a file" => drop(std::fs::File::create("/dev/null")),
        "read a file" => drop(std::fs::File::open("/dev/null")),
        "start a program" => drop(Command::new("/bin/true").status()),
        "be traced" => drop(rustix::process::set_ptracer(rustix::process::PTracer::None)),
        _ => {}
    }
    std::process::exit(0)
}
