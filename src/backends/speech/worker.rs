//! A child process that stays: it loads its model once and then answers one request after another.
//!
//! Both ways a message is one line of JSON with `bytes`, and a body of that length, which is wiped here. The child's first message is empty
//! and says that it is loaded. Nothing of a caller is on its command line, in its environment or on a disk. A child that
//! dies, hangs or breaks this protocol is ended and started again by the supervisor, after a wait.

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout},
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::engine::EngineFailure;
use crate::child::{self, ExitReason, Up};

/// Most bytes of a message's line.
const LONGEST_LINE: u64 = 1_024;
/// How long a child that was killed may take to be gone.
const KILLED: Duration = Duration::from_secs(2);

/// What a worker is, and what it may take.
#[derive(Clone, Debug)]
pub(super) struct WorkerOptions {
    /// The `child` label.
    pub(super) child: &'static str,
    /// The program.
    pub(super) program: PathBuf,
    /// Its arguments: nothing of a call.
    pub(super) arguments: Vec<String>,
    /// From its start to its first message.
    pub(super) loading: Duration,
    /// From a request to its answer; a child that takes longer hangs, and is ended.
    pub(super) deadline: Duration,
    /// Requests at a time, the one in work included.
    pub(super) requests: usize,
    /// Most bytes of an answer's body.
    pub(super) most_bytes: usize,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The sampling rate in hertz, where the body is sound.
    pub(super) hertz: Option<u32>,
    /// What was asked for.
    pub(super) body: Zeroizing<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    bytes: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hertz: Option<u32>,
}

/// One request. The next one's turn comes when this is dropped.
struct Job {
    body: Zeroizing<Vec<u8>>,
    answer: oneshot::Sender<Result<Answer, EngineFailure>>,
    _turn: OwnedSemaphorePermit,
}

/// A worker, shared by all who ask it.
pub(super) struct Worker {
    options: WorkerOptions,
    places: Semaphore,
    turn: Arc<Semaphore>,
    jobs: mpsc::Sender<Job>,
    loaded: watch::Receiver<bool>,
}

impl Worker {
    /// Starts a worker, and starts it again until `stop`. The task ends when the child is gone for good.
    pub(super) fn start(options: WorkerOptions, stop: CancellationToken) -> (Self, JoinHandle<()>) {
        let (jobs, waiting) = mpsc::channel(1);
        let (is_loaded, loaded) = watch::channel(false);
        let keeper = Arc::new(Keeper { options: options.clone(), jobs: Mutex::new(waiting), is_loaded, stop });
        let task = tokio::spawn(async move {
            let stop = keeper.stop.clone();
            child::supervise(keeper.options.child, stop, || {
                let keeper = Arc::clone(&keeper);
                async move { keeper.run().await }
            })
            .await;
        });
        let places = Semaphore::new(options.requests);
        (Self { options, places, turn: Arc::new(Semaphore::new(1)), jobs, loaded }, task)
    }

    /// Whether it can be asked.
    pub(super) fn is_loaded(&self) -> bool {
        *self.loaded.borrow()
    }

    /// Waits until it can be asked, no longer than it may take to load.
    ///
    /// # Errors
    /// Where it does not load in time.
    pub(super) async fn loaded(&self) -> Result<(), EngineFailure> {
        let mut loaded = self.loaded.clone();
        let waiting = tokio::time::timeout(self.options.loading, loaded.wait_for(|is_loaded| *is_loaded));
        waiting.await.map_or(Err(EngineFailure::Start), |loaded| loaded.map(drop).map_err(|_| EngineFailure::Start))
    }

    /// Asks, when those before are answered. Dropping the future forgets a request that waits, and leaves the answer of
    /// one in work unread.
    ///
    /// # Errors
    /// Where the child is not loaded, dies, breaks its protocol or takes too long, and where too many requests wait.
    pub(super) async fn ask(&self, body: Zeroizing<Vec<u8>>) -> Result<Answer, EngineFailure> {
        if !self.is_loaded() {
            return Err(EngineFailure::Start);
        }
        let Ok(_place) = self.places.try_acquire() else {
            metrics::counter!("tonegate_drops_total", "queue" => self.options.child, "reason" => "full").increment(1);
            return Err(EngineFailure::Hung);
        };
        let asking = async {
            let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| EngineFailure::Exit)?;
            let (answer, answered) = oneshot::channel();
            self.jobs.try_send(Job { body, answer, _turn: turn }).map_err(|_| EngineFailure::Exit)?;
            answered.await.unwrap_or(Err(EngineFailure::Exit))
        };
        // Two waits: one for the turn, one for the answer.
        tokio::time::timeout(self.options.deadline * 2, asking).await.unwrap_or(Err(EngineFailure::Hung))
    }
}

/// Keeps the child of a worker.
struct Keeper {
    options: WorkerOptions,
    jobs: Mutex<mpsc::Receiver<Job>>,
    is_loaded: watch::Sender<bool>,
    stop: CancellationToken,
}

impl Keeper {
    /// One life of the child.
    async fn run(&self) -> ExitReason {
        let mut command = child::deaf(&self.options.program);
        command.args(&self.options.arguments).env_clear().kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut process) = command.spawn() else { return ExitReason::Start };
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return ExitReason::Start;
        };
        let mut wire = Wire { input, output: BufReader::new(output), most_bytes: self.options.most_bytes };
        let served = tokio::select! {
            () = self.stop.cancelled() => Ok(()),
            served = self.serve(&mut process, &mut wire) => served,
        };
        self.is_loaded.send_replace(false);
        // Whoever waits hears that the child is gone.
        while self.jobs.lock().await.try_recv().is_ok() {}
        drop(wire);
        match served {
            Ok(()) => child::leave(self.options.child, process).await,
            // One that hangs does not notice that its input closes.
            Err(_) => drop(tokio::time::timeout(KILLED, process.kill()).await),
        }
        served.map_or_else(EngineFailure::exit_reason, |()| ExitReason::Exit)
    }

    /// Answers requests until nobody can ask any more, or something is wrong.
    async fn serve(&self, process: &mut Child, wire: &mut Wire) -> Result<(), EngineFailure> {
        let loading = tokio::time::timeout(self.options.loading, wire.read());
        loading.await.unwrap_or(Err(EngineFailure::Hung))?;
        let _up = Up::now(self.options.child);
        self.is_loaded.send_replace(true);
        let mut jobs = self.jobs.lock().await;
        loop {
            let job = tokio::select! {
                job = jobs.recv() => job,
                _ = process.wait() => return Err(EngineFailure::Exit),
            };
            let Some(Job { body, answer, _turn }) = job else { return Ok(()) };
            let asking = tokio::time::timeout(self.options.deadline, wire.ask(body));
            let result = asking.await.unwrap_or(Err(EngineFailure::Hung));
            let failure = result.as_ref().err().copied();
            // Whoever asked may not wait any more.
            answer.send(result).ok();
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
    }
}

/// The messages of one child.
struct Wire {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    most_bytes: usize,
}

impl Wire {
    async fn ask(&mut self, body: Zeroizing<Vec<u8>>) -> Result<Answer, EngineFailure> {
        let header = Header { bytes: body.len(), hertz: None };
        let mut line = serde_json::to_vec(&header).map_err(|_| EngineFailure::Protocol)?;
        line.push(b'\n');
        self.input.write_all(&line).await.map_err(|_| EngineFailure::Exit)?;
        self.input.write_all(&body).await.map_err(|_| EngineFailure::Exit)?;
        self.input.flush().await.map_err(|_| EngineFailure::Exit)?;
        drop(body);
        self.read().await
    }

    async fn read(&mut self) -> Result<Answer, EngineFailure> {
        read_answer(&mut self.output, self.most_bytes).await
    }
}

/// The next message of a child, with a body of at most `most_bytes`.
pub(super) async fn read_answer(
    output: &mut (impl AsyncBufRead + Unpin),
    most_bytes: usize,
) -> Result<Answer, EngineFailure> {
    let mut line = Vec::new();
    let read = (&mut *output).take(LONGEST_LINE).read_until(b'\n', &mut line).await;
    if read.map_err(|_| EngineFailure::Exit)? == 0 {
        return Err(EngineFailure::Exit);
    }
    let header: Header = serde_json::from_slice(&line).map_err(|_| EngineFailure::Protocol)?;
    if header.bytes > most_bytes {
        return Err(EngineFailure::Protocol);
    }
    let mut body = Zeroizing::new(vec![0; header.bytes]);
    output.read_exact(&mut body[..]).await.map_err(|_| EngineFailure::Exit)?;
    Ok(Answer { hertz: header.hertz, body })
}

#[cfg(test)]
mod tests;
