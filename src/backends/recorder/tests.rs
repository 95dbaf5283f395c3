mod sealed;
mod spoken;

use std::{
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use frame::{RawFrame, SampleRate};
use gate::{CaptureId, Gate, GateConfig, KeyPolicy};

use super::*;
use crate::tests::until;

const SINK: SinkId = SinkId(2);

/// A leg that is being recorded: every frame of the caller holds `caller`, every frame sent holds `sent`.
struct Leg {
    gate: Gate,
    now: Instant,
    index: u64,
    tap: mpsc::Sender<Arc<TapItem>>,
    recording: Recording,
    acknowledged: Arc<Mutex<Vec<MuteAck>>>,
}

impl Leg {
    async fn new(recorder: &Recorder) -> Self {
        Self::named(recorder, "call").await
    }

    async fn named(recorder: &Recorder, name: &str) -> Self {
        Self::keeping(recorder, name, None).await
    }

    async fn keeping(recorder: &Recorder, name: &str, keeping: Option<Keeping>) -> Self {
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&acknowledged);
        let (tap, frames) = mpsc::channel(10_000);
        let acknowledge = Box::new(move |ack| seen.lock().unwrap().push(ack));
        let recording = recorder.begin(name, frames, SINK, acknowledge, keeping).await.unwrap();
        let now = Instant::now();
        let mut gate = Gate::new(GateConfig { rate: SampleRate::Hz8000, keys: KeyPolicy::Declared }, now);
        gate.add_sink(now, SINK);
        Self { gate, now, index: 0, tap, recording, acknowledged }
    }

    async fn frames(&mut self, count: usize, caller: i16, sent: i16) {
        for _ in 0..count {
            let raw = RawFrame::decoded(SampleRate::Hz8000, self.index, |samples| {
                // Alternating, so that nothing takes it for a tone or for direct current.
                samples
                    .iter_mut()
                    .enumerate()
                    .for_each(|(n, sample)| *sample = if n % 2 == 0 { caller } else { -caller });
            });
            if let Some(clean) = self.gate.handle_frame(self.now, raw) {
                self.tap.send(Arc::new(TapItem::Caller(clean))).await.unwrap();
            }
            while self.gate.poll_output().is_some() {}
            self.tap.send(Arc::new(TapItem::Sent { index: self.index, samples: [sent; 160] })).await.unwrap();
            self.taken().await;
            self.index += 160;
            self.now += Duration::from_millis(20);
        }
    }

    /// Lets so many frames of both sides get lost on their way to the recorder.
    fn loses(&mut self, count: u64) {
        self.index += count * 160;
        self.now += Duration::from_millis(20) * count as u32;
    }

    /// Waits until everything was taken, and tells the gate of what was acknowledged.
    async fn taken(&mut self) {
        until("end of the queue", async || self.tap.capacity() == self.tap.max_capacity()).await;
        let last = self.acknowledged.lock().unwrap().last().copied();
        if let Some(ack) = last {
            self.gate.acknowledge(self.now, ack);
        }
    }

    /// The first acknowledgement, once there is one.
    async fn acknowledgement(&self) -> MuteAck {
        until("acknowledgement", async || !self.acknowledged.lock().unwrap().is_empty()).await;
        self.acknowledged.lock().unwrap()[0]
    }
}

/// A file with a quota of its own that is never full.
pub(super) fn medium(path: &Path, seal_to: Option<&PublicKey>) -> Medium {
    let quota = Arc::new(Quota::new(path.parent().unwrap().to_owned(), u64::MAX, Instant::now()).unwrap());
    let share = quota.share(path).unwrap();
    Medium::create(path, share, seal_to, "call").unwrap()
}

/// A recorder of WAV files in clear.
fn recorder(directory: &Path, quota_bytes: u64) -> Recorder {
    let options = RecorderOptions { directory: directory.to_owned(), quota_bytes, format: Format::Wave, seal_to: None };
    Recorder::new(options).unwrap()
}

/// A recorder of files that only `key` opens.
fn sealing(directory: &Path, quota_bytes: u64, format: Format, key: &PrivateKey) -> Recorder {
    let (directory, seal_to) = (directory.to_owned(), Some(key.public()));
    Recorder::new(RecorderOptions { directory, quota_bytes, format, seal_to }).unwrap()
}

/// Both sides of a recording.
fn sides(path: &Path) -> (Vec<i16>, Vec<i16>) {
    let reader = hound::WavReader::open(path).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().unwrap();
    (samples.iter().step_by(2).copied().collect(), samples.iter().skip(1).step_by(2).copied().collect())
}

#[tokio::test]
async fn both_sides_are_written_and_a_capture_is_exactly_silent() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = recorder(&directory.path().join("recordings"), 10_000_000);
    let mut leg = Leg::new(&recorder).await;
    leg.frames(50, 1_000, 7).await;
    leg.gate.arm(leg.now, CaptureId::from([1; 16]));
    leg.frames(50, 2_000, 8).await;
    drop(leg.tap);
    let summary = leg.recording.ended().await.unwrap();
    assert_eq!((summary.samples, summary.cut, summary.gaps), (100 * 160, None, Gaps::default()));
    let (left, right) = sides(&summary.path);
    let ack = leg.acknowledged.lock().unwrap()[0];
    let silent = usize::try_from(ack.first_silent_index).unwrap();
    assert!((49 * 160..=50 * 160).contains(&silent));
    assert!(left[160..silent].iter().all(|sample| sample.abs() == 1_000));
    assert!(left[silent..].iter().all(|&sample| sample == 0), "exact silence");
    assert!(right[..50 * 160].iter().all(|&sample| sample == 7) && right[50 * 160..].iter().all(|&sample| sample == 8));
    assert_eq!(fs::metadata(&summary.path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn an_acknowledgement_comes_after_everything_older_is_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = recorder(directory.path(), 10_000_000);
    let mut leg = Leg::new(&recorder).await;
    leg.frames(10, 1_000, 7).await;
    leg.gate.arm(leg.now, CaptureId::from([1; 16]));
    leg.frames(30, 2_000, 8).await;
    let ack = leg.acknowledgement().await;
    // The call goes on, and yet the file holds all before the capture.
    let (left, _) = sides(leg.recording.path());
    assert!(left.len() as u64 >= ack.first_silent_index);
    assert!(!left.iter().any(|sample| sample.abs() == 2_000));
}

#[tokio::test]
async fn what_a_crash_leaves_can_be_played() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cut.wav");
    let mut file = WaveFile::create(medium(&path, None), HERTZ).unwrap();
    file.append(&[(Some(1), 2); 8_000]).unwrap();
    file.flush().unwrap();
    file.append(&[(Some(3), 4); 40_000]).unwrap();
    // The writer dies here: some of the second part is in the file, and the header does not tell.
    std::mem::forget(file);
    assert!(fs::metadata(&path).unwrap().len() > 100_000);
    let (left, right) = sides(&path);
    assert_eq!((left, right), (vec![1; 8_000], vec![2; 8_000]));
}

#[tokio::test]
async fn the_quota_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = recorder(directory.path(), 10_000);
    let mut leg = Leg::new(&recorder).await;
    leg.frames(50, 1_000, 7).await;
    drop(leg.tap);
    let summary = leg.recording.ended().await.unwrap();
    assert_eq!(summary.cut, Some(Cut::Quota));
    assert!(fs::metadata(&summary.path).unwrap().len() <= 10_000);
    assert!(!sides(&summary.path).0.is_empty());
}

#[tokio::test]
async fn what_lies_in_the_directory_counts_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("other.wav"), vec![0; 10_000]).unwrap();
    let (_tap, frames) = mpsc::channel(1);
    let refused = recorder(directory.path(), 10_000).begin("next", frames, SINK, Box::new(|_| {}), None).await;
    assert!(matches!(refused, Err(RecorderError::Full(_))));
}

#[tokio::test]
async fn frames_that_do_not_reach_the_writer_are_silent_and_the_recording_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let mut leg = Leg::new(&recorder(directory.path(), 10_000_000)).await;
    leg.frames(50, 1_000, 7).await;
    leg.loses(30);
    leg.frames(50, 1_000, 7).await;
    drop(leg.tap);
    let summary = leg.recording.ended().await.unwrap();
    assert_eq!((summary.cut, summary.gaps), (None, Gaps { caller_ms: 600, sent_ms: 600 }));
    let (_, right) = sides(&summary.path);
    assert_eq!(right.iter().filter(|sample| **sample == 0).count(), 30 * 160);
}

#[tokio::test]
async fn a_recording_is_never_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = recorder(directory.path(), 10_000_000);
    let leg = Leg::new(&recorder).await;
    let (_tap, frames) = mpsc::channel(1);
    let refused = recorder.begin("call", frames, SINK, Box::new(|_| {}), None).await;
    assert!(matches!(refused, Err(RecorderError::File { .. })));
    drop(leg);
}

/// A file whose disk answers only when it is let.
struct Stalled {
    flushes: std::sync::mpsc::Receiver<()>,
}

impl Encoding for Stalled {
    fn append(&mut self, _pairs: &[Pair]) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushes.recv().map_err(io::Error::other)
    }

    fn finish(&mut self, _is_whole: bool, _gaps: Gaps) -> io::Result<()> {
        Ok(())
    }

    fn samples(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn a_writer_whose_disk_stalls_proves_no_mute() {
    let (disk, flushes) = std::sync::mpsc::sync_channel(1);
    let (tap, frames) = mpsc::channel(64);
    let (acknowledged, mut acks) = mpsc::channel::<MuteAck>(8);
    let acknowledge: Acknowledge = Box::new(move |ack| acknowledged.try_send(ack).unwrap());
    let (end, _ended) = oneshot::channel();
    let writer = writer::Writer::new("call.wav".into(), Box::new(Stalled { flushes }));
    let written =
        thread::spawn(move || writer.run(writer::Source { frames, sink: SINK, acknowledge, keeping: None, end }));
    let now = Instant::now();
    let mut gate = Gate::new(GateConfig { rate: SampleRate::Hz8000, keys: KeyPolicy::Declared }, now);
    gate.add_sink(now, SINK);
    gate.arm(now, CaptureId::default());
    for place in 0..4 {
        let heard = RawFrame::decoded(SampleRate::Hz8000, place * 160, |samples| samples.fill(0));
        if let Some(frame) = gate.handle_frame(now, heard) {
            tap.send(Arc::new(TapItem::Caller(frame))).await.unwrap();
        }
    }
    assert!(tokio::time::timeout(gate::MUTE_DEADLINE, acks.recv()).await.is_err(), "not before the older audio is out");
    disk.send(()).unwrap();
    let ack = tokio::time::timeout(Duration::from_secs(10), acks.recv()).await.unwrap();
    assert_eq!(ack.map(|ack| ack.sink), Some(SINK));
    drop((tap, disk));
    written.join().unwrap();
}

#[tokio::test]
async fn a_disk_that_stalls_holds_up_nobody_but_the_recording_and_leaves_none() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = recorder(directory.path(), 10_000_000);
    // No thread gets beyond its share, as if the disk did not answer.
    let (quota, (held, is_held), (over, is_over)) =
        (Arc::clone(&recorder.quota), oneshot::channel(), oneshot::channel::<()>());
    let stall = thread::spawn(move || {
        let ledger = quota.ledger();
        held.send(()).unwrap();
        is_over.blocking_recv().unwrap();
        drop(ledger);
    });
    is_held.await.unwrap();
    let (tap, frames) = mpsc::channel(1);
    let refused = recorder.begin("call", frames, SINK, Box::new(|_| {}), None).await;
    assert!(matches!(refused, Err(RecorderError::Late(_))), "{refused:?}");
    assert!(tap.is_closed(), "what was to be recorded is let go of");
    over.send(()).unwrap();
    stall.join().unwrap();
    // The thread finds that nobody waits any more, and takes its file away.
    until("end of the thread", async || Arc::strong_count(&recorder.quota) == 1).await;
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
