//! Recordings: stereo at 8 kHz, the caller on the left and what was sent to them on the right, aligned by sample; as WAV or
//! Ogg Opus, in clear or sealed to a public key.
//!
//! A recording begins when its writer is attached, which a call does only after the notice was played. One thread opens and
//! writes one recording, off the media path and off the calls' tasks. Every second all is handed to the kernel in a state that
//! can be read, so that a file that was cut off by a crash can be played to within a second of it. In a capture the caller's
//! side is exactly silent, because the frames are. Where the call's recogniser listens, what the caller says is written once it was
//! judged, and silent where it holds the number of a card; a crash takes that with it. What did not reach its writer is silent too, and told from silence at the end.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hold;
mod key;
mod medium;
mod ogg;
mod open;
mod quota;
mod seal;
mod tracks;
mod wave;
mod writer;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use call::media::TapItem;
use gate::{MuteAck, SinkId};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

pub use self::{
    hold::{Keeping, Report, Silenced},
    key::{KeyError, PrivateKey, PublicKey},
    open::{End, OpenError, Opened, open},
};

use self::{
    medium::Medium,
    ogg::OpusFile,
    quota::Quota,
    tracks::Pair,
    wave::WaveFile,
    writer::{Source, Writer},
};

/// Where acknowledgements of mutes go: to the leg, without blocking.
pub type Acknowledge = Box<dyn Fn(MuteAck) + Send + Sync>;

/// Samples a second of each side.
pub const HERTZ: u32 = 8_000;
/// How long a file may take to be opened: half of what a recording's queue holds, so that nothing is lost meanwhile.
const OPENING: Duration = Duration::from_secs(1);

/// Why a recording does not begin.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The recordings use up their quota.
    #[error("the recordings in {} have reached their quota", .0.display())]
    Full(PathBuf),
    /// The file cannot be made.
    #[error("{}: {error}", path.display())]
    File {
        /// The file or its directory.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// The disk has not made the file in time.
    #[error("{} was not opened within {OPENING:?}", .0.display())]
    Late(PathBuf),
}

/// How a recording ended.
#[derive(Debug)]
pub struct Summary {
    /// The file.
    pub path: PathBuf,
    /// Samples of each side.
    pub samples: u64,
    /// Why it ends before the call did, where it does.
    pub cut: Option<Cut>,
    /// What is missing in it.
    pub gaps: Gaps,
}

/// What is missing in a recording because it did not reach its writer in time, in milliseconds. Silence is in its place. What the
/// line lost, and what a capture muted, is not: that is how the call was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Of the caller.
    pub caller_ms: u64,
    /// Of what was sent to them.
    pub sent_ms: u64,
}

impl Gaps {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a recording was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It would have gone beyond the quota.
    Quota,
    /// It could not be written.
    Failed,
}

/// How recordings are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 16-bit linear: 32 kB a second.
    Wave,
    /// Ogg Opus: about 6 kB a second.
    Opus,
}

impl Format {
    const fn extension(self) -> &'static str {
        match self {
            Self::Wave => "wav",
            Self::Opus => "opus",
        }
    }
}

/// How recordings are made.
#[derive(Clone, Debug)]
pub struct RecorderOptions {
    /// Where they lie.
    pub directory: PathBuf,
    /// What they may take together, in bytes.
    pub quota_bytes: u64,
    /// How they are encoded.
    pub format: Format,
    /// What they are sealed to; in clear where there is none.
    pub seal_to: Option<PublicKey>,
}

/// Makes recordings in one directory.
#[derive(Clone, Debug)]
pub struct Recorder {
    options: RecorderOptions,
    quota: Arc<Quota>,
}

/// A file that a recording is written to.
trait Encoding: Send {
    /// Appends samples of both sides. [`io::ErrorKind::QuotaExceeded`] where the quota has no room for them.
    fn append(&mut self, pairs: &[Pair]) -> io::Result<()>;
    /// Hands everything to the kernel so that it can be read.
    fn flush(&mut self) -> io::Result<()>;
    /// Ends the file, and waits until it is on the disk. One that was cut is not `whole`; one that is may have gaps.
    fn finish(&mut self, is_whole: bool, gaps: Gaps) -> io::Result<()>;
    /// Samples of each side so far.
    fn samples(&self) -> u64;
}

/// A recording that is being written. It ends when the leg drops its end of the queue.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    ended: oneshot::Receiver<Summary>,
}

impl Recording {
    /// The file, which can be read at any time.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the end. `None` where the writer died.
    pub async fn ended(self) -> Option<Summary> {
        self.ended.await.ok()
    }
}

impl Recorder {
    /// A recorder for a directory, which is made where it is missing, and looked at: what lies there counts.
    ///
    /// # Errors
    /// Where it cannot be made or read.
    pub fn new(options: RecorderOptions) -> Result<Self, RecorderError> {
        let directory = options.directory.clone();
        let quota = fs::create_dir_all(&directory)
            .and_then(|()| Quota::new(directory.clone(), options.quota_bytes, Instant::now()));
        match quota {
            Ok(quota) => Ok(Self { quota: Arc::new(quota), options }),
            Err(error) => Err(RecorderError::File { path: directory, error }),
        }
    }

    /// Begins the recording `name` with what comes out of `frames` from now on. Mutes are acknowledged in the name of
    /// `sink`, after everything older was written to the file. With `keeping`, what was not yet judged waits, and what a number
    /// was said in is silent. Where this is given up, there is no recording.
    ///
    /// # Errors
    /// Where the quota is used up or the file cannot be made in time, or exists. It counts as a recording that was cut.
    pub async fn begin(
        &self,
        name: &str,
        frames: mpsc::Receiver<Arc<TapItem>>,
        sink: SinkId,
        acknowledge: Acknowledge,
        keeping: Option<Keeping>,
    ) -> Result<Recording, RecorderError> {
        let (end, ended) = oneshot::channel();
        let begun = self.start(name, Source { frames, sink, acknowledge, keeping, end }).await;
        match &begun {
            Ok(_) => {}
            Err(RecorderError::Full(_)) => count(Some(Cut::Quota), Gaps::default()),
            Err(RecorderError::File { .. } | RecorderError::Late(_)) => count(Some(Cut::Failed), Gaps::default()),
        }
        begun.map(|path| Recording { path, ended })
    }

    /// Has a thread open the file, and gives it what is recorded once it has.
    async fn start(&self, name: &str, source: Source) -> Result<PathBuf, RecorderError> {
        let path = self.options.directory.join(self.file_name(name));
        let (opened, opening) = oneshot::channel();
        let (recorder, at, name) = (self.clone(), path.clone(), name.to_owned());
        let run = move || recorder.run(&name, &at, opened);
        let begun = thread::Builder::new().name("recorder".to_owned()).spawn(run);
        begun.map_err(|error| RecorderError::File { path: path.clone(), error })?;
        let died = || RecorderError::File { path: path.clone(), error: io::Error::other("its thread has died") };
        let opened = timeout(OPENING, opening).await.map_err(|_| RecorderError::Late(path.clone()))?;
        let give = opened.map_err(|_| died())??;
        give.send(source).map_err(|_| died())?;
        Ok(path)
    }

    /// The thread of one recording.
    fn run(&self, name: &str, path: &Path, opened: oneshot::Sender<Result<oneshot::Sender<Source>, RecorderError>>) {
        let (give, given) = oneshot::channel();
        let (file, told) = match self.open(name, path) {
            Ok(file) => (Some(file), Ok(give)),
            Err(error) => (None, Err(error)),
        };
        // Where nobody waits any more, nothing is given either.
        let _ = opened.send(told);
        let Some(file) = file else { return };
        match given.blocking_recv() {
            Ok(source) => Writer::new(path.to_owned(), file).run(source),
            Err(_) => {
                drop(file);
                if let Err(error) = fs::remove_file(path) {
                    tracing::warn!(%error, path = %path.display(), "an empty recording stays");
                }
            }
        }
        self.reconcile();
    }

    fn open(&self, name: &str, path: &Path) -> Result<Box<dyn Encoding>, RecorderError> {
        let at = |error| RecorderError::File { path: path.to_owned(), error };
        let share = self.quota.share(path).or_else(|| {
            // Some may have been moved away.
            self.reconcile();
            self.quota.share(path)
        });
        let share = share.ok_or_else(|| RecorderError::Full(self.options.directory.clone()))?;
        let medium = Medium::create(path, share, self.options.seal_to.as_ref(), name).map_err(at)?;
        Ok(match self.options.format {
            Format::Wave => Box::new(WaveFile::create(medium, HERTZ).map_err(at)?),
            Format::Opus => Box::new(OpusFile::create(medium).map_err(at)?),
        })
    }

    fn reconcile(&self) {
        if let Err(error) = self.quota.reconcile(Instant::now()) {
            tracing::warn!(%error, "the space that recordings take is not known anew");
        }
    }

    /// The name of the file of the recording `name`.
    fn file_name(&self, name: &str) -> String {
        let sealed = if self.options.seal_to.is_some() { ".sealed" } else { "" };
        format!("{name}.{}{sealed}", self.options.format.extension())
    }
}

/// Counts a recording by how it ended.
fn count(cut: Option<Cut>, gaps: Gaps) {
    let result = match cut {
        None if gaps.is_none() => "whole",
        None => "gaps",
        Some(Cut::Quota) => "quota",
        Some(Cut::Failed) => "failed",
    };
    metrics::counter!("tonegate_recordings_total", "result" => result).increment(1);
}

#[cfg(test)]
mod tests;
