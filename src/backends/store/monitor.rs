//! The thread that watches the writer and the volume.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::watch;

use super::health::{Health, HealthProblem, Pulse};
use super::writer::Prober;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(500);

/// Where health ends.
pub(super) struct Limits {
    pub(super) commit_deadline: Duration,
    /// In bytes; it may be changed while the store is open.
    pub(super) least_free: Arc<AtomicU64>,
    pub(super) volume: PathBuf,
}

/// The watching thread.
pub(super) struct Monitor {
    health: watch::Sender<Health>,
    wake: Option<SyncSender<()>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Monitor {
    pub(super) fn start(limits: Limits, pulse: Arc<Pulse>, prober: Option<Prober>) -> std::io::Result<Self> {
        let watched = Watched { limits, pulse, prober };
        let (health, _) = watch::channel(watched.look());
        let (wake, woken) = sync_channel(1);
        let publisher = health.clone();
        let thread =
            std::thread::Builder::new().name("store-monitor".into()).spawn(move || watched.run(&publisher, &woken))?;
        Ok(Self { health, wake: Some(wake), thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// A write missed its deadline: says so at once.
    pub(super) fn report_stall(&self) {
        self.health.send_replace(Health::Bad(HealthProblem::CommitStalled));
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.wake = None;
        let thread = self.thread.get_mut().map(Option::take);
        if let Ok(Some(thread)) = thread {
            let _ = thread.join();
        }
    }
}

struct Watched {
    limits: Limits,
    pulse: Arc<Pulse>,
    prober: Option<Prober>,
}

impl Watched {
    fn run(mut self, health: &watch::Sender<Health>, woken: &Receiver<()>) {
        while let Ok(()) | Err(RecvTimeoutError::Timeout) = woken.recv_timeout(EVERY) {
            let found = self.look();
            if found != Health::Good
                && let Some(prober) = &self.prober
            {
                prober.probe();
            }
            health.send_if_modified(|known| std::mem::replace(known, found) != found);
        }
        // The writer ends when the last way to it is gone.
        self.prober = None;
    }

    fn look(&self) -> Health {
        if let Some(problem) = self.pulse.problem(self.limits.commit_deadline) {
            return Health::Bad(problem);
        }
        match free_bytes(&self.limits.volume) {
            Some(free) if free < self.limits.least_free.load(Ordering::Relaxed) => Health::Bad(HealthProblem::LowSpace),
            Some(_) | None => Health::Good,
        }
    }
}

/// The volume's free space for this process, shown as a metric too; `None` where it cannot be read.
fn free_bytes(volume: &Path) -> Option<u64> {
    let path = if volume.as_os_str().is_empty() { Path::new(".") } else { volume };
    let found = rustix::fs::statvfs(path).ok()?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    gauge!("tonegate_disk_free_bytes", "volume" => "store").set(free as f64);
    Some(free)
}
