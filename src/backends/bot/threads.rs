//! The threads that bots' connections live on.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// One thread for each core, and one runtime for each thread: a frame wakes the thread of its bot and no other. Dropping this
/// ends them.
pub struct BotThreads {
    runtimes: Vec<Handle>,
    next: AtomicUsize,
    _running: DropGuard,
}

impl BotThreads {
    /// Starts the threads.
    ///
    /// # Errors
    /// Where the system has no more threads or descriptors.
    pub fn start() -> io::Result<Self> {
        let stop = CancellationToken::new();
        let count = thread::available_parallelism()?.get();
        let runtimes = (0..count).map(|number| run(number, stop.clone())).collect::<io::Result<_>>()?;
        Ok(Self { runtimes, next: AtomicUsize::new(0), _running: stop.drop_guard() })
    }

    /// Where the next bot is to live, in turns.
    #[must_use]
    pub fn next(&self) -> &Handle {
        &self.runtimes[self.next.fetch_add(1, Ordering::Relaxed) % self.runtimes.len()]
    }
}

fn run(number: usize, stop: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name(format!("bots-{number}")).spawn(move || runtime.block_on(stop.cancelled()))?;
    Ok(handle)
}
