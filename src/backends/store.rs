//! What must survive a crash: calls, dialogs, payments, the outbox and the audit chain, in one SQLite file.
//!
//! ```text
//! Store::write ──bounded queue──▶ writer thread ──one transaction for all that wait──▶ fsync ──▶ every answer
//! Store::read  ──bounded queue──▶ reader thread, on a connection of its own
//!                                 monitor thread: stalled commits, failed commits, free space ──▶ Health
//! ```
//!
//! A write is durable when its future resolves to `Ok`: the file is in WAL mode with `synchronous=FULL`. A write whose
//! deadline passes may or may not have been made. Rows are keyed, so that writing them again is harmless; an entry of the
//! audit chain is not, so [`Store::persist`] waits for a write that is late and never makes it twice.

mod apply;
mod health;
mod monitor;
mod outbox;
mod queries;
mod recovery;
mod row;
mod schema;
#[cfg(test)]
mod tests;
mod worker;
mod writer;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::{Notify, watch};

use crate::audit::{self, Author, Hash, Instance, Signer};

pub(crate) use apply::MASKED;
pub use health::{Health, HealthProblem};
pub use outbox::{BulkJobs, Delivered, OutboxBatch, OutboxChange, OutboxDepth, OutboxEntry, Parked, Place};
pub use recovery::{DialogJournal, INTERRUPTED, Interrupted, RESTARTED, Recovery};
pub(crate) use row::Waiting;
pub use row::{CallRow, ChargeRow, DECLINED, Destination, PaymentRow, PaymentState, RefundRow, Write};
pub(crate) use worker::{Worker, WorkerError};

/// Writes that may wait.
const WRITE_QUEUE: usize = 1_024;
/// Reads that may wait.
const READ_QUEUE: usize = 256;
/// How long a connection waits for another's lock on the file.
const BUSY: Duration = Duration::from_millis(500);

/// What becomes of a write that the writer has, but has not made within the commit deadline.
enum Late {
    /// It may or may not be made.
    Fails,
    /// It is waited for, and not made again: it may be in the middle of being made.
    IsAwaited,
}

/// How to open a store.
#[derive(Debug)]
pub struct StoreOptions {
    /// The SQLite file. Its directory must exist.
    pub path: PathBuf,
    /// How long one write may take before it fails and new calls are refused.
    pub commit_deadline: Duration,
    /// Free space on the volume, in bytes, below which new calls are refused.
    pub least_free: u64,
    /// The most pages of 4 KiB the file may grow to; `None` for as many as the volume holds.
    pub page_limit: Option<u32>,
    /// Signs the head of the audit chain, and its checkpoints.
    pub signer: Option<Signer>,
    /// The run that writes the audit chain; with it the chain says where each run begins.
    pub instance: Option<Instance>,
}

impl StoreOptions {
    /// The usual settings for a file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            commit_deadline: Duration::from_secs(1),
            least_free: 512 << 20,
            page_limit: None,
            signer: None,
            instance: None,
        }
    }
}

/// Why a store could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("the store is in use by another process")]
    InUse,
    /// The file was written by a newer version.
    #[error("the store was written by a newer version of the gateway")]
    Newer,
    /// The file is damaged.
    #[error("the store is damaged: restore it from a backup, see deploy/operations.md")]
    Damaged,
    /// The file system refused.
    #[error("the store's file cannot be used: {0}")]
    File(#[from] std::io::Error),
    /// The queue is full.
    #[error("the store's queue is full")]
    Busy,
    /// The deadline passed: it may or may not have been done.
    #[error("the store did not answer within its deadline")]
    Stalled,
    /// The volume, or the file's limit, is full.
    #[error("the store's volume is full")]
    Full,
    /// The disk, or another user of the file, is in the way. Trying again may help.
    #[error("the store's file failed: {0}")]
    Failed(String),
    /// The write breaks a rule of the tables, such as opening a payment twice. Trying again does not help.
    #[error("the store refuses the write")]
    Refused,
    /// Another call's payment of the account has no known outcome. Trying again helps once it is known.
    #[error("another payment of the account has no known outcome")]
    PaymentOpen,
    /// The store's thread has ended.
    #[error("the store is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        // No statement of ours counts its rows but the one that opens a payment.
        if matches!(error, rusqlite::Error::StatementChangedRows(0)) {
            return Self::PaymentOpen;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged,
            None | Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => Self::Refused,
            // The code alone: a message might repeat a value.
            Some(code) => Self::Failed(format!("{code:?}")),
        }
    }
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The hash of each audit entry of the write, in order.
    pub audit: Vec<Hash>,
}

/// A store. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// First, because it holds a way to the writer, which ends when the last such way is gone.
    monitor: monitor::Monitor,
    least_free: Arc<AtomicU64>,
    writer: writer::Writer,
    reader: Worker,
    outbox: Arc<Notify>,
    commit_deadline: Duration,
    /// Held for as long as the store is open.
    _lock: File,
}

impl Store {
    /// Opens the store, repairs what a crash left, and says what remains to be done for it. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be used.
    pub fn open(options: StoreOptions, now: Timestamp) -> Result<(Self, Recovery), StoreError> {
        let lock = lock(&options.path)?;
        private_file(&options.path)?;
        let mut connection = connect(&options.path)?;
        if let Some(pages) = options.page_limit {
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            return Err(StoreError::Damaged);
        }
        schema::migrate(&mut connection)?;
        let mut author = Author { signer: options.signer, instance: options.instance, ..Author::default() };
        let opening = connection.transaction()?;
        let is_rolled_back = audit::open_instance(&opening, &mut author, now)?;
        opening.commit()?;
        let recovery = recovery::recover(&mut connection, &author, now)?;
        let recovery = Recovery { is_rolled_back, ..recovery };
        let reader = Worker::start("store-reader", connect_for_reading(&options.path)?, READ_QUEUE)?;
        let writer = writer::Writer::start(connection, author, WRITE_QUEUE)?;
        let volume = options.path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let least_free = Arc::new(AtomicU64::new(options.least_free));
        let limits =
            monitor::Limits { commit_deadline: options.commit_deadline, least_free: Arc::clone(&least_free), volume };
        let monitor = monitor::Monitor::start(limits, writer.pulse(), writer.prober())?;
        let outbox = Arc::new(Notify::new());
        let commit_deadline = options.commit_deadline;
        let inner = Inner { monitor, least_free, writer, reader, outbox, commit_deadline, _lock: lock };
        Ok((Self { inner: Arc::new(inner) }, recovery))
    }

    /// Makes changes durable, all or none, within the commit deadline.
    ///
    /// # Errors
    /// [`StoreError`]; after [`StoreError::Stalled`] the changes may or may not be there.
    pub async fn write(&self, writes: impl Into<Batch>) -> Result<Receipt, StoreError> {
        self.submit(writes.into(), Late::Fails).await
    }

    /// Makes changes durable, however long the store is slow, full or failing: for records that must not be lost by that.
    /// Where one who waits must be answered meanwhile, give the future a deadline and keep it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] and [`StoreError::Closed`], for which trying again does not help.
    pub async fn persist(&self, writes: impl Into<Batch>) -> Result<Receipt, StoreError> {
        let Batch(writes) = writes.into();
        let mut health = self.health();
        loop {
            match self.submit(Batch(writes.clone()), Late::IsAwaited).await {
                Err(StoreError::Busy | StoreError::Stalled | StoreError::Full | StoreError::Failed(_)) => {
                    // A healthy store may still be busy, so every round waits a little.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    let recovered = health.wait_for(|health| *health == Health::Good);
                    let _ = tokio::time::timeout(self.inner.commit_deadline, recovered).await;
                }
                result => return result,
            }
        }
    }

    /// Gives changes to the writer and takes its answer. Past the commit deadline the store counts as stalled.
    async fn submit(&self, Batch(writes): Batch, late: Late) -> Result<Receipt, StoreError> {
        let has_records = writes.iter().any(Write::fills_outbox);
        let mut reply = self.inner.writer.submit(writes)?;
        let answer = match tokio::time::timeout(self.inner.commit_deadline, &mut reply).await {
            Ok(answer) => answer,
            Err(_) => {
                self.inner.monitor.report_stall();
                match late {
                    Late::Fails => return Err(StoreError::Stalled),
                    Late::IsAwaited => reply.await,
                }
            }
        };
        let receipt = answer.map_err(|_| StoreError::Closed)??;
        if has_records {
            self.inner.outbox.notify_one();
        }
        Ok(receipt)
    }

    /// Sets the free space, in bytes, below which the store counts as bad.
    pub fn set_least_free(&self, bytes: u64) {
        self.inner.least_free.store(bytes, Ordering::Relaxed);
    }

    /// Whether calls can be kept. New calls are refused while it is bad.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.inner.monitor.health()
    }

    /// Resolves when records may have been added to the outbox.
    pub(crate) async fn outbox_changed(&self) {
        self.inner.outbox.notified().await;
    }
}

/// Changes to be made together.
#[derive(Clone, Debug, Default)]
pub struct Batch(pub Vec<Write>);

impl From<Write> for Batch {
    fn from(write: Write) -> Self {
        Self(vec![write])
    }
}

impl From<Vec<Write>> for Batch {
    fn from(writes: Vec<Write>) -> Self {
        Self(writes)
    }
}

/// Kilobytes of pages that a writer keeps: what it works on. The kernel has the rest at hand.
const PAGES_KEPT: i32 = 512;

/// Opens a file for writing, durable at every commit.
pub(crate) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Below zero it counts kilobytes, not pages.
    connection.pragma_update(None, "cache_size", -PAGES_KEPT)?;
    Ok(connection)
}

/// Opens a file that cannot be changed through this connection.
pub(crate) fn connect_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Makes the file readable by its owner alone before anything is in it: it holds personal data.
pub(crate) fn private_file(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

/// One process at a time: the lock goes with the process, however it ends.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(PathBuf::from(name))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::InUse),
        Err(error) => Err(StoreError::File(error.into())),
    }
}
