//! The writer of one recording: what comes from the leg, put in its place and into the file.

use std::{io, path::PathBuf, sync::Arc};

use call::media::TapItem;
use gate::{CleanFrame, MuteAck, MuteEpoch, SinkId};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use super::{Acknowledge, Cut, Encoding, HERTZ, Keeping, Summary, count, hold::Hold, tracks::Tracks};

/// What was written is handed to the kernel after this many samples of each side: with what waits on its way there, a crash
/// takes less than a second.
const FLUSH_SAMPLES: u64 = HERTZ as u64 * 4 / 5;
/// An acknowledgement of a mute is renewed after this many frames: half of what the gate grants.
const RENEWAL_FRAMES: u64 = gate::MUTE_LEASE.as_millis() as u64 / 2 / 20;

/// What is recorded, and who wants to know of it.
pub(super) struct Source {
    /// Both sides, as the leg has them.
    pub(super) frames: mpsc::Receiver<Arc<TapItem>>,
    /// In whose name mutes are acknowledged.
    pub(super) sink: SinkId,
    /// Where to.
    pub(super) acknowledge: Acknowledge,
    /// How sound is kept back until it was judged, where it is.
    pub(super) keeping: Option<Keeping>,
    /// Where the end is told.
    pub(super) end: oneshot::Sender<Summary>,
}

/// A mute that was acknowledged.
struct Muted {
    epoch: MuteEpoch,
    first_silent_index: u64,
    frames: u64,
}

/// Writes one recording.
pub(super) struct Writer {
    path: PathBuf,
    file: Box<dyn Encoding>,
    tracks: Tracks,
    hold: Option<Hold>,
    unflushed: u64,
    cut: Option<Cut>,
    muted: Option<Muted>,
}

impl Writer {
    /// A writer into a file that was begun.
    pub(super) fn new(path: PathBuf, file: Box<dyn Encoding>) -> Self {
        Self { path, file, tracks: Tracks::default(), hold: None, unflushed: 0, cut: None, muted: None }
    }

    /// Writes until the leg drops its end of the queue.
    pub(super) fn run(mut self, source: Source) {
        let Source { mut frames, sink, acknowledge, keeping, end } = source;
        self.hold = keeping.map(Hold::new);
        while let Some(item) = frames.blocking_recv() {
            match &*item {
                TapItem::Caller(frame) => self.caller(frame, sink, &acknowledge),
                TapItem::Sent { index, samples } => self.tracks.right.put(*index, samples),
            }
            self.write(false);
        }
        if let Some(hold) = &self.hold {
            hold.wait();
        }
        // Nobody has to wait for it.
        let _ = end.send(self.finish());
    }

    fn caller(&mut self, frame: &CleanFrame, sink: SinkId, acknowledge: &Acknowledge) {
        let is_muted = frame.mute_epoch().is_some();
        if frame.rate().hertz() != HERTZ {
            metrics::counter!("tonegate_drops_total", "queue" => "recorder", "reason" => "rate").increment(1);
        } else if is_muted {
            self.tracks.left.mute(frame.index(), frame.samples().len());
        } else {
            self.tracks.left.put(frame.index(), frame.samples());
        }
        let Some(epoch) = frame.mute_epoch() else {
            self.muted = None;
            return;
        };
        if let Some(first_silent_index) = self.mute(epoch, frame.index()) {
            acknowledge(MuteAck { sink, epoch, first_silent_index });
        }
    }

    /// Writes out everything older than the mute. Returns its first index when it is to be acknowledged: then, and again and
    /// again while it lasts.
    fn mute(&mut self, epoch: MuteEpoch, index: u64) -> Option<u64> {
        if self.muted.as_ref().is_none_or(|muted| muted.epoch != epoch) {
            self.write(true);
            self.flush();
            self.muted = Some(Muted { epoch, first_silent_index: index, frames: 0 });
        }
        let muted = self.muted.as_mut()?;
        let is_due = muted.frames.is_multiple_of(RENEWAL_FRAMES);
        muted.frames += 1;
        is_due.then_some(muted.first_silent_index)
    }

    /// Writes what both sides have and was judged, or everything.
    fn write(&mut self, everything: bool) {
        let mut pairs = Zeroizing::new(self.tracks.take(everything));
        if let Some(hold) = &mut self.hold {
            let first = self.tracks.next_index() - pairs.len() as u64;
            pairs = hold.pass(first, &pairs, everything);
        }
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

    fn finish(mut self) -> Summary {
        self.write(true);
        let gaps = self.tracks.gaps();
        if let Err(error) = self.file.finish(self.cut.is_none(), gaps) {
            self.failed(&error);
        }
        count(self.cut, gaps);
        Summary { path: self.path, samples: self.file.samples(), cut: self.cut, gaps }
    }
}
