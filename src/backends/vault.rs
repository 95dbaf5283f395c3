//! The gateway's link to the vault: starts `tonegate-vault`, opens captures in it, and hands it connections.
//!
//! The gateway never sees a card. It gives the vault a socket for each capture and, once the payment row is durable, a
//! connected descriptor to the processor; the vault cannot make either itself. When the vault dies, every capture
//! socket closes by itself: the gate sees the end of its socket and the capture fails closed.
//!
//! | message | sender | deadline | when it fails |
//! |---|---|---|---|
//! | `Ready` | vault, once | [`READY`] after the start | the vault is killed and started again with backoff |
//! | `Open` | gateway | sent at once or refused | [`VaultError`]; no capture |
//! | `Connect` | gateway | [`CONNECT`] to reach the processor | [`VaultError`]; the vault gives up waiting by itself |
//! | `Ping`, `Pong` | both | every [`PING`]; one answer before a fourth is due | the vault is killed and started again |
//! | `Wiped` | vault, for each capture | the vault wipes within a second of the end | a bad signature or a gap in the sequence ends the vault |

mod control;
mod process;

use std::{os::fd::OwnedFd, path::PathBuf, sync::Arc, time::Duration};

pub use gate::wire::Shape;
use gate::wire::{CaptureName, ControlToVault, Open, WipeRecord};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::control::Control;
use crate::{child, processor::ProcessorOptions};

/// The `child` label of the vault.
pub const CHILD: &str = "vault";
/// How long the vault may take from its start to `Ready`.
const READY: Duration = Duration::from_secs(5);
/// How long a connection to the processor may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How often the vault is asked whether it still serves.
const PING: Duration = Duration::from_secs(1);
/// Wipe records that may wait for the log.
const RECORDS: usize = 256;

/// How to start the vault, and the processor it speaks to.
#[derive(Clone, Debug)]
pub struct VaultOptions {
    /// The `tonegate-vault` executable.
    pub program: PathBuf,
    /// The processor it submits to.
    pub processor: ProcessorOptions,
    /// How it is spoken to.
    pub shape: Shape,
    /// The connected account that payments are for (`Stripe-Account`), where the processor knows such.
    pub account: Option<String>,
    /// The certificate and the key of mutual TLS, as PEM files.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Whether the canary range is taken: only with the sandbox.
    pub canary: bool,
    /// Whether only public test numbers are taken.
    pub test_numbers: bool,
}

/// Why the vault could not do what was asked. The capture in question does not start, or does not submit.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The vault is being started.
    #[error("the vault is not ready")]
    NotReady,
    /// The control socket does not take the message.
    #[error("the vault does not take messages")]
    Refused(#[source] std::io::Error),
    /// The processor could not be reached in time.
    #[error("the processor cannot be reached")]
    Unreachable(#[source] std::io::Error),
}

/// A vault that is ready, as it introduced itself.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its process.
    pub process: u32,
    /// SHA-256 of the vault's executable.
    pub build: [u8; 32],
    /// The key that its wipe records are signed with.
    pub public_key: [u8; 32],
}

/// What a vault tells of itself.
#[derive(Clone, Debug)]
pub enum Told {
    /// It is ready.
    Ready(Identity),
    /// It has wiped a card, and signed that; the signature holds, and no record before it is missing.
    Wiped(WipeRecord),
}

/// The link: cheap to clone, good for the gateway's life, across restarts of the vault.
#[derive(Clone)]
pub struct VaultLink {
    processor: Arc<ProcessorOptions>,
    live: watch::Receiver<Option<Arc<Live>>>,
}

struct Live {
    control: Control,
    identity: Identity,
}

impl VaultLink {
    /// Starts the vault and keeps it running until `stop`. Returns the link, what the vaults tell of themselves (bounded: where the
    /// reader falls behind, it is counted and dropped), and the supervising task. The audit chain has a capture's record from
    /// its own socket, with its call; those that come here are verified, and for the log.
    pub fn start(
        options: VaultOptions,
        stop: CancellationToken,
    ) -> (Self, mpsc::Receiver<Told>, tokio::task::JoinHandle<()>) {
        let (live, watched) = watch::channel(None);
        let (records, wiped) = mpsc::channel(RECORDS);
        let link = Self { processor: Arc::new(options.processor.clone()), live: watched };
        let runner = Arc::new(process::Runner { options, live, records, stop: stop.clone() });
        let task = tokio::spawn(async move {
            child::supervise(CHILD, stop, || {
                let runner = Arc::clone(&runner);
                async move { runner.run().await }
            })
            .await;
        });
        (link, wiped, task)
    }

    /// The vault that is ready now, if one is.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.live.borrow().as_ref().map(|live| live.identity.clone())
    }

    /// Waits until the vault is ready. Bounded by the caller.
    pub async fn ready(&mut self) {
        let _ = self.live.wait_for(Option::is_some).await;
    }

    /// Waits until a vault of another process than this one is ready. Bounded by the caller.
    pub async fn replaced(&mut self, process: u32) {
        let is_other = |live: &Option<Arc<Live>>| live.as_ref().is_some_and(|live| live.identity.process != process);
        let _ = self.live.wait_for(is_other).await;
    }

    /// Opens a capture. Returns the gateway's end of its socket, non-blocking, for the leg's gate; closing it wipes.
    ///
    /// # Errors
    /// The vault is not ready or does not take the message; no capture was opened.
    pub fn open(&self, open: Open) -> Result<OwnedFd, VaultError> {
        let live = self.live()?;
        let (ours, theirs) = control::socket_pair().map_err(VaultError::Refused)?;
        live.control.send(&ControlToVault::Open(open), Some(&theirs)).map_err(VaultError::Refused)?;
        Ok(ours)
    }

    /// Connects to the processor and hands the connection to the vault: the permission to submit. Only to be called
    /// once the payment row is durable.
    ///
    /// # Errors
    /// The processor cannot be reached in time, or the vault is gone; nothing was submitted.
    pub async fn connect(&self, capture: CaptureName) -> Result<(), VaultError> {
        let live = self.live()?;
        let stream = match tokio::time::timeout(CONNECT, self.processor.connect()).await {
            Ok(connected) => connected.and_then(tokio::net::TcpStream::into_std).map_err(VaultError::Unreachable)?,
            Err(_) => return Err(VaultError::Unreachable(std::io::ErrorKind::TimedOut.into())),
        };
        let descriptor = OwnedFd::from(stream);
        live.control.send(&ControlToVault::Connect { capture }, Some(&descriptor)).map_err(VaultError::Refused)
    }

    fn live(&self) -> Result<Arc<Live>, VaultError> {
        self.live.borrow().clone().ok_or(VaultError::NotReady)
    }
}
