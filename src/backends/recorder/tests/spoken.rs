//! A number that is said is silent in the file, whatever the file is, and the rest is as it was.

use uuid::Uuid;

use super::*;
use crate::withhold::{Judge, Withholds};

/// Frames of 20 ms before the number, in it, and after it.
const BEFORE: usize = 100;
const NUMBER: usize = 150;
const AFTER: usize = 100;

/// A recorded call that keeps back what the judge has not judged.
struct Kept {
    leg: Leg,
    judge: Judge,
    told: Arc<Mutex<Vec<Silenced>>>,
}

async fn kept(recorder: &Recorder, longest_seconds: u32) -> Kept {
    let calls = Withholds::default();
    let told = Arc::new(Mutex::new(Vec::new()));
    let report = Arc::clone(&told);
    let keeping = Keeping {
        withhold: calls.recorder(Uuid::nil()),
        longest_seconds,
        report: Box::new(move |silenced| report.lock().unwrap().push(silenced)),
    };
    let judge = calls.recogniser(Uuid::nil());
    Kept { leg: Leg::keeping(recorder, "call", Some(keeping)).await, judge, told }
}

/// A caller who says a number between other things, all judged in the end.
async fn say_a_number(kept: &mut Kept) {
    kept.judge.judged(0);
    kept.leg.frames(BEFORE, 9_000, 7).await;
    kept.judge.judged((BEFORE as u64 - 2) * 160);
    let begin = kept.leg.index;
    kept.leg.frames(NUMBER, 9_000, 7).await;
    kept.judge.silence(begin..kept.leg.index);
    kept.judge.judged(kept.leg.index);
    kept.leg.frames(AFTER, 9_000, 7).await;
    kept.judge.judged(kept.leg.index);
    kept.leg.frames(2, 9_000, 7).await;
}

#[tokio::test]
async fn the_span_is_exact_silence_and_every_other_sample_stays() {
    let directory = tempfile::tempdir().unwrap();
    let mut kept = kept(&recorder(directory.path(), 10_000_000), 30).await;
    say_a_number(&mut kept).await;
    drop(kept.leg.tap);
    let summary = kept.leg.recording.ended().await.unwrap();
    assert_eq!((summary.cut, summary.gaps), (None, Gaps::default()));
    assert_eq!(*kept.told.lock().unwrap(), [Silenced::Whole]);
    let (left, right) = sides(&summary.path);
    let span = BEFORE * 160..(BEFORE + NUMBER) * 160;
    assert_eq!(left.len(), (BEFORE + NUMBER + AFTER + 2) * 160, "the timeline stays");
    // The gate has a frame of its own at the end.
    let (last, is_silent) = (left.len() - 160, |index: usize| span.contains(&index));
    let wrong = left[..last]
        .iter()
        .enumerate()
        .skip(160)
        .filter(|(index, sample)| is_silent(*index) != (**sample == 0))
        .count();
    assert_eq!(wrong, 0, "samples that are not as they should be");
    assert!(right[160..].iter().all(|sample| *sample == 7));
}

#[tokio::test]
async fn the_span_is_silent_in_a_sealed_file_of_either_format() {
    for format in [Format::Wave, Format::Opus] {
        let directory = tempfile::tempdir().unwrap();
        let key = PrivateKey::generate();
        let mut kept = kept(&sealing(directory.path(), 10_000_000, format, &key), 30).await;
        say_a_number(&mut kept).await;
        drop(kept.leg.tap);
        let summary = kept.leg.recording.ended().await.unwrap();
        let (report, content) = sealed::opened(&fs::read(&summary.path).unwrap(), &key).unwrap();
        assert_eq!((report.end, *kept.told.lock().unwrap() == [Silenced::Whole]), (End::Whole, true), "{format:?}");
        if format == Format::Wave {
            let reader = hound::WavReader::new(&content[..]).unwrap();
            let samples: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().unwrap();
            let left: Vec<i16> = samples.iter().step_by(2).copied().collect();
            assert!(left[BEFORE * 160..(BEFORE + NUMBER) * 160].iter().all(|sample| *sample == 0));
            assert!(left[(BEFORE + NUMBER) * 160..left.len() - 160].iter().all(|sample| *sample != 0));
        }
    }
}

#[tokio::test]
async fn nothing_of_a_number_is_in_the_file_before_it_was_judged_and_a_crash_leaves_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut kept = kept(&recorder(directory.path(), 10_000_000), 30).await;
    kept.judge.judged(0);
    kept.leg.frames(BEFORE, 9_000, 7).await;
    kept.judge.judged(BEFORE as u64 * 160);
    kept.leg.frames(NUMBER, 11_000, 7).await;
    // A copy is what a crash would leave now.
    let bytes = fs::read(kept.leg.recording.path()).unwrap();
    let copy = directory.path().join("copy.wav");
    fs::write(&copy, bytes).unwrap();
    let (left, _) = sides(&copy);
    assert!(left.len() > 160 * BEFORE / 2, "{} samples", left.len());
    assert!(left.iter().all(|sample| sample.abs() <= 9_000), "what is being said is in no file");
}

#[tokio::test]
async fn what_was_judged_too_late_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut kept = kept(&recorder(directory.path(), 10_000_000), 1).await;
    say_a_number(&mut kept).await;
    drop(kept.leg.tap);
    kept.leg.recording.ended().await.unwrap();
    assert_eq!(*kept.told.lock().unwrap(), [Silenced::TooLate]);
}

#[tokio::test]
async fn a_capture_is_acknowledged_in_time_whatever_is_kept_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut kept = kept(&recorder(directory.path(), 10_000_000), 30).await;
    kept.judge.judged(0);
    kept.leg.frames(BEFORE, 9_000, 7).await;
    kept.leg.gate.arm(kept.leg.now, CaptureId::from([1; 16]));
    kept.leg.frames(10, 2_000, 8).await;
    let ack = kept.leg.acknowledgement().await;
    let (left, _) = sides(kept.leg.recording.path());
    assert!(left.len() as u64 >= ack.first_silent_index);
}
