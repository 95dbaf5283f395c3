//! Media threads: each owns some calls' legs, their sockets and one pacing tick.
//!
//! ```text
//! control ─ LegSender ─▶ bounded mailbox + waker ─▶ ┌ thread: poll ─▶ sockets, mailbox, wheel ─▶ call::Leg ┐
//! control ◀─────────── bounded outputs ◀─────────── └──────────────────────────────────────────────────────┘
//! taps    ◀─────────── bounded queues  ◀───────────
//! ```
//!
//! Nothing here blocks, locks or waits for control: a full queue is a counted drop, and in a capture the end of it. Nor does a
//! packet's way allocate or free anything (`tests/allocations.rs`): frames and agent audio lie in rooms that are used again.

mod alarm;
mod line;
mod mailbox;
mod meters;
mod sockets;
mod tap;
mod thread;
mod ticks;
mod vault;
mod wheel;

#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use call::LegConfig;
use call::media::LegOutput;
use tokio::sync::mpsc;

use crate::ports::PortPool;

pub use mailbox::{LegHandle, LegSender, Refused};
pub use tap::Tap;
pub use ticks::{TickReader, Ticks};

use line::LegId;
use mailbox::{Mailbox, Message, Shared};
use sockets::Sockets;
use thread::Shard;

/// Outputs of one leg that may wait for control.
const OUTPUTS: usize = 256;
/// Ports tried before a call is refused, where another process holds some.
const BIND_ATTEMPTS: usize = 8;

/// How the media threads are set up.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// How many threads.
    pub threads: usize,
    /// The address that media sockets are bound to.
    pub address: IpAddr,
    /// The ports they use, in pairs.
    pub ports: RangeInclusive<u16>,
    /// How long a pair rests after its call.
    pub quarantine: Duration,
}

/// Why a leg could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Every pair of ports is in use or resting.
    #[error("no media port is free")]
    NoPort,
    /// The sockets could not be made.
    #[error("media sockets cannot be bound: {0}")]
    Bind(io::Error),
    /// The media thread takes nothing more.
    #[error("the media thread is full or gone")]
    Thread(#[from] Refused),
}

/// A leg that runs.
pub struct OpenedLeg {
    /// The hold on it: dropping it closes the leg.
    pub handle: LegHandle,
    /// What it tells; it ends with [`LegOutput::Closed`] or with the queue. Boxed, for a queue keeps room for 32 of its kind from
    /// its first one on; it tells little.
    pub outputs: mpsc::Receiver<Box<LegOutput>>,
}

/// All media threads, and the ports they share.
pub struct ShardPool {
    address: IpAddr,
    ports: Mutex<PortPool>,
    returned: Mutex<Receiver<u16>>,
    workers: Vec<Worker>,
    legs: AtomicU64,
}

struct Worker {
    mailbox: Mailbox,
    thread: Option<JoinHandle<()>>,
}

impl ShardPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// Where the kernel refuses a poll, a timer or a thread.
    pub fn start(config: ShardConfig) -> io::Result<Self> {
        let ports = PortPool::new(config.ports, config.quarantine);
        // As many places as ports: giving one back never waits.
        let (giving, returned) = sync_channel(ports.idle().max(1));
        let workers = (0..config.threads.max(1)).map(|number| Worker::start(number, giving.clone()));
        Ok(Self {
            address: config.address,
            ports: Mutex::new(ports),
            returned: Mutex::new(returned),
            workers: workers.collect::<io::Result<_>>()?,
            legs: AtomicU64::new(0),
        })
    }

    /// Opens a leg on the thread with the fewest, on a free pair of ports. Does not block.
    ///
    /// # Errors
    /// Where no port, socket or thread can be had.
    pub fn open_leg(&self, config: LegConfig) -> Result<OpenedLeg, OpenError> {
        let sockets = self.bind()?;
        let local = sockets.local;
        let id = LegId(self.legs.fetch_add(1, Ordering::Relaxed) + 1);
        let worker = self.least_loaded().ok_or(Refused::Closed)?;
        let shared = Arc::new(Shared::default());
        let (outputs, receiver) = mpsc::channel(OUTPUTS);
        let opening = line::Opening { id, config, sockets, outputs, shared: Arc::clone(&shared) };
        worker.mailbox.leg_comes();
        if let Err((refused, message)) = worker.mailbox.post(Message::Open(Box::new(opening))) {
            worker.mailbox.leg_gone();
            if let Message::Open(opening) = message {
                self.lock_ports().give_back(Instant::now(), opening.sockets.local.port());
            }
            return Err(refused.into());
        }
        let sender = LegSender::new(id, worker.mailbox.clone(), shared);
        Ok(OpenedLeg { handle: LegHandle::new(sender, local), outputs: receiver })
    }

    /// How many calls could be opened now, as far as ports go.
    #[must_use]
    pub fn ports_available(&self) -> usize {
        self.collect_ports();
        self.lock_ports().available(Instant::now())
    }

    /// Tells how punctual the threads are, also once the pool is given away.
    #[must_use]
    pub fn ticks(&self) -> TickReader {
        TickReader(self.workers.iter().map(|worker| worker.mailbox.ticks()).collect())
    }

    fn least_loaded(&self) -> Option<&Worker> {
        self.workers.iter().min_by_key(|worker| worker.mailbox.legs())
    }

    fn bind(&self) -> Result<Sockets, OpenError> {
        self.collect_ports();
        let mut refused = None;
        for _ in 0..BIND_ATTEMPTS {
            let Some(port) = self.lock_ports().take(Instant::now()) else { break };
            match Sockets::bind(SocketAddr::new(self.address, port)) {
                Ok(sockets) => return Ok(sockets),
                Err(error) => {
                    self.lock_ports().give_back(Instant::now(), port);
                    refused = Some(error);
                }
            }
        }
        Err(refused.map_or(OpenError::NoPort, OpenError::Bind))
    }

    /// Takes back the ports of calls that have ended.
    fn collect_ports(&self) {
        let returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while let Ok(port) = returned.try_recv() {
            self.lock_ports().give_back(now, port);
        }
    }

    fn lock_ports(&self) -> std::sync::MutexGuard<'_, PortPool> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    fn start(number: usize, ports: SyncSender<u16>) -> io::Result<Self> {
        let (shard, mailbox) = Shard::new(number, ports)?;
        let thread = std::thread::Builder::new().name(format!("media-{number}")).spawn(move || shard.run())?;
        Ok(Self { mailbox, thread: Some(thread) })
    }
}

impl Drop for ShardPool {
    /// Closes every leg and waits for the threads, which end with the message they are in.
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.mailbox.stop();
        }
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                drop(thread.join());
            }
        }
    }
}
