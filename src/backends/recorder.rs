//! Recordings: stereo WAV at 8 kHz, the caller on the left and what was sent to them on the right, aligned by sample.
//!
//! A recording begins when its writer is attached, which a call does only after the notice was played. One thread writes
//! one recording, off the media path. The header is brought up to date every second, so that a file that was cut off by a
//! crash can be played to within a second of it. In a capture the caller's side is exactly silent, because the frames are.

mod file;
mod tracks;

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
};

use call::media::TapItem;
use gate::{CleanFrame, MuteAck, MuteEpoch, SinkId};
use tokio::sync::{mpsc, oneshot};

use self::{file::WaveFile, tracks::Tracks};

/// Where acknowledgements of mutes go: to the leg, without blocking.
pub type Acknowledge = Box<dyn Fn(MuteAck) + Send + Sync>;

/// Samples a second of each side.
pub const HERTZ: u32 = 8_000;
/// The header is brought up to date after this many samples of each side.
const FLUSH_SAMPLES: u64 = HERTZ as u64;
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

/// Makes recordings in one directory.
#[derive(Clone, Debug)]
pub struct Recorder {
    directory: PathBuf,
    quota_bytes: u64,
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
    /// A recorder for this directory, which is made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn new(directory: PathBuf, quota_bytes: u64) -> Result<Self, RecorderError> {
        match fs::create_dir_all(&directory) {
            Ok(()) => Ok(Self { directory, quota_bytes }),
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
        frames: mpsc::Receiver<TapItem>,
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
        frames: mpsc::Receiver<TapItem>,
        sink: SinkId,
        acknowledge: Acknowledge,
    ) -> Result<Recording, RecorderError> {
        let at = |path: &Path, error| RecorderError::File { path: path.to_owned(), error };
        let used = used(&self.directory).map_err(|error| at(&self.directory, error))?;
        if used >= self.quota_bytes {
            return Err(RecorderError::Full(self.directory.clone()));
        }
        let path = self.directory.join(name).with_extension("wav");
        let file = WaveFile::create(&path, HERTZ, self.quota_bytes - used).map_err(|error| at(&path, error))?;
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
        thread::Builder::new().name("recorder".to_owned()).spawn(run).map_err(|error| at(&path, error))?;
        Ok(Recording { path, ended })
    }
}

/// The bytes of all recordings.
fn used(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let metadata = entry?.metadata()?;
        bytes += if metadata.is_file() { metadata.len() } else { 0 };
    }
    Ok(bytes)
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
    file: WaveFile,
    tracks: Tracks,
    unflushed: u64,
    cut: Option<Cut>,
    sink: SinkId,
    acknowledge: Acknowledge,
    muted: Option<Muted>,
}

impl Writer {
    fn run(&mut self, mut frames: mpsc::Receiver<TapItem>) {
        while let Some(item) = frames.blocking_recv() {
            match item {
                TapItem::Caller(frame) => self.caller(&frame),
                TapItem::Sent { index, samples } => self.tracks.right.put(index, &samples),
            }
            self.write(false);
        }
    }

    fn caller(&mut self, frame: &CleanFrame) {
        if frame.rate().hertz() == HERTZ {
            self.tracks.left.put(frame.index(), frame.samples());
        } else {
            metrics::counter!("tonegate_drops_total", "queue" => "recorder", "reason" => "rate").increment(1);
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
        let pairs = self.tracks.take(everything);
        if self.cut.is_some() || pairs.is_empty() {
            return;
        }
        self.unflushed += pairs.len() as u64;
        match self.file.append(&pairs) {
            Ok(true) => {}
            Ok(false) => self.cut = Some(Cut::Quota),
            Err(error) => self.failed(&error),
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
        tracing::error!(%error, "a recording cannot be written");
        self.cut = Some(Cut::Failed);
    }

    fn finish(&mut self) -> Summary {
        self.write(true);
        self.flush();
        if let Err(error) = self.file.sync() {
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
