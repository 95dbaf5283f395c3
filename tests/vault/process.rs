//! The vault as a process: against a processor over real sockets, and against what it must not be able to do.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test fails by panicking, and exports nothing")]

mod processor;
mod vault;

use std::{
    io::{IoSliceMut, Read, Write},
    os::unix::{net::UnixStream, process::ExitStatusExt},
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use ::vault::hardening::{harden, landlock_held, restrict_files_and_ports, silence_panics};
use gate::wire::{
    Brand, ControlFromVault, ControlToVault, DeclineReason, EntryError, FailReason, Method, Outcome, Step, WipeCause,
};
use landlock::RulesetStatus;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    processor::{Authority, TOKEN},
    vault::{CAPTURE, Vault},
};

const NUMBER: &[u8] = b"4242424242424242";
/// A card whose code has four digits, to be searched for.
const AMEX: &[u8] = b"378282246310005";
const CODE: &[u8] = b"8642";
const APPROVED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 75\r\n\r\n\
status=approved&token=tok_abcdefghijklmnopqrstuvwx&authorisation=A1B2C3&id=";
const DECLINED: &str = "HTTP/1.1 402 X\r\ncontent-length: 41\r\n\r\nstatus=declined&reason=insufficient_funds";
const REFUSED: &str = "HTTP/1.1 400 X\r\ncontent-length: 23\r\n\r\nnumber=4242424242424242";
const ECHOED: &str = "HTTP/1.1 400 X\r\ncontent-length: 32\r\n\r\nnumber=378282246310005&code=8642&";
const BROKEN: &str = "HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n";
const GARBAGE: &str = "\u{1}\u{2}\u{3} is no answer\r\n\r\n";
const STRIPE: &[&str] = &["--shape", "stripe"];

/// An answer of JSON.
fn json(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Keys a card and submits it to a processor that answers so.
fn outcome_of(test: &str, more: &[&str], answer: Option<&str>) -> (Outcome, WipeCause) {
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
    let found = vault.find(NUMBER);
    assert!(found == 1, "the number stands in memory {found} times before the submission");
    vault.connect(address);

    let Outcome::Approved(held, _) = capture.outcome() else { panic!("not approved") };
    assert!(held.last_four.as_str().as_bytes() == &NUMBER[12..]);
    let request = processor.join().unwrap().unwrap();
    assert!(request.contains(&format!("authorization: Bearer {TOKEN}\r\n")));
    assert!(request.contains("idempotency-key: abababababababababababababababab\r\n"));
    assert!(request.ends_with("number=4242424242424242&expiry=1230&code=123&amount=4200&currency=USD"));

    let record = vault.wiped();
    assert_eq!((record.capture, record.cause, record.sequence), (CAPTURE, WipeCause::Answered, 1));
    assert!(vault.find(NUMBER) == 0 && vault.find(b"&code=123") == 0);
}

#[test]
fn stripe_keeps_a_card_and_nothing_is_charged() {
    let authority = Authority::new("stripe");
    let vault = Vault::start(&authority, &["--shape", "stripe", "--processor-account", "acct_1"]);
    let kept = json(200, r#"{"id":"pm_1NwZyI2eZvKYlo2C","object":"payment_method","card":{"last4":"4242"}}"#);
    let (address, processor) = authority.serve("localhost", Some(&kept));
    let capture = vault.open();
    capture.key_card(NUMBER);
    vault.connect(address);
    let Outcome::Tokenised(held) = capture.outcome() else { panic!("not kept") };
    assert_eq!((held.brand, held.token.as_str()), (Brand::Visa, "pm_1NwZyI2eZvKYlo2C"));
    assert_eq!(vault.wiped().cause, WipeCause::Answered);
    let request = processor.join().unwrap().unwrap();
    assert!(request.contains("\r\nstripe-version: ") && request.contains("\r\nstripe-account: acct_1\r\n"));
    assert!(
        request.ends_with("type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=30&card[cvc]=123")
    );
}

#[test]
fn a_bank_account_is_kept_too() {
    let authority = Authority::new("bank");
    let vault = Vault::start(&authority, STRIPE);
    let (address, processor) = authority.serve("localhost", Some(&json(200, r#"{"id":"pm_bank_0001"}"#)));
    let capture = vault.open_for(Method::Checking);
    capture.keys(b"110000000000123456789#000123456789#");
    capture.is_keyed();
    vault.connect(address);
    let Outcome::Tokenised(held) = capture.outcome() else { panic!("not kept") };
    assert_eq!((held.brand, held.last_four.as_str()), (Brand::BankAccount, "6789"));
    let request = processor.join().unwrap().unwrap();
    assert!(request.contains("us_bank_account[account_number]=000123456789&"));
    assert!(request.ends_with("&billing_details[name]=Jane+Doe"));
    vault.wiped();
    assert!(vault.find(b"000123456789") == 0);
}

#[test]
fn a_tokeniser_knows_the_vault_by_its_certificate() {
    let authority = Authority::new("mutual");
    let (certificate, key) = (authority.file("client.pem"), authority.file("client.key"));
    let shown = ["--shape", "tokeniser", "--client-certificate", &certificate, "--client-key", &key];
    let kept = json(201, r#"{"token":"tkn-0001-abcdef"}"#);
    for (more, is_known) in [(&shown[..], true), (&shown[..2], false)] {
        let vault = Vault::start(&authority, more);
        let (address, processor) = authority.serve_mutually(Some(&kept));
        let capture = vault.open();
        capture.key_card(NUMBER);
        vault.connect(address);
        let outcome = capture.outcome();
        assert_eq!(processor.join().unwrap().is_some(), is_known);
        if is_known {
            assert!(matches!(outcome, Outcome::Tokenised(held) if held.token.as_str() == "tkn-0001-abcdef"));
        } else {
            assert_eq!(outcome, Outcome::Failed(FailReason::ProcessorUnreachable));
        }
    }
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
    while vault.find(NUMBER) > 0 || vault.find(b"&code=123") > 0 {
        assert!(Instant::now() < patience, "the card outlives its submission");
    }
    drop(capture);
    assert_eq!(vault.wiped().cause, WipeCause::Closed);
    assert!(processor.join().unwrap().is_some());
}

#[test]
#[should_panic(expected = "NOT SEARCHED")]
fn a_search_that_cannot_look_fails() {
    let mut vault = Vault::start(&Authority::new("unsearched"), &[]);
    vault.child.kill().unwrap();
    vault.child.wait().unwrap();
    vault.find(NUMBER);
}

/// The vault wipes before it tells: what is left when the outcome comes is what would be left 100 ms after the answer.
#[test]
fn number_and_code_are_gone_when_the_outcome_is_told() {
    let quick = ["--answer-seconds", "1"];
    for (case, (more, answer)) in [
        (&[][..], Some(APPROVED)),
        (&[], Some(DECLINED)),
        (&[], Some(ECHOED)),
        (&[], Some(BROKEN)),
        (&[], Some(GARBAGE)),
        (STRIPE, Some(ECHOED)),
        (&quick, None),
    ]
    .into_iter()
    .enumerate()
    {
        let authority = Authority::new(&format!("told-{case}"));
        let vault = Vault::start(&authority, more);
        let (address, processor) = authority.serve("localhost", answer);
        let capture = vault.open();
        capture.keys(AMEX);
        capture.keys(b"1230");
        capture.keys(CODE);
        capture.keys(b"#");
        capture.is_keyed();
        assert!(vault.find(CODE) > 0, "case {case}: the search finds nothing");
        vault.connect(address);
        capture.told();
        let left = (vault.find(CODE), vault.find(AMEX));
        assert_eq!(left, (0, 0), "case {case}: code and number stand in memory so often");
        processor.join().unwrap();
    }
}

#[test]
fn every_answer_has_its_outcome() {
    let declined = Outcome::Declined(DeclineReason::InsufficientFunds);
    assert_eq!(outcome_of("declined", &[], Some(DECLINED)), (declined, WipeCause::Answered));
    let refused = Outcome::Failed(FailReason::ProcessorRefused);
    assert_eq!(outcome_of("refused", &[], Some(REFUSED)), (refused, WipeCause::Answered));
    assert_eq!(outcome_of("broken", &[], Some(BROKEN)), (Outcome::Unknown, WipeCause::Failed));
    assert_eq!(outcome_of("garbage", &[], Some(GARBAGE)), (Outcome::Unknown, WipeCause::Failed));
    assert_eq!(outcome_of("cut", &[], Some(&APPROVED[..60])), (Outcome::Unknown, WipeCause::Failed));
    assert_eq!(outcome_of("silent", &["--answer-seconds", "1"], None), (Outcome::Unknown, WipeCause::Failed));
}

#[test]
fn a_processor_that_only_keeps_the_card_leaves_nothing_unknown() {
    let failed = |reason| (Outcome::Failed(reason), WipeCause::Failed);
    let declined = json(402, r#"{"error":{"code":"card_declined","decline_code":"expired_card","message":"4242"}}"#);
    let expired = (Outcome::Declined(DeclineReason::ExpiredCard), WipeCause::Answered);
    assert_eq!(outcome_of("stripe-declined", STRIPE, Some(&declined)), expired);
    let refused = (Outcome::Failed(FailReason::ProcessorRefused), WipeCause::Answered);
    assert_eq!(outcome_of("stripe-refused", STRIPE, Some(REFUSED)), refused);
    assert_eq!(outcome_of("stripe-broken", STRIPE, Some(BROKEN)), failed(FailReason::ProcessorFailed));
    assert_eq!(outcome_of("stripe-garbage", STRIPE, Some(GARBAGE)), failed(FailReason::ProcessorFailed));
    assert_eq!(outcome_of("stripe-cut", STRIPE, Some(&APPROVED[..60])), failed(FailReason::ProcessorUnreachable));
    let quick = [STRIPE, &["--answer-seconds", "1"]].concat();
    assert_eq!(outcome_of("stripe-silent", &quick, None), failed(FailReason::ProcessorUnreachable));
}

#[test]
fn with_test_numbers_alone_the_processor_never_hears_of_another() {
    let authority = Authority::new("test-numbers");
    let vault = Vault::start(&authority, &["--test-numbers"]);
    let capture = vault.open();
    capture.keys(b"4000000000000010#");
    assert_eq!(capture.refusal(), EntryError::NotATestNumber);
    drop(capture);
    assert_eq!(vault.wiped().cause, WipeCause::Closed);
    let (address, processor) = authority.serve("localhost", Some(APPROVED));
    let capture = vault.open();
    capture.key_card(NUMBER);
    vault.connect(address);
    assert!(matches!(capture.outcome(), Outcome::Approved(..)));
    assert!(processor.join().unwrap().is_some());
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
        let hung_up = Instant::now();
        drop(capture);
        let record = vault.wiped();
        println!("wiped and attested {:?} after the hang-up", hung_up.elapsed());
        assert_eq!((record.cause, record.sequence), (WipeCause::Closed, sequence));
        assert!(vault.find(NUMBER) == 0);
    }
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
    capture.key_card(NUMBER);
    capture.withdraw();
    assert_eq!(capture.outcome(), Outcome::Failed(FailReason::Withdrawn), "keyed, but not submitted");
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
fn a_gateway_that_leaves_before_it_is_told_anything_is_no_failure() {
    let mut vault = Vault::abandoned(&Authority::new("abandoned"));
    assert!(vault.wait().unwrap().success());
    let mut said = String::new();
    vault.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn a_malformed_control_message_ends_the_vault() {
    let mut vault = Vault::start(&Authority::new("malformed"), &[]);
    vault.tell(&[9; 64], None);
    assert!(!vault.child.wait().unwrap().success());
    let mut said = String::new();
    vault.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "tonegate-vault: malformed control message: wrong length or version\n");
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
    assert_eq!(vault.descriptors(), [0, 1, 2, 3]);
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
    let authority = Authority::new("named");
    let file = |name| authority.file(name);
    let (ca, token, certificate, key) = (file("authority.pem"), file("token"), file("client.pem"), file("client.key"));
    let whole =
        ["--processor-name", "localhost", "--processor-path", "/", "--processor-ca", &ca, "--processor-token", &token];
    for (arguments, named) in [
        (["--canary"].to_vec(), "--processor-name"),
        (["--processor-name"].to_vec(), "--processor-name"),
        ([&whole[..], &["--verbose"]].concat(), "--verbose: no such option"),
        ([&whole[..], &["--answer-seconds", "0"]].concat(), "--answer-seconds"),
        ([&whole[..], &["--shape", "square"]].concat(), "--shape is sandbox"),
        (whole[..6].to_vec(), "--processor-token: missing"),
        ([&whole[..6], &["--processor-token", &ca]].concat(), "--processor-path, -token, -account"),
        ([&whole[..4], &["--processor-ca", &token, "--processor-token", &token]].concat(), "--processor-ca"),
        (
            [&whole[..4], &["--processor-ca", "/nowhere", "--processor-token", &token]].concat(),
            "--processor-ca: No such file",
        ),
        ([&whole[..], &["--client-certificate", &certificate]].concat(), "--client-key"),
        ([&whole[..], &["--client-key", &key]].concat(), "--client-certificate"),
        ([&whole[..], &["--client-certificate", &ca, "--client-key", &key]].concat(), "--client-key"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_tonegate-vault")).args(&arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.starts_with("tonegate-vault: "), "{arguments:?}");
        assert!(said.contains(named) && said.lines().count() == 1, "{arguments:?}: {said}");
    }
}

#[test]
fn help_is_printed_and_is_no_failure() {
    let output = Command::new(env!("CARGO_BIN_EXE_tonegate-vault")).arg("--help").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    for option in [
        "--shape",
        "--processor-name",
        "--processor-ca",
        "--processor-token",
        "--processor-path",
        "--processor-account",
        "--client-certificate",
        "--client-key",
        "--answer-seconds",
        "--canary",
        "--test-numbers",
        "--check",
    ] {
        assert!(said.contains(option), "{option} is not explained");
    }
}

#[test]
fn a_check_says_what_holds() {
    let output = Command::new(env!("CARGO_BIN_EXE_tonegate-vault")).arg("--check").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for measure in [
        "no inherited descriptors",
        "not dumpable",
        "no core files",
        "no new privileges",
        "memory locked",
        "a card's pages in no dump and no child",
        "Landlock",
        "system calls on an allow-list",
    ] {
        assert!(said.lines().any(|line| line.contains(measure)), "{measure}");
    }
    // As another process of this machine finds it.
    let (status, found) = committed("say what holds of Landlock");
    let found = found.lines().find(|line| line.contains("Landlock")).unwrap_or_default();
    assert!(status.success() && said.lines().any(|line| line == found), "{found}");
    let modules = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    assert!(!modules.contains("landlock") || !found.contains("NOT HELD"));
}

#[test]
fn what_holds_of_landlock_is_not_called_more_than_it_is() {
    let all = landlock_held(&RulesetStatus::FullyEnforced);
    let some = landlock_held(&RulesetStatus::PartiallyEnforced);
    let nothing = landlock_held(&RulesetStatus::NotEnforced);
    assert!(all.starts_with("Landlock: ") && some.starts_with("PARTLY HELD") && nothing.starts_with("NOT HELD"));
}

/// Names the act that this test is to commit in a process of its own.
const ACT: &str = "TONEGATE_FORBIDDEN_ACT";

/// How this test ends in a process of its own that is told to commit `act`, and what it says.
fn committed(act: &str) -> (ExitStatus, String) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "what_the_vault_gave_up_kills_it", "--nocapture"]).env(ACT, act);
    let output = child.stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    (output.status, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_the_vault_gave_up_kills_it() {
    if let Some(act) = std::env::var_os(ACT) {
        commit(act.to_str().unwrap());
    }
    for act in [
        "open a socket",
        "connect a socket",
        "write a file",
        "read a file",
        "start a program",
        "start a thread",
        "be traced",
        "trace another",
        "read another's memory",
        "run made-up code",
    ] {
        assert_eq!(committed(act).0.signal(), Some(Signal::SYS.as_raw()), "{act}");
    }
    assert_eq!(committed("nothing").0.code(), Some(0));
}

#[test]
fn where_the_kernel_has_landlock_it_refuses_every_file_and_the_vault_does_not_run_without_it() {
    for act in ["open a file under Landlock", "be hardened where Landlock refuses"] {
        let (status, said) = committed(act);
        assert_eq!(status.code(), Some(0), "{act}: {said}");
    }
}

#[test]
fn a_panic_says_where_and_nothing_else() {
    let (status, said) = committed("panic");
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()));
    let line = said.lines().find(|line| line.contains("panic")).unwrap();
    assert!(line.starts_with("tonegate-vault: panic at ") && line.contains("tests/vault/process.rs:"));
    assert!(!said.contains("4242"), "the panic's words are printed");
}

fn commit(act: &str) -> ! {
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    match act {
        "open a file under Landlock" => {
            let is_enforced = restrict_files_and_ports().unwrap() != RulesetStatus::NotEnforced;
            std::process::exit(i32::from(is_enforced && std::fs::File::open("/dev/null").is_ok()))
        }
        "say what holds of Landlock" => {
            let found = landlock_held(&restrict_files_and_ports().unwrap());
            std::io::stderr().write_all(format!("{found}\n").as_bytes()).unwrap();
            std::process::exit(0)
        }
        "be hardened where Landlock refuses" => {
            // One ruleset more than the kernel lets a process have (landlock(7): 16).
            let is_enforced = (0..16).all(|_| restrict_files_and_ports().unwrap() != RulesetStatus::NotEnforced);
            std::process::exit(i32::from(is_enforced && harden().is_ok()))
        }
        "panic" => {
            silence_panics();
            panic!("4242424242424242")
        }
        _ => {}
    }
    assert!(!harden().unwrap().held().is_empty());
    match act {
        "open a socket" => drop(std::net::TcpStream::connect("127.0.0.1:9")),
        "connect a socket" => drop(stranger.connect("127.0.0.1:9")),
        "write a file" => drop(std::fs::File::create("/dev/null")),
        "read a file" => drop(std::fs::File::open("/dev/null")),
        "start a program" => drop(Command::new("/bin/true").status()),
        "start a thread" => drop(std::thread::Builder::new().spawn(|| ())),
        "be traced" => drop(rustix::process::set_ptracer(rustix::process::PTracer::None)),
        "trace another" => drop(nix::sys::ptrace::traceme()),
        "read another's memory" => {
            let remote = nix::sys::uio::RemoteIoVec { base: 0, len: 1 };
            let _ =
                nix::sys::uio::process_vm_readv(nix::unistd::getppid(), &mut [IoSliceMut::new(&mut [0])], &[remote]);
        }
        "run made-up code" => {
            let _ = memmap2::MmapMut::map_anon(1).unwrap().make_exec();
        }
        _ => {}
    }
    std::process::exit(0)
}
