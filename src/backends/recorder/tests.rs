mod sealed;

use std::{
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use frame::{RawFrame, SampleRate};
use gate::{CaptureId, Gate, GateConfig, KeyPolicy};

use super::*;

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
    fn new(recorder: &Recorder) -> Self {
        Self::named(recorder, "call")
    }

    fn named(recorder: &Recorder, name: &str) -> Self {
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&acknowledged);
        let (tap, frames) = mpsc::channel(10_000);
        let acknowledge = Box::new(move |ack| seen.lock().unwrap().push(ack));
        let recording = recorder.begin(name, frames, SINK, acknowledge).unwrap();
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
            self.gate.handle_frame(self.now, raw);
            while let Some(clean) = self.gate.poll_frame() {
                self.tap.send(Arc::new(TapItem::Caller(clean))).await.unwrap();
            }
            while self.gate.poll_output().is_some() {}
            self.tap.send(Arc::new(TapItem::Sent { index: self.index, samples: [sent; 160] })).await.unwrap();
            self.taken().await;
            self.index += 160;
            self.now += Duration::from_millis(20);
        }
    }

    /// Waits until everything was taken, and tells the gate of what was acknowledged.
    async fn taken(&mut self) {
        while self.tap.capacity() < self.tap.max_capacity() {
            tokio::task::yield_now().await;
        }
        let last = self.acknowledged.lock().unwrap().last().copied();
        if let Some(ack) = last {
            self.gate.acknowledge(self.now, ack);
        }
    }
}

/// A file with a quota of its own that is never full.
pub(super) fn medium(path: &Path, seal_to: Option<&PublicKey>) -> Medium {
    let quota = Arc::new(Quota::new(path.parent().unwrap().to_owned(), u64::MAX));
    let share = quota.share(path).unwrap().unwrap();
    Medium::create(path, share, seal_to, "call").unwrap()
}

/// A recorder of WAV files in clear.
fn recorder(directory: &Path, quota_bytes: u64) -> Recorder {
    let options = RecorderOptions { directory: directory.to_owned(), quota_bytes, format: Format::Wave, seal_to: None };
    Recorder::new(options).unwrap()
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
    let mut leg = Leg::new(&recorder);
    leg.frames(50, 1_000, 7).await;
    leg.gate.arm(leg.now, CaptureId::from([1; 16]));
    leg.frames(50, 2_000, 8).await;
    drop(leg.tap);
    let summary = leg.recording.ended().await.unwrap();
    assert_eq!((summary.samples, summary.cut), (100 * 160, None));
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
    let mut leg = Leg::new(&recorder);
    leg.frames(10, 1_000, 7).await;
    leg.gate.arm(leg.now, CaptureId::from([1; 16]));
    leg.frames(30, 2_000, 8).await;
    while leg.acknowledged.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    // The call goes on, and yet the file holds all before the capture.
    let (left, _) = sides(leg.recording.path());
    let ack = leg.acknowledged.lock().unwrap()[0];
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
    let mut leg = Leg::new(&recorder);
    leg.frames(50, 1_000, 7).await;
    drop(leg.tap);
    let summary = leg.recording.ended().await.unwrap();
    assert_eq!(summary.cut, Some(Cut::Quota));
    assert!(fs::metadata(&summary.path).unwrap().len() <= 10_000);
    assert!(!sides(&summary.path).0.is_empty());
    fs::write(directory.path().join("other.wav"), vec![0; 10_000]).unwrap();
    let (_tap, frames) = mpsc::channel(1);
    let refused = recorder.begin("next", frames, SINK, Box::new(|_| {}));
    assert!(matches!(refused, Err(RecorderError::Full(_))));
}

#[tokio::test]
async fn a_recording_is_never_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = recorder(directory.path(), 10_000_000);
    let leg = Leg::new(&recorder);
    let (_tap, frames) = mpsc::channel(1);
    let refused = recorder.begin("call", frames, SINK, Box::new(|_| {}));
    assert!(matches!(refused, Err(RecorderError::File { .. })));
    drop(leg);
}
