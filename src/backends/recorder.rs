//! Recordings: stereo at 8 kHz, the caller on the left and what was sent to them on the right, aligned by sample; as WAV or
//! Ogg Opus, in clear or sealed to a public key.
//!
//! A recording begins when its writer is attached, which a call does only after the notice was played. One thread writes
//! one recording, off the media path. Every second all is handed to the kernel in a state that can be read, so that a file that
//! was cut off by a crash can be played to within a second of it. In a capture the caller's side is exactly silent, because the
//! frames are.

mod key;
mod medium;
mod ogg;
mod open;
mod quota;
mod seal;
mod tracks;
mod wave;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use call::media::TapItem;
use gate::{CleanFrame, MuteAck, MuteEpoch, SinkId};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

pub use self::{
    key::{KeyError, PrivateKey, PublicKey},
    open::{End, OpenError, Opened, open},
};

use self::{
    medium::Medium,
    ogg::OpusFile,
    quota::Quota,
    tracks::{Pair, Tracks},
    wave::WaveFile,
};

/// Where acknowledgements of mutes go: to the leg, without blocking.
pub type Acknowledge = Box<dyn Fn(MuteAck) + Send + Sync>;

/// Samples a second of each side.
pub const HERTZ: u32 = 8_000;
/// What was written is handed to the kernel after this many samples of each side: with what waits on its way there, a crash
/// takes less than a second.
const FLUSH_SAMPLES: u64 = HERTZ as u64 * 4 / 5;
/// An acknowledgement of a mute is renewed after this many frames: half of what the gate grants.
const RENEWAL_FRAMES: u64 = gate::MUTE_LEASE.as_millis() as u64 / 2 / 20;

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
    /// Ends the file, and waits until it is on the disk. One that was cut is not `whole`.
    fn finish(&mut self, is_whole: bool) -> io::Result<()>;
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
    /// A recorder for a directory, which is made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn new(options: RecorderOptions) -> Result<Self, RecorderError> {
        let directory = options.directory.clone();
        match fs::create_dir_all(&directory) {
            Ok(()) => Ok(Self { quota: Arc::new(Quota::new(directory, options.quota_bytes)), options }),
            Err(error) => Err(RecorderError::File { path: directory, error }),
        }
    }

    /// Begins the recording `name` with what comes out of `frames` from now on. Mutes are acknowledged in the name of
    /// `sink`, after everything older was written to the file.
    ///
    /// # Errors
    /// Where the quota is used up or the file cannot be made, or exists. It counts as a recording that was cut.
    pub fn begin(
        &self,
        name: &str,
        frames: mpsc::Receiver<Arc<TapItem>>,
        sink: SinkId,
        acknowledge: Acknowledge,
    ) -> Result<Recording, RecorderError> {
        let begun = self.open(name, frames, sink, acknowledge);
        match &begun {
            Ok(_) => {}
            Err(RecorderError::Full(_)) => count(Some(Cut::Quota)),
            Err(RecorderError::File { .. }) => count(Some(Cut::Failed)),
        }
        begun
    }

    fn open(
        &self,
        name: &str,
        frames: mpsc::Receiver<Arc<TapItem>>,
        sink: SinkId,
        acknowledge: Acknowledge,
    ) -> Result<Recording, RecorderError> {
        let path = self.options.directory.join(self.file_name(name));
        let at = |error| RecorderError::File { path: path.clone(), error };
        let Some(share) = self.quota.share(&path).map_err(at)? else {
            return Err(RecorderError::Full(self.options.directory.clone()));
        };
        let medium = Medium::create(&path, share, self.options.seal_to.as_ref(), name).map_err(at)?;
        let file: Box<dyn Encoding> = match self.options.format {
            Format::Wave => Box::new(WaveFile::create(medium, HERTZ).map_err(at)?),
            Format::Opus => Box::new(OpusFile::create(medium).map_err(at)?),
        };
        let (end, ended) = oneshot::channel();
        let mut writer = Writer {
            path: path.clone(),
            file,
            tracks: Tracks::default(),
            unflushed: 0,
            cut: None,
            sink,
            acknowledge,
            muted: None,
        };
        let run = move || {
            writer.run(frames);
            // Nobody has to wait for it.
            let _ = end.send(writer.finish());
        };
        thread::Builder::new().name("recorder".to_owned()).spawn(run).map_err(at)?;
        Ok(Recording { path, ended })
    }

    /// The name of the file of the recording `name`.
    fn file_name(&self, name: &str) -> String {
        let sealed = if self.options.seal_to.is_some() { ".sealed" } else { "" };
        format!("{name}.{}{sealed}", self.options.format.extension())
    }
}

/// A mute that was acknowledged.
struct Muted {
    epoch: MuteEpoch,
    first_silent_index: u64,
    frames: u64,
}

/// The thread of one recording.
struct Writer {
    path: PathBuf,
    file: Box<dyn Encoding>,
    tracks: Tracks,
    unflushed: u64,
    cut: Option<Cut>,
    sink: SinkId,
    acknowledge: Acknowledge,
    muted: Option<Muted>,
}

impl Writer {
    fn run(&mut self, mut frames: mpsc::Receiver<Arc<TapItem>>) {
        while let Some(item) = frames.blocking_recv() {
            match &*item {
                TapItem::Caller(frame) => self.caller(frame),
                TapItem::Sent { index, samples } => self.tracks.right.put(*index, samples),
            }
            self.write(false);
        }
    }

    fn caller(&mut self, frame: &CleanFrame) {
        let is_muted = frame.mute_epoch().is_some();
        if frame.rate().hertz() != HERTZ {
            metrics::counter!("tonegate_drops_total", "queue" => "recorder", "reason" => "rate").increment(1);
        } else if is_muted {
            self.tracks.left.mute(frame.index(), frame.samples().len());
        } else {
            self.tracks.left.put(frame.index(), frame.samples());
        }
        match frame.mute_epoch() {
            Some(epoch) => self.mute(epoch, frame.index()),
            None => self.muted = None,
        }
    }

    /// Writes out everything older than the mute, then says so; again and again while it lasts.
    fn mute(&mut self, epoch: MuteEpoch, index: u64) {
        if self.muted.as_ref().is_none_or(|muted| muted.epoch != epoch) {
            self.write(true);
            self.flush();
            self.muted = Some(Muted { epoch, first_silent_index: index, frames: 0 });
        }
        let Some(muted) = &mut self.muted else { return };
        if muted.frames.is_multiple_of(RENEWAL_FRAMES) {
            (self.acknowledge)(MuteAck { sink: self.sink, epoch, first_silent_index: muted.first_silent_index });
        }
        muted.frames += 1;
    }

    /// Writes what both sides have, or everything.
    fn write(&mut self, everything: bool) {
        let pairs = Zeroizing::new(self.tracks.take(everything));
        if self.cut.is_some() || pairs.is_empty() {
            return;
        }
        self.unflushed += pairs.len() as u64;
        if let Err(error) = self.file.append(&pairs) {
            self.failed(&error);
        }
        if self.unflushed >= FLUSH_SAMPLES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.unflushed = 0;
        if self.cut != Some(Cut::Failed)
            && let Err(error) = self.file.flush()
        {
            self.failed(&error);
        }
    }

    fn failed(&mut self, error: &io::Error) {
        if error.kind() == io::ErrorKind::QuotaExceeded {
            self.cut = Some(Cut::Quota);
            return;
        }
        tracing::error!(%error, "a recording cannot be written");
        self.cut = Some(Cut::Failed);
    }

    fn finish(&mut self) -> Summary {
        self.write(true);
        if let Err(error) = self.file.finish(self.cut.is_none()) {
            self.failed(&error);
        }
        count(self.cut);
        Summary { path: self.path.clone(), samples: self.file.samples(), cut: self.cut }
    }
}

/// Counts a recording by how it ended.
fn count(cut: Option<Cut>) {
    let result = match cut {
        None => "whole",
        Some(Cut::Quota) => "quota",
        Some(Cut::Failed) => "failed",
    };
    metrics::counter!("tonegate_recordings_total", "result" => result).increment(1);
}

#[cfg(test)]
mod tests;
