//! A thread that owns a connection and does one question after another.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::StoreError;

type Question = Box<dyn FnOnce(&mut Connection) + Send>;

/// The thread's end of questions. Dropping it lets the thread finish what waits, and waits for that.
pub(crate) struct Worker {
    questions: Option<SyncSender<Question>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Why a question got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkerError {
    /// Too many questions wait.
    Full,
    /// The thread has ended.
    Closed,
}

impl From<WorkerError> for StoreError {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Full => Self::Busy,
            WorkerError::Closed => Self::Closed,
        }
    }
}

impl Worker {
    /// Starts the thread; at most `queue` questions may wait.
    pub(crate) fn start(name: &str, connection: Connection, queue: usize) -> std::io::Result<Self> {
        let (questions, waiting) = sync_channel(queue);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || answer(connection, &waiting))?;
        Ok(Self { questions: Some(questions), thread: Mutex::new(Some(thread)) })
    }

    /// Asks a question; its answer comes by the receiver, which the caller gives a deadline.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, WorkerError> {
        let (reply, answer) = oneshot::channel();
        let questions = self.questions.as_ref().ok_or(WorkerError::Closed)?;
        let boxed: Question = Box::new(move |connection| {
            // Nobody waits any more: the deadline passed while the question waited.
            if !reply.is_closed() {
                let _ = reply.send(question(connection));
            }
        });
        questions.try_send(boxed).map_err(|error| match error {
            TrySendError::Full(_) => WorkerError::Full,
            TrySendError::Disconnected(_) => WorkerError::Closed,
        })?;
        Ok(answer)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.questions = None;
        let thread = self.thread.get_mut().map(Option::take);
        if let Ok(Some(thread)) = thread {
            let _ = thread.join();
        }
    }
}

fn answer(mut connection: Connection, waiting: &Receiver<Question>) {
    while let Ok(question) = waiting.recv() {
        question(&mut connection);
    }
}
