//! The gateway's link, the vault's process and the sandbox together, over real sockets.

use std::{io, os::fd::OwnedFd, time::Duration};

use backends::{
    processor::{Processor, ProcessorKind, ProcessorOptions, Reading, Receipt, Sought},
    vault::{Shape, Told, VaultLink, VaultOptions},
};
use gate::wire::{
    Brand, Brands, CaptureName, Currency, FromVault, Holder, Method, Open, Outcome, PACKET_BYTES, Postal, VERSION,
    WipeCause,
};
use rustix::{
    net::{RecvFlags, SendFlags},
    process::{Pid, Signal, kill_process},
};
use tokio::{io::Interest, net::UnixStream, sync::mpsc, time::timeout};

use super::*;

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// The vault behind its link, submitting to a sandbox.
struct House {
    _sandbox: Bench,
    link: VaultLink,
    told: mpsc::Receiver<Told>,
    processor: Processor,
    stop: CancellationToken,
    supervisor: tokio::task::JoinHandle<()>,
}

impl House {
    async fn start(directory: &Path) -> Self {
        let sandbox = Bench::start(directory).await;
        let files = Files::within(directory);
        let processor = ProcessorOptions {
            kind: ProcessorKind::Sandbox,
            name: "processor.localhost".to_owned(),
            address: Some(sandbox.address),
            authority: files.authority,
            token: Some(files.token),
            client: None,
            path: "/v1/payments".to_owned(),
            is_test: true,
            answer_within: Duration::from_secs(1),
        };
        let reader = Processor::new(&processor).unwrap();
        let stop = CancellationToken::new();
        let options = VaultOptions {
            program: program(),
            processor,
            shape: Shape::Sandbox,
            account: None,
            client: None,
            canary: true,
            test_numbers: true,
        };
        let (mut link, told, supervisor) = VaultLink::start(options, stop.clone());
        timeout(PATIENCE, link.ready()).await.unwrap();
        Self { _sandbox: sandbox, link, told, processor: reader, stop, supervisor }
    }

    /// Opens a capture, keys a whole card and submits it.
    async fn pay(&self, payment: Uuid, number: &str) -> Capture {
        let name = Uuid::new_v4().into_bytes();
        let capture = Capture::new(self.link.open(open(name, payment)).unwrap());
        capture.key(number.as_bytes());
        capture.key(b"#1230123#");
        while capture.next().await.unwrap() != FromVault::ConnectionWanted {}
        self.link.connect(name).await.unwrap();
        capture
    }
}

fn program() -> PathBuf {
    let program = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("tonegate-vault");
    assert!(program.is_file(), "build it first: cargo build -p tonegate-vault");
    program
}

fn open(capture: CaptureName, payment: Uuid) -> Open {
    Open {
        capture,
        payment: payment.into_bytes(),
        method: Method::Card,
        amount_minor: 4_200,
        currency: Currency::parse("USD").unwrap(),
        brands: Brands::all(),
        postal: Postal::None,
        year: 2026,
        month: 11,
        holder: Holder::parse("").unwrap(),
    }
}

fn sought(payment: Uuid) -> Sought {
    let amount = rules::money::Money::new(4_200, rules::money::Currency::USD);
    Sought { payment, reference: None, amount, opened_at: jiff::Timestamp::now() }
}

/// The gateway's end of a capture socket.
struct Capture(UnixStream);

impl Capture {
    fn new(socket: OwnedFd) -> Self {
        Self(UnixStream::from_std(socket.into()).unwrap())
    }

    fn key(&self, keys: &[u8]) {
        for &key in keys {
            rustix::net::send(&self.0, &[VERSION, 1, key, 0], SendFlags::NOSIGNAL).unwrap();
        }
    }

    async fn next(&self) -> Option<FromVault> {
        let mut packet = [0; PACKET_BYTES];
        let receive = self.0.async_io(Interest::READABLE, || {
            Ok::<_, io::Error>(rustix::net::recv(&self.0, &mut packet, RecvFlags::DONTWAIT)?.0)
        });
        let read = timeout(PATIENCE, receive).await.unwrap().ok().filter(|&read| read > 0)?;
        Some(FromVault::decode(&packet[..read]).unwrap())
    }

    async fn outcome(&self) -> Outcome {
        loop {
            if let FromVault::Outcome(outcome) = self.next().await.unwrap() {
                return outcome;
            }
        }
    }
}

#[tokio::test]
async fn a_canary_is_approved_and_its_wipe_attested() {
    let directory = tempfile::tempdir().unwrap();
    let (mut house, payment) = (House::start(directory.path()).await, Uuid::new_v4());
    let capture = house.pay(payment, "9999000000000004").await;
    let Outcome::Approved(held, _) = capture.outcome().await else { panic!("not approved") };
    assert_eq!(held.brand, Brand::Canary);
    assert_eq!(
        house.processor.read(sought(payment)).await.unwrap(),
        Reading::Approved(Receipt { reference: None, held: Some(held) })
    );
    let vault = house.link.identity().unwrap();
    let told = timeout(PATIENCE, house.told.recv()).await.unwrap();
    assert!(matches!(told, Some(Told::Ready(told)) if told.public_key == vault.public_key));
    let told = timeout(PATIENCE, house.told.recv()).await.unwrap();
    assert!(matches!(told, Some(Told::Wiped(record)) if record.cause == WipeCause::Answered));

    assert!(matches!(house.processor.read(sought(Uuid::new_v4())).await, Ok(Reading::Absent)));
    house.stop.cancel();
    timeout(PATIENCE, house.supervisor).await.unwrap().unwrap();
    assert!(house.link.identity().is_none() && house.link.open(open([1; 16], payment)).is_err());
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_found_by_reading() {
    let directory = tempfile::tempdir().unwrap();
    let (house, payment) = (House::start(directory.path()).await, Uuid::new_v4());
    assert_eq!(house.pay(payment, "5105105105105100").await.outcome().await, Outcome::Unknown);
    assert!(matches!(house.processor.read(sought(payment)).await, Ok(Reading::Approved(..))));
}

#[tokio::test]
async fn a_vault_that_dies_fails_its_captures_closed_and_comes_back_as_another() {
    let directory = tempfile::tempdir().unwrap();
    let mut house = House::start(directory.path()).await;
    let first = house.link.identity().unwrap();
    let capture = Capture::new(house.link.open(open([2; 16], Uuid::new_v4())).unwrap());
    capture.key(b"4242");
    kill_process(Pid::from_raw(first.process.cast_signed()).unwrap(), Signal::KILL).unwrap();
    while capture.next().await.is_some() {}

    timeout(PATIENCE, house.link.replaced(first.process)).await.unwrap();
    let second = house.link.identity().unwrap();
    assert!(second.public_key != first.public_key && second.build == first.build);
}

#[tokio::test]
async fn a_vault_that_hangs_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let mut house = House::start(directory.path()).await;
    let first = house.link.identity().unwrap();
    kill_process(Pid::from_raw(first.process.cast_signed()).unwrap(), Signal::STOP).unwrap();
    timeout(PATIENCE, house.link.replaced(first.process)).await.unwrap();
}
